"""The head's surface: its height over the frontal face, its shading, and its projection under a pose.

The face is drawn flat, as seen from the front, and wrapped onto a height field z(x, y). A pose rotates the
surface about the centre of the head and projects it along the line of sight (without perspective), so
all features and landmarks move with one rigid head. The height field is shallow enough that no part hides another
at the poses of `view`.
"""

import cv2
import numpy as np

from cshml_tf.data.synthetic.identity import Identity
from cshml_tf.data.synthetic.painter import Points
from cshml_tf.data.synthetic.view import View
from cshml_tf.metrics.vectors import unit_rows

# The area covered by the frontal sheet in millimetres, and the pixels per millimetre of drawings and height field.
SHEET_LEFT, SHEET_TOP = -110.0, -150.0
SHEET_WIDTH, SHEET_HEIGHT = 220.0, 300.0
DRAWING_SCALE = 1.25
SURFACE_SCALE = 0.5
# Pixels of the photograph between two solved points of the projection, and the solver's iterations.
_PROJECTION_STRIDE = 2
_PROJECTION_ROUNDS = 8


def height_field(identity: Identity) -> np.ndarray:
    """Compute the heights of the head's surface in millimetres, from the axis of rotation towards the camera.

    Returns:
        (150, 110) float32, one value every 2 mm of the frontal sheet.
    """
    columns, rows = (round(side * SURFACE_SCALE) for side in (SHEET_WIDTH, SHEET_HEIGHT))
    x = (np.arange(columns, dtype=np.float32) + 0.5) / SURFACE_SCALE + SHEET_LEFT
    y = (np.arange(rows, dtype=np.float32)[:, None] + 0.5) / SURFACE_SCALE + SHEET_TOP

    def bump(at_x: float, at_y: float, size_x: float, size_y: float) -> np.ndarray:
        return np.exp(-(((x - at_x) / size_x) ** 2) - ((y - at_y) / size_y) ** 2)

    across = np.clip(np.abs(x) / (identity.cheek_half_width + 14), 0, 1.2)
    down = np.clip(np.abs(y - 4) / 142, 0, 1.2)
    surface = identity.head_depth * (1 - across**2.3) * (1 - 0.9 * down**3)
    nose_side = identity.nose_half_width * 0.62
    along = np.clip((y + 8) / (identity.nose_y + 8), 0, None)
    ridge = np.where(along <= 1, along**1.4, np.exp(-(((y - identity.nose_y) / 8.0) ** 2)))
    width = identity.nose_bridge + (nose_side - identity.nose_bridge) * np.clip(along, 0, 1)
    surface += identity.nose_height * 0.8 * ridge * np.exp(-((x / width) ** 2))
    for side in (-1, 1):
        surface -= identity.eye_socket * bump(side * identity.eye_x, -1, 19, 12)
        surface += 2.2 * bump(side * identity.eye_x, 0, 10, 7)
        surface += 2.5 * bump(side * identity.eye_x * 0.9, identity.brow_y - 2, 22, 8)
        surface += 3.0 * bump(side * 42, 36, 18, 16)
        surface += 3.0 * bump(side * identity.nose_half_width * 0.8, identity.nose_y + 2, 6, 6)
    surface += 3.2 * bump(0, identity.mouth_y + 1, 22, 9)
    surface -= 2.5 * bump(0, identity.mouth_y + identity.lower_lip + 8, 16, 5)
    surface += 4.0 * bump(0, identity.chin_y - 13, 17, 11)
    return surface.astype(np.float32)


def normals(surface: np.ndarray) -> np.ndarray:
    """Compute the unit normals of a height field: (H, W, 3) float32 x, y and z (towards the camera)."""
    slope_x = cv2.Sobel(surface, cv2.CV_32F, 1, 0, scale=SURFACE_SCALE / 8)
    slope_y = cv2.Sobel(surface, cv2.CV_32F, 0, 1, scale=SURFACE_SCALE / 8)
    direction = np.stack((-slope_x, -slope_y, np.ones_like(surface)), 2)
    return unit_rows(direction)


def hollows(surface: np.ndarray) -> np.ndarray:
    """Compute how much ambient light reaches each point: (H, W) float32, below 1 in creases and sockets."""
    depth = surface - cv2.GaussianBlur(surface, (0, 0), 6)
    return np.clip(1 + 0.045 * depth, 0.65, 1.08).astype(np.float32)


def pixels_per_millimetre(size: int) -> float:
    """Return the scale of a photograph `size` pixels wide: a face 136 mm wide spans 44 % of it, as in LFW."""
    return 0.44 / 136 * size


