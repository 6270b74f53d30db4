"""Certificates, and the authority that signs them."""
