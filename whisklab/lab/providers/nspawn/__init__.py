"""The nspawn provider: what root does.

Run as `python -m whisklab.lab.providers.nspawn VERB` with a JSON document on stdin; answers with
JSON lines. It uses the standard library only, so that it starts fast and runs under sudo from any
virtualenv.
"""
