"""How train fits the network: the epochs, and the way back after a kill."""
