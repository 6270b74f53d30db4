"""The registry of an environment, its own or one that a lab has."""
