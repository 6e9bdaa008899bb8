"""ONNX's operations along axes as Keras layers: shapes, parts, padding, sums.

Source: ONNX's operator specification, https://onnx.ai/onnx/operators/.
"""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np

from cshml_tf.layers.imported_axes import (
    BroadcastAxes,
    LpNormalise,
    PadAxes,
    Reduce,
    SliceAxis,
    TakeEntries,
)
from cshml_tf.pretrained.onnx.graph import Node
from cshml_tf.pretrained.onnx.pointwise import identity, per_image
from cshml_tf.pretrained.onnx.value import CHANNELS_LAST, Input, Value, constant, maps, plain
from cshml_tf.pretrained.onnx.windows import check_pads

# The size that stands for the batch in shapes computed from the network's tensors.
BATCH = -1
# A stop at or beyond it means "to the end", whatever the size of the axis.
_NO_STOP = 2**31 - 1
# Neither backend's layers take more axes.
_MAX_RANK = 8


def _shape(node: Node, x: Value) -> np.ndarray:
    sizes = x.shape[node.attributes.get("start", 0) : node.attributes.get("end")]
    return np.array([BATCH if size is None else size for size in sizes], np.int64)


def _flatten(node: Node, x: Value) -> Value:
    axis = node.attributes.get("axis", 1)
    if axis not in (1, 1 - x.rank):
        raise node.fail(f"expected axis 1, got {axis}")
    return plain(keras.layers.Flatten(name=node.name)(x.as_onnx(node)))


def _reshape(node: Node, x: Value, target: Input = None) -> Value:
    sizes = (
        node.attributes.get("shape") if target is None else constant(node, target, "shape").reshape(-1).tolist()
    )
    # The first size is the batch's, whichever number the exporter wrote there.
    inner = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes or [0])][1:]
    count = math.prod(x.shape[1:])
    if -1 in inner:
        known = -math.prod(inner)
        inner[inner.index(-1)] = count // known if known and count % known == 0 else 0
    if math.prod(inner) != count or any(size < 1 for size in inner) or not inner:
        raise node.fail(f"expected a shape that keeps the batch and its {count} values, got {sizes}")
    return reshaped(node, x, inner)


def _squeeze(node: Node, x: Value, axes: Input = None) -> Value:
    given = _axes(node, axes)
    if given is None:
        given = [axis for axis, size in enumerate(x.shape) if axis and size == 1]
    dropped = {axis % x.rank for axis in given}
    if 0 in dropped or any(x.shape[axis] != 1 for axis in dropped):
        raise node.fail(f"expected axes of size 1 other than the batch's, got {sorted(dropped)} of {x.shape}")
    return reshaped(node, x, [size for axis, size in enumerate(x.shape) if axis and axis not in dropped])


def _unsqueeze(node: Node, x: Value, axes: Input = None) -> Value:
    given = _axes(node, axes) or []
    rank = x.rank + len(given)
    added = {axis % rank for axis in given} if rank <= _MAX_RANK else {0}
    if 0 in added or len(added) < len(given):
        raise node.fail(f"expected new axes after the batch's, {_MAX_RANK} at most in all, got {given}")
    old = iter(x.shape[1:])
    return reshaped(node, x, [1 if axis in added else next(old) for axis in range(1, rank)])


def reshaped(node: Node, x: Value, inner: Sequence[int]) -> Value:
    """Return the tensor with other sizes after the batch's."""
    # It is unknown which of four axes are height and width, so such a layer must not be taken for a map.
    name = node.inner("reshape") if len(inner) == 3 else node.name
    return plain(keras.layers.Reshape(inner, name=name)(x.as_onnx(node)))


def _transpose(node: Node, x: Value) -> Value:
    permutation = list(node.attributes.get("perm", reversed(range(x.rank))))
    if sorted(permutation) != list(range(x.rank)):
        raise node.fail(f"expected an order of {x.rank} axes, got perm {permutation}")
    order = tuple(x.order[axis] for axis in permutation)
    value = Value(x.tensor, order, None if order[0] == 0 else x.moved_by or node)
    # In these two orders the tensor is a map (batch, h, w, channels); in any other it is not.
    return identity(node, value) if order in (CHANNELS_LAST, (0, 1, 2, 3)) else value


def _concat(node: Node, *parts: Input) -> Value:
    tensors = [part for part in parts if isinstance(part, Value)]
    if not tensors:
        raise node.fail("expected at least one tensor that depends on the image")
    values = [per_image(node, part, tensors[0], str(index)) for index, part in enumerate(parts)]
    if len({value.rank for value in values}) != 1:
        raise node.fail("expected tensors of equal rank")
    axis = values[0].axis(node, node.attributes["axis"])
    order = values[0].order
    arranged = [value.arranged(order, node.inner(f"part{index}")) for index, value in enumerate(values)]
    if len(arranged) == 1:
        return identity(node, values[0])
    return Value(keras.layers.Concatenate(axis=axis, name=node.name)(arranged), order)


