"""The way to hosts, and commands there."""
