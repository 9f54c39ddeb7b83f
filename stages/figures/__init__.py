"""What report draws: how training went, what is confused with what, how sure to be, and the worst mistakes."""
