"""The options of the commands that align photographs, pack faces and draw synthetic ones."""

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

from cshml_tf.settings.checks import SEED, at_least, between
from cshml_tf.settings.choices import FALLBACKS
from cshml_tf.settings.cluster import ClusterOptions
from cshml_tf.settings.groups import CropOptions, DataOptions, ImageSizeOptions, WorkerOptions
from cshml_tf.settings.option import REQUIRED, option, require, varied
from cshml_tf.settings.places import FACES, NEW, folder, output_folder

SMALLEST_FACE = 20
# Pixels of a side of the window that the detector moves over a photograph.
WINDOW = 12


def _idle_margin(settings: Any) -> str | None:
    return None if settings.crop == "box" else "has no effect without --crop box"


def _idle_without_clip(settings: Any) -> str | None:
    return None if settings.clip else "has no effect without --clip"


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlignmentSettings(ImageSizeOptions, CropOptions):
    """The options that decide how a photograph is aligned; they are fixed for each output folder.

    Attributes:
        image_size: (height, width) of the crops, pixels.
        crop: "landmarks" or "box": how a face is cut out, see `alignment.crops`.
        margin: of a box crop, pixels of the photograph.
        detect_multiple_faces: whether every face is written, not only the most prominent one.
        fallback: "skip" or "center", for photographs without a face.
        longest_side: larger photographs are shrunk to this before detection, pixels.
        min_face: width of the smallest face to look for, pixels of the photograph so shrunk.
    """

    TITLE: ClassVar[str] = "crops"

    image_size: tuple[int, int] = varied(
        ImageSizeOptions, "image_size", help="height and width of the crops, in pixels", group=TITLE
    )
    margin: int = option(
        44,
        "margin added to the box by --crop box, in pixels of the photograph, half of it on each side; FaceNet "
        "uses 44 for 182 x 182 and 32 for 160 x 160",
        metavar="PIXELS",
        check=at_least(0),
        idle=_idle_margin,
    )
    detect_multiple_faces: bool = option(
        False, "write every face (NAME_0.png, NAME_1.png ...), not only the most prominent one"
    )
    fallback: str = option(
        "skip",
        "what to do if no face is found: skip the photograph, or write its centre; either is recorded",
        choices=FALLBACKS,
    )
    longest_side: int = option(
        1600,
        "shrink photographs with a longer side than this before detection; crops are cut from the original",
        metavar="PIXELS",
        check=at_least(SMALLEST_FACE),
        group="detection",
    )
    min_face: int = option(
        SMALLEST_FACE,
        "width of the smallest face to look for, in pixels of the photograph as it is searched; a larger one "
        "takes less time",
        metavar="PIXELS",
        check=at_least(WINDOW),
        group="detection",
    )

    @property
    def box_margin(self) -> int | None:
        """The margin of a box crop, None for landmarks."""
        return self.margin if self.crop == "box" else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlignCommandSettings(AlignmentSettings, ClusterOptions):
    """The options of `cshml-align`."""

    input_dir: Path = option(
        REQUIRED,
        "class folders of photographs",
        positional="INPUT_DIR",
        place=folder("a folder of images"),
        group="folders",
    )
    output_dir: Path = option(
        REQUIRED,
        "folder for the crops: new, empty, or the output of an earlier run, which is then resumed",
        positional="OUTPUT_DIR",
        place=output_folder(),
        group="folders",
    )
    retry_failures: bool = option(False, "retry photographs recorded as failures", group=WorkerOptions.TITLE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PackSettings(DataOptions):
    """The options of `cshml-pack`."""

    TITLE: ClassVar[str] = "input and output"

    data_dir: Path = varied(
        DataOptions,
        "data_dir",
        help="class folders of aligned faces, all of one size; or train.rec, or the folder that contains it",
        positional="FACES",
        place=FACES,
        group=TITLE,
    )
    packed_dir: Path = option(REQUIRED, "folder to create", positional="PACKED", place=NEW)
    people: Path | None = varied(
        DataOptions,
        "people",
        help="file of the people to pack, LFW's people.txt or one name per line; not for train.rec (default: "
        "everyone)",
        group=TITLE,
    )
    middle: tuple[int, int] | None = option(
        None,
        "for train.rec: keep the central H x W pixels of each face; 112 96 crops faces of 112 x 112 for a network "
        "of 112 x 96",
        metavar=("H", "W"),
        check=at_least(1),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SyntheticSettings(ImageSizeOptions, WorkerOptions):
    """The options of `cshml-synthetic`."""

    out_dir: Path = option(
        REQUIRED,
        "folder for the faces: new, empty, or the output of an earlier run, which is then resumed",
        positional="OUT_DIR",
        place=output_folder(),
        group="output",
    )
    people: int = option(
        120, "number of people in train/; 0 skips this folder", check=at_least(0), group="training folder"
    )
    pictures: int = option(20, "pictures per person in train/", check=at_least(1), group="training folder")
    test_people: int = option(
        40, "number of people in test/; 0 skips this folder", check=at_least(0), group="test folder"
    )
    test_pictures: int = option(10, "pictures per person in test/", check=at_least(1), group="test folder")
    folds: int = option(10, "number of folds in pairs.txt", check=at_least(1), group="test folder")
    pairs_per_fold: int = option(
        100,
        "pairs of one person in each fold, and as many pairs of two people",
        check=at_least(1),
        group="test folder",
    )
    photographs: bool = option(
        False,
        "draw unaligned photographs of 250 x 250, and write their landmarks to landmarks.csv",
        group=ImageSizeOptions.TITLE,
    )
    seed: int = option(0, "seed that decides which people are drawn", check=SEED, group=ImageSizeOptions.TITLE)
    clip: bool = option(
        False,
        "draw people who walk past a camera as well: clip.mp4, clip.csv with who is where in each frame, "
        "portraits/ of people to enrol, and strangers/ to calibrate with",
        group="clip",
    )
    clip_people: int = option(
        8, "people in portraits/, with 3 pictures each", check=at_least(1), group="clip", idle=_idle_without_clip
    )
    clip_strangers: int = option(
        200,
        "people in strangers/, with 1 picture each; none of them walks past the camera",
        check=at_least(1),
        group="clip",
        idle=_idle_without_clip,
    )
    clip_passers: int = option(
        6,
        "people who pass while the first person of portraits/ walks towards the camera: strangers and people of "
        "portraits/ in turn",
        check=at_least(0),
        group="clip",
        idle=_idle_without_clip,
    )
    clip_seconds: float = option(
        13.0, "length of the clip", metavar="SECONDS", check=between(1, 600), group="clip", idle=_idle_without_clip
    )

    def __post_init__(self) -> None:
        """Refuse to draw nothing, or more passers-by than there are people."""
        super().__post_init__()
        require(
            self.clip or self.people + self.test_people > 0,
            "{people} and {test_people} are both 0: nothing to draw",
        )
        require(
            not self.clip or 2 * self.clip_people > self.clip_passers,
            "{clip_people}: expected more than half of {clip_passers}",
        )
