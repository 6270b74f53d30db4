"""One package per capability, all of the same shape (docs/architecture.md)."""
