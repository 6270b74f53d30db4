"""A stand-in for Apache OpenWhisk's servers: not the real ones; see ../../README.md."""
