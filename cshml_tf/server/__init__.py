"""The HTTP service over a gallery: its API under /v1, its page, and a Python client."""
