"""Equations 2 to 5 of the paper, each a pure function that gives one value per example.

Source: Sun et al., "Classifier shared deep network with multi-hierarchy loss for low resolution face
recognition", 2019. Equation 6, their weighted sum, is in `cshml_tf.network`.
"""

import keras
from keras import ops


def l2_normalise(vectors, axis=-1):
    """Scale vectors to unit length; a zero vector stays zero, and its gradient is finite.

    Args:
        vectors: (..., n); float16 and bfloat16 are computed in float32.
        axis: the axis of the vectors' components.

    Returns:
        The same shape.
    """
    if keras.backend.standardize_dtype(vectors.dtype) in ("float16", "bfloat16"):
        vectors = ops.cast(vectors, "float32")
    squared_length = ops.sum(ops.square(vectors), axis=axis, keepdims=True)
    return vectors * ops.rsqrt(ops.maximum(squared_length, 1e-24))


def cosface(cosines, labels, scale=30.0, margin=0.35):
    """Equation 2: cross entropy of scaled cosines, the true class's cosine lowered by a margin.

    Args:
        cosines: (batch, classes), cosines between embeddings and class centres, -1..1.
        labels: (batch,) integers 0..classes - 1.
        scale: s, the radius of the sphere.
        margin: m, taken from the true class's cosine.

    Returns:
        (batch,), float64 where the cosines are, else float32.

    Raises:
        ValueError: the shapes are not these.
    """
    cosines = _real(cosines)
    labels = ops.convert_to_tensor(labels)
    _check_shapes(cosines, 2, labels=labels)
    true_class = ops.one_hot(labels, cosines.shape[-1], dtype=cosines.dtype)
    logits = scale * (cosines - margin * true_class)
    return ops.logsumexp(logits, axis=-1) - ops.sum(true_class * logits, axis=-1)


def contrastive(hr_embedding, lr_embedding, same, alpha=1.0):
    """Equation 3: draw the pairs of one person together, push other pairs beyond the square root of alpha.

    D squared, not D, stands inside the hinge, as printed. Both sides are normalised here.

    Args:
        hr_embedding: (batch, embedding).
        lr_embedding: (batch, embedding), row i paired with row i of `hr_embedding`.
        same: (batch,), 1 where the pair is of one person and 0 where it is not.
        alpha: least squared distance wanted of two people, 0..4.

    Returns:
        (batch,), float64 where both embeddings are, else float32.

    Raises:
        ValueError: the shapes are not these.
    """
    hr_embedding, lr_embedding = _of_one_dtype(hr_embedding, lr_embedding)
    same = ops.cast(same, hr_embedding.dtype)
    _check_shapes(hr_embedding, 2, same=same)
    _check_shapes(lr_embedding, 2, same=same)
    difference = l2_normalise(hr_embedding) - l2_normalise(lr_embedding)
    squared_distance = ops.sum(ops.square(difference), axis=-1)
    apart = ops.relu(alpha - squared_distance)
    return same * squared_distance + (1.0 - same) * apart


def intermediate(hr_map, lr_map, same):
    """Equation 4: mean squared difference of two feature maps, for pairs of one person only.

    Args:
        hr_map: (batch, h, w, channels).
        lr_map: the same shape.
        same: (batch,), 1 or 0.

    Returns:
        (batch,), float64 where both maps are, else float32: same x the mean over h, w and channels. Their sum
        divided by N_same, the number of pairs of one person in the whole batch, is the equation's value.

    Raises:
        ValueError: the maps are not 4-D or differ in shape, or `same` is not (batch,).
    """
    _check_maps(hr_map, lr_map)
    hr_map, lr_map = _of_one_dtype(hr_map, lr_map)
    same = ops.cast(same, hr_map.dtype)
    _check_shapes(hr_map, 4, same=same)
    return same * ops.mean(ops.square(hr_map - lr_map), axis=(1, 2, 3))


def multi_hierarchy(hr_map, lr_map, same, pool_size=2):
    """Equation 5: equation 4 on max-pooled maps; h, w and c are counted after the pool.

    Args:
        hr_map: (batch, h, w, channels).
        lr_map: the same shape.
        same: (batch,), 1 or 0.
        pool_size: side and stride of the pool, without padding; 1 leaves the maps as they are, which is
            equation 4; None pools the whole map.

    Returns:
        (batch,) float32, as `intermediate`.

    Raises:
        ValueError: the maps are not 4-D, differ in shape, or are smaller than the pool.
    """
    _check_maps(hr_map, lr_map)
    return intermediate(_max_pool(hr_map, pool_size), _max_pool(lr_map, pool_size), same)


def check_pool_size(map_shape, pool_size):
    """Refuse a pool that does not fit a feature map of shape (..., h, w, channels); unknown sides fit.

    Raises:
        ValueError: the pool's size is under 1 or over the map's smaller side.
    """
    sides = [side for side in map_shape[-3:-1] if side is not None]
    if pool_size is not None and not 1 <= pool_size <= min(sides, default=pool_size):
        raise ValueError(
            f"pool_size: expected 1 to {min(sides, default='any')} for a map of {tuple(map_shape[-3:])}, "
            f"got {pool_size}"
        )


def _max_pool(feature_map, pool_size):
    feature_map = ops.convert_to_tensor(feature_map)
    check_pool_size(feature_map.shape, pool_size)
    if pool_size is None:
        return ops.max(feature_map, axis=(1, 2), keepdims=True)
    if pool_size == 1:
        return feature_map
    return ops.max_pool(feature_map, pool_size, pool_size, padding="valid", data_format="channels_last")


def _check_maps(hr_map, lr_map):
    known = {each.shape[0] for each in (hr_map, lr_map) if len(each.shape) and each.shape[0] is not None}
    if len(hr_map.shape) != 4 or tuple(hr_map.shape[1:]) != tuple(lr_map.shape[1:]) or len(known) > 1:
        raise ValueError(
            "feature maps: expected two of the same (batch, h, w, channels), "
            f"got {tuple(hr_map.shape)} and {tuple(lr_map.shape)}"
        )


def _real(tensor):
    """Give float64 as it is, and everything else as float32."""
    tensor = ops.convert_to_tensor(tensor)
    is_double = keras.backend.standardize_dtype(tensor.dtype) == "float64"
    return tensor if is_double else ops.cast(tensor, "float32")


def _of_one_dtype(one, other):
    one, other = _real(one), _real(other)
    return (one, other) if one.dtype == other.dtype else (ops.cast(one, "float32"), ops.cast(other, "float32"))


def _check_shapes(tensor, rank, **one_per_example):
    """Refuse another rank, and what would be broadcast in silence: (batch, 1) for (batch,)."""
    if len(tensor.shape) != rank:
        raise ValueError(f"expected {rank} axes, the first the batch, got {tuple(tensor.shape)}")
    for name, values in one_per_example.items():
        sizes = {size for size in (tensor.shape[0], *values.shape[:1]) if size is not None}
        if len(values.shape) != 1 or len(sizes) > 1:
            raise ValueError(f"{name}: expected one value an example, got {tuple(values.shape)}")
