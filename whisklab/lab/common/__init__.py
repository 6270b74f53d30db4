"""What every part of a lab uses, on both sides of sudo: the standard library only."""
