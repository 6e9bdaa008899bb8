"""The library in four calls: align a photograph, embed faces, load networks, compare two pictures."""

import functools
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from cshml_tf.alignment.crops import align_image
from cshml_tf.alignment.detector import Detector
from cshml_tf.comparing import embed_faces, find_face, score_matrix
from cshml_tf.evaluation import embedding, serving
from cshml_tf.evaluation.serving import ServingNetworks
from cshml_tf.images import check_pixels, read_named
from cshml_tf.recogniser import image_size_of
from cshml_tf.runtimes.embedder import with_runtime

# An image file, or (H, W, 3) uint8 RGB.
Picture = str | Path | np.ndarray


def align(picture: Picture, image_size: tuple[int, int] = (112, 96)) -> np.ndarray:
    """Return the most prominent face of a photograph, aligned by its landmarks.

    Args:
        picture: an image file, or (H, W, 3) uint8 RGB.
        image_size: (height, width) of the crop in pixels.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        ValueError: the file cannot be read, or no face was found in it.
    """
    found = align_image(_pixels(picture), _detector(), image_size)
    if not found.faces:
        raise ValueError(f"picture: expected a photograph with a face, found none in {_name(picture)}")
    return found.faces[0].crop


def embed(recogniser: keras.Model, faces: Sequence[Picture], runtime: str = "keras") -> np.ndarray:
    """Embed aligned faces.

    Args:
        recogniser: as `load_recogniser` returns.
        faces: image files or (H, W, 3) uint8 RGB arrays, all of one size.
        runtime: what embeds them, see `with_runtime`; the network is converted in each call, so for many calls
            give this one what `with_runtime` returns.

    Returns:
        (faces, E) float32, each row of unit length.

    Raises:
        ValueError: no faces, or one that cannot be read or differs in size from the first; or the runtime is not
            installed.
    """
    network = recogniser if runtime == "keras" else with_runtime(recogniser, runtime)
    (embeddings,) = embedding.embed(list(faces), [embedding.View(network)])
    return embeddings


def load_networks(
    hr_model: str | Path,
    lr_models: Sequence[str | Path] = (),
    hr_width: float | None = None,
    runtime: str = "auto",
) -> ServingNetworks:
    """Load the networks that serve faces of different widths.

    Args:
        hr_model: model folder of the HR network.
        lr_models: model folders of LR networks.
        hr_width: the HR network serves faces at least this wide, in pixels; None for half the width of its input.
        runtime: what embeds, see `with_runtime`.

    Returns:
        ServingNetworks, for `compare`.

    Raises:
        ValueError: not a model folder, or incompatible networks; or the runtime is not installed.
    """
    networks, _ = serving.load_serving_networks(hr_model, lr_models, hr_width, runtime)
    return networks


def compare(
    networks: ServingNetworks,
    first: Picture,
    second: Picture,
    aligned: bool = False,
) -> float:
    """Score how alike two faces are, each embedded by the network that suits its width.

    Args:
        networks: as `load_networks` returns.
        first: an image file, or (H, W, 3) uint8 RGB.
        second: the other picture, in the same form.
        aligned: whether both are aligned crops already, so that face detection is skipped.

    Returns:
        Cosine similarity, -1..1. `compare.py` applies the thresholds of a report to it.

    Raises:
        ValueError: a picture cannot be read, or no face was found in it, not even in an enlarged copy.
    """
    detector, faces = None if aligned else _detector(), []
    for picture in (first, second):
        face = find_face(_pixels(picture), image_size_of(networks.hr), detector)
        if face is None:
            expected = "a photograph with a face, or aligned=True for face crops"
            raise ValueError(f"picture: expected {expected}, found none in {_name(picture)}")
        faces.append(face)
    embeddings, _ = embed_faces(faces, networks)
    return float(score_matrix(embeddings)[0, 1])


@functools.cache
def _detector() -> Detector:
    return Detector()


def _pixels(picture: Picture) -> np.ndarray:
    if isinstance(picture, np.ndarray):
        check_pixels(picture, "picture")
        return picture
    return read_named(picture)


def _name(picture: Picture) -> str:
    return "the array" if isinstance(picture, np.ndarray) else str(picture)
