"""Photographs to aligned face crops: find each face, place its landmarks on a template, keep a record."""
