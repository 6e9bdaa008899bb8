"""`--cache_teacher`: the frozen HR network's outputs for every training face, computed once and kept on disk.

A sub-folder per HR network and set of faces contains `inputs.json`, `checksums.npy` and an array per output, such
as `embedding.npy`. Runs whose equation 5 has another tap or pool share all but its map.
"""

import hashlib
import json
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

import keras
import numpy as np

from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.teacher_values import TeacherValues
from cshml_tf.data.unreadable import Unreadable
from cshml_tf.files import printable, read_array, read_json, write_json
from cshml_tf.model_folder import digest_of_network
from cshml_tf.network import TwoBranchNetwork
from cshml_tf.recogniser import backbone_of
from cshml_tf.settings.training import LrSettings
from cshml_tf.terms import decisive_settings
from cshml_tf.training.teacher_building import CHECKSUMS, Plan, build

INPUTS = "inputs.json"
# File systems allow names of 255 bytes.
_LONGEST_NAME = 150


class _Inputs(TypedDict):
    """What decides a sub-folder's arrays, besides the settings in their names; the content of `inputs.json`."""

    network: str
    precision: str
    faces: str
    images: int
    image_size: list[int]
    mirrored: bool


def open_teacher(
    settings: LrSettings,
    network: TwoBranchNetwork,
    source: FaceSource,
    unreadable: Unreadable,
    image_size: tuple[int, int],
    progress: bool = False,
) -> TeacherValues | None:
    """Open the cache that a run asks for; compute what it lacks.

    Args:
        settings: settings of the run.
        network: its HR network is the one to cache.
        source: the training faces.
        unreadable: reads them.
        image_size: (height, width) of the network's input.
        progress: whether to say on standard error what is written, and to show a progress bar.

    Returns:
        The values, memory-mapped; None if the run has no cache.

    Raises:
        ValueError: the disk has too little space, another process is writing the cache, a face cannot be read, or
            the cache is damaged or was made from other pixels.
        OSError: the cache cannot be read or written.
    """
    if settings.cache_teacher is None:
        return None
    outputs: dict[str, Any] = backbone_of(network.teacher).output  # pyright: ignore[reportAssignmentType]
    inputs: _Inputs = {
        "network": digest_of_network(settings.pretrained_model),
        "precision": keras.backend.standardize_dtype(outputs["embedding"].dtype),
        "faces": source.digest(),
        "images": len(source),
        "image_size": list(image_size),
        "mirrored": settings.random_flip,
    }
    folder = Path(settings.cache_teacher) / _digest(inputs)[:16]
    pixels = keras.Input((*image_size, 3), name="pixels")
    symbolic = network.hr_values(pixels)
    views = 2 if settings.random_flip else 1
    files = {name: _file_name(name, decisive_settings(name, settings, network.tap)) for name in symbolic}
    shapes = {files[name]: (len(source), views, *value.shape[1:]) for name, value in symbolic.items()}
    if not all((folder / name).exists() for name in (INPUTS, CHECKSUMS, *shapes)):
        model = keras.Model(pixels, symbolic, name="teacher")
        plan = Plan(folder, source, unreadable, image_size, model, files, shapes)
        build(plan, lambda: _note(folder / INPUTS, inputs), progress)
    _check_inputs(folder / INPUTS, inputs)
    checksums = _map(folder / CHECKSUMS, np.int64, (len(source),))
    values = {name: _map(folder / file, np.float16, shapes[file]) for name, file in files.items()}
    return TeacherValues(folder, source, checksums, values)


def _note(path: Path, inputs: _Inputs) -> None:
    """Write what decides the arrays of a sub-folder before the first of them, or compare it with what is there."""
    if path.exists():
        _check_inputs(path, inputs)
    else:
        write_json(path, inputs)


def _check_inputs(path: Path, inputs: _Inputs) -> None:
    """Refuse a sub-folder that has the name of another one."""
    noted = read_json(path, _Inputs)
    differing = [name for name, value in inputs.items() if noted[name] != value]
    if differing:
        first = differing[0]
        raise ValueError(
            f"{printable(path)}: expected the inputs of this run, got others ({', '.join(differing)}): {first} is "
            f"{inputs[first]!r} and was {noted[first]!r}; remove {printable(path.parent)} to compute it anew"
        )


def _map(path: Path, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Map an array, whose size agrees with its header, the network and the faces."""
    advice = f"; remove {printable(path.parent)} to compute it anew"
    try:
        array = read_array(path, dtype, len(shape), mapped=True)
    except ValueError as error:
        raise ValueError(f"{error}{advice}") from None
    if array.shape != shape:
        raise ValueError(f"{printable(path)}: expected shape {shape}, got {array.shape}{advice}")
    # Indexing a plain view is faster than indexing np.memmap.
    return np.asarray(array)


def _file_name(name: str, settings: Mapping[str, Any]) -> str:
    """Name the array of an output by the settings that decide it, such as "pooled-tap_block_c-pool_size_2.npy"."""
    words = [name, *(f"{key}_{value}" for key, value in settings.items())]
    stem = urllib.parse.quote("-".join(words), safe="")
    if len(stem) > _LONGEST_NAME:
        stem = f"{stem[: _LONGEST_NAME - 17]}-{_digest(stem)[:16]}"
    return f"{stem}.npy"


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
