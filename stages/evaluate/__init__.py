"""Stage 4: grade the network on the test set."""
