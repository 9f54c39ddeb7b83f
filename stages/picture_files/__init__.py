"""Picture files from strangers: which are opened, and how far they are trusted."""
