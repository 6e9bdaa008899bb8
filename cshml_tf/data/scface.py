"""Read SCface: mugshots of 130 people, and images of them from surveillance cameras at three distances.

Source: Grgic, Delac and Grgic, "SCface - surveillance cameras face database", Multimedia Tools and Applications,
2011, and the layout of the data set. Each person has one mugshot, and one image from each of seven cameras at each
of 4.20 m (distance 1), 2.60 m (2) and 1.00 m (3). Cameras 6 and 7 are infrared and not part of the protocols.
"""

import dataclasses
import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cshml_tf.data.listed_images import find_entry, images_by_stem
from cshml_tf.files import printable, read_lines
from cshml_tf.images import LONGEST_SIDE

PEOPLE = tuple(range(1, 131))
DISTANCES = (1, 2, 3)
CAMERAS = (1, 2, 3, 4, 5)
INFRARED_CAMERAS = (6, 7)
LANDMARKS = ("left_eye", "right_eye", "nose", "mouth")

# In pixels; no image that is read is larger.
_LARGEST_COORDINATE = LONGEST_SIDE

_MUGSHOT = re.compile(r"(?P<person>\d{3})_frontal")
_SURVEILLANCE = re.compile(r"(?P<person>\d{3})_cam(?P<camera>[1-7])_(?P<distance>[1-3])")


@dataclass(frozen=True, eq=False)
class ScFaceImage:
    """One image of the data set.

    Attributes:
        person: 1 to 130.
        camera: 1 to 7; None for a mugshot.
        distance: 1 (furthest) to 3; None for a mugshot.
        path: path of the file.
        landmarks: (4, 2) float64 x, y in pixels of the file as distributed: image-left eye, image-right eye,
            tip of the nose, centre of the mouth; None if unknown.
    """

    person: int
    camera: int | None
    distance: int | None
    path: Path
    landmarks: np.ndarray | None = None


class Missing(NamedTuple):
    """An image, or its landmarks, missing from the data set.

    Attributes:
        name: the data set's name of the image, without suffix: `001_frontal`, `001_cam1_1`.
        person: 1 to 130.
        camera: 1 to 5; None for a mugshot.
        distance: 1 to 3; None for a mugshot.
        what: what is missing, "image" or "landmarks".
    """

    name: str
    person: int
    camera: int | None
    distance: int | None
    what: str


@dataclass(frozen=True)
class ScFace:
    """The images of the data set.

    Attributes:
        mugshots: list of `ScFaceImage`, one per person, ordered by person.
        surveillance: list of `ScFaceImage` from cameras 1 to 5, ordered by distance, camera and person.
        infrared: the same from cameras 6 and 7.
        missing: list of `Missing`: all mugshots and images from cameras 1 to 5 that do not exist, and those
            without landmarks if landmarks were requested.
        unexpected: paths of images in the same folders whose names are not the data set's.
    """

    mugshots: list[ScFaceImage]
    surveillance: list[ScFaceImage]
    infrared: list[ScFaceImage]
    missing: list[Missing]
    unexpected: list[Path]

    def gallery(self, people: Collection[int] | None = None) -> list[ScFaceImage]:
        """Return the mugshots of some people; None means all."""
        return [image for image in self.mugshots if people is None or image.person in people]

    def probes(self, distance: int, people: Collection[int] | None = None) -> list[ScFaceImage]:
        """Return the images from cameras 1 to 5 at one distance, of some people; None means all.

        If nothing is missing, these are 5 per person: 650 for all people, 400 for 80.

        Raises:
            ValueError: there is no such distance.
        """
        if distance not in DISTANCES:
            raise ValueError(f"distance: expected one of {DISTANCES}, got {distance}")
        return [
            image
            for image in self.surveillance
            if image.distance == distance and (people is None or image.person in people)
        ]


def read_scface(root: str | Path, landmarks: str | Path | None = "all.txt") -> ScFace:
    """Read the data set as distributed, or aligned copies in the same folders.

    Folder and file names may be in any letter case, and images in any supported format.

    Args:
        root: the folder with `mugshot_frontal_cropped_all` and `surveillance_cameras_distance_1` to `3`.
        landmarks: the file of landmarks, in `root` or an absolute path; None for aligned copies, which have none.

    Returns:
        `ScFace`.

    Raises:
        OSError: a file cannot be read.
        ValueError: a folder is missing or empty, an image is present twice, or the landmarks are damaged.
    """
    root = Path(root)
    by_name: dict[str, ScFaceImage] = {}
    points = {} if landmarks is None else read_landmarks(find_entry(root, str(landmarks)) or root / landmarks)
    images, unexpected = _read_folder(_folder(root, "mugshot_frontal_cropped_all"), _MUGSHOT, None)
    by_name.update(images)
    for distance in DISTANCES:
        folder = _folder(root, f"surveillance_cameras_distance_{distance}")
        images, others = _read_folder(folder, _SURVEILLANCE, distance)
        by_name.update(images)
        unexpected += others
    by_name = {name: dataclasses.replace(image, landmarks=points.get(name)) for name, image in by_name.items()}
    missing = _missing(by_name, landmarks is not None)
    return ScFace(
        _in_order(by_name, (None,), (None,)),
        _in_order(by_name, CAMERAS, DISTANCES),
        _in_order(by_name, INFRARED_CAMERAS, DISTANCES),
        missing,
        unexpected,
    )


