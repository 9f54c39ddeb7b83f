"""A page to draw digits on, which the model reads as it reads pictures by hand."""
