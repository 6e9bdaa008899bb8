"""Finding faces and their five landmarks with MTCNN.

Source: Zhang, Zhang, Li, Qiao, "Joint face detection and alignment using multitask cascaded convolutional
networks", 2016; the network and its weights are those of the `mtcnn` package.
"""

import dataclasses
from importlib import resources

import cv2
import numpy as np

from cshml_tf.images import check_pixels

# Pixels. The package counts the levels of its pyramid for this size alone: with a larger one it answers that
# there is no face, with a smaller one it misses the faces that fill the image.
SMALLEST_FACE = 20


@dataclasses.dataclass(frozen=True)
class Face:
    """One detected face, in pixels of the image it was found in.

    Attributes:
        x: left edge of the box.
        y: top edge of the box.
        width: of the box.
        height: of the box.
        score: the last network's probability, 0..1.
        landmarks: (5, 2) float64 x, y: image-left eye, image-right eye, nose tip, image-left and
            image-right corner of the mouth.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    landmarks: np.ndarray


def rank_faces(faces, image_height, image_width):
    """Sort faces, the most likely subject of the photograph first.

    FaceNet's rule: the largest area, less twice the squared distance of the face's centre from
    the image's.

    Args:
        faces: a list of `Face`.
        image_height: of the image the faces were found in, pixels.
        image_width: likewise.

    Returns:
        A new list.
    """

    def prominence(face):
        offset_x = face.x + face.width / 2 - image_width / 2
        offset_y = face.y + face.height / 2 - image_height / 2
        return face.width * face.height - 2 * (offset_x**2 + offset_y**2)

    return sorted(faces, key=prominence, reverse=True)


class Detector:
    """MTCNN on the CPU, one image at a time.

    A batch would let the neighbours of an image decide between equal scores in its own non-maximum
    suppression. The networks run as compiled graphs, which makes single images faster than batches
    of the package's own eager networks.

    Args:
        thresholds: of the three networks' scores.
        longest_side: a larger image is shrunk to this before detection, which bounds time and memory;
            pixels.
    """

    def __init__(
        self,
        thresholds=(0.6, 0.7, 0.7),
        longest_side=1600,
    ):
        if longest_side < SMALLEST_FACE:
            raise ValueError(f"longest_side: expected {SMALLEST_FACE} or more, got {longest_side}")
        self.longest_side = longest_side
        self._options = dict(
            min_face_size=SMALLEST_FACE,
            scale_factor=0.709,
            threshold_pnet=thresholds[0],
            threshold_rnet=thresholds[1],
            threshold_onet=thresholds[2],
        )
        self._mtcnn = _build_mtcnn()

    def detect(self, image):
        """Find the faces of one image.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            List of `Face`, highest score first; empty when there is none.

        Raises:
            ValueError: `image` is of another kind.
        """
        check_pixels(image, "image")
        height, width = image.shape[:2]
        shrunk = _bound_sides(image, self.longest_side)
        if min(shrunk.shape[:2]) < SMALLEST_FACE:
            return []
        found = self._mtcnn.detect_faces([shrunk.astype(np.float32)], output_type="numpy", **self._options)
        grow = np.array([width / shrunk.shape[1], height / shrunk.shape[0]])
        faces = [_face_from_row(row, grow) for row in found if len(row) == 16]
        return sorted(faces, key=lambda face: -face.score)


def keep_to_cpu(threads=None):
    """Keep TensorFlow off the GPUs and, on request, to a number of threads.

    Call it in a process that does nothing but detect, before its first use of TensorFlow; later it
    changes nothing.
    """
    import tensorflow as tf

    try:
        tf.config.set_visible_devices([], "GPU")
        if threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:  # TensorFlow is running already
        return
    if threads:
        cv2.setNumThreads(threads)


def _build_mtcnn():
    # Here, because TensorFlow takes seconds to import and whoever only handles faces needs none of it.
    import tensorflow as tf
    from mtcnn import MTCNN
    from mtcnn.stages import StageONet, StagePNet, StageRNet

    stages = []
    weights = resources.files("mtcnn.assets.weights")
    kinds = ((StagePNet, "pnet", None), (StageRNet, "rnet", 24), (StageONet, "onet", 48))
    for stage_class, name, side in kinds:
        # A bare name would be looked for in the working folder first, and unpickled from there.
        stage = stage_class(weights=str(weights / f"{name}.lz4"))
        signature = tf.TensorSpec([None, side, side, 3], tf.float32)
        stage._model = tf.function(stage.model, input_signature=[signature])
        stages.append(stage)
    return MTCNN(stages=stages)


def _bound_sides(image, longest_side):
    height, width = image.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _face_from_row(row, grow):
    """One row of mtcnn: image, x, y, width, height, score, five x, five y."""
    x, y = (row[1:3] + 0.5) * grow - 0.5
    width, height = row[3:5] * grow
    landmarks = (row[6:16].reshape(2, 5).T.astype(np.float64) + 0.5) * grow - 0.5
    return Face(float(x), float(y), float(width), float(height), float(row[5]), landmarks)
