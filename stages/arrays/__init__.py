"""The .npy files that stages hand each other: read row by row, what the prepared ones must be, and their classes."""
