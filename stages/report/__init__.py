"""Stage 6: draw how training went, what is confused with what, how sure to be, and the worst mistakes."""
