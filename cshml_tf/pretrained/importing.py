"""A pretrained recogniser, of either kind, as a model folder that the rest of the library works with."""

import hashlib
from pathlib import Path

import numpy as np

from cshml_tf.layers import Standardise
from cshml_tf.model_folder import save_model
from cshml_tf.pretrained import onnx
from cshml_tf.pretrained.facenet import find_checkpoint, load_checkpoint
from cshml_tf.recogniser import build_recogniser

# How the faces that a network takes are cut out; align_dataset.py's --crop has the same names.
TEMPLATES = ("landmarks", "box")
# How far a coordinate of a unit embedding may be from onnxruntime's.
TOLERANCE = 1e-4


def import_onnx(
    path,
    model_dir,
    standardisation,
    image_size=None,
    embedding=None,
    colours="rgb",
    faces=None,
    template="landmarks",
):
    """Make a model folder from an ONNX recogniser, after comparing the two.

    Args:
        path: ONNX file.
        model_dir: new or empty folder.
        standardisation: a mode of `cshml_tf.layers.Standardise`; no ONNX file says its own.
        image_size: (height, width), where the file leaves it open.
        embedding: node or tensor that is the embedding, where it is not the one output.
        colours: "rgb" or "bgr".
        faces: (n, H, W, 3) uint8 RGB of the network's size to compare on; None compares on noise.
        template: one of `TEMPLATES`; no ONNX file says its own.

    Returns:
        The largest difference of a coordinate between its unit embeddings and onnxruntime's.

    Raises:
        ValueError: the file or an argument does not fit, or the difference is above `TOLERANCE`; nothing is
            written then.
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
            f"{path}: built, but its embeddings are {difference:.1e} from onnxruntime's, expected {TOLERANCE:.0e} "
            "or less"
        )
    card = {"colours": colours, "template": template} | _source(path, "onnx")
    _save(model_dir, backbone, standardisation, card)
    return difference


def import_facenet(
    path,
    model_dir,
    image_size=(160, 160),
    stem_pool_stride=2,
    standardisation="fixed",
    classes=None,
    template="box",
):
    """Make a model folder from a FaceNet checkpoint.

    Args:
        path: the checkpoint's folder, prefix or `.index` file.
        model_dir: new or empty folder.
        image_size: (height, width).
        stem_pool_stride: 2 as FaceNet trains, or 1 as the paper does.
        standardisation: "fixed" for the published checkpoints; older ones were trained with "per_image".
        classes: names of the logits' columns, in their order, which makes the logits the shared
            classifier's start; None leaves the logits out.
        template: one of `TEMPLATES`; "box" for the published checkpoints.

    Returns:
        (columns, passed over): the number of the logits' classes, 0 where there are none; and a list of the names
        of tensors that belong to the checkpoint's training, not to the network.

    Raises:
        ValueError: the checkpoint or an argument does not fit; nothing is written then.
    """
    _check_empty(model_dir)
    _check_template(template)
    prefix = find_checkpoint(path)
    checkpoint = load_checkpoint(prefix, image_size, stem_pool_stride)
    columns = 0 if checkpoint.logits is None else checkpoint.logits.shape[1]
    if classes is not None and len(classes) != columns:
        raise ValueError(f"classes: expected the {columns} of the checkpoint's logits, got {len(classes)}")
    if classes is not None and len(set(classes)) < len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise ValueError(f"classes: expected each name once, got {twice!r} several times")
    card = {"stem_pool_stride": stem_pool_stride, "template": template} | _source(f"{prefix}.index", "facenet")
    centres = None if classes is None else checkpoint.logits
    _save(model_dir, checkpoint.backbone, standardisation, card, centres, classes or ())
    return columns, checkpoint.passed_over


def _save(model_dir, backbone, standardisation, card, centres=None, classes=()):
    common = {
        "kind": "hr",
        "image_size": list(backbone.input_shape[1:3]),
        "standardisation": standardisation,
        "resolutions": [],
        "degradation": "antialias",
        "figures": {},
    }
    # Its training people are not ours to know: people.txt stays empty but for the classes given.
    save_model(model_dir, build_recogniser(backbone, standardisation), common | card, centres, classes, classes)


def _source(path, kind):
    """Say where the weights came from, without the folder they happened to lie in."""
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return {"source": {"kind": kind, "file": Path(path).name, "sha256": digest}}


def _check_empty(model_dir):
    if Path(model_dir).exists() and (not Path(model_dir).is_dir() or any(Path(model_dir).iterdir())):
        raise ValueError(f"{model_dir}: expected a folder that is absent or empty")


def _check_template(template):
    if template not in TEMPLATES:
        raise ValueError(f"template: expected one of {', '.join(TEMPLATES)}, got {template!r}")