def _split(node: Node, x: Value, sizes: Input = None) -> list[Value]:
    onnx_axis = node.attributes.get("axis", 0)
    axis = x.axis(node, onnx_axis)
    whole, parts = x.tensor.shape[axis], len(node.outputs)
    given = node.attributes.get("split") if sizes is None else constant(node, sizes, "sizes").tolist()
    if given is None:
        # The last part may be smaller.
        part = -(-whole // parts)
        given = [min(part, whole - part * index) for index in range(parts)]
    if len(given) != parts or sum(given) != whole or min(given) < 1:
        raise node.fail(f"expected {parts} parts of axis {onnx_axis} of {x.shape}, got {given}")
    values, start = [], 0
    for index, size in enumerate(given):
        name = node.inner(f"part{index}") if index else node.name
        values.append(Value(SliceAxis(axis, start, start + size, name=name)(x.tensor), x.order))
        start += size
    return values


def _slice(
    node: Node, x: Value, starts: Input = None, stops: Input = None, axes: Input = None, steps: Input = None
) -> Value:
    given = [
        node.attributes.get(name) if value is None else constant(node, value, name).reshape(-1).tolist()
        for name, value in (("starts", starts), ("ends", stops), ("axes", axes), ("steps", steps))
    ]
    first, last = given[0] or [], given[1] or []
    chosen, every = given[2] or list(range(len(first))), given[3] or [1] * len(first)
    if not len(first) == len(last) == len(chosen) == len(every):
        raise node.fail(f"expected a start, a stop, an axis and a step each, got {given}")
    result = x
    for index, (start, stop, axis, step) in enumerate(zip(first, last, chosen, every, strict=True)):
        if -x.rank <= axis < x.rank and x.order[axis] == 0 and (start, step) == (0, 1) and stop >= _NO_STOP:
            continue
        place = x.axis(node, axis)
        size = x.tensor.shape[place]
        entries = range(*slice(start, stop, step).indices(size)) if step else range(0)
        if not entries:
            raise node.fail(f"expected a part of axis {axis}, of size {size}, got {start} to {stop} by {step}")
        if len(entries) < size or step < 0:
            result = _entries(result, place, entries, node.inner(f"slice{index}"))
    return identity(node, result)


def _entries(x: Value, axis: int, entries: Sequence[int], name: str) -> Value:
    """Return some entries of one of the tensor's axes."""
    if isinstance(entries, range) and entries.step > 0:
        layer = SliceAxis(axis, entries.start, entries.stop, entries.step, name=name)
    else:
        layer = TakeEntries(axis, entries, name=name)
    return Value(layer(x.tensor), x.order, x.moved_by)


def _gather(node: Node, x: Value, indices: Input) -> Value:
    axis = node.attributes.get("axis", 0)
    return _gathered(node, x, axis, constant(node, indices, "indices"))


def _gather_nd(node: Node, x: Value, indices: Input) -> Value:
    """Gather along the first axis, as PyTorch writes a selection of channels between two transpositions."""
    positions = constant(node, indices, "indices")
    if node.attributes.get("batch_dims", 0) or positions.ndim != 2 or positions.shape[1] != 1:
        raise node.fail(f"expected positions along the first axis, (n, 1), got {positions.shape}")
    return _gathered(node, x, 0, positions[:, 0])


def _gathered(node: Node, x: Value, axis: int, positions: np.ndarray) -> Value:
    place = x.axis(node, axis)
    size = x.tensor.shape[place]
    if positions.ndim > 1 or not positions.size or positions.min() < -size or positions.max() >= size:
        raise node.fail(f"expected positions on axis {axis}, of size {size}, got indices of {positions.shape}")
    entries = (positions.reshape(-1) % size).tolist()
    if positions.ndim:
        return _entries(x, place, entries, node.name)
    part = _entries(x, place, range(entries[0], entries[0] + 1), node.inner("entry"))
    kept = [other for index, other in enumerate(x.shape) if index != axis % x.rank]
    if x.order[0] != 0:
        raise node.fail("expected the batch on the first axis")
    return reshaped(node, part, kept[1:])


def _pad(node: Node, x: Value, pads: Input = None, value: Input = None, axes: Input = None) -> Value:
    given = node.attributes.get("pads", node.attributes.get("paddings")) if pads is None else None
    given = constant(node, pads, "pads").reshape(-1).tolist() if given is None else list(given)
    chosen = list(range(x.rank)) if axes is None else constant(node, axes, "axes").reshape(-1).tolist()
    check_pads(node, given)
    if len(given) != 2 * len(chosen):
        raise node.fail(f"expected two pads for each of {len(chosen)} axes, got {given}")
    mode = node.attributes.get("mode", b"constant").decode()
    number = (
        node.attributes.get("value", 0.0) if value is None else float(constant(node, value, "value").reshape(()))
    )
    pairs = [(0, 0)] * x.rank
    result = x
    for axis, before, after in zip(chosen, given[: len(chosen)], given[len(chosen) :], strict=True):
        if not before and not after:
            continue
        place = x.axis(node, axis)
        entries = np.arange(x.tensor.shape[place])
        if mode == "constant":
            pairs[place] = (max(before, 0), max(after, 0))
        elif mode in ("reflect", "edge", "wrap"):
            entries = np.pad(entries, (max(before, 0), max(after, 0)), mode=mode)
        else:
            raise node.fail(f"expected padding constant, reflect, edge or wrap, got {mode}")
        # Negative pads cut off.
        entries = entries[max(-before, 0) : len(entries) - max(-after, 0)]
        if entries.tolist() != list(range(x.tensor.shape[place])):
            result = _entries(result, place, entries.tolist(), node.inner(f"axis{place}"))
    if not np.any(pairs):
        return identity(node, result)
    return Value(PadAxes(pairs, number, name=node.name)(result.tensor), x.order)


def _expand(node: Node, x: Value, target: Input) -> Value:
    sizes = constant(node, target, "shape").reshape(-1).tolist()
    if len(sizes) > x.rank:
        raise node.fail(f"expected at most {x.rank} axes, got {sizes}")
    sizes = [1] * (x.rank - len(sizes)) + sizes
    wanted = [max(size, 1) if own == 1 else own for own, size in zip(x.shape[1:], sizes[1:], strict=True)]
    if any(size not in (1, own) for own, size in zip(wanted, sizes[1:], strict=True) if size != BATCH):
        raise node.fail(f"expected sizes to which {x.shape} can be repeated, got {sizes}")
    if wanted == list(x.shape[1:]):
        return identity(node, x)
    by_axis = dict(zip(x.order[1:], wanted, strict=True))
    tensor_sizes = [by_axis[axis] for axis in range(1, x.rank)]
    return Value(BroadcastAxes(tensor_sizes, name=node.name)(x.tensor), x.order)


def _reduction(operation: str) -> Callable[..., Value]:
    def build(node: Node, x: Value, axes: Input = None) -> Value:
        given = _axes(node, axes)
        if not given and node.attributes.get("noop_with_empty_axes", 0):
            return identity(node, x)
        if not given:
            raise node.fail("expected some axes other than the batch's, got all axes")
        keep = bool(node.attributes.get("keepdims", 1))
        places = {x.axis(node, axis) for axis in given}
        if operation == "mean" and x.order == CHANNELS_LAST and places == {1, 2}:
            y = keras.layers.GlobalAveragePooling2D(keepdims=keep, name=node.name)(x.tensor)
            return maps(y) if keep else plain(y)
        y = Reduce(operation, sorted(places), keep, name=node.name)(x.tensor)
        if keep:
            return Value(y, x.order)
        left = [place for place in x.order if place not in places]
        return Value(y, tuple(sorted(left).index(place) for place in left))

    return build


def _lp_normalization(node: Node, x: Value) -> Value:
    axis, order = x.axis(node, node.attributes.get("axis", -1)), node.attributes.get("p", 2)
    return Value(LpNormalise(axis, order, name=node.name)(x.tensor), x.order)


def _axes(node: Node, axes: Input) -> list[int] | None:
    """Return the axes given as an input, as newer operator sets do, or else as an attribute."""
    return node.attributes.get("axes") if axes is None else constant(node, axes, "axes").reshape(-1).tolist()


AXES: dict[str, Callable[..., Value | np.ndarray | list[Value]]] = {
    "Concat": _concat,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherND": _gather_nd,
    "LpNormalization": _lp_normalization,
    "Pad": _pad,
    "ReduceL1": _reduction("l1"),
    "ReduceL2": _reduction("l2"),
    "ReduceLogSumExp": _reduction("logsumexp"),
    "ReduceMax": _reduction("max"),
    "ReduceMean": _reduction("mean"),
    "ReduceMin": _reduction("min"),
    "ReduceProd": _reduction("prod"),
    "ReduceSum": _reduction("sum"),
    "ReduceSumSquare": _reduction("sum_square"),
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
