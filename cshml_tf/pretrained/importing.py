"""Import a pretrained recogniser, from ONNX or FaceNet, into a model folder that the whole library can use."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from cshml_tf.files import claimed_empty, printable
from cshml_tf.layers import Standardise
from cshml_tf.model_folder import CARD, save_model
from cshml_tf.pretrained import onnx
from cshml_tf.pretrained.facenet import find_checkpoint, load_checkpoint
from cshml_tf.recogniser import build_recogniser

# How a network expects faces to be cut out; align_dataset.py's --crop has the same names.
TEMPLATES = ("landmarks", "box")
# Largest allowed difference from onnxruntime in a coordinate of a unit embedding, and the same for networks with
# weights in float16, whose rounding is 2^-11.
TOLERANCE = 1e-4
HALF_TOLERANCE = 2e-3


def import_onnx(
    path: str | Path,
    model_dir: str | Path,
    standardisation: str,
    image_size: Sequence[int] | None = None,
    embedding: str | None = None,
    colours: str = "rgb",
    faces: np.ndarray | None = None,
    template: str = "landmarks",
) -> float:
    """Build a network from an ONNX recogniser, compare it with onnxruntime, and save it as a model folder.

    Args:
        path: ONNX file.
        model_dir: new or empty folder.
        standardisation: a mode of `cshml_tf.layers.Standardise`; ONNX files do not state theirs.
        image_size: (height, width), required if the file does not fix it.
        embedding: name of the node or tensor that is the embedding; None takes the only output, or the only one
            that is a vector of several values.
        colours: "rgb" or "bgr", the order of channels on which the network was trained.
        faces: (n, H, W, 3) uint8 RGB, of the network's size, on which to compare; None compares on noise.
        template: one of `TEMPLATES`; ONNX files do not state theirs.

    Returns:
        The largest absolute difference from onnxruntime in a coordinate of the unit embeddings. The model's card
        names the embedding and the file's other outputs.

    Raises:
        ValueError: the file or an argument cannot be used, the difference exceeds `TOLERANCE`, or `HALF_TOLERANCE`
            for a network in float16, or another process writes the same folder; in any case nothing is written.
    """
    _check_template(template)
    with claimed_empty(model_dir, CARD) as writing, _naming(path):
        graph = onnx.read_graph(path)
        embedding = onnx.embedding_tensor(graph, embedding, image_size)
        backbone = onnx.build_backbone(graph, image_size, embedding, colours)
        difference = _difference(graph, backbone, standardisation, embedding, colours, faces)
        tolerance = HALF_TOLERANCE if graph.is_half else TOLERANCE
        if not difference <= tolerance:
            raise onnx.UnsupportedGraph(
                f"expected embeddings within {tolerance:.0e} of onnxruntime's, got a difference of "
                f"{difference:.1e}"
            )
        outputs = {"embedding": embedding, "other_outputs": [name for name in graph.outputs if name != embedding]}
        card = {"colours": colours, "template": template} | _source(path, "onnx", outputs)
        with writing() as partial:
            _save(partial, backbone, standardisation, card)
    return difference


def _difference(
    graph: onnx.Graph,
    backbone: keras.Model,
    standardisation: str,
    embedding: str,
    colours: str,
    faces: np.ndarray | None,
) -> float:
    """Compare a built network with onnxruntime on faces, or on noise."""
    if faces is None:
        faces = np.random.default_rng(0).integers(0, 256, (4, *backbone.input_shape[1:]))
    if faces.shape[1:] != backbone.input_shape[1:]:
        expected, got = (f"{height} x {width}" for height, width, _ in (backbone.input_shape[1:], faces.shape[1:]))
        raise ValueError(f"faces: expected {expected}, the network's size, got {got}")
    images = np.asarray(Standardise(standardisation)(faces.astype(np.float32)))
    return onnx.largest_difference(graph, backbone, images, embedding, colours)


def import_facenet(
    path: str | Path,
    model_dir: str | Path,
    image_size: Sequence[int] = (160, 160),
    stem_pool_stride: int = 2,
    standardisation: str = "fixed",
    classes: Sequence[str] | None = None,
    template: str = "box",
) -> tuple[int, list[str]]:
    """Save a FaceNet checkpoint as a model folder.

    Args:
        path: the checkpoint's folder, prefix, or its `.index`, `.meta` or `.data` file.
        model_dir: new or empty folder.
        image_size: (height, width).
        stem_pool_stride: 2 as in FaceNet, or 1 as in the paper.
        standardisation: "fixed" for the published checkpoints; older ones were trained with "per_image".
        classes: names of the logits' columns, in their order; the logits then initialise the shared classifier.
            None leaves the logits out.
        template: one of `TEMPLATES`; "box" for the published checkpoints.

    Returns:
        (columns, skipped): the number of classes of the logits, 0 if there are none; and the names of the tensors
        that belong to the checkpoint's training, not to the network.

    Raises:
        ValueError: the checkpoint or an argument cannot be used; nothing is written.
    """
    _check_template(template)
    with claimed_empty(model_dir, CARD) as writing:
        prefix = find_checkpoint(path)
        checkpoint = load_checkpoint(prefix, image_size, stem_pool_stride)
        columns = 0 if checkpoint.logits is None else checkpoint.logits.shape[1]
        if classes is not None and len(classes) != columns:
            raise ValueError(f"classes: expected the {columns} of the checkpoint's logits, got {len(classes)}")
        if classes is not None and len(set(classes)) < len(classes):
            repeated = next(name for name in classes if classes.count(name) > 1)
            raise ValueError(f"classes: expected each name once, got {repeated!r} several times")
        card = {"stem_pool_stride": stem_pool_stride, "template": template} | _source(f"{prefix}.index", "facenet")
        centres = None if classes is None else checkpoint.logits
        with writing() as partial:
            _save(partial, checkpoint.backbone, standardisation, card, centres, classes or ())
    return columns, checkpoint.skipped


@contextlib.contextmanager
def _naming(path: str | Path) -> Iterator[None]:
    """Name the file in errors that name only its node."""
    try:
        yield
    except onnx.UnsupportedGraph as error:
        name = printable(path)
        raise error if str(error).startswith(name) else onnx.UnsupportedGraph(f"{name}: {error}") from None


def _save(
    model_dir: str | Path,
    backbone: keras.Model,
    standardisation: str,
    card: dict,
    centres: np.ndarray | None = None,
    classes: Sequence[str] = (),
) -> None:
    common = {
        "kind": "hr",
        "image_size": list(backbone.input_shape[1:3]),
        "standardisation": standardisation,
        "resolutions": [],
        "degradation": "antialias",
        "figures": {},
    }
    # The people on whom it was trained are unknown: people.txt lists only the given classes.
    save_model(model_dir, build_recogniser(backbone, standardisation), common | card, centres, classes, classes)


def _source(path: str | Path, kind: str, more: dict | None = None) -> dict:
    """Describe the origin of the weights, without the folder of the file."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"source": {"kind": kind, "file": Path(path).name, "sha256": digest} | (more or {})}


def _check_template(template: str) -> None:
    if template not in TEMPLATES:
        raise ValueError(f"template: expected one of {', '.join(TEMPLATES)}, got {template!r}")
