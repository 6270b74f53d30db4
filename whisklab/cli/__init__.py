"""The `whisklab` command: one module per verb, parses, calls lab and engine, prints."""
