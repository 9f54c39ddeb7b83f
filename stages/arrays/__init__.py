"""The .npy files that stages hand each other: read row by row, and what the prepared ones must be."""
