"""The options of the commands that keep a gallery, identify faces in pictures and measure identification."""

import dataclasses
from pathlib import Path
from typing import ClassVar

from cshml_tf.settings.alignment import AlignmentSettings
from cshml_tf.settings.checks import PIXELS, POSITIVE, RATE, SEED, Check, between
from cshml_tf.settings.choices import PERSON_SCORES, SEARCHES
from cshml_tf.settings.groups import DataOptions
from cshml_tf.settings.measuring import (
    EmbeddingOptions,
    ModelOptions,
    OutputOptions,
    RuntimeOptions,
    ScoreOptions,
    ServingOptions,
)
from cshml_tf.settings.option import REQUIRED, Settings, option, require, varied
from cshml_tf.settings.places import HR_MODEL, NEW, Place, file

_COSINE = between(-1, 1, "a cosine similarity")
_NOT_EMPTY = Check("a name", lambda name: bool(name.strip()))
_ARCHIVE = Place("a new file", NEW.problem, is_input=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GalleryOptions(Settings):
    """Which gallery."""

    TITLE: ClassVar[str] = "gallery"

    gallery: str = option(
        REQUIRED,
        "the gallery: an SQLite file, or postgresql://USER@HOST/DATABASE",
        metavar="PLACE",
        check=_NOT_EMPTY,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoundNetworksOptions(RuntimeOptions):
    """Where the gallery's networks are now, and what runs them."""

    TITLE: ClassVar[str] = "networks"

    hr_model: Path | None = option(
        None,
        "model folder of the gallery's HR network (default: where it was when the gallery was made)",
        metavar="DIR",
        place=HR_MODEL,
    )
    lr_model: tuple[Path, ...] = option(
        (),
        "model folders of the gallery's LR networks, with --hr_model",
        metavar="DIR",
        place=ModelOptions.__dataclass_fields__["lr_model"].metadata["option"].place,
        many="extend",
    )

    def __post_init__(self) -> None:
        """Refuse LR networks without the HR network."""
        super().__post_init__()
        require(self.hr_model is not None or not self.lr_model, "{lr_model}: needs {hr_model} as well")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FacesInPicturesOptions(Settings):
    """How faces are found in pictures."""

    TITLE: ClassVar[str] = "pictures"

    aligned: bool = option(False, "treat the pictures as aligned crops and skip face detection")
    longest_side: int = varied(AlignmentSettings, "longest_side", group=TITLE)
    min_face: int = varied(
        AlignmentSettings,
        "min_face",
        help="width of the smallest face to look for, in pixels of the picture as it is searched (shrunk or "
        "enlarged); a larger one takes less time",
        group=TITLE,
    )
    batch_size: int = option(
        8,
        "faces per forward pass; enrolling stores as many at a time, so that an interruption costs no more",
        check=POSITIVE,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PortraitOptions(FacesInPicturesOptions):
    """Which photographs serve as portraits."""

    min_width: float | None = option(
        None,
        "smallest width of a face to use, in pixels of the photograph (default: that from which the HR network "
        "embeds probes)",
        metavar="PIXELS",
        check=PIXELS,
        group=FacesInPicturesOptions.TITLE,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PersonScoreOptions(Settings):
    """How the scores of a person's faces become one."""

    TITLE: ClassVar[str] = "scores"

    person_score: str = option(
        "mean", "score of a person: the best of the faces, or their mean", choices=PERSON_SCORES
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchOptions(Settings):
    """How PostgreSQL searches."""

    TITLE: ClassVar[str] = "gallery"

    search: str = option(
        "exact", "exact, or hnsw: pgvector's approximate index, in PostgreSQL only", choices=SEARCHES
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CreateSettings(
    GalleryOptions, SearchOptions, ModelOptions, ServingOptions, PersonScoreOptions, ScoreOptions
):
    """The options of `cshml-gallery create`."""

    lr_model: tuple[Path, ...] = varied(
        ModelOptions,
        "lr_model",
        help="model folders of LR networks (default: the HR network embeds every face)",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnrolSettings(GalleryOptions, BoundNetworksOptions, PortraitOptions):
    """The options of `cshml-gallery enrol`."""

    source: Path = option(
        REQUIRED,
        "class folders named after the people, or a CSV with the columns name and file",
        positional="PORTRAITS",
        place=Place("a folder or a CSV", lambda path: None if path.exists() else "which does not exist"),
        group="pictures",
    )
    near: float | None = option(
        None,
        "report a portrait whose score with another person reaches this (default: the calibrated threshold for "
        "sharp faces, if there is one)",
        metavar="T",
        check=_COSINE,
        group="pictures",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ListSettings(GalleryOptions):
    """The options of `cshml-gallery list`."""

    log: bool = option(False, "print the log of changes instead: time, action, number of the person, faces")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShowSettings(GalleryOptions):
    """The options of `cshml-gallery show`."""

    name: str = option(REQUIRED, "the person", positional="NAME", check=_NOT_EMPTY)
    crops: Path | None = option(
        None, "write the stored crops to this new folder", metavar="DIR", place=NEW, group="output"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RemoveSettings(GalleryOptions):
    """The options of `cshml-gallery remove`."""

    name: str = option(REQUIRED, "the person", positional="NAME", check=_NOT_EMPTY)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RenameSettings(GalleryOptions):
    """The options of `cshml-gallery rename` and `merge`."""

    name: str = option(REQUIRED, "the person", positional="NAME", check=_NOT_EMPTY)
    new_name: str = option(
        REQUIRED, "the new name; for merge, the person who gets the faces", positional="NEW_NAME", check=_NOT_EMPTY
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RebuildSettings(
    GalleryOptions, ModelOptions, ServingOptions, RuntimeOptions, PersonScoreOptions, ScoreOptions
):
    """The options of `cshml-gallery rebuild`."""

    lr_model: tuple[Path, ...] = varied(CreateSettings, "lr_model")

    person_score: str | None = varied(
        PersonScoreOptions,
        "person_score",
        default=None,
        help="score of a person: the best of the faces, or their mean (default: as before)",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportSettings(GalleryOptions):
    """The options of `cshml-gallery export`."""

    archive: Path = option(REQUIRED, "file to write", positional="FILE", place=_ARCHIVE, group="file")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportSettings(GalleryOptions, SearchOptions):
    """The options of `cshml-gallery import`."""

    archive: Path = option(
        REQUIRED, "file that export wrote", positional="FILE", place=file("an exported gallery"), group="file"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RejectionOptions(Settings):
    """Which faces are too poor to say."""

    TITLE: ClassVar[str] = "decisions"

    min_width: float = option(
        8.0,
        "narrower faces are reported as rejected, in pixels of the picture",
        metavar="PIXELS",
        check=PIXELS,
    )
    min_quality: float | None = option(
        None,
        "faces of lower quality are reported as rejected; quality is the length of a network's embedding before "
        "normalisation, on a scale of its own: cshml-gallery calibrate prints how it is spread (default: none)",
        metavar="Q",
        check=between(0, 1e6),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class IdentifySettings(GalleryOptions, BoundNetworksOptions, FacesInPicturesOptions, RejectionOptions):
    """The options of `cshml-identify`."""

    images: tuple[Path, ...] = option(
        REQUIRED,
        "pictures, or folders of pictures",
        positional="IMAGE",
        place=Place("a picture or a folder", lambda path: None if path.exists() else "which does not exist"),
        group="pictures",
    )
    longest_side: int = varied(
        AlignmentSettings,
        "longest_side",
        default=2400,
        help="pictures are enlarged before detection as far as a face of --min_width needs, but to no longer side "
        "than this; larger pictures are shrunk to it",
        group=FacesInPicturesOptions.TITLE,
    )
    fpir: float | None = option(
        None,
        "false-positive identification rate to decide at (default: the one stated at calibration)",
        metavar="RATE",
        check=RATE,
        group="decisions",
    )
    top: int = option(3, "candidates to show for each face", check=between(1, 100), group="output")
    format: str = option("table", "form of the output", choices=("table", "json", "csv"), group="output")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateGallerySettings(
    DataOptions, ModelOptions, ServingOptions, ScoreOptions, RuntimeOptions, OutputOptions
):
    """The options of `cshml-evaluate-gallery`."""

    data_dir: str = varied(
        DataOptions,
        "data_dir",
        help="aligned faces: class folders or a packed folder; people with several photographs are enrolled, "
        "those with one are strangers",
        positional="FACES",
    )
    people: str | None = varied(
        DataOptions,
        "people",
        help="file of the people to use, LFW's people.txt or one name per line (default: all)",
    )
    portraits: int = option(
        1,
        "photographs to enrol per person; from 2 on, best and mean are compared",
        check=POSITIVE,
        group="protocol",
    )
    rates: tuple[float, ...] = option(
        (0.01, 0.1), "false-positive identification rates", metavar="RATE", check=RATE, group="protocol"
    )
    try_weights: tuple[float, ...] = option(
        (),
        "weights of the second score to compare at rank 1, to choose one on the training people",
        metavar="W",
        check=between(0, 100),
        group="protocol",
    )
    reject: bool = option(
        False,
        "also measure which figures of a face predict errors: error rates once the faces of lowest quality, "
        "sharpness and so on are rejected",
        group="protocol",
    )
    record: Path | None = option(
        None,
        "with --reject, the faces' alignment.csv, for the detector's score and the pose (default: that in FACES, "
        "if there is one)",
        metavar="FILE",
        place=file("an alignment.csv"),
        group="protocol",
    )
    embedding_batch_size: int = varied(EmbeddingOptions, "embedding_batch_size")
    figures: Path | None = varied(
        OutputOptions,
        "figures",
        help="with --reject, folder for plots (default: FILE_figures, next to --report FILE.json)",
    )
    seed: int = option(0, "seed that decides which strangers set the thresholds", check=SEED, group="protocol")

    def __post_init__(self) -> None:
        """Refuse options that have no effect."""
        super().__post_init__()
        require(self.reject or self.record is None, "{record}: needs {reject} as well")
        require(self.reject or self.figures is None, "{figures}: needs {reject} as well")
