"""What an environment needs from outside its network, as the capabilities declare it."""
