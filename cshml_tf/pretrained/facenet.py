"""FaceNet's TF1 checkpoints as `inception_resnet_v1`.

Source: the checkpoints that FaceNet publishes, 20180408-102900 (CASIA-WebFace) and 20180402-114759 (VGGFace2).
"""

from pathlib import Path

import keras
import numpy as np

from cshml_tf.backbones import build

_ROOT = "InceptionResnetV1/"
_LOGITS = ("Logits/weights", "Logits/biases")
# What FaceNet's training leaves in a checkpoint beside the network: its optimiser's and its averages' own.
_TRAINING = ("ExponentialMovingAverage", "Adam", "Adagrad", "Adadelta", "RMSProp", "Momentum")
_WEIGHTS = {
    keras.layers.Conv2D: ("weights", "biases"),
    keras.layers.Dense: ("weights",),
    keras.layers.BatchNormalization: ("beta", "moving_mean", "moving_variance"),
}


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
        if len(prefixes) != 1:
            found = ", ".join(prefix.name for prefix in prefixes) or "none"
            raise ValueError(f"{path}: expected a folder with one checkpoint (an .index file), got {found}")
        return str(prefixes[0])
    prefix = path.with_suffix("") if path.suffix == ".index" else path
    if not prefix.with_name(f"{prefix.name}.index").is_file():
        raise ValueError(f"{path}: expected a checkpoint's folder, prefix or .index file, but there is none")
    return str(prefix)


def load_checkpoint(prefix, image_size=(160, 160), stem_pool_stride=2):
    """Build `inception_resnet_v1` with a checkpoint's weights.

    Args:
        prefix: as `find_checkpoint` gives.
        image_size: (height, width); no tensor depends on it. FaceNet's own is 160 x 160.
        stem_pool_stride: 2 as the checkpoint was trained, or 1.

    Returns:
        The backbone (see `cshml_tf.backbones.build`) and the logits' weights, (E, C) float32, or None where
        the checkpoint has no logits.

    Raises:
        ValueError: the checkpoint cannot be read, lacks a tensor, has one too many, or one of another shape;
            the message names them.
    """
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
    except (tf.errors.OpError, RuntimeError) as error:
        raise ValueError(f"{prefix}: cannot be read as a checkpoint: {str(error).splitlines()[0]}") from error
    embedding_size = shapes.get(f"{_ROOT}Bottleneck/weights", (0, 512))[-1]
    backbone = build("inception_resnet_v1", image_size, embedding_size, stem_pool_stride=stem_pool_stride)
    wanted = dict(_tensors(backbone))
    _check(prefix, wanted, {name: shape for name, shape in shapes.items() if not _is_of_training(name)})
    for name, variable in wanted.items():
        variable.assign(reader.get_tensor(name))
    return backbone, reader.get_tensor(_LOGITS[0]).astype(np.float32) if _LOGITS[0] in shapes else None


def _tensors(backbone):
    """Give (the checkpoint's name, the variable) of every weight."""
    for layer in backbone.layers:
        for leaf, variable in zip(_WEIGHTS.get(type(layer), ()), layer.weights, strict=False):
            yield f"{_ROOT}{layer.name.replace('.', '/')}/{leaf}", variable


def _is_of_training(name):
    parts = name.split("/")
    return name == "global_step" or name in _LOGITS or any(part.startswith(_TRAINING) for part in parts)


def _check(prefix, wanted, found):
    missing, left = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    other = sorted(name for name in set(wanted) & set(found) if tuple(wanted[name].shape) != tuple(found[name]))
    problems = [f"lacks {_some(missing)}"] * bool(missing) + [f"has {_some(left)} too many"] * bool(left)
    problems += [f"{name} is {tuple(found[name])}, expected {tuple(wanted[name].shape)}" for name in other[:3]]
    if problems:
        raise ValueError(f"{prefix}: expected FaceNet's inception_resnet_v1; it {'; '.join(problems)}")


def _some(names):
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
