"""Load a saved recogniser, after checking that the file holds a network of known layers and no more than it says.

A `.keras` file is a zip archive: a JSON that names classes with their arguments, and weights in HDF5.
"""

import json
import math
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import keras
import numpy as np
from keras.src.backend.common import global_state
from keras.src.backend.common.variables import initialize_all_variables

from cshml_tf import layers  # noqa: F401  registers the layers that a saved recogniser contains
from cshml_tf.backbones import BACKBONES, builder
from cshml_tf.files import open_regular, printable

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# Bytes of each part, expanded. The configuration of the largest network here takes half a megabyte.
_MAX_BYTES = {CONFIG: 2**26, METADATA: 2**16, WEIGHTS: 2**33}
# Weights hardly shrink when they are compressed.
_MAX_EXPANSION = 100
_MAX_DEPTH = 64
_MAX_SIDE = 4096
# Values that are no objects of a class.
_VALUES = ("__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__")
_BASES = (
    keras.Operation,
    keras.initializers.Initializer,
    keras.regularizers.Regularizer,
    keras.constraints.Constraint,
    keras.DTypePolicy,
)
# Layers that run code from the file, or read other files.
_REFUSED = {"Lambda", "TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"}
_REFUSED |= {"StringLookup", "IntegerLookup", "TextVectorization", "Hashing", "HashedCrossing"}


class _Refused(ValueError):
    """The file holds something that a recogniser does not; the message says what was expected, and what came."""


def load_saved(path: str | Path) -> keras.Model:
    """Load a recogniser from a file.

    Nothing is built before the names of all classes were checked, and nothing is allocated before the number of
    weights was compared with the size of the file.

    Args:
        path: the `.keras` file.

    Returns:
        keras.Model: RGB pixels (batch, H, W, 3), 0..255, of any size -> (batch, E) float32, unit length.

    Raises:
        ValueError: the file is damaged, is not a recogniser, contains anything but layers of Keras and of this
            library, or has weights that are not finite. The message names the file.
        OSError: it cannot be read.
    """
    for name in BACKBONES:
        # Importing a backbone's module registers its own layers, which a saved network may contain.
        builder(name)
    where = printable(path)
    with open_regular(path, 2**40) as file:
        try:
            config, weights_bytes = _read_parts(file)
            _check_entries(config, 0)
            recogniser = _build(config, weights_bytes)
            with warnings.catch_warnings():
                # Keras warns about a damaged part before it raises.
                warnings.simplefilter("ignore", UserWarning)
                recogniser.load_weights(path)
            _check_weights(recogniser)
        except _Refused as error:
            raise ValueError(f"{where}: {error}") from None
        except (zipfile.BadZipFile, EOFError, NotImplementedError):
            raise ValueError(f"{where}: expected a saved recogniser, got a damaged or truncated file") from None
        except Exception as error:  # The exception type depends on which part of the file is damaged.
            first_line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise ValueError(
                f"{where}: expected a recogniser, got a file that Keras cannot load: {first_line}"
            ) from error
    return recogniser


