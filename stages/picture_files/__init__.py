"""Untrusted picture files: which are opened, and how they are decoded."""
