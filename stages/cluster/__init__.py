"""Several processes that share a training, to the same bytes as one."""
