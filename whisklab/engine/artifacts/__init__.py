"""Files from upstream: the catalogue, its lock, downloads on the laptop."""
