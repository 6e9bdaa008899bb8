"""Recognisers that others trained, as networks of ours."""
