"""What prepare does with a raw data set: the checks, and the way to what a network takes."""
