"""Windows that slide over maps: their strides, and what stands around the map.

Source: ONNX's Conv, MaxPool and AveragePool, https://onnx.ai/onnx/operators/.
"""

import math

import numpy as np

from cshml_tf.layers.imported import PadImage


def pair(node, attribute):
    """Give an attribute of two numbers, 1 and 1 where the node has none."""
    return tuple(node.attributes.get(attribute, (1, 1)))


def pads_of(node, sides, kernel_size, strides, dilations):
    """Give ((top, bottom), (left, right)) of a node on a map of the (height, width) `sides`."""
    rule = node.attributes.get("auto_pad", b"NOTSET").decode()
    if rule in ("NOTSET", "VALID"):
        top, left, bottom, right = node.attributes.get("pads", (0, 0, 0, 0)) if rule == "NOTSET" else (0, 0, 0, 0)
        return [(top, bottom), (left, right)]
    pads = []
    for side, size, stride, dilation in zip(sides, kernel_size, strides, dilations, strict=True):
        total = max((math.ceil(side / stride) - 1) * stride + dilation * (size - 1) + 1 - side, 0)
        less, more = total // 2, total - total // 2
        pads.append((less, more) if rule == "SAME_UPPER" else (more, less))
    return pads


def padded(node, image, pads, value):
    """Give the map (batch, h, w, channels) with its pads around it."""
    if not np.any(pads):
        return image
    return PadImage(pads, value, name=node.inner("pad"))(image)


def pool_window(node, sides):
    """Give what a pool's windows are on a map of the (height, width) `sides`.

    Returns:
        size, strides, the pads that give its number of windows, and the share of each window that a mean counts:
        (out height, out width).
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


def _pads_to_last_window(side, size, stride, pads):
    """Pad for ceil_mode: a last window may reach past the pads, but starts in the map or before it."""
    before, after = pads
    windows = -(-(side + before + after - size) // stride) + 1
    if (windows - 1) * stride >= side + before:
        windows -= 1
    return before, max((windows - 1) * stride + size - side - before, 0)


def _share_counted(side, size, stride, pads, after, with_pads):
    """Give the share of each window in the map, or in the map and the pads that the node declares."""
    before, declared = pads
    length = before + side + after
    counted = np.zeros(length)
    counted[0 if with_pads else before : before + side + (declared if with_pads else 0)] = 1
    return np.array([counted[start : start + size].mean() for start in range(0, length - size + 1, stride)])
