"""The options of the commands that measure networks on LFW's pairs, TinyFace and QMUL-SurvFace."""

import dataclasses
from pathlib import Path
from typing import ClassVar

from cshml_tf.settings.checks import RATE, SEVERITY
from cshml_tf.settings.choices import GALLERIES, SCORERS
from cshml_tf.settings.groups import DegradationOptions, read_resolution
from cshml_tf.settings.measuring import (
    BothOrdersOptions,
    ComparisonOptions,
    EmbeddingOptions,
    ModelOptions,
    OutputOptions,
    PairListOptions,
    RuntimeOptions,
    ScoreOptions,
    ServingOptions,
)
from cshml_tf.settings.option import REQUIRED, Settings, option, require, varied
from cshml_tf.settings.places import PAIR_FACES, file, folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResolutionsOptions(Settings):
    """The resolutions to measure."""

    TITLE: ClassVar[str] = "protocol"

    resolutions: tuple[int | tuple[int, int], ...] | None = option(
        None,
        "resolutions to measure, such as 12 or 14x12 (height x width) (default: all those of the LR networks)",
        metavar="R",
        parse=read_resolution,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LfwSettings(
    PairListOptions,
    ModelOptions,
    ResolutionsOptions,
    BothOrdersOptions,
    ScoreOptions,
    ComparisonOptions,
    RuntimeOptions,
    OutputOptions,
):
    """The options of `cshml-evaluate-lfw`."""

    lfw_dir: Path = varied(
        PairListOptions,
        "lfw_dir",
        help="aligned faces, Name/Name_0001.png or packed; or a pair set of InsightFace, such as lfw.bin",
        positional="LFW_DIR",
        place=PAIR_FACES,
    )
    lfw_pairs: Path | None = varied(
        PairListOptions,
        "lfw_pairs",
        default=None,
        help="list of pairs, such as pairs.txt; required if LFW_DIR is a folder; a pair set contains its own "
        "pairs",
    )
    degradation: str | None = varied(
        DegradationOptions,
        "degradation",
        default=None,
        help="how images are reduced (default: as in each LR network's training, or antialias without LR "
        "networks)",
        group="protocol",
    )
    severity: int | None = option(
        None,
        "how bad the simulated camera of --degradation camera is, 1 to 5 (default: drawn for each face)",
        metavar="N",
        check=SEVERITY,
        group="protocol",
    )
    average_orders: bool = varied(
        BothOrdersOptions,
        "average_orders",
        help="measure each HL pair twice, reducing first one image and then the other (with --as_they_are: "
        "embedding it with the LR network), and average the two",
    )
    as_they_are: bool = option(
        False,
        "reduce nothing, for images that already have a low quality, such as XQLFW's: in HR, the HR network "
        "embeds both images; in HL, the LR network embeds the second one; in LL, the LR network embeds both",
        group="protocol",
    )
    fused: bool = option(
        False,
        "also measure the second score: HL joined by LL, with the weights of --ll_weight",
        group="protocol",
    )
    ll_weight: tuple[tuple[str, float], ...] = varied(
        ScoreOptions,
        "ll_weight",
        help="weight of LL in the second score per resolution, such as 8=1 12=0.5 (default: 0.5 up to 12 pixels, "
        "0.25 up to 20, 0 above)",
        group="protocol",
    )
    scorer: str = option(
        "cosine",
        "what scores pairs: the cosine of their embeddings; hjb also measures HL and LL of the LR networks by the "
        "joint Bayesian classifier in --hjb",
        choices=SCORERS,
        group="protocol",
    )
    hjb: Path | None = option(
        None,
        "file of fit_hjb.py, fitted to the embeddings of these networks on other people than those compared",
        metavar="FILE.npz",
        place=file("a file of fit_hjb.py"),
        group="protocol",
    )
    far: tuple[float, ...] = option(
        (0.1, 0.01, 0.001),
        "false accept rates to report thresholds for",
        metavar="RATE",
        check=RATE,
        group="protocol",
    )
    figures: Path | None = varied(
        OutputOptions,
        "figures",
        help="folder for ROC curves and score histograms (default: FILE_figures, next to --report FILE.json)",
    )

    def __post_init__(self) -> None:
        """Refuse options that cannot be combined."""
        super().__post_init__()
        is_pair_set = self.lfw_dir.suffix == ".bin" and not self.lfw_dir.is_dir()
        require(
            not is_pair_set or self.lfw_pairs is None,
            "{lfw_pairs}: cannot be combined with a pair set (.bin), which has its own pairs; got %s",
            self.lfw_pairs,
        )
        require(
            is_pair_set or self.lfw_pairs is not None,
            "{lfw_pairs}: expected a list of pairs for the folder %s, got none",
            self.lfw_dir,
        )
        require(
            not self.as_they_are or self.degradation is None,
            "{degradation}: cannot be combined with {as_they_are}, which reduces nothing",
        )
        require(
            self.severity is None or self.degradation == "camera",
            "{severity}: only for {degradation} camera, got %s",
            self.degradation,
        )
        require(
            not self.as_they_are or not self.resolutions or bool(self.lr_model),
            "{resolutions}: expected LR networks ({lr_model}) to choose from with {as_they_are}, got none",
        )
        require(not self.fused or bool(self.lr_model), "{fused}: needs LR networks ({lr_model})")
        require(
            not self.fused or not self.as_they_are,
            "{fused}: cannot be combined with {as_they_are}, which reduces nothing",
        )
        require(self.fused or not self.ll_weight, "{ll_weight}: needs {fused} as well")
        self._check_scorer(is_pair_set)

    def _check_scorer(self, is_pair_set: bool) -> None:
        by_hjb = self.scorer == "hjb"
        require(by_hjb or self.hjb is None, "{hjb}: expected {scorer} hjb, got %s", self.scorer)
        require(not by_hjb or self.hjb is not None, "{scorer}: hjb needs a classifier, {hjb}; got none")
        require(not by_hjb or bool(self.lr_model), "{scorer}: hjb needs LR networks ({lr_model})")
        require(
            not by_hjb or not self.as_they_are,
            "{scorer}: hjb cannot be combined with {as_they_are}, because it was fitted to reduced faces",
        )
        require(
            not by_hjb or not is_pair_set,
            "{scorer}: hjb cannot be combined with a pair set (.bin), which does not say whom it shows, so that "
            "nothing tells whether the classifier was fitted on the same people; got %s",
            self.lfw_dir,
        )

    @property
    def reduction(self) -> str | None:
        """The name of the degradation, its severity included; None for that of each network's training."""
        return self.degradation if self.severity is None else f"{self.degradation}-{self.severity}"

    @property
    def is_pair_set(self) -> bool:
        """Whether the faces and their pairs come in one file of InsightFace."""
        return self.lfw_pairs is None


@dataclasses.dataclass(frozen=True, kw_only=True)
class NativeFacesSettings(ModelOptions, ServingOptions, EmbeddingOptions, RuntimeOptions, OutputOptions):
    """The options that the commands for natively low-resolution data sets share."""

    root: Path = option(
        REQUIRED,
        "the data set as distributed",
        positional="ROOT",
        place=folder("the folder of the data set"),
        group="data",
    )
    images_root: Path | None = option(
        None,
        "folder to take the images from, for example aligned copies in the same subfolders; images without a copy "
        "count as missing, so align with --fallback center (default: ROOT)",
        metavar="DIR",
        place=folder(),
        group="data",
    )

    @property
    def needs_distributed(self) -> bool:
        """Whether the widths of faces come from files other than those that the networks see."""
        return bool(self.images_root and self.lr_model)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TinyFaceSettings(NativeFacesSettings):
    """The options of `cshml-evaluate-tinyface`."""

    root: Path = varied(
        NativeFacesSettings,
        "root",
        help="TinyFace as distributed: the folder that contains Testing_Set, with its lists (.mat) and images",
    )
    figures: Path | None = varied(
        OutputOptions,
        "figures",
        help="folder for the cumulative match curves (default: FILE_figures, next to --report FILE.json)",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SurvFaceSettings(NativeFacesSettings):
    """The options of `cshml-evaluate-survface`."""

    root: Path = varied(
        NativeFacesSettings,
        "root",
        help="QMUL-SurvFace as distributed: Face_Verification_Test_Set and Face_Identification_Test_Set, or one "
        "of them",
    )
    gallery: str = option(
        "people",
        "what identification ranks: people, each by the mean embedding of the person's images, or single images",
        choices=GALLERIES,
        group="identification",
    )
    figures: Path | None = varied(
        OutputOptions,
        "figures",
        help="folder for the ROC curves of verification (default: FILE_figures, next to --report FILE.json)",
    )
