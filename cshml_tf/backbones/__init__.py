"""Backbones: they turn standardised pictures into named feature maps and an embedding."""

import ast
import importlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

# The module of each network; its function has the same name. A module is imported only when its network is
# built, which keeps this list cheap to read.
BACKBONES = {
    "inception_resnet_v1": "inception_resnet_v1",
    "squeezenet": "squeezenet",
    "lightcnn": "lightcnn",
    "resnet": "face_resnet",
    "mobilefacenet": "mobilefacenet",
    "small_resnet": "small_resnet",
    "digit_cnn": "digit_cnn",
}


def builder(name: str) -> "Callable[..., keras.Model]":
    """Return the function that builds a network; this imports the layers that its saved models contain.

    Raises:
        ValueError: unknown name.
    """
    if name not in BACKBONES:
        raise ValueError(f"model_def: expected one of {', '.join(BACKBONES)}, got {name!r}")
    module = importlib.import_module(f"cshml_tf.backbones.{BACKBONES[name]}")
    return getattr(module, BACKBONES[name])


def options_of_network(name: str) -> tuple[str, ...]:
    """Return the options that a network has besides its sizes, read from its source without importing Keras.

    Args:
        name: a key of `BACKBONES`.
    """
    source = Path(__file__).with_name(f"{BACKBONES[name]}.py").read_text(encoding="utf-8")
    functions = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    arguments = next(function.args for function in functions if function.name == BACKBONES[name])
    return tuple(argument.arg for argument in (*arguments.args[2:], *arguments.kwonlyargs))


def build(
    name: str, image_size: Sequence[int] = (112, 96), embedding_size: int = 512, **options: Any
) -> "keras.Model":
    """Build a backbone by name.

    Args:
        name: a key of `BACKBONES`.
        image_size: (height, width) of its input.
        embedding_size: E.
        **options: further arguments of the backbone's own function.

    Returns:
        Model named "backbone": standardised images (batch, height, width, 3) float32 -> dict of named taps, each
        (batch, h, w, channels), and "embedding" (batch, E), not normalised.

    Raises:
        ValueError: unknown name or option, or a size that does not fit.
    """
    # This imports OpenCV, which the list of names does not need.
    from cshml_tf.alignment.geometry import check_image_size

    network = builder(name)
    height, width = check_image_size(image_size)
    if embedding_size < 1:
        raise ValueError(f"embedding_size: expected at least 1, got {embedding_size}")
    known = list(inspect.signature(network).parameters)[2:]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"{name}: expected options among {', '.join(known)}, got {', '.join(unknown)}")
    return network((height, width), embedding_size, **options)
