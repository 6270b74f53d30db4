"""The API of a cluster, asked through the connection of a server."""
