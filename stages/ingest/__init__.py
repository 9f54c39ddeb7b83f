"""Stage 1: copy data of any kind into raw arrays."""
