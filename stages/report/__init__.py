"""Stage 6: draw learning curves, confusion matrix, recall, reliability, and the most confident errors."""
