"""Packed faces: a data set of aligned faces as one memory-mapped array, with nothing to decode in training.

A packed folder holds `pixels.npy` (images, H, W, 3) uint8 RGB, `labels.npy` (images,) int32, `classes.txt` (the
name of each label, a line each), `names.txt` (the file name of each image within its class) and `packed.json`
(the size of it all; written last, so a folder with it is whole). NumPy alone reads it.
"""
