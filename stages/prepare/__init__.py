"""Stage 2: check a raw data set, and turn it into network input."""
