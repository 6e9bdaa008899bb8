"""Equations 2 to 5 of the paper, each a pure function that returns one value per example.

Source: Sun et al., "Classifier shared deep network with multi-hierarchy loss for low resolution face
recognition", 2019. Equation 6, their weighted sum, is in `cshml_tf.network`.
"""

# pyright: reportOptionalOperand=false, reportOptionalSubscript=false, reportOptionalMemberAccess=false
# pyright: reportOperatorIssue=false, reportAttributeAccessIssue=false
# keras.ops has no annotations: pyright infers the union of all backends' types, which includes None.

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

# Keras has no type for the tensors of its backends. Functions also accept NumPy arrays.
Tensor: TypeAlias = Any


def l2_normalise(vectors: Tensor, axis: int = -1) -> Tensor:
    """Scale vectors to unit length; a zero vector stays zero and has a finite gradient.

    Args:
        vectors: (..., n); float16 and bfloat16 are computed in float32.
        axis: the axis of the vectors' components.

    Returns:
        Tensor of the same shape.
    """
    if keras.backend.standardize_dtype(vectors.dtype) in ("float16", "bfloat16"):
        vectors = ops.cast(vectors, "float32")
    squared_length = ops.sum(ops.square(vectors), axis=axis, keepdims=True)
    return vectors * ops.rsqrt(ops.maximum(squared_length, 1e-24))


def cosface(cosines: Tensor, labels: Tensor, scale: float = 30.0, margin: float = 0.35) -> Tensor:
    """Compute equation 2: cross entropy of scaled cosines, with a margin subtracted from the true class's cosine.

    Args:
        cosines: (batch, classes), cosines between embeddings and class centres, -1..1.
        labels: (batch,) integers 0..classes - 1.
        scale: s, the radius of the sphere.
        margin: m, subtracted from the true class's cosine.

    Returns:
        (batch,), float64 if the cosines are float64, otherwise float32.

    Raises:
        ValueError: the shapes are wrong.
    """
    cosines = _to_float(cosines)
    labels = ops.convert_to_tensor(labels)
    _check_shapes("cosines", cosines, 2, labels=labels)
    true_class = ops.one_hot(labels, cosines.shape[-1], dtype=cosines.dtype)
    logits = scale * (cosines - margin * true_class)
    return ops.logsumexp(logits, axis=-1) - ops.sum(true_class * logits, axis=-1)


def contrastive(hr_embedding: Tensor, lr_embedding: Tensor, same: Tensor, alpha: float = 1.0) -> Tensor:
    """Compute equation 3: pull pairs of one person together, push other pairs sqrt(alpha) apart.

    As printed in the paper, the hinge contains the squared distance. Both embeddings are normalised here.

    Args:
        hr_embedding: (batch, embedding).
        lr_embedding: (batch, embedding), row i paired with row i of `hr_embedding`.
        same: (batch,), 1 if the pair shows one person, 0 if it shows two.
        alpha: smallest squared distance wanted between two people, 0..4.

    Returns:
        (batch,), float64 if both embeddings are float64, otherwise float32.

    Raises:
        ValueError: the shapes are wrong.
    """
    hr_embedding, lr_embedding = _to_common_dtype(hr_embedding, lr_embedding)
    same = ops.cast(same, hr_embedding.dtype)
    _check_shapes("hr_embedding", hr_embedding, 2, same=same)
    _check_shapes("lr_embedding", lr_embedding, 2, same=same)
    difference = l2_normalise(hr_embedding) - l2_normalise(lr_embedding)
    squared_distance = ops.sum(ops.square(difference), axis=-1)
    apart = ops.relu(alpha - squared_distance)
    return same * squared_distance + (1.0 - same) * apart


def intermediate(hr_map: Tensor, lr_map: Tensor, same: Tensor) -> Tensor:
    """Compute equation 4: mean squared difference of two feature maps, for pairs of one person only.

    Args:
        hr_map: (batch, h, w, channels).
        lr_map: the same shape.
        same: (batch,), 1 if the pair shows one person, 0 if it shows two.

    Returns:
        (batch,), float64 if both maps are float64, otherwise float32: `same` times the mean over h, w and
        channels. Equation 4 itself is the sum of these values divided by N_same, the number of pairs of one
        person in the whole batch.

    Raises:
        ValueError: the maps are not 4-D or differ in shape, or `same` is not (batch,).
    """
    check_maps(hr_map, lr_map)
    hr_map, lr_map = _to_common_dtype(hr_map, lr_map)
    same = ops.cast(same, hr_map.dtype)
    _check_shapes("hr_map", hr_map, 4, same=same)
    return same * ops.mean(ops.square(hr_map - lr_map), axis=(1, 2, 3))


