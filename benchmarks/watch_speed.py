"""Measure how many frames per second are watched, and how many of the faces in them are found.

python benchmarks/watch_speed.py photographs --gallery people.gallery --faces 0 1 10 --widths 12 24

Photographs, each with one face, are reduced so that their crops have the stated width, and move to and fro over a
still, noisy background of 1280 x 720. Every frame is searched; `cshml-watch` searches five per second.
"""

import argparse
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from cshml_tf.alignment.detector import Detector
from cshml_tf.gallery.calibration import read_calibrations
from cshml_tf.gallery.creation import open_gallery
from cshml_tf.gallery.decision import IDENTIFIED, Thresholds
from cshml_tf.gallery.networks import networks_of
from cshml_tf.gallery.portraits import crop_faces
from cshml_tf.images import list_images, read_image
from cshml_tf.watch.finding import LONGEST_TILE
from cshml_tf.watch.sources import Frame
from cshml_tf.watch.watching import SeenFrame, Watcher, WatchOptions

SHAPE = (720, 1280)
RATE = 25
# Pixels per frame by which a face moves: half its width per second at 25 frames.
SPEED = 1.0


def reduced_faces(folder: Path, count: int, width: float, detector: Detector) -> list[np.ndarray]:
    """Return the first photographs with one face, each reduced so that the face's crop is `width` pixels wide."""
    found = []
    for name in list_images(folder):
        if len(found) == count:
            break
        pixels = read_image(folder / name)
        faces = crop_faces(pixels, (112, 96), detector)
        if len(faces) == 1:
            scale = width / faces[0].width
            found.append(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return found


def frames(faces: list[np.ndarray], count: int, rng: np.random.Generator) -> Iterator[Frame]:
    """Yield frames in which the faces move to and fro, each in a cell of its own."""
    background = cv2.GaussianBlur(rng.integers(60, 200, (*SHAPE, 3)).astype(np.uint8), (0, 0), 12).astype(np.int16)
    columns = 5
    for number in range(count):
        picture = background + rng.normal(0, 2, (*SHAPE, 1)).astype(np.int16)
        for place, face in enumerate(faces):
            top = 40 + (place // columns) * 320
            reach = 1280 // columns - face.shape[1] - 20
            swing = abs((number * SPEED + 30 * place) % (2 * reach) - reach)
            left = int((place % columns) * 1280 / columns + 10 + swing)
            picture[top : top + face.shape[0], left : left + face.shape[1]] = face
        yield Frame(number, number / RATE, np.clip(picture, 0, 255).astype(np.uint8))


def main() -> None:
    """Print one row per number and width of faces."""
    parser = argparse.ArgumentParser(description="measure how fast frames are watched")
    parser.add_argument("photographs", type=Path, help="folder of photographs, at best of enrolled people")
    parser.add_argument("--gallery", required=True, help="the gallery")
    parser.add_argument("--faces", type=int, nargs="+", default=[0, 1, 10], help="faces per frame")
    parser.add_argument("--widths", type=float, nargs="+", default=[24.0], help="widths of their crops, pixels")
    parser.add_argument("--frames", type=int, default=50, help="frames to watch, after the first")
    arguments = parser.parse_args()
    detector = Detector(longest_side=LONGEST_TILE)
    with contextlib.closing((gallery := open_gallery(arguments.gallery)).database):
        networks = networks_of(gallery)
        thresholds = Thresholds(read_calibrations(gallery))
        options = WatchOptions(rate=None, patience=1.0)
        titles = {"faces": 5, "width": 7, "first frame": 13, "then frames/s": 15, "found": 8, "tracks": 8}
        print("".join(f"{title:>{size}}" for title, size in titles.items()) + "  named")
        for count in arguments.faces:
            for width in arguments.widths:
                faces = reduced_faces(arguments.photographs, count, width, detector)
                shown = list(frames(faces, arguments.frames + 1, np.random.default_rng(0)))
                watcher = Watcher(gallery, networks, thresholds, detector, options)
                events, times = [], [time.perf_counter()]
                for event in watcher.watch(shown):
                    events.append(event)
                    if isinstance(event, SeenFrame):
                        times.append(time.perf_counter())
                seen = [event for event in events if isinstance(event, SeenFrame)]
                tracks = [event for event in events if not isinstance(event, SeenFrame)]
                named = sum(track.answer.status == IDENTIFIED for track in tracks)
                found = sum(len(each.faces) for each in seen) / max(len(faces) * len(seen), 1)
                print(
                    f"{len(faces):5}{width:7g}{times[1] - times[0]:11.1f} s"
                    f"{arguments.frames / (times[-1] - times[1]):15.2f}{found:8.0%}{len(tracks):8}{named:7}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
