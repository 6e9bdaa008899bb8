"""SCface: the mugshots of 130 people, and what surveillance cameras saw of them at three distances.

Source: Grgic, Delac and Grgic, "SCface - surveillance cameras face database", Multimedia Tools and Applications,
2011, and the layout of the data set. A person has one mugshot, and one image from each of seven cameras at each of
4.20 m (distance 1), 2.60 m (2) and 1.00 m (3). Cameras 6 and 7 are infrared and take no part in the protocols.
"""

import dataclasses
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cshml_tf.data.listed_images import find_entry, images_by_stem

PEOPLE = tuple(range(1, 131))
DISTANCES = (1, 2, 3)
CAMERAS = (1, 2, 3, 4, 5)
INFRARED_CAMERAS = (6, 7)
LANDMARKS = ("left_eye", "right_eye", "nose", "mouth")

_MUGSHOT = re.compile(r"(?P<person>\d{3})_frontal")
_SURVEILLANCE = re.compile(r"(?P<person>\d{3})_cam(?P<camera>[1-7])_(?P<distance>[1-3])")


@dataclass(frozen=True, eq=False)
class ScFaceImage:
    """One image of the data set.

    Attributes:
        person: 1 to 130.
        camera: 1 to 7; None of a mugshot.
        distance: 1 (furthest) to 3; None of a mugshot.
        path: Path of the file.
        landmarks: (4, 2) float64 x, y in pixels of the file as distributed: eye on the image's left, eye on its
            right, tip of the nose, centre of the mouth; None where there are none.
    """

    person: int
    camera: int | None
    distance: int | None
    path: Path
    landmarks: np.ndarray | None = None


class Missing(NamedTuple):
    """Something that the data set should hold and does not.

    Attributes:
        name: as the data set calls the image, without suffix: `001_frontal`, `001_cam1_1`.
        person: 1 to 130.
        camera: 1 to 5; None of a mugshot.
        distance: 1 to 3; None of a mugshot.
        what: "image" or "landmarks".
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
        mugshots: list of `ScFaceImage`, one a person, in their order.
        surveillance: list of `ScFaceImage` of cameras 1 to 5, by distance, camera and person.
        infrared: the same of cameras 6 and 7.
        missing: list of `Missing`: every mugshot and every image of cameras 1 to 5 that is not there, and those
            without landmarks where landmarks were asked for.
        unexpected: list of Paths of images in the same folders whose names are not the data set's.
    """

    mugshots: list
    surveillance: list
    infrared: list
    missing: list
    unexpected: list

    def gallery(self, people=None):
        """Give the mugshots of some people; None means all."""
        return [image for image in self.mugshots if people is None or image.person in people]

    def probes(self, distance, people=None):
        """Give the images of cameras 1 to 5 at a distance, of some people; None means all.

        With nothing missing, 5 a person: 650 of all people, 400 of 80.

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


def read_scface(root, landmarks="all.txt"):
    """Read the data set as distributed, or aligned copies in the same folders.

    Folder and file names may be in any letter case, and images of any kind that is read.

    Args:
        root: the folder with `mugshot_frontal_cropped_all` and `surveillance_cameras_distance_1` to `3`.
        landmarks: the file of landmarks, in `root` or an absolute path; None reads none, as for aligned copies.

    Returns:
        `ScFace`.

    Raises:
        OSError: a file can't be read.
        ValueError: a folder is absent or empty, an image is there twice, or the landmarks are damaged.
    """
    root = Path(root)
    by_name = {}
    points = {} if landmarks is None else read_landmarks(find_entry(root, str(landmarks)) or root / landmarks)
    images, unexpected = _read_folder(_folder(root, "mugshot_frontal_cropped_all"), _MUGSHOT, None)
    by_name.update(images)
    for distance in DISTANCES:
        folder = _folder(root, f"surveillance_cameras_distance_{distance}")
        images, strange = _read_folder(folder, _SURVEILLANCE, distance)
        by_name.update(images)
        unexpected += strange
    by_name = {name: dataclasses.replace(image, landmarks=points.get(name)) for name, image in by_name.items()}
    missing = _missing(by_name, landmarks is not None)
    return ScFace(
        _in_order(by_name, (None,), (None,)),
        _in_order(by_name, CAMERAS, DISTANCES),
        _in_order(by_name, INFRARED_CAMERAS, DISTANCES),
        missing,
        unexpected,
    )


def read_landmarks(path):
    """Read the landmarks of SCface, all.txt.

    A line is the image's name without suffix and eight numbers, x and y of each landmark, parted by tabs. Blank
    lines are passed over, and so is a line that repeats another.

    Args:
        path: the file, Unix or Windows line ends.

    Returns:
        dict of name in lower case to (4, 2) float64: eye on the image's left, eye on its right, tip of the nose,
        centre of the mouth.

    Raises:
        OSError: the file can't be read.
        ValueError: a line is of another form, or two give one image different points; the message names file and
            line.
    """
    points, line_of = {}, {}
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected a text file in UTF-8, {error.reason}") from None
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        name, values = _read_line(path, number, line.strip())
        if name in points and not np.array_equal(points[name], values):
            raise ValueError(f"{path}, line {number}: {name} has other landmarks in line {line_of[name]}")
        points[name] = values
        line_of.setdefault(name, number)
    if not points:
        raise ValueError(f"{path}: expected landmarks, got an empty file")
    return points


def split_people(people, test_count=80, seed=0):
    """Part the people at random into those to fine-tune on and those to test, as Table 5 of the paper does.

    The other protocol, of all 130 people, needs no parting.

    Args:
        people: the people, such as `PEOPLE`.
        test_count: how many to test.
        seed: int; the same seed parts the same people alike, in whatever order they are given.

    Returns:
        Two sorted lists: to fine-tune, 50 of 130, and to test.

    Raises:
        ValueError: nobody to test, or fewer people than that.
    """
    people = sorted(set(people))
    if not 1 <= test_count <= len(people):
        raise ValueError(f"test_count: expected 1 to {len(people)}, the number of people, got {test_count}")
    order = np.random.default_rng(seed).permutation(len(people))
    shuffled = [people[place] for place in order]
    return sorted(shuffled[test_count:]), sorted(shuffled[:test_count])


def image_name(person, camera=None, distance=None):
    """Give the data set's name of an image, without suffix; of a mugshot where there is no camera."""
    return f"{person:03d}_frontal" if camera is None else f"{person:03d}_cam{camera}_{distance}"


