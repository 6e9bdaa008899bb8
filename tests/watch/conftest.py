"""Coloured squares that pass before a camera, a detector of them, and a gallery that knows some colours."""

import contextlib
import dataclasses

import cv2
import numpy as np
import pytest
from drawn import SIZE, save_colour_network

from cshml_tf.alignment.detector import Face
from cshml_tf.alignment.geometry import template
from cshml_tf.gallery.calibration import read_calibrations, store_calibrations
from cshml_tf.gallery.creation import create_gallery
from cshml_tf.gallery.decision import Thresholds
from cshml_tf.gallery.networks import load_gallery_networks
from cshml_tf.gallery.quality import Quality
from cshml_tf.gallery.rows import NewFace
from cshml_tf.watch.sources import Frame

PEOPLE = {"Ann": (230, 40, 40), "Bo": (40, 230, 40)}
STRANGER = (40, 40, 230)


@dataclasses.dataclass
class Squares:
    """A detector of coloured squares at least 20 pixels wide; it counts the pixels that it has searched."""

    searched: int = 0

    def detect(self, image):
        self.searched += image.shape[0] * image.shape[1]
        # Between a square and the grey ground, enlarging makes colours in between.
        coloured = (image.max(axis=2).astype(int) - image.min(axis=2) > 95).astype(np.uint8)
        _, _, boxes, _ = cv2.connectedComponentsWithStats(coloured, connectivity=4)
        return [
            Face(x, y, width, height, 0.9, template(SIZE) * [width / SIZE[1], height / SIZE[0]] + [x, y])
            for x, y, width, height, area in boxes[1:].astype(float)
            if width >= 20 and area > 0.9 * width * height
        ]


def draw(*faces, shape=(240, 320)):
    """Draw a grey frame with faces (colour, left, top, width), each a box of the networks' proportions."""
    pixels = np.full((*shape, 3), 128, np.uint8)
    for colour, left, top, width in faces:
        pixels[top : top + round(width * SIZE[0] / SIZE[1]), left : left + width] = colour
    return pixels


def clip(*pictures, rate=5):
    """Return pictures as the frames of a clip."""
    return [Frame(number, number / rate, pixels) for number, pixels in enumerate(pictures)]


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watch_models")
    save_colour_network(folder / "hr", "hr", [])
    save_colour_network(folder / "lr", "lr", [8, 12])
    return load_gallery_networks(folder / "hr", [folder / "lr"])


@pytest.fixture(scope="session")
def gallery(networks, tmp_path_factory):
    """A gallery of `PEOPLE`, calibrated so that nobody else reaches the threshold."""
    with contextlib.closing(
        (gallery := create_gallery(tmp_path_factory.mktemp("gallery") / "people.gallery", networks)).database
    ):
        for number, (name, colour) in enumerate(PEOPLE.items()):
            crop = np.tile(np.uint8(colour), (1, *SIZE, 1))
            vectors = {kind: rows[0] for kind, rows in networks.embed_portraits(crop).items()}
            png = cv2.imencode(".png", crop[0, ..., ::-1])[1].tobytes()
            gallery.add_faces([NewFace(name, png, "", str(number) * 64, Quality(40.0, 0.9, 9.0, 0.0), vectors)])
        scores = np.linspace(0.5, 0.97, 100)
        store_calibrations(gallery, dict.fromkeys(networks.views, scores), 100, 0.01)
        yield gallery


@pytest.fixture(scope="session")
def thresholds(gallery):
    return Thresholds(read_calibrations(gallery))
