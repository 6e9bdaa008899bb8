"""Load FaceNet's TF1 checkpoints as `inception_resnet_v1`.

Source: the checkpoints that FaceNet publishes, 20180408-102900 (CASIA-WebFace) and 20180402-114759 (VGGFace2).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from cshml_tf.backbones import build

_ROOT = "InceptionResnetV1/"
_LOGITS = ("Logits/weights", "Logits/biases")
# Variables that FaceNet's training adds to a checkpoint: those of its optimiser and of its moving averages.
_TRAINING = ("ExponentialMovingAverage", "Adam", "Adagrad", "Adadelta", "RMSProp", "Momentum")
_STEPS = ("global_step", "beta1_power", "beta2_power")
_WEIGHTS = {
    keras.layers.Conv2D: ("weights", "biases"),
    keras.layers.Dense: ("weights",),
    keras.layers.BatchNormalization: ("beta", "moving_mean", "moving_variance"),
}


class Checkpoint(NamedTuple):
    """The contents of a checkpoint.

    Attributes:
        backbone: the network with its weights, see `cshml_tf.backbones.build`.
        logits: (E, C) float32, the weights of the logits; None if the checkpoint has none.
        skipped: names of the tensors that belong to training, not to the network.
    """

    backbone: keras.Model
    logits: np.ndarray | None
    skipped: list[str]


def find_checkpoint(path: str | Path) -> str:
    """Find the prefix of a checkpoint.

    Args:
        path: a folder that contains one checkpoint, a checkpoint's prefix, or its `.index` file.

    Returns:
        str: the prefix.

    Raises:
        ValueError: there is no checkpoint, or there are several and no note says which is the newest.
    """
    path = Path(path)
    if path.is_dir():
        prefixes = sorted(index.with_suffix("") for index in path.glob("*.index"))
        newest = _newest(path)
        if newest in prefixes:
            return str(newest)
        if len(prefixes) != 1:
            found = ", ".join(prefix.name for prefix in prefixes) or "none"
            raise ValueError(
                f"{path}: expected a folder with one checkpoint (an .index file), or with a file named checkpoint "
                f"that names the newest, got {found}"
            )
        return str(prefixes[0])
    prefix = path.with_suffix("") if path.suffix == ".index" else path
    if not prefix.with_name(f"{prefix.name}.index").is_file():
        raise ValueError(f"{path}: expected a checkpoint's folder, prefix or .index file, found no checkpoint")
    return str(prefix)


def _newest(folder: Path) -> Path | None:
    """Return the prefix that TensorFlow's `checkpoint` file names as the newest, relative to this folder."""
    note = folder / "checkpoint"
    if not note.is_file():
        return None
    match = re.search(r'^model_checkpoint_path: *"(.*)"', note.read_text(errors="replace"), re.MULTILINE)
    return folder / re.split(r"[/\\]", match[1])[-1] if match else None


def load_checkpoint(prefix: str, image_size: Sequence[int] = (160, 160), stem_pool_stride: int = 2) -> Checkpoint:
    """Build `inception_resnet_v1` with a checkpoint's weights.

    Args:
        prefix: as returned by `find_checkpoint`.
        image_size: (height, width); no tensor depends on it. FaceNet's own is 160 x 160.
        stem_pool_stride: 2, with which the checkpoint was trained, or 1.

    Returns:
        Checkpoint.

    Raises:
        ValueError: the checkpoint cannot be read; a tensor is missing or unexpected, or has the wrong shape or
            non-finite values; the message names it.
    """
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
    except (tf.errors.OpError, RuntimeError) as error:
        raise ValueError(f"{prefix}: cannot be read as a checkpoint: {str(error).splitlines()[0]}") from error
    embedding_size = (shapes.get(f"{_ROOT}Bottleneck/weights") or (512,))[-1]
    backbone = build("inception_resnet_v1", image_size, embedding_size, stem_pool_stride=stem_pool_stride)
    variables = dict(_tensors(backbone))
    wanted = {name: tuple(variable.shape) for name, variable in variables.items()}
    if any(name in shapes for name in _LOGITS):
        classes = (shapes.get(_LOGITS[0]) or (0,))[-1]
        wanted |= {_LOGITS[0]: (embedding_size, classes), _LOGITS[1]: (classes,)}
    skipped = sorted(name for name in shapes if _is_training_variable(name))
    _check(prefix, wanted, {name: shapes[name] for name in set(shapes) - set(skipped)})
    for name, variable in variables.items():
        variable.assign(_read(reader, prefix, name))
    logits = _read(reader, prefix, _LOGITS[0]) if _LOGITS[0] in shapes else None
    return Checkpoint(backbone, logits, skipped)


def _read(reader: Any, prefix: str, name: str) -> np.ndarray:
    """Read a tensor as float32."""
    try:
        values = np.asarray(reader.get_tensor(name), np.float32)
    except Exception as error:  # TensorFlow raises many types if the data file is truncated or missing.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{prefix}: {name} cannot be read: {reason}") from error
    if not np.isfinite(values).all():
        raise ValueError(f"{prefix}: {name}: expected finite numbers, got NaN or infinity")
    return values


def _tensors(backbone: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    """Yield (name in the checkpoint, variable) for every weight."""
    for layer in backbone.layers:
        for leaf, variable in zip(_WEIGHTS.get(type(layer), ()), layer.weights, strict=False):
            yield f"{_ROOT}{layer.name.replace('.', '/')}/{leaf}", variable


def _is_training_variable(name: str) -> bool:
    parts = name.split("/")
    return name in _STEPS or any(part.startswith(_TRAINING) for part in parts)


def _check(prefix: str, wanted: Mapping[str, tuple], found: Mapping[str, Sequence[int]]) -> None:
    missing, unexpected = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    differing = sorted(name for name in set(wanted) & set(found) if wanted[name] != tuple(found[name]))
    problems = [f"missing {_first_few(missing)}"] * bool(missing)
    problems += [f"unexpected {_first_few(unexpected)}"] * bool(unexpected)
    problems += [f"{name}: expected shape {wanted[name]}, got {tuple(found[name])}" for name in differing[:3]]
    if problems:
        raise ValueError(f"{prefix}: not FaceNet's inception_resnet_v1: {'; '.join(problems)}")


def _first_few(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
