"""What all pictures share that stages draw: the canvas and its file, and images as small tiles."""
