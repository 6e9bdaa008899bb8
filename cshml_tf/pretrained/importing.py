"""Import a pretrained recogniser, from ONNX or FaceNet, into a model folder that the whole library can use."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from cshml_tf.layers import Standardise
from cshml_tf.model_folder import save_model
from cshml_tf.pretrained import onnx
from cshml_tf.pretrained.facenet import find_checkpoint, load_checkpoint
from cshml_tf.recogniser import build_recogniser

# How a network expects faces to be cut out; align_dataset.py's --crop has the same names.
TEMPLATES = ("landmarks", "box")
# Largest allowed difference from onnxruntime in a coordinate of a unit embedding.
TOLERANCE = 1e-4


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
        embedding: name of the node or tensor that is the embedding; None takes the only output.
        colours: "rgb" or "bgr", the order of channels on which the network was trained.
        faces: (n, H, W, 3) uint8 RGB, of the network's size, on which to compare; None compares on noise.
        template: one of `TEMPLATES`; ONNX files do not state theirs.

    Returns:
        The largest absolute difference from onnxruntime in a coordinate of the unit embeddings.

    Raises:
        ValueError: the file or an argument cannot be used, or the difference exceeds `TOLERANCE`; in either case
            nothing is written.
    """
    _check_empty(model_dir)
    _check_template(template)
    graph = onnx.read_graph(path)
    backbone = onnx.build_backbone(graph, image_size, embedding, colours)
    if faces is None:
        faces = np.random.default_rng(0).integers(0, 256, (4, *backbone.input_shape[1:]))
    if faces.shape[1:] != backbone.input_shape[1:]:
        expected, got = (f"{height} x {width}" for height, width, _ in (backbone.input_shape[1:], faces.shape[1:]))
        raise ValueError(f"faces: expected {expected}, the network's size, got {got}")
    images = np.asarray(Standardise(standardisation)(faces.astype(np.float32)))
    difference = onnx.largest_difference(graph, backbone, images, embedding, colours)
    if not difference <= TOLERANCE:
        raise ValueError(
            f"{path}: expected embeddings within {TOLERANCE:.0e} of onnxruntime's, got a difference of "
            f"{difference:.1e}"
        )
    card = {"colours": colours, "template": template} | _source(path, "onnx")
    _save(model_dir, backbone, standardisation, card)
    return difference


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
        path: the checkpoint's folder, prefix or `.index` file.
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
    _check_empty(model_dir)
    _check_template(template)
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
    _save(model_dir, checkpoint.backbone, standardisation, card, centres, classes or ())
    return columns, checkpoint.skipped


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


def _source(path: str | Path, kind: str) -> dict:
    """Describe the origin of the weights, without the folder of the file."""
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return {"source": {"kind": kind, "file": Path(path).name, "sha256": digest}}


def _check_empty(model_dir: str | Path) -> None:
    if Path(model_dir).exists() and (not Path(model_dir).is_dir() or any(Path(model_dir).iterdir())):
        raise ValueError(f"{model_dir}: expected a folder that is absent or empty, got a file or a folder in use")


def _check_template(template: str) -> None:
    if template not in TEMPLATES:
        raise ValueError(f"template: expected one of {', '.join(TEMPLATES)}, got {template!r}")
