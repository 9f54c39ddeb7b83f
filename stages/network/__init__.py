"""The network: its architecture, its file, its use, and TensorFlow's start."""
