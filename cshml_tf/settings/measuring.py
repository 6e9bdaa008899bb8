"""Options shared by the commands that embed faces and measure networks."""

import dataclasses
from pathlib import Path
from typing import ClassVar

from cshml_tf.settings.checks import PIXELS, POSITIVE
from cshml_tf.settings.choices import MIXED_PRECISIONS, RUNTIMES
from cshml_tf.settings.groups import read_resolution
from cshml_tf.settings.option import REQUIRED, Settings, option, require
from cshml_tf.settings.places import FACES, HR_MODEL, LR_MODEL, PAIRS, REPORT, output_folder


def read_weight(word: str) -> tuple[str, float]:
    """Read the weight of a resolution's second score, "8=1" or "14x12=0.5", for `Option.parse`."""
    resolution, equals, weight = word.partition("=")
    try:
        number = float(weight)
    except ValueError:
        number = -1.0
    if not equals or not 0 <= number <= 1e6:
        raise ValueError(f"expected RESOLUTION=WEIGHT with a weight of 0 or more, such as 8=1, got {word!r}")
    sides = read_resolution(resolution)
    return (str(sides) if isinstance(sides, int) else f"{sides[0]}x{sides[1]}"), number


@dataclasses.dataclass(frozen=True, kw_only=True)
class RuntimeOptions(Settings):
    """What runs the networks that embed faces."""

    TITLE: ClassVar[str] = "running"

    runtime: str = option(
        "auto",
        "what runs the networks; auto: openvino if it is installed, otherwise keras; a network whose embeddings "
        "differ from keras's by more than 1e-5 is run by keras",
        choices=RUNTIMES,
    )
    mixed_precision: str = option(
        "off",
        "on: compute in bfloat16, whose embeddings have a cosine of 0.999 or more to float32's; auto: where it is "
        "faster, which a few seconds of measuring tell for each network",
        choices=MIXED_PRECISIONS,
    )


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
        REQUIRED,
        "list of pairs, such as LFW's, CALFW's or CPLFW's, or lines 'path path label'; or CFP's folder of folds",
        metavar="FILE",
        place=PAIRS,
        of_test=True,
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreOptions(Settings):
    """How a person is scored."""

    TITLE: ClassVar[str] = "scores"

    ll_weight: tuple[tuple[str, float], ...] = option(
        (),
        "weight of the second score per resolution, such as 8=1 12=0.5: the cosine of the probe and the portrait "
        "reduced to the probe's resolution, added to that of the probe and the sharp portrait (default: 0.5 up to "
        "12 pixels, 0.25 up to 20, 0 above)",
        metavar="R=W",
        parse=read_weight,
    )

    def __post_init__(self) -> None:
        """Refuse two weights for one resolution."""
        super().__post_init__()
        require(len(self.weights) == len(self.ll_weight), "{ll_weight}: expected one weight per resolution")

    @property
    def weights(self) -> dict[str, float]:
        """The weights by resolution."""
        return dict(self.ll_weight)
