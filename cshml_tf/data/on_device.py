"""The changes of `cshml_tf.data.changes` to tensors, on the device: faces travel as they are, with the decisions.

Mirroring and shifting are exact. Mixing is float32 arithmetic as on the host; where a device fuses its
multiplication and addition, a grey level may be rounded the other way.
"""

# pyright: reportOptionalSubscript=false, reportOptionalOperand=false, reportOperatorIssue=false
# keras.ops has no annotations: pyright infers that some results may be None.

from collections.abc import Mapping
from typing import Any

from keras import ops


def change_on_device(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Change the faces of a batch as decided; a batch of changed faces is returned as it is.

    Args:
        batch: as `cshml_tf.data.batches` makes it, with or without `change_here`. Unchanged faces have beside
            "hr" also "hr_change" (n, 3) integers: whether each is mirrored, its shift down, its shift to the
            right; if faces are mixed, also "hr_other" and "hr_other_change", those they are mixed with, and "own"
            (n,) float32, their own weight. The same for "lr", or nothing if both sides are the same.

    Returns:
        dict: "hr", and "lr" where the batch has two sides, changed, (n, H, W, 3) uint8; the rest as before.
    """
    batch = dict(batch)
    if "hr_change" not in batch:
        return batch
    own = batch.pop("own", None)
    for side in ("hr", "lr"):
        if side not in batch:
            continue
        pixels = change_tensor(batch[side], batch.pop(f"{side}_change"))
        if own is not None:
            others = change_tensor(batch.pop(f"{side}_other"), batch.pop(f"{side}_other_change"))
            pixels = mix_tensor(pixels, others, own)
        batch[side] = ops.cast(pixels, "uint8")
    if "lr_label" in batch:
        batch.setdefault("lr", batch["hr"])
    return batch


def change_tensor(faces: Any, change: Any) -> Any:
    """Mirror faces, then shift them; uncovered pixels repeat the edge, as `cshml_tf.data.changes.change`.

    Args:
        faces: (n, H, W, 3), 0..255.
        change: (n, 3) integers: mirrored (1) or not (0), pixels down, pixels to the right.

    Returns:
        (n, H, W, 3) float32, whole numbers.
    """
    height, width = faces.shape[1:3]
    count = ops.shape(faces)[0]
    mirrored, down, across = (ops.cast(change[:, column, None], "int32") for column in range(3))
    lines = ops.clip(ops.arange(height, dtype="int32") - down, 0, height - 1)
    columns = ops.clip(ops.arange(width, dtype="int32") - across, 0, width - 1)
    columns = ops.where(mirrored > 0, width - 1 - columns, columns)
    first = ops.arange(count, dtype="int32")[:, None] * height
    places = (first + lines)[:, :, None] * width + columns[:, None, :]
    # In float32, because TensorFlow gathers no uint8 on a GPU.
    pixels = ops.reshape(ops.cast(faces, "float32"), (-1, 3))
    return ops.take(pixels, places, axis=0)


def mix_tensor(pixels: Any, others: Any, own: Any) -> Any:
    """Mix each face with another, as `cshml_tf.data.changes.mix`.

    Args:
        pixels: (n, H, W, 3) float32.
        others: the same shape.
        own: (n,) float32, 0..1, the weight of `pixels`.

    Returns:
        (n, H, W, 3) float32, whole numbers, halves to the even neighbour.
    """
    own = own[:, None, None, None]
    return ops.round(own * pixels + (1.0 - own) * others)