class Projection:
    """The mapping from points of a head to a photograph under the pose of a view.

    Positions in the photograph are in pixels, with pixel centres at whole numbers.
    """

    def __init__(self, view: View, size: int) -> None:
        """Set the pose of `view` and the side `size` of the photograph, pixels."""
        yaw, pitch, roll = np.radians((view.yaw, view.pitch, view.roll))
        about_y = np.array(((np.cos(yaw), 0, np.sin(yaw)), (0, 1, 0), (-np.sin(yaw), 0, np.cos(yaw))))
        about_x = np.array(((1, 0, 0), (0, np.cos(pitch), -np.sin(pitch)), (0, np.sin(pitch), np.cos(pitch))))
        about_z = np.array(((np.cos(roll), -np.sin(roll), 0), (np.sin(roll), np.cos(roll), 0), (0, 0, 1)))
        self.rotation = about_z @ about_x @ about_y
        self.size = size
        self.scale = pixels_per_millimetre(size) * view.scale
        self._linear = self.scale * self.rotation[:2]
        middle = (0.5 + np.asarray(view.shift)) * size - 0.5
        # The point of a frontal head 25 mm below the eyes is projected to the middle.
        self._offset = middle - self.scale * (about_z[:2, :2] @ (0.0, 25.0))

    def points(self, xyz: np.ndarray) -> np.ndarray:
        """Project (N, 3) millimetres to (N, 2) pixels."""
        return np.asarray(xyz, np.float64) @ self._linear.T + self._offset

    def plane(self, z: float) -> np.ndarray:
        """Return the affine map (2, 3) from the pixels of a frontal sheet at depth `z` to the photograph."""
        linear = self._linear[:, :2] / DRAWING_SCALE
        corner = np.array((SHEET_LEFT, SHEET_TOP)) + 0.5 / DRAWING_SCALE
        offset = self._linear @ (*corner, z) + self._offset
        return np.column_stack((linear, offset))

    def sheet_positions(self, surface: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute which point of the frontal face each pixel of the photograph shows.

        It is found by fixed-point iteration, as the x and y seen at a pixel depend on the height there.

        Returns:
            x and y, each (size, size) float32 millimetres; outside the sheet at pixels that do not show the head.
        """
        count = -(-self.size // _PROJECTION_STRIDE)
        pixel = (np.arange(count) + 0.5) * (self.size / count) - 0.5
        targets = np.stack(np.meshgrid(pixel, pixel)) - self._offset[:, None, None]
        inverse = np.linalg.inv(self._linear[:, :2])
        flat_x, flat_y = np.tensordot(inverse, targets, 1).astype(np.float32)
        slide_x, slide_y = (inverse @ self._linear[:, 2]).astype(np.float32)
        x, y = flat_x, flat_y
        for _ in range(_PROJECTION_ROUNDS):
            heights = sample(surface, x, y, SURFACE_SCALE, cv2.BORDER_REPLICATE)
            x, y = flat_x - slide_x * heights, flat_y - slide_y * heights
        # x and y are separate arrays because NumPy broadcasts slowly over an innermost axis of 2.
        size = (self.size, self.size)
        return (
            cv2.resize(x, size, interpolation=cv2.INTER_LINEAR),
            cv2.resize(y, size, interpolation=cv2.INTER_LINEAR),
        )


def sample(
    picture: np.ndarray, x: np.ndarray, y: np.ndarray, scale: float, border: int = cv2.BORDER_CONSTANT
) -> np.ndarray:
    """Sample a frontal picture at positions x and y, with bilinear interpolation.

    Args:
        picture: (rows, columns) or (rows, columns, channels) float32.
        x: (H, W) float32, millimetres.
        y: (H, W) float32, millimetres.
        scale: pixels of the picture per millimetre.
        border: OpenCV's rule for positions outside the picture, which are 0 by default.

    Returns:
        (H, W) or (H, W, channels) float32.
    """
    columns = (x - np.float32(SHEET_LEFT)) * np.float32(scale) - np.float32(0.5)
    rows = (y - np.float32(SHEET_TOP)) * np.float32(scale) - np.float32(0.5)
    return cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=border)


def on_surface(surface: np.ndarray, points: Points) -> np.ndarray:
    """Add the height to (N, 2) frontal points: (N, 3) float64 millimetres."""
    points = np.asarray(points, np.float64)
    x, y = points.T.astype(np.float32)[:, None]
    heights = sample(surface, x, y, SURFACE_SCALE, cv2.BORDER_REPLICATE)
    return np.column_stack((points, heights[0]))
