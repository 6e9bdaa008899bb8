"""Load FaceNet's TF1 checkpoints as `inception_resnet_v1`.

Source: the checkpoints that FaceNet publishes, 20180408-102900 (CASIA-WebFace) and 20180402-114759 (VGGFace2).
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from cshml_tf.backbones import build
from cshml_tf.files import is_regular, printable, read_bytes, visible_entries
from cshml_tf.pretrained.checkpoint_index import check_index

_ROOT = "InceptionResnetV1/"
_LOGITS = ("Logits/weights", "Logits/biases")
# Variables that training adds inside the network's scope: those of optimisers, moving averages, averaged losses.
AVERAGE = "ExponentialMovingAverage"
_TRAINING = (AVERAGE, "Adam", "Adagrad", "Adadelta", "RMSProp", "Momentum", "Ftrl")
_WEIGHTS = {
    keras.layers.Conv2D: ("weights", "biases"),
    keras.layers.Dense: ("weights",),
    keras.layers.BatchNormalization: ("beta", "moving_mean", "moving_variance"),
}
# Sizes that no recogniser reaches: an index of a few bytes could state any.
_MAX_EMBEDDING = 8192
_MAX_LOGITS = 2**30
_NOTE_BYTES = 2**24
_TABLE_END = bytes.fromhex("57fb808b247547db")


class Checkpoint(NamedTuple):
    """The contents of a checkpoint.

    Attributes:
        backbone: the network with its weights, see `cshml_tf.backbones.build`.
        logits: (E, C) float32, the weights of the logits; None if the checkpoint has none.
        skipped: names of the tensors that belong to training, not to the network. If moving averages of the
            weights are among them, the network still has the weights themselves, as in FaceNet's own evaluation.
    """

    backbone: keras.Model
    logits: np.ndarray | None
    skipped: list[str]


def find_checkpoint(path: str | Path) -> str:
    """Find the prefix of a checkpoint.

    Args:
        path: a folder that contains one checkpoint, a checkpoint's prefix, or one of its files: `.index`, `.meta`
            or `.data-00000-of-00001`.

    Returns:
        str: the prefix.

    Raises:
        ValueError: there is no checkpoint, or it has TensorFlow's older format V1; or there are several and no
            note says which is the newest.
        OSError: the folder cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        return str(_only_or_newest(path))
    name = re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", path.name)
    prefix = path.with_name(name)
    for candidate in (prefix, path):
        if is_regular(_index_of(candidate)):
            return str(candidate)
    _refuse_v1(prefix)
    raise ValueError(
        f"{printable(path)}: expected a checkpoint's folder, prefix or .index file, or the .meta or .data file "
        f"beside it, found no {printable(_index_of(prefix).name)}"
    )


def _index_of(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.index")


def _only_or_newest(folder: Path) -> Path:
    entries = [path for path in visible_entries(folder) if is_regular(path)]
    prefixes = [path.with_suffix("") for path in entries if path.suffix == ".index"]
    newest = _newest(folder)
    if newest in prefixes:
        return newest
    if len(prefixes) == 1:
        return prefixes[0]
    if not prefixes:
        for path in entries:
            if path.suffix == ".meta":
                _refuse_v1(path.with_suffix(""))
    found = ", ".join(printable(prefix.name) for prefix in prefixes[:10]) or "none"
    raise ValueError(
        f"{printable(folder)}: expected a folder with one checkpoint (an .index file), or with a file named "
        f"checkpoint that names the newest, got {found}"
    )


def _newest(folder: Path) -> Path | None:
    """Return the prefix that TensorFlow's `checkpoint` file names as the newest, relative to this folder."""
    note = folder / "checkpoint"
    if not is_regular(note):
        return None
    text = read_bytes(note, _NOTE_BYTES).decode("utf-8", errors="replace")
    match = re.search(r'^model_checkpoint_path: *"(.*)"', text, re.MULTILINE)
    name = re.split(r"[/\\]", match[1])[-1] if match else ""
    return folder / name if name else None


def _refuse_v1(path: Path) -> None:
    """Refuse a file that is a whole checkpoint of format V1: a table, like an index, but of tensors."""
    if not is_regular(path) or path.suffix == ".index":
        return
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - len(_TABLE_END)))
        if file.read() == _TABLE_END:
            raise ValueError(
                f"{printable(path)}: expected a checkpoint of format V2 (an .index and a .data file), got one of "
                "format V1 (a single file): restore it in TensorFlow 1.x and save it again as V2"
            )


