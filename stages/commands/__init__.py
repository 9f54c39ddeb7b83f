"""What people run beside the pipeline: checks before a run, comparisons after it, and sharing one out."""
