"""The options of the commands that import and export networks."""

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

from cshml_tf.settings.choices import COLOURS
from cshml_tf.settings.groups import CropOptions, ImageSizeOptions, StandardisationOptions, StemOptions
from cshml_tf.settings.option import REQUIRED, Settings, option, options_of, require, varied
from cshml_tf.settings.places import FACES, LR_MODEL, MODEL, Place, new_folder


def _no_network(path: Path) -> str | None:
    return None if path.exists() or Path(f"{path}.index").exists() else "which does not exist"


NETWORK = Place("an ONNX file or a FaceNet checkpoint", _no_network)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportSettings(Settings):
    """The options of `cshml-export`."""

    TITLE: ClassVar[str] = "input and output"

    model_dir: Path = option(REQUIRED, "model folder of an HR or LR network", positional="MODEL_DIR", place=MODEL)
    out_dir: Path = option(
        REQUIRED,
        "folder for the SavedModel, absent or empty",
        positional="OUT_DIR",
        place=new_folder(with_hidden=True),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class JoinSettings(Settings):
    """The options of `cshml-join`."""

    TITLE: ClassVar[str] = "input and output"

    networks: tuple[Path, ...] = option(
        REQUIRED,
        "model folders of LR networks that learned from one HR network, two or more",
        positional="LR_MODEL",
        place=LR_MODEL,
        unique=True,
    )
    out_dir: Path = option(REQUIRED, "model folder to create", positional="OUT_DIR", place=new_folder())

    def __post_init__(self) -> None:
        """Refuse a single network."""
        super().__post_init__()
        require(len(self.networks) > 1, "{networks}: expected two or more and OUT_DIR, got %s", self.networks[0])


@dataclasses.dataclass(frozen=True, kw_only=True)
class WidenSettings(Settings):
    """The options of `cshml-widen`."""

    TITLE: ClassVar[str] = "input and output"

    model_dir: Path = option(REQUIRED, "model folder of an HR or LR network", positional="MODEL_DIR", place=MODEL)
    out_dir: Path = option(REQUIRED, "model folder to create", positional="OUT_DIR", place=new_folder())


@dataclasses.dataclass(frozen=True, kw_only=True)
class EitherOptions(ImageSizeOptions, StandardisationOptions, CropOptions):
    """The options for both ONNX files and FaceNet checkpoints."""

    TITLE: ClassVar[str] = "both kinds"

    image_size: tuple[int, int] | None = varied(
        ImageSizeOptions,
        "image_size",
        default=None,
        help="height and width of the faces, in pixels (default: the ONNX file's own, or FaceNet's 160 160)",
        group=TITLE,
    )
    standardisation: str | None = varied(
        StandardisationOptions,
        "standardisation",
        help="how pixels were scaled when the network was trained: per_image by each image's own mean and "
        "standard deviation, fixed as (x - 127.5) / 128, symmetric as (x - 127.5) / 127.5, none not at all; "
        "required for ONNX (default for FaceNet: fixed)",
        otherwise=None,
        group=TITLE,
    )
    crop: str | None = varied(
        CropOptions,
        "crop",
        default=None,
        help="how the network's training faces were cropped: warped by landmarks, or cut out by the detector's "
        "box; recorded in the model folder (default: landmarks for ONNX, box for FaceNet)",
        group=TITLE,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnnxOptions(Settings):
    """The options that apply only to ONNX files."""

    TITLE: ClassVar[str] = "ONNX"

    embedding: str | None = option(
        None,
        "node that computes the embedding (default: the only output, or the only one that is a vector of several "
        "values)",
        metavar="NODE",
    )
    colours: str | None = option(None, "order of the input's channels", choices=COLOURS, otherwise="rgb")
    compare_on: Path | None = option(
        None,
        "aligned faces on which to compare with onnxruntime, class folders or packed (default: noise)",
        metavar="FACES",
        place=FACES,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FaceNetOptions(StemOptions):
    """The options that apply only to FaceNet checkpoints."""

    TITLE: ClassVar[str] = "FaceNet"

    stem_pool_stride: int | None = varied(
        StemOptions,
        "stem_pool_stride",
        help="stride of the stem's pool: 2 in FaceNet, 1 in the paper",
        otherwise=2,
        group=TITLE,
    )
    classes: Path | None = option(
        None,
        "keep the checkpoint's logits as initial weights of the shared classifier, and take the names of the "
        "classes from the class folders it was trained on, or from a file with one name per line, in order "
        "(default: drop the logits)",
        metavar="PATH",
        place=Place("a folder of class folders, or a file of names", _no_network),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportSettings(EitherOptions, OnnxOptions, FaceNetOptions):
    """The options of `cshml-import`."""

    source: Path = option(
        REQUIRED,
        "an ONNX file (.onnx), or a FaceNet checkpoint: its folder, prefix, or .index, .meta or .data file",
        positional="SOURCE",
        place=NETWORK,
        group="input and output",
    )
    out_dir: Path = option(
        REQUIRED,
        "model folder to create",
        positional="OUT_DIR",
        place=new_folder(),
        group="input and output",
    )

    # The usual values for each kind.
    ONNX: ClassVar[dict[str, Any]] = {"crop": "landmarks", "colours": "rgb"}
    FACENET: ClassVar[dict[str, Any]] = {
        "crop": "box",
        "image_size": (160, 160),
        "standardisation": "fixed",
        "stem_pool_stride": 2,
    }

    def __post_init__(self) -> None:
        """Refuse options of the other kind, and fill in the usual values for this kind."""
        super().__post_init__()
        foreign, kind = (FaceNetOptions, "a FaceNet checkpoint") if self.is_onnx else (OnnxOptions, "an ONNX file")
        for name in options_of(foreign):
            require(getattr(self, name) is None, f"{{{name}}}: expected {kind}, got %s", self.source)
        require(
            not self.is_onnx or self.standardisation is not None,
            "{standardisation}: expected the scaling that the network was trained with, which an ONNX file does "
            "not record, got none",
        )
        for name, otherwise in (self.ONNX if self.is_onnx else self.FACENET).items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, otherwise)

    @property
    def is_onnx(self) -> bool:
        """Whether the network comes from an ONNX file, not from a FaceNet checkpoint."""
        return self.source.suffix == ".onnx"
