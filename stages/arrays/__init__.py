"""The .npy files that stages pass on: reading and writing, checks of the prepared ones, the order of class names."""