def load_checkpoint(prefix: str, image_size: Sequence[int] = (160, 160), stem_pool_stride: int = 2) -> Checkpoint:
    """Build `inception_resnet_v1` with a checkpoint's weights.

    Args:
        prefix: as returned by `find_checkpoint`.
        image_size: (height, width); no tensor depends on it. FaceNet's own is 160 x 160.
        stem_pool_stride: 2, with which the checkpoint was trained, or 1.

    Returns:
        Checkpoint.

    Raises:
        ValueError: the checkpoint cannot be read, or its tensors have more bytes than its files; a tensor of the
            network is missing or unexpected, or has the wrong shape or non-finite values; the message names it.
    """
    where = printable(prefix)
    reader, shapes = _open(prefix)
    places = {_place(name, shapes): name for name in shapes}
    found = {place: shapes[name] for place, name in places.items() if not _is_training_variable(place)}
    embedding_size = (found.get(f"{_ROOT}Bottleneck/weights") or (512,))[-1]
    if not 0 < embedding_size <= _MAX_EMBEDDING:
        raise ValueError(f"{where}: expected embeddings of 1 to {_MAX_EMBEDDING} numbers, got {embedding_size}")
    backbone = build("inception_resnet_v1", image_size, embedding_size, stem_pool_stride=stem_pool_stride)
    variables = dict(_tensors(backbone))
    wanted = {name: tuple(variable.shape) for name, variable in variables.items()}
    if any(name in found for name in _LOGITS):
        classes = (found.get(_LOGITS[0]) or (0,))[-1]
        wanted |= {_LOGITS[0]: (embedding_size, classes), _LOGITS[1]: (classes,)}
        if embedding_size * classes > _MAX_LOGITS:
            raise ValueError(f"{where}: expected logits of at most {_MAX_LOGITS} weights, got {classes} classes")
    _check(where, wanted, found)
    for name, variable in variables.items():
        variable.assign(_read(reader, where, places[name]))
    logits = _read(reader, where, places[_LOGITS[0]]) if _LOGITS[0] in found else None
    return Checkpoint(backbone, logits, sorted(set(shapes) - {places[name] for name in wanted}))


def _open(prefix: str) -> tuple[Any, dict[str, list[int]]]:
    """Open a checkpoint, and return its reader and the shapes of its tensors."""
    check_index(_index_of(Path(prefix)))
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
        types = reader.get_variable_to_dtype_map()
        # Strings have sizes of their own, and none belong to a network.
        sizes = [math.prod(shapes[name]) * types[name].size for name in shapes if types[name] != tf.string]
    except Exception as error:  # TensorFlow raises many types for a damaged index.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{printable(prefix)}: cannot be read as a checkpoint: {reason[:200]}") from error
    path = Path(prefix)
    data = [entry for entry in visible_entries(path.parent) if entry.name.startswith(f"{path.name}.data-")]
    available = sum(entry.stat().st_size for entry in data if is_regular(entry))
    if sum(sizes) > available:
        raise ValueError(
            f"{printable(prefix)}: its tensors cannot be read: expected {sum(sizes)} bytes of them, got "
            f"{available} in {len(data)} .data file(s)"
        )
    return reader, shapes


def _place(name: str, shapes: Mapping[str, Any]) -> str:
    """Return a tensor's name with the bottleneck inside the network's scope and the logits outside it.

    FaceNet's code of 2017 kept the bottleneck outside.
    """
    if name.startswith("Bottleneck/"):
        inside = _ROOT + name
        return name if inside in shapes else inside
    outside = name.removeprefix(_ROOT)
    if outside.startswith("Logits/"):
        return name if name != outside and outside in shapes else outside
    return name


def _read(reader: Any, prefix: str, name: str) -> np.ndarray:
    """Read a tensor as float32."""
    try:
        values = np.asarray(reader.get_tensor(name), np.float32)
    except Exception as error:  # TensorFlow raises many types if the data file is truncated or missing.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{prefix}: {name} cannot be read: {reason[:200]}") from error
    if not np.isfinite(values).all():
        raise ValueError(f"{prefix}: {name}: expected finite numbers, got NaN or infinity")
    return values


def _tensors(backbone: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    """Yield (name in the checkpoint, variable) for every weight."""
    for layer in backbone.layers:
        for leaf, variable in zip(_WEIGHTS.get(type(layer), ()), layer.weights, strict=False):
            yield f"{_ROOT}{layer.name.replace('.', '/')}/{leaf}", variable


def _is_training_variable(place: str) -> bool:
    """Return whether a tensor belongs to training: `centers`, `global_step` and so on, or a slot of a weight."""
    if not place.startswith((_ROOT, "Logits/")):
        return True
    return any(part.startswith(_TRAINING) or part == "avg" for part in place.split("/"))


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