def read_landmarks(path: str | Path) -> dict[str, np.ndarray]:
    """Read the landmarks of SCface, all.txt.

    A line is the image's name without suffix and eight numbers, x and y of each landmark, separated by tabs. Blank
    lines and repeated lines are ignored.

    Args:
        path: the file; see `files.read_lines`.

    Returns:
        dict of name in lower case to (4, 2) float64: image-left eye, image-right eye, tip of the nose, centre of
        the mouth.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line has another format, a number is not that of a pixel, or two lines give an image
            different landmarks; the message names the file and the line.
    """
    points: dict[str, np.ndarray] = {}
    line_of: dict[str, int] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        name, values = _read_line(path, number, line.strip())
        if name in points and not np.array_equal(points[name], values):
            raise ValueError(
                f"{path}, line {number}: expected the landmarks of line {line_of[name]} for {name}, got others"
            )
        points[name] = values
        line_of.setdefault(name, number)
    if not points:
        raise ValueError(f"{path}: expected landmarks, got an empty file")
    return points


def split_people(people: Iterable[int], test_count: int = 80, seed: int = 0) -> tuple[list[int], list[int]]:
    """Split people at random into those to fine-tune on and those to test, as in Table 5 of the paper.

    The other protocol, which tests all 130 people, needs no split.

    Args:
        people: the people, such as `PEOPLE`.
        test_count: number of people to test.
        seed: the same seed splits the same people identically, regardless of their order.

    Returns:
        Two sorted lists: people to fine-tune on, by default 50 of 130, and people to test.

    Raises:
        ValueError: `test_count` is below 1 or above the number of people.
    """
    people = sorted(set(people))
    if not 1 <= test_count <= len(people):
        raise ValueError(f"test_count: expected 1 to {len(people)}, the number of people, got {test_count}")
    order = np.random.default_rng(seed).permutation(len(people))
    shuffled = [people[place] for place in order]
    return sorted(shuffled[test_count:]), sorted(shuffled[:test_count])


def image_name(person: int, camera: int | None = None, distance: int | None = None) -> str:
    """Return the data set's name of an image, without suffix; that of the mugshot if `camera` is None."""
    return f"{person:03d}_frontal" if camera is None else f"{person:03d}_cam{camera}_{distance}"


def _folder(root: Path, name: str) -> Path:
    return find_entry(root, name) or root / name


def _read_folder(
    folder: Path, pattern: re.Pattern[str], distance: int | None
) -> tuple[dict[str, ScFaceImage], list[Path]]:
    """Return the images whose names match, by name, and the paths of the others."""
    images, unexpected = {}, []
    for stem, path in images_by_stem(folder).items():
        match = pattern.fullmatch(stem)
        fields = {key: int(value) for key, value in match.groupdict().items()} if match else {}
        if fields.get("person") in PEOPLE and fields.get("distance") == distance:
            images[stem] = ScFaceImage(fields["person"], fields.get("camera"), distance, path)
        else:
            unexpected.append(path)
    return images, unexpected


def _missing(by_name: dict[str, ScFaceImage], with_landmarks: bool) -> list[Missing]:
    missing = []
    views: list[tuple[int | None, int | None]] = [(None, None)]
    views += [(camera, distance) for distance in DISTANCES for camera in CAMERAS]
    for camera, distance in views:
        for person in PEOPLE:
            name = image_name(person, camera, distance)
            if name not in by_name:
                missing.append(Missing(name, person, camera, distance, "image"))
            elif with_landmarks and by_name[name].landmarks is None:
                missing.append(Missing(name, person, camera, distance, "landmarks"))
    return missing


def _in_order(
    by_name: dict[str, ScFaceImage], cameras: Sequence[int | None], distances: Sequence[int | None]
) -> list[ScFaceImage]:
    names = (
        image_name(person, camera, distance) for distance in distances for camera in cameras for person in PEOPLE
    )
    return [by_name[name] for name in names if name in by_name]


def _read_line(path: str | Path, number: int, line: str) -> tuple[str, np.ndarray]:
    fields = [field.strip() for field in line.split("\t")]
    if len(fields) != 9:
        raise ValueError(
            f"{path}, line {number}: expected a name and 8 numbers separated by tabs, got {len(fields)} fields"
        )
    try:
        values = [float(field) for field in fields[1:]]
    except ValueError:
        values = [math.nan]
    # Comparisons with NaN are false.
    if not all(abs(value) <= _LARGEST_COORDINATE for value in values):
        raise ValueError(
            f"{printable(path)}, line {number}: expected 8 numbers after {fields[0]}, got {fields[1:]}; "
            f"coordinates are pixels, at most {_LARGEST_COORDINATE}"
        )
    return fields[0].lower(), np.array(values).reshape(4, 2)
