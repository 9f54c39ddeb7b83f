"""Stage 3: fit the network, to the same bytes on any machine."""
