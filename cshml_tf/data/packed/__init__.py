"""Packed faces: a data set of aligned faces as one memory-mapped array, with nothing to decode in training.

A packed folder contains `pixels.npy` (images, H, W, 3) uint8 RGB, `labels.npy` (images,) int32, `classes.txt` (the
name of each label, one per line), `names.txt` (the file name of each image within its class, one per line) and
`packed.json` (the image size and the numbers of images and classes; written last, so its presence shows that the
folder is complete). Reading it needs only NumPy.
"""
