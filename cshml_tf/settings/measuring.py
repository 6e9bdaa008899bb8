"""Options shared by the commands that embed faces and measure networks."""

import dataclasses
from pathlib import Path
from typing import ClassVar

from cshml_tf.settings.checks import PIXELS, POSITIVE
from cshml_tf.settings.option import REQUIRED, Settings, option
from cshml_tf.settings.places import FACES, HR_MODEL, LR_MODEL, REPORT, file, output_folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmbeddingOptions(Settings):
    """How faces are embedded when networks are measured."""

    TITLE: ClassVar[str] = "embedding"

    use_flipped_images: bool = option(
        False,
        "average the embedding of each face with that of its mirror image",
        formerly=("lfw_use_flipped_images",),
        of_test=True,
    )
    embedding_batch_size: int = option(
        32, "faces per forward pass", check=POSITIVE, formerly=("lfw_batch_size", "batch_size"), of_test=True
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComparisonOptions(EmbeddingOptions):
    """How the pairs of LFW are compared."""

    subtract_mean: bool = option(
        False,
        "subtract the mean embedding of the other folds before comparing",
        formerly=("lfw_subtract_mean",),
        of_test=True,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairListOptions(Settings):
    """Pairs of faces to measure on."""

    TITLE: ClassVar[str] = "test pairs"

    lfw_dir: str = option(
        REQUIRED,
        "aligned faces of the pairs: class folders (Name/Name_0001.png) or a packed folder",
        metavar="FACES",
        place=FACES,
        of_test=True,
    )
    lfw_pairs: str = option(
        REQUIRED, "list of pairs, such as LFW's pairs.txt", metavar="FILE", place=file(), of_test=True
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BothOrdersOptions(Settings):
    """Whether the two images of a pair swap roles."""

    TITLE: ClassVar[str] = "protocol"

    average_orders: bool = option(
        False,
        "measure each HL pair twice, reducing first one image and then the other, and average the two",
        of_test=True,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class HrModelOptions(Settings):
    """The HR network to measure or to use."""

    TITLE: ClassVar[str] = "networks"

    hr_model: Path = option(REQUIRED, "model folder of the HR network", metavar="DIR", place=HR_MODEL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelOptions(HrModelOptions):
    """The networks to measure or to use."""

    lr_model: tuple[Path, ...] = option(
        (),
        "model folders of LR networks (default: measure only the HR network)",
        metavar="DIR",
        place=LR_MODEL,
        many="extend",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputOptions(Settings):
    """The files that a measuring command writes."""

    TITLE: ClassVar[str] = "output"

    report: Path | None = option(None, "write all measurements to this file", metavar="FILE.json", place=REPORT)
    figures: Path | None = option(
        None,
        "folder for plots (default: FILE_figures, next to --report FILE.json)",
        metavar="DIR",
        place=output_folder(is_apart=True),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServingOptions(Settings):
    """Which network embeds a face, by the face's width."""

    TITLE: ClassVar[str] = "networks"

    hr_width: float | None = option(
        None,
        "faces at least this wide are embedded by the HR network, narrower ones by an LR network (default: half "
        "the width of the networks' input)",
        metavar="PIXELS",
        check=PIXELS,
    )
