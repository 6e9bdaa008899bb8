"""Photographs in any common format, as upright 8-bit RGB pixels; writing and finding image files."""

from cshml_tf.images.formats import (
    IMAGE_SUFFIXES,
    LONGEST_SIDE,
    MAX_PIXELS,
    READ_SUFFIXES,
    ImageTooLarge,
    UnreadableImage,
)
from cshml_tf.images.listing import image_names, list_images
from cshml_tf.images.reading import decode_image, read_image, read_named
from cshml_tf.images.writing import check_pixels, encode_image, write_image

__all__ = [
    "IMAGE_SUFFIXES",
    "LONGEST_SIDE",
    "MAX_PIXELS",
    "READ_SUFFIXES",
    "ImageTooLarge",
    "UnreadableImage",
    "check_pixels",
    "decode_image",
    "encode_image",
    "image_names",
    "list_images",
    "read_image",
    "read_named",
    "write_image",
]
