"""How evaluate grades the network."""
