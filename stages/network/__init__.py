"""The network: its architecture, its file, its use, and TensorFlow's start."""

MODEL, CONFIDENCE = "cnn.h5", "confidence.json"  # in the folder that train writes; evaluate adds the card
