"""Stage 5, and by hand: find the digits in a picture, and have the network read them."""
