"""FaceNet's TF1 checkpoints as `inception_resnet_v1`.

Source: the checkpoints that FaceNet publishes, 20180408-102900 (CASIA-WebFace) and 20180402-114759 (VGGFace2).
"""

import re
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from cshml_tf.backbones import build

_ROOT = "InceptionResnetV1/"
_LOGITS = ("Logits/weights", "Logits/biases")
# What FaceNet's training leaves in a checkpoint beside the network: its optimiser's and its averages' own.
_TRAINING = ("ExponentialMovingAverage", "Adam", "Adagrad", "Adadelta", "RMSProp", "Momentum")
_STEPS = ("global_step", "beta1_power", "beta2_power")
_WEIGHTS = {
    keras.layers.Conv2D: ("weights", "biases"),
    keras.layers.Dense: ("weights",),
    keras.layers.BatchNormalization: ("beta", "moving_mean", "moving_variance"),
}


class Checkpoint(NamedTuple):
    """What a checkpoint holds.

    Attributes:
        backbone: the network with its weights, see `cshml_tf.backbones.build`.
        logits: (E, C) float32, their weights; None where it has none.
        passed_over: names of the tensors that are its training's own and no part of the network.
    """

    backbone: keras.Model
    logits: np.ndarray | None
    passed_over: list


def find_checkpoint(path):
    """Find a checkpoint from what people have at hand.

    Args:
        path: a folder that holds one checkpoint, a checkpoint's prefix, or its `.index` file.

    Returns:
        str: the prefix.

    Raises:
        ValueError: there is no checkpoint, or there are several and none is said to be the newest.
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
                f"that says which is the newest, got {found}"
            )
        return str(prefixes[0])
    prefix = path.with_suffix("") if path.suffix == ".index" else path
    if not prefix.with_name(f"{prefix.name}.index").is_file():
        raise ValueError(f"{path}: expected a checkpoint's folder, prefix or .index file, but there is none")
    return str(prefix)


def _newest(folder):
    """Give the prefix that TensorFlow's own note calls the newest, in this folder wherever it was written."""
    note = folder / "checkpoint"
    if not note.is_file():
        return None
    said = re.search(r'^model_checkpoint_path: *"(.*)"', note.read_text(errors="replace"), re.MULTILINE)
    return said and folder / re.split(r"[/\\]", said[1])[-1]


def load_checkpoint(prefix, image_size=(160, 160), stem_pool_stride=2):
    """Build `inception_resnet_v1` with a checkpoint's weights.

    Args:
        prefix: as `find_checkpoint` gives.
        image_size: (height, width); no tensor depends on it. FaceNet's own is 160 x 160.
        stem_pool_stride: 2 as the checkpoint was trained, or 1.

    Returns:
        Checkpoint.

    Raises:
        ValueError: the checkpoint cannot be read, lacks a tensor, has one too many, one of another shape or one
            that is not finite; the message names them.
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
    passed_over = sorted(name for name in shapes if _is_of_training(name))
    _check(prefix, wanted, {name: shapes[name] for name in set(shapes) - set(passed_over)})
    for name, variable in variables.items():
        variable.assign(_read(reader, prefix, name))
    logits = _read(reader, prefix, _LOGITS[0]) if _LOGITS[0] in shapes else None
    return Checkpoint(backbone, logits, passed_over)


def _read(reader, prefix, name):
    """Read a tensor as float32; what TensorFlow raises where the data file is cut or absent has many types."""
    try:
        values = np.asarray(reader.get_tensor(name), np.float32)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{prefix}: {name} cannot be read: {reason}") from error
    if not np.isfinite(values).all():
        raise ValueError(f"{prefix}: {name}: expected finite numbers, got others among them")
    return values


def _tensors(backbone):
    """Give (the checkpoint's name, the variable) of every weight."""
    for layer in backbone.layers:
        for leaf, variable in zip(_WEIGHTS.get(type(layer), ()), layer.weights, strict=False):
            yield f"{_ROOT}{layer.name.replace('.', '/')}/{leaf}", variable


def _is_of_training(name):
    parts = name.split("/")
    return name in _STEPS or any(part.startswith(_TRAINING) for part in parts)


def _check(prefix, wanted, found):
    missing, left = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    other = sorted(name for name in set(wanted) & set(found) if wanted[name] != tuple(found[name]))
    problems = [f"lacks {_some(missing)}"] * bool(missing) + [f"has {_some(left)} too many"] * bool(left)
    problems += [f"{name} is {tuple(found[name])}, expected {wanted[name]}" for name in other[:3]]
    if problems:
        raise ValueError(f"{prefix}: expected FaceNet's inception_resnet_v1; it {'; '.join(problems)}")


def _some(names):
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
