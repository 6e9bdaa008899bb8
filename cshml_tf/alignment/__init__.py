"""From photographs to aligned face crops: find each face, warp its landmarks onto a template, keep a record."""