def _read_parts(file: BinaryIO) -> tuple[Any, int]:
    """Return the configuration and the number of bytes of the weights, after checking the archive."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        names = sorted(entry.filename for entry in entries)
        if names != sorted(_MAX_BYTES):
            got = printable(", ".join(names)[:200]) or "none"
            raise _Refused(f"expected the parts {', '.join(sorted(_MAX_BYTES))}, once each, got {got}")
        for entry in entries:
            limit = min(_MAX_BYTES[entry.filename], 2**20 + _MAX_EXPANSION * entry.compress_size)
            if entry.file_size > limit:
                raise _Refused(
                    f"expected a part {entry.filename} of at most {limit} bytes, got {entry.file_size} bytes"
                )
        if archive.testzip() is not None:
            raise zipfile.BadZipFile
        try:
            return json.loads(archive.read(CONFIG)), archive.getinfo(WEIGHTS).file_size
        except (ValueError, RecursionError):
            raise _Refused(f"expected JSON in {CONFIG}, got text that cannot be parsed") from None


def _check_entries(entry: Any, depth: int) -> None:
    """Refuse a configuration that names a class which no recogniser needs."""
    if depth > _MAX_DEPTH:
        raise _Refused(f"expected {CONFIG} to be nested at most {_MAX_DEPTH} deep, got deeper entries")
    if isinstance(entry, dict):
        if "class_name" in entry and not _is_known(entry):
            got = ".".join(str(entry.get(key))[:80] for key in ("module", "class_name"))
            raise _Refused(f"expected layers of Keras and of cshml_tf, got {printable(got)}")
        size = entry.get("image_size")
        if isinstance(size, list) and not all(type(side) is int and 0 < side <= _MAX_SIDE for side in size):
            raise _Refused(f"expected an image_size of 1 to {_MAX_SIDE} pixels, got {str(size)[:80]}")
    children = entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ()
    for child in children:
        _check_entries(child, depth + 1)


def _is_known(entry: dict[str, Any]) -> bool:
    name, module, registered = (entry.get(key) for key in ("class_name", "module", "registered_name"))
    if not isinstance(name, str) or name in _VALUES:
        return name in _VALUES
    found = keras.saving.get_registered_object(registered) if isinstance(registered, str) else None
    if found is None and isinstance(module, str) and registered in (None, name):
        # Every module of Keras with layers is imported by now, so none has to be imported for a file.
        found = getattr(sys.modules.get(module), name, None)
        if not getattr(found, "__module__", "").startswith("keras.src."):
            return False
    return isinstance(found, type) and issubclass(found, _BASES) and found.__name__ not in _REFUSED


def _build(config: Any, weights_bytes: int) -> keras.Model:
    """Build a network without weights, compare their number with the file, and only then allocate them."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise _Refused(f"expected a network in {CONFIG}, got other content")
    try:
        with keras.StatelessScope(initialize_variables=False):
            recogniser = keras.saving.deserialize_keras_object(config | {"compile_config": None})
            _check_graph(recogniser)
            # Weights are float32.
            needed = sum(4 * math.prod(weight.shape) for weight in recogniser.weights)
        if needed > weights_bytes:
            raise _Refused(f"expected {needed} bytes of weights, got {weights_bytes} in {WEIGHTS}")
    except BaseException:
        # Otherwise the next network to be built would allocate the weights of this one.
        global_state.set_global_attribute("uninitialized_variables", [])
        raise
    initialize_all_variables()
    return recogniser


def _check_graph(recogniser: Any) -> None:
    """Refuse a network that is not one of `cshml_tf.recogniser.build_recogniser`."""
    expected = "a network from pixels to embeddings through fit_to_size, standardise, backbone and unit_length"
    if not isinstance(recogniser, keras.Model):
        raise _Refused(f"expected {expected}, got a {type(recogniser).__name__}")
    found = {layer.name: layer for layer in recogniser.layers}
    backbone = found.get("backbone")
    is_one = (
        {"fit_to_size", "standardise", "unit_length"} <= set(found)
        and isinstance(backbone, keras.Model)
        and isinstance(backbone.output, dict)
        and "embedding" in backbone.output
        and recogniser.input_shape == (None, None, None, 3)
        and isinstance(recogniser.output_shape, tuple)
        and len(recogniser.output_shape) == 2
    )
    if not is_one:
        raise _Refused(f"expected {expected}, got the layers {printable(', '.join(found))[:200]}")


def _check_weights(recogniser: keras.Model) -> None:
    for weight in recogniser.weights:
        if not np.isfinite(np.asarray(keras.ops.convert_to_numpy(weight), np.float32)).all():
            raise _Refused(f"expected finite weights, got NaN or infinity in {printable(weight.path)}")
