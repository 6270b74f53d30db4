"""Packages of the operating system: their relations, what follows from these, the lock of files."""
