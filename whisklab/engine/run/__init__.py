"""A run: what is declared, in which order it goes, how it is driven and told."""
