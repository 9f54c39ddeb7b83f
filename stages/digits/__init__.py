"""Digits in a picture: find the ink, its pieces and the row they stand in, and fit each into a field."""