def _folder(root, name):
    return find_entry(root, name) or root / name


def _read_folder(folder, pattern, distance):
    """Give the images whose names fit, by name, and the paths of the others."""
    images, unexpected = {}, []
    for stem, path in images_by_stem(folder).items():
        match = pattern.fullmatch(stem)
        fields = {key: int(value) for key, value in match.groupdict().items()} if match else {}
        if fields.get("person") in PEOPLE and fields.get("distance") == distance:
            images[stem] = ScFaceImage(fields["person"], fields.get("camera"), distance, path)
        else:
            unexpected.append(path)
    return images, unexpected


def _missing(by_name, with_landmarks):
    missing = []
    places = [(None, None)] + [(camera, distance) for distance in DISTANCES for camera in CAMERAS]
    for camera, distance in places:
        for person in PEOPLE:
            name = image_name(person, camera, distance)
            if name not in by_name:
                missing.append(Missing(name, person, camera, distance, "image"))
            elif with_landmarks and by_name[name].landmarks is None:
                missing.append(Missing(name, person, camera, distance, "landmarks"))
    return missing


def _in_order(by_name, cameras, distances):
    names = (
        image_name(person, camera, distance) for distance in distances for camera in cameras for person in PEOPLE
    )
    return [by_name[name] for name in names if name in by_name]


def _read_line(path, number, line):
    fields = [field.strip() for field in line.split("\t")]
    if len(fields) != 9:
        raise ValueError(
            f"{path}, line {number}: expected a name and 8 numbers parted by tabs, got {len(fields)} fields"
        )
    try:
        values = [float(field) for field in fields[1:]]
    except ValueError:
        values = [math.nan]
    if not all(map(math.isfinite, values)):
        raise ValueError(f"{path}, line {number}: expected 8 numbers after {fields[0]}, got {fields[1:]}")
    return fields[0].lower(), np.array(values).reshape(4, 2)
