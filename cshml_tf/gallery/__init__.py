"""Enrolled people: their portraits, the search for a face among them, and names at a measured false-alarm rate."""
