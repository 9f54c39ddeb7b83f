"""What predict-sample makes of a picture: from the file to the digit in it, the prediction, and its figure."""
