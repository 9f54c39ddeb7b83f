"""Stage 2: check a raw data set, and make of it what a network takes."""
