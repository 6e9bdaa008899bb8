"""Import recognisers trained elsewhere as networks of this library."""