def multi_hierarchy(hr_map: Tensor, lr_map: Tensor, same: Tensor, pool_size: int | None = 2) -> Tensor:
    """Compute equation 5: equation 4 on max-pooled maps; the mean is over the pooled height, width and channels.

    Args:
        hr_map: (batch, h, w, channels).
        lr_map: the same shape.
        same: (batch,), 1 if the pair shows one person, 0 if it shows two.
        pool_size: side and stride of the pool, without padding; 1 leaves the maps unchanged, which is
            equation 4; None pools the whole map.

    Returns:
        (batch,), as `intermediate`.

    Raises:
        ValueError: the maps are not 4-D, differ in shape, or are smaller than the pool.
    """
    check_maps(hr_map, lr_map)
    return intermediate(max_pool(hr_map, pool_size), max_pool(lr_map, pool_size), same)


def check_pool_size(map_shape: Sequence[int | None], pool_size: int | None) -> None:
    """Refuse a pool that does not fit a feature map of shape (..., h, w, channels); unknown sides always fit.

    Raises:
        ValueError: the pool's size is below 1 or above the map's smaller side.
    """
    sides = [side for side in map_shape[-3:-1] if side is not None]
    if pool_size is not None and not 1 <= pool_size <= min(sides, default=pool_size):
        raise ValueError(
            f"pool_size: expected 1 to {min(sides, default='any')} for a map of {tuple(map_shape[-3:])}, "
            f"got {pool_size}"
        )


def max_pool(feature_map: Tensor, pool_size: int | None) -> Tensor:
    """Apply P of equation 5, the max-pool without padding.

    Args:
        feature_map: (batch, h, w, channels).
        pool_size: side and stride of the pool; None pools the whole map.

    Returns:
        (batch, h // pool_size, w // pool_size, channels), of the map's dtype.

    Raises:
        ValueError: the map is smaller than the pool.
    """
    feature_map = ops.convert_to_tensor(feature_map)
    check_pool_size(feature_map.shape, pool_size)
    if pool_size is None:
        return ops.max(feature_map, axis=(1, 2), keepdims=True)
    if pool_size == 1:
        return feature_map
    return ops.max_pool(feature_map, pool_size, pool_size, padding="valid", data_format="channels_last")


def check_maps(hr_map: Tensor, lr_map: Tensor) -> None:
    """Refuse feature maps that are not 4-D or differ in shape.

    Raises:
        ValueError: they do.
    """
    known = {each.shape[0] for each in (hr_map, lr_map) if len(each.shape) and each.shape[0] is not None}
    if len(hr_map.shape) != 4 or tuple(hr_map.shape[1:]) != tuple(lr_map.shape[1:]) or len(known) > 1:
        raise ValueError(
            "feature maps: expected two of the same shape (batch, h, w, channels), "
            f"got {tuple(hr_map.shape)} and {tuple(lr_map.shape)}"
        )


def _to_float(tensor: Tensor) -> Tensor:
    """Return float64 unchanged, and everything else as float32."""
    tensor = ops.convert_to_tensor(tensor)
    is_double = keras.backend.standardize_dtype(tensor.dtype) == "float64"
    return tensor if is_double else ops.cast(tensor, "float32")


def _to_common_dtype(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    one, other = _to_float(one), _to_float(other)
    return (one, other) if one.dtype == other.dtype else (ops.cast(one, "float32"), ops.cast(other, "float32"))


def _check_shapes(name: str, tensor: Tensor, rank: int, **one_per_example: Tensor) -> None:
    """Refuse a wrong rank, and shapes that would be broadcast silently, such as (batch, 1) for (batch,)."""
    if len(tensor.shape) != rank:
        raise ValueError(f"{name}: expected {rank} axes, the first for the batch, got shape {tuple(tensor.shape)}")
    for each, values in one_per_example.items():
        sizes = {size for size in (tensor.shape[0], *values.shape[:1]) if size is not None}
        if len(values.shape) != 1 or len(sizes) > 1:
            raise ValueError(f"{each}: expected one value per example, got shape {tuple(values.shape)}")
