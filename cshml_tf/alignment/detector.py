"""Find faces and their five landmarks with MTCNN.

Source: Zhang, Zhang, Li, Qiao, "Joint face detection and alignment using multitask cascaded convolutional
networks", 2016; the network and its weights are those of the `mtcnn` package.
"""

import dataclasses
import importlib.util
import os
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from cshml_tf.images import check_pixels

if TYPE_CHECKING:
    from mtcnn import MTCNN

# Pixels. The package computes the number of its pyramid's levels for this size only: with a larger value it finds
# no face at all, with a smaller one it misses faces that fill the image.
SMALLEST_FACE = 20


@dataclasses.dataclass(frozen=True)
class Face:
    """One detected face, in pixels of the image in which it was found.

    Attributes:
        x: left edge of the box.
        y: top edge of the box.
        width: width of the box.
        height: height of the box.
        score: probability given by the last network, 0..1.
        landmarks: (5, 2) float64 x, y: image-left eye, image-right eye, nose tip, image-left and
            image-right corner of the mouth.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    landmarks: np.ndarray


class FaceDetector(Protocol):
    """Any object that finds faces in an image: `Detector`, or a stand-in for it."""

    def detect(self, image: np.ndarray) -> Sequence[Face]:
        """Return the faces of an (H, W, 3) uint8 RGB image."""
        ...


def rank_faces(faces: Sequence[Face], image_height: int, image_width: int) -> list[Face]:
    """Sort faces so that the most likely subject of the photograph comes first.

    FaceNet's rule: the largest area of the box minus twice the squared distance between the centres of box and
    image.

    Args:
        faces: the `Face`s of one image.
        image_height: height of that image, pixels.
        image_width: width of that image, pixels.

    Returns:
        A new list.
    """

    def prominence(face: Face) -> float:
        offset_x = face.x + face.width / 2 - image_width / 2
        offset_y = face.y + face.height / 2 - image_height / 2
        return face.width * face.height - 2 * (offset_x**2 + offset_y**2)

    return sorted(faces, key=prominence, reverse=True)


class Detector:
    """MTCNN, one image at a time.

    In a batch, the other images would decide how ties between equal scores are broken in an image's non-maximum
    suppression. The networks run as compiled graphs, which makes single images faster than batches
    of the package's own eager networks.

    Args:
        thresholds: lowest accepted score of each of the three networks, 0..1.
        longest_side: larger images are shrunk to this before detection, which bounds time and memory;
            pixels.

    Raises:
        ValueError: `longest_side` is below `SMALLEST_FACE`.
    """

    def __init__(self, thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7), longest_side: int = 1600) -> None:
        if longest_side < SMALLEST_FACE:
            raise ValueError(f"longest_side: expected {SMALLEST_FACE} or more, got {longest_side}")
        self.longest_side = longest_side
        self.thresholds = thresholds
        self._mtcnn = _build_mtcnn()

    def detect(self, image: np.ndarray) -> list[Face]:
        """Find the faces of one image.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            List of `Face`, highest score first; empty if no face is found.

        Raises:
            ValueError: `image` has the wrong shape or type.
        """
        check_pixels(image, "image")
        height, width = image.shape[:2]
        shrunk = _bound_sides(image, self.longest_side)
        if min(shrunk.shape[:2]) < SMALLEST_FACE:
            return []
        found = self._mtcnn.detect_faces(
            [shrunk.astype(np.float32)],
            output_type="numpy",
            min_face_size=SMALLEST_FACE,
            scale_factor=0.709,
            threshold_pnet=self.thresholds[0],
            threshold_rnet=self.thresholds[1],
            threshold_onet=self.thresholds[2],
        )
        enlargement = np.array([width / shrunk.shape[1], height / shrunk.shape[0]])
        assert found is not None
        faces = [_face_from_row(row, enlargement) for row in found if len(row) == 16]
        return sorted(faces, key=lambda face: -face.score)


def keep_to_cpu(threads: int | None = None) -> None:
    """Keep TensorFlow off the GPUs and, optionally, limit its threads and OpenCV's.

    Call it in a process that only detects faces, before its first use of TensorFlow; later it has no effect.

    Args:
        threads: number of threads; None leaves it unlimited.
    """
    import tensorflow as tf

    try:
        tf.config.set_visible_devices([], "GPU")
        if threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:  # TensorFlow has already started.
        return
    if threads:
        cv2.setNumThreads(threads)


def check_detection_runs() -> None:
    """Check that TensorFlow is installed and is Keras's backend, since MTCNN runs on it.

    Raises:
        ValueError: it is not.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise ValueError(f"KERAS_BACKEND: expected tensorflow, which MTCNN runs on, got {backend}")
    if importlib.util.find_spec("tensorflow") is None:
        raise ValueError("detector: expected TensorFlow, which MTCNN runs on, got an environment without it")


def _build_mtcnn() -> "MTCNN":
    # Imported here because TensorFlow takes seconds to load, and code that only handles faces does not need it.
    check_detection_runs()
    import tensorflow as tf
    from mtcnn import MTCNN
    from mtcnn.stages import StageONet, StagePNet, StageRNet

    stages = []
    weights = resources.files("mtcnn.assets.weights")
    kinds = ((StagePNet, "pnet", None), (StageRNet, "rnet", 24), (StageONet, "onet", 48))
    for stage_class, name, side in kinds:
        # A bare name would be searched for in the working folder first, and unpickled from there.
        stage = stage_class(weights=str(weights / f"{name}.lz4"))
        signature = tf.TensorSpec([None, side, side, 3], tf.float32)
        stage._model = tf.function(stage.model, input_signature=[signature])
        stages.append(stage)
    return MTCNN(stages=stages)  # pyright: ignore[reportArgumentType]  # annotated as str, takes a list too


def _bound_sides(image: np.ndarray, longest_side: int) -> np.ndarray:
    height, width = image.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _face_from_row(row: np.ndarray, enlargement: np.ndarray) -> Face:
    """Convert one row of mtcnn: image, x, y, width, height, score, five x, five y."""
    x, y = (row[1:3] + 0.5) * enlargement - 0.5
    width, height = row[3:5] * enlargement
    landmarks = (row[6:16].reshape(2, 5).T.astype(np.float64) + 0.5) * enlargement - 0.5
    return Face(float(x), float(y), float(width), float(height), float(row[5]), landmarks)
