"""Find the faces of a video's frames, small ones too, and search again only where a frame has changed.

A detector finds no face below 20 pixels, so a frame is enlarged as far as a face of the smallest width needs. That
multiplies the pixels to search: a 1280 x 720 frame has ten million when faces of 12 pixels are wanted. But most of
what a fixed camera sees stands still. Only the regions that changed since they were last searched are searched
again; elsewhere, the faces found then are still there. Where most of the frame changes, all of it is searched.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from cshml_tf.alignment.detector import Face, FaceDetector
from cshml_tf.alignment.small_faces import EASILY_FOUND, LARGEST_SCALE, distinct, to_original
from cshml_tf.images import check_pixels

# Pixels of a side of the blocks whose mean colours are compared.
_BLOCK = 8
# Grey levels by which a block's mean has to differ; a camera's noise averages out below this.
_CHANGE = 6.0
# Pixels of a tile's longest side after enlarging, which bounds memory.
LONGEST_TILE = 1280
# Each scale serves faces of up to this many times the width of its smallest ones.
_RANGE = 4


@dataclass(frozen=True)
class _Region:
    """A part of a frame: rows top to bottom, columns left to right, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    def holds(self, face: Face, shape: tuple[int, int]) -> bool:
        """Return whether a face lies in the region and is not cut off by a border that is not the frame's."""
        return (
            (face.x > self.left + 1 or self.left == 0)
            and (face.y > self.top + 1 or self.top == 0)
            and (face.x + face.width < self.right - 1 or self.right == shape[1])
            and (face.y + face.height < self.bottom - 1 or self.bottom == shape[0])
        )


@dataclass
class _Scale:
    """One enlargement of the frame.

    Attributes:
        factor: by which the frame is enlarged or shrunk.
        margin: pixels of the frame around a changed block, and where two tiles meet, in which each face that this
            scale serves fits whole.
        faces: what was found at this scale, in pixels of the frame.
    """

    factor: float
    margin: int
    faces: list[Face] = field(default_factory=list)


class FaceFinder:
    """Finds the faces of consecutive frames.

    Faces from `min_width` to four times that are searched for in one enlargement of the frame, those up to sixteen
    times in one that is four times smaller, and so on.

    Args:
        detector: finds faces in pictures; it should not shrink pictures of up to 1280 pixels a side.
        min_width: width in pixels of the smallest face to look for.

    Raises:
        ValueError: `min_width` is not above 0.
    """

    def __init__(self, detector: FaceDetector, min_width: float) -> None:
        if not min_width > 0:
            raise ValueError(f"min_width: expected more than 0, got {min_width}")
        self._detector = detector
        self._min_width = min_width
        self._scales: list[_Scale] = []
        self._searched = np.empty((0, 0, 3), np.float32)

    def find(self, frame: np.ndarray) -> list[Face]:
        """Find the faces of the next frame.

        Args:
            frame: (H, W, 3) uint8 RGB.

        Returns:
            List of `Face` in pixels of the frame, highest score first.

        Raises:
            ValueError: `frame` has the wrong shape or type.
        """
        check_pixels(frame, "frame")
        blocks = _block_means(frame)
        if self._searched.shape != blocks.shape:
            self._searched = np.full_like(blocks, np.inf)
            self._scales = _scales(self._min_width, min(frame.shape[:2]))
        changed = np.abs(blocks - self._searched).max(axis=2) > _CHANGE
        if changed.any():
            for scale in self._scales:
                regions = _regions(changed, scale.margin, frame.shape[:2])
                # A face is no wider than the margin, so a change of it puts all of it into a region.
                kept = [
                    face
                    for face in scale.faces
                    if not any(region.holds(face, frame.shape[:2]) for region in regions)
                ]
                scale.faces = kept + [face for region in regions for face in self._search(frame, region, scale)]
            self._searched[changed] = blocks[changed]
        return distinct(face for scale in self._scales for face in scale.faces)

    def _search(self, frame: np.ndarray, region: _Region, scale: _Scale) -> Iterator[Face]:
        """Find the faces of a region that the scale serves; the next one finds the wider ones."""
        for tile in _tiles(region, round(LONGEST_TILE / scale.factor), scale.margin):
            part = frame[tile.top : tile.bottom, tile.left : tile.right]
            size = tuple(max(1, round(side * scale.factor)) for side in part.shape[1::-1])
            method = cv2.INTER_CUBIC if scale.factor > 1 else cv2.INTER_AREA
            scaled = cv2.resize(part, size, interpolation=method)
            for face in self._detector.detect(scaled):
                face = to_original(face, scale.factor, -tile.left, -tile.top)
                if tile.holds(face, frame.shape[:2]) and face.width <= scale.margin:
                    yield face


def _scales(min_width: float, shorter_side: int) -> list[_Scale]:
    """Return the scales for faces from `min_width` to the frame's shorter side."""
    factor = min(EASILY_FOUND / min_width, LARGEST_SCALE)
    scales = []
    while True:
        margin = math.ceil(_RANGE * EASILY_FOUND / factor)
        scales.append(_Scale(factor, margin))
        if margin >= shorter_side:
            # No face is wider than the frame by much.
            scales[-1].margin = 2 * shorter_side
            return scales
        factor /= _RANGE


def _block_means(frame: np.ndarray) -> np.ndarray:
    """Return the mean colour of each block: (rows, columns, 3) float32."""
    height, width = (math.ceil(side / _BLOCK) for side in frame.shape[:2])
    whole = cv2.copyMakeBorder(
        frame, 0, height * _BLOCK - frame.shape[0], 0, width * _BLOCK - frame.shape[1], cv2.BORDER_REPLICATE
    )
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)


def _regions(changed: np.ndarray, margin: int, shape: tuple[int, int]) -> list[_Region]:
    """Return rectangles that cover the changed blocks and their margins; the frame's, if they add up to more.

    Args:
        changed: (rows, columns) bool, of the blocks.
        margin: pixels.
        shape: (height, width) of the frame.
    """
    reach = math.ceil(margin / _BLOCK)
    grown = cv2.dilate(changed.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    count, _, boxes, _ = cv2.connectedComponentsWithStats(grown, connectivity=4)
    regions = [
        _Region(
            int(x) * _BLOCK,
            int(y) * _BLOCK,
            min(int(x + width) * _BLOCK, shape[1]),
            min(int(y + height) * _BLOCK, shape[0]),
        )
        for x, y, width, height, _ in boxes[1:count]
    ]
    area = sum((region.right - region.left) * (region.bottom - region.top) for region in regions)
    return regions if area < shape[0] * shape[1] else [_Region(0, 0, shape[1], shape[0])]


def _tiles(region: _Region, longest: int, margin: int) -> Iterator[_Region]:
    """Cut a region into overlapping tiles of at most `longest` pixels a side."""
    for left, right in _parts(region.left, region.right, longest, margin):
        for top, bottom in _parts(region.top, region.bottom, longest, margin):
            yield _Region(left, top, right, bottom)


def _parts(start: int, end: int, longest: int, margin: int) -> list[tuple[int, int]]:
    """Cut a side into as few equal parts of at most `longest` as overlap by `margin`."""
    if end - start <= longest:
        return [(start, end)]
    # LONGEST_TILE is several margins long at every scale.
    count = math.ceil((end - start - margin) / (longest - margin))
    step = (end - start - longest) / (count - 1)
    return [(round(start + step * number), round(start + step * number) + longest) for number in range(count)]
