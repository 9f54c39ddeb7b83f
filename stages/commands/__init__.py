"""Commands beside the pipeline: checks before a run, comparisons after it, and distributed training."""
