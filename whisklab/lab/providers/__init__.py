"""Where machines of a lab come from: one package for each provider (see whisklab.lab.provider)."""
