"""What is checked before anything works: it can only stop a run, so no result depends on it."""
