"""Sliding windows over maps: their strides, and the padding of the map.

Source: ONNX's Conv, MaxPool and AveragePool, https://onnx.ai/onnx/operators/.
"""

import math
from collections.abc import Sequence

import keras
import numpy as np

from cshml_tf.layers.imported import PadImage
from cshml_tf.pretrained.onnx.graph import Node

# Far above any network's; more would take memory that no file justifies.
MAX_PAD = 1024


def check_pads(node: Node, pads: Sequence[int]) -> None:
    """Refuse pads that no network of faces has.

    Raises:
        UnsupportedGraph: one is beyond `MAX_PAD` pixels.
    """
    if any(abs(pad) > MAX_PAD for pad in pads):
        raise node.fail(f"expected pads of at most {MAX_PAD}, got {list(pads)}")


def pair(node: Node, attribute: str) -> tuple[int, int]:
    """Return an attribute of two numbers, (1, 1) if the node does not have it."""
    first, second = node.attributes.get(attribute, (1, 1))
    return first, second


def pads_of(
    node: Node,
    sides: Sequence[int],
    kernel_size: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> list[tuple[int, int]]:
    """Return [(top, bottom), (left, right)] of a node on a map of (height, width) `sides`."""
    rule = node.attributes.get("auto_pad", b"NOTSET").decode()
    if rule in ("NOTSET", "VALID"):
        top, left, bottom, right = node.attributes.get("pads", (0, 0, 0, 0)) if rule == "NOTSET" else (0, 0, 0, 0)
        check_pads(node, (top, left, bottom, right))
        return [(top, bottom), (left, right)]
    pads = []
    for side, size, stride, dilation in zip(sides, kernel_size, strides, dilations, strict=True):
        total = max((math.ceil(side / stride) - 1) * stride + dilation * (size - 1) + 1 - side, 0)
        check_pads(node, (total,))
        less, more = total // 2, total - total // 2
        pads.append((less, more) if rule == "SAME_UPPER" else (more, less))
    return pads


def padded(node: Node, image: keras.KerasTensor, pads: Sequence[Sequence[int]], value: float) -> keras.KerasTensor:
    """Pad a map (batch, h, w, channels) with a constant value; return it unchanged if all pads are 0."""
    if not np.any(pads):
        return image
    return PadImage(pads, value, name=node.inner("pad"))(image)


def pool_window(
    node: Node, sides: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, int], list[tuple[int, int]], np.ndarray]:
    """Return the windows of a pool on a map of (height, width) `sides`.

    Returns:
        (size, strides, pads, shares): the pads yield ONNX's number of windows; shares, (out height, out width),
        are the fractions of each window that a mean takes into account.

    Raises:
        UnsupportedGraph: the pool is dilated.
    """
    if set(pair(node, "dilations")) != {1}:
        raise node.fail("expected no dilations")
    size, strides = tuple(node.attributes["kernel_shape"]), pair(node, "strides")
    declared = pads_of(node, sides, size, strides, (1, 1))
    axes = list(zip(sides, size, strides, declared, strict=True))
    pads = [_pads_to_last_window(*axis) for axis in axes] if node.attributes.get("ceil_mode", 0) else declared
    with_pads = bool(node.attributes.get("count_include_pad", 0))
    shares = [_share_counted(*axis, after, with_pads) for axis, (_, after) in zip(axes, pads, strict=True)]
    return size, strides, pads, np.outer(*shares)


def _pads_to_last_window(side: int, size: int, stride: int, pads: tuple[int, int]) -> tuple[int, int]:
    """Return the pads for ceil_mode: the last window may extend past the pads, but not start after the map."""
    before, after = pads
    windows = -(-(side + before + after - size) // stride) + 1
    if (windows - 1) * stride >= side + before:
        windows -= 1
    return before, max((windows - 1) * stride + size - side - before, 0)


def _share_counted(
    side: int, size: int, stride: int, pads: tuple[int, int], after: int, with_pads: bool
) -> np.ndarray:
    """Return the fraction of each window inside the map, or inside the map and its declared pads."""
    before, declared = pads
    length = before + side + after
    counted = np.zeros(length)
    counted[0 if with_pads else before : before + side + (declared if with_pads else 0)] = 1
    return np.array([counted[start : start + size].mean() for start in range(0, length - size + 1, stride)])
