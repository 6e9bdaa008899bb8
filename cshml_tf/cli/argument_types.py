"""Types of arguments, for argparse: each turns a word into a value, or says what was expected."""

import argparse
import math

from cshml_tf.degradation.resolution import parse_resolution


def resolution(text):
    """Read 12, or 14x12 (height x width): an int or a pair."""
    try:
        return parse_resolution(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def rate(text):
    """Read a number between 0 and 1, neither included."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a rate between 0 and 1, got {text!r}")
    return value


def positive(text):
    """Read a whole number from 1 on."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text!r}")
    return int(text)


def pixels(text):
    """Read a number of pixels above 0, whole or not."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of pixels above 0, got {text!r}")
    return number


def pool_size(text):
    """Read the side of a max-pool, a whole number from 1 on; None, the whole map, for "global"."""
    return None if text == "global" else positive(text)
