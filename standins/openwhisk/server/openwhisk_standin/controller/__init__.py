"""The role controller: OpenWhisk's REST API."""
