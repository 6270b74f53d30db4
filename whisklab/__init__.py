"""whisklab: bare Linux machines to a verified serverless platform."""
