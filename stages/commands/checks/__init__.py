"""Checks before any stage works: they can only stop a run, so no result depends on them."""
