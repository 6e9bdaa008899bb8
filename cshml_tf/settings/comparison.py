"""The options of the commands that compare faces and show pairs of them."""

import dataclasses
from pathlib import Path
from typing import ClassVar

from cshml_tf.settings.checks import RATE, SEED, Check, between
from cshml_tf.settings.groups import read_resolution
from cshml_tf.settings.measuring import (
    HrModelOptions,
    ModelOptions,
    PairListOptions,
    RuntimeOptions,
    ServingOptions,
)
from cshml_tf.settings.option import REQUIRED, Settings, option, require, varied
from cshml_tf.settings.places import TEST_FACES, file

MOST_PAIRS = 20
_EVEN = Check(f"an even number up to {MOST_PAIRS}", lambda value: 0 < value <= MOST_PAIRS and value % 2 == 0)
_PNG = Check("a file that ends in .png", lambda path: path.suffix.lower() == ".png" and not path.is_dir())


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecisionOptions(Settings):
    """When two faces count as one person's."""

    TITLE: ClassVar[str] = "decisions"

    report: Path | None = option(
        None,
        "report of evaluate_lfw.py to take thresholds from: the HR threshold applies if the HR network embedded "
        "both faces, HL if an LR network embedded one, LL if LR networks embedded both; for two different LR "
        "networks, the stricter LL threshold applies (default: print only scores)",
        metavar="FILE.json",
        place=file(),
    )
    threshold: float | None = option(
        None,
        "one threshold for all pairs, instead of --report",
        metavar="T",
        check=between(-1, 1, "a cosine similarity"),
    )
    far: float | None = option(
        None,
        "false accept rate of the thresholds, one of those in the report (default: the strictest at which the "
        "report has a threshold for every pair)",
        metavar="RATE",
        check=RATE,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompareSettings(ModelOptions, ServingOptions, RuntimeOptions, DecisionOptions):
    """The options of `cshml-compare`."""

    images: tuple[Path, ...] = option(
        REQUIRED,
        "photographs or face crops, two or more",
        positional="IMAGE",
        place=file("a picture"),
        group="input",
    )
    aligned: bool = option(False, "treat the pictures as aligned crops and skip face detection", group="input")
    lr_model: tuple[Path, ...] = varied(
        ModelOptions,
        "lr_model",
        help="model folder of an LR network; repeat the option once per network (default: the HR network embeds "
        "every face)",
        many="repeat",
    )
    fused: bool = option(
        False,
        "also score each sharp face with each small one by the second score, and decide on that: the sharp face "
        "is shown to the LR network too, reduced to the small one's resolution; --report needs its thresholds "
        "(evaluate_lfw.py --fused)",
        group="decisions",
    )
    detail: bool = option(
        False,
        "also print the detector's box and score for each face, and the threshold for each pair",
        group="output",
    )

    def __post_init__(self) -> None:
        """Refuse a single picture, and two sources of thresholds."""
        super().__post_init__()
        require(len(self.images) > 1, "{images}: expected two or more, got only %s", self.images[0])
        require(self.report is None or self.threshold is None, "{threshold}: cannot be combined with {report}")
        require(not self.fused or bool(self.lr_model), "{fused}: needs LR networks ({lr_model})")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShowPairsSettings(PairListOptions, HrModelOptions):
    """The options of `cshml-show-pairs`."""

    lfw_dir: Path = varied(
        PairListOptions,
        "lfw_dir",
        help="aligned faces, Name/Name_0001.png or packed",
        positional="LFW_DIR",
        place=TEST_FACES,
    )
    lr_model: Path = varied(
        ModelOptions, "lr_model", default=REQUIRED, help="model folder of the LR network", many="words"
    )
    resolution: int | tuple[int, int] | None = option(
        None,
        "resolution to show, such as 12 or 14x12 (height x width) (default: the LR network's, if it has only one)",
        metavar="R",
        parse=read_resolution,
        group="what is shown",
    )
    pairs: int = option(
        8,
        f"number of example pairs, half of them of one person; even, up to {MOST_PAIRS}",
        check=_EVEN,
        group="what is shown",
    )
    seed: int = option(0, "seed that decides which pairs are drawn", check=SEED, group="what is shown")
    output: Path = option(REQUIRED, "figure to write", metavar="FIGURE.png", check=_PNG, group="output")
