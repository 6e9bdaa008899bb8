"""Measuring a recogniser on the protocols of public data sets."""
