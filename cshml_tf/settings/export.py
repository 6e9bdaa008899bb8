"""The options of `cshml-export`."""

import dataclasses
from pathlib import Path
from typing import ClassVar

from cshml_tf.settings.choices import EXPORT_FORMATS, PRECISIONS
from cshml_tf.settings.groups import read_resolution
from cshml_tf.settings.models import ExportSettings
from cshml_tf.settings.option import Settings, option, require, varied
from cshml_tf.settings.places import FACES, HR_MODEL, PAIRS, new_folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class FormatOptions(Settings):
    """What is written."""

    TITLE: ClassVar[str] = "formats"

    format: tuple[str, ...] = option(
        ("saved_model",), "formats to write", choices=tuple(EXPORT_FORMATS), unique=True, metavar="FORMAT"
    )
    precision: tuple[str, ...] = option(
        ("float32",),
        "precisions of each format, as far as it has them; a SavedModel has float32 alone",
        choices=PRECISIONS,
        unique=True,
        metavar="PRECISION",
    )
    calibrate: Path | None = option(
        None,
        "aligned faces on which the ranges of int8 are measured, class folders or packed; required for int8",
        metavar="FACES",
        place=FACES,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckOptions(Settings):
    """How exports are compared with the Keras model."""

    TITLE: ClassVar[str] = "comparison"

    compare_on: Path | None = option(
        None,
        "aligned faces on which exports are compared with the Keras model, class folders or packed; with "
        "--lfw_pairs, also those of the pairs (default: synthetic faces)",
        metavar="FACES",
        place=FACES,
    )
    accept: bool = option(
        False,
        "keep an export even if its embeddings have a cosine below 0.999 (int8: 0.99) to the Keras model's",
    )
    lfw_pairs: Path | None = option(
        None,
        "list of pairs on which accuracy is measured before and after the export",
        metavar="FILE",
        place=PAIRS,
    )
    hr_model: Path | None = option(
        None,
        "model folder of the HR network, which embeds the sharp faces of the pairs; required with --lfw_pairs if "
        "MODEL_DIR is an LR network",
        metavar="DIR",
        place=HR_MODEL,
    )
    resolutions: tuple[int | tuple[int, int], ...] | None = option(
        None,
        "resolutions to measure on pairs, such as 12 or 14x12 (default: those of the network)",
        metavar="R",
        parse=read_resolution,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportModelSettings(ExportSettings, FormatOptions, CheckOptions):
    """All options of `cshml-export`."""

    out_dir: Path = varied(
        ExportSettings,
        "out_dir",
        help="folder of the export, absent or empty; several exports get a folder each in it, such as onnx_int8",
        positional="OUT",
        place=new_folder(),
    )

    def __post_init__(self) -> None:
        """Refuse options that cannot be combined."""
        super().__post_init__()
        require(
            bool(self.exports()),
            "{precision}: expected %s, the only precision of a SavedModel, got %s",
            "float32",
            self.precision,
        )
        require(
            self.calibrate is not None or not any(precision == "int8" for _, precision in self.exports()),
            "{calibrate}: expected aligned faces, on which the ranges of int8 are measured, got none",
        )
        require(
            self.lfw_pairs is None or self.compare_on is not None,
            "{compare_on}: expected the aligned faces of the pairs in {lfw_pairs}, got none",
        )
        for name in ("hr_model", "resolutions"):
            require(
                getattr(self, name) is None or self.lfw_pairs is not None,
                f"{{{name}}}: expected a list of pairs ({{lfw_pairs}}) to measure on, got none",
            )

    def exports(self) -> list[tuple[str, str]]:
        """Return the (format, precision) of each export, in the order given."""
        return [
            (name, precision)
            for name in self.format
            for precision in self.precision
            if precision in EXPORT_FORMATS[name]
        ]
