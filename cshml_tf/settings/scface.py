"""The options of the evaluation on SCface, including fine-tuning."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from cshml_tf.settings.checks import LEARNING_RATE, POSITIVE, at_least
from cshml_tf.settings.choices import ALIGNMENTS, MAPPINGS
from cshml_tf.settings.groups import DataOptions, SeedOptions, read_resolution
from cshml_tf.settings.joint_bayesian import JointBayesianOptions
from cshml_tf.settings.losses import WeightOptions
from cshml_tf.settings.measuring import EmbeddingOptions, HrModelOptions, OutputOptions, RuntimeOptions
from cshml_tf.settings.option import REQUIRED, Settings, option, require, varied
from cshml_tf.settings.pairs import PairOptions
from cshml_tf.settings.places import HR_MODEL, MODEL, folder, output_folder

ALL_PEOPLE, SPLIT_PEOPLE = PROTOCOLS = ("130", "80")
_FINE_TUNING = "fine-tuning with equation 3; the paper does not state these values"


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTuning(Settings):
    """How to fine-tune an LR network with equation 3.

    Attributes:
        steps: of the optimiser.
        batch_size: pairs per step.
        learning_rate: of SGD with momentum 0.9; it falls to 0 along half a cosine.
        negative_share: share of pairs of two people, 0..1.
        alpha: smallest squared distance wanted between two people, 0..4.
    """

    TITLE: ClassVar[str] = _FINE_TUNING

    steps: int = option(100, "steps of fine-tuning", flag="fine_tune_steps", check=at_least(1))
    batch_size: int = option(32, "pairs per step of fine-tuning", flag="fine_tune_batch_size", check=POSITIVE)
    learning_rate: float = option(
        0.01,
        "learning rate of fine-tuning at its start; it falls to 0 along half a cosine",
        flag="fine_tune_learning_rate",
        check=LEARNING_RATE,
    )
    negative_share: float = varied(PairOptions, "negative_share", group=TITLE)
    alpha: float = varied(WeightOptions, "alpha", group=TITLE)


def _at_distance(read: Callable[[str], Any]) -> Callable[[str], tuple[int, Any]]:
    """Return the reader of a word such as 1=models/lr20: a pair of a distance and a value."""

    def read_pair(word: str) -> tuple[int, Any]:
        distance, _, value = word.partition("=")
        if distance not in ("1", "2", "3") or not value:
            raise ValueError(f"expected 1=, 2= or 3= and a value, got {word!r}")
        return int(distance), read(value)

    return read_pair


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlignmentOptions(Settings):
    """How SCface's images are aligned."""

    TITLE: ClassVar[str] = "alignment; if the chosen method fails, the other is tried"

    alignment: str = option(
        "landmarks",
        "how surveillance images are aligned: by the data set's four landmarks or by MTCNN; none if all images, "
        "including mugshots, are already aligned crops",
        choices=ALIGNMENTS,
    )
    mugshot_alignment: str = option("mtcnn", "how mugshots are aligned", choices=("mtcnn", "landmarks"))
    landmarks: str = option("all.txt", "file of the data set's landmarks, in SCFACE_DIR", metavar="FILE")
    crops: Path | None = option(
        None,
        "write the aligned faces to this folder, for inspection, or for use as SCFACE_DIR with --alignment none",
        metavar="DIR",
        place=output_folder(is_apart=True),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScfaceProtocolOptions(SeedOptions):
    """Who is tested, and what is learned before the test."""

    TITLE: ClassVar[str] = "protocol"

    protocols: tuple[str, ...] = option(PROTOCOLS, "number of people tested", choices=PROTOCOLS)
    seeds: tuple[int, ...] = varied(
        SeedOptions, "seeds", help="seeds of the random splits into 50 and 80 people, one per split", group=TITLE
    )
    mappings: tuple[str, ...] = option(
        MAPPINGS, "linear mappings to learn from the embeddings of the 50 people", choices=MAPPINGS, many="any"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixtureOptions(JointBayesianOptions):
    """The general faces of the joint Bayesian classifier."""

    TITLE: ClassVar[str] = JointBayesianOptions.TITLE

    general_dir: str | None = varied(
        DataOptions,
        "data_dir",
        default=None,
        help="aligned faces of other people than SCface's, class folders or packed: the joint Bayesian classifier "
        "is fitted to them and to the 50 people, each part with the same weight (default: no such rows)",
        group=TITLE,
    )
    general_people: str | None = varied(
        DataOptions,
        "people",
        help="file of the people to take from --general_dir (default: everyone)",
        group=TITLE,
    )
    general_reduce: tuple[tuple[int, int | tuple[int, int]], ...] = option(
        (),
        "resolution to which general faces are reduced for a distance (default: that of --reduce, or else the "
        "first one of the LR network that --serve names, or else none)",
        metavar="DISTANCE=R",
        parse=_at_distance(read_resolution),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScfaceSettings(
    HrModelOptions,
    AlignmentOptions,
    ScfaceProtocolOptions,
    FineTuning,
    MixtureOptions,
    EmbeddingOptions,
    RuntimeOptions,
    OutputOptions,
):
    """The options of `cshml-evaluate-scface`."""

    scface_dir: Path = option(
        REQUIRED,
        "SCface as distributed",
        positional="SCFACE_DIR",
        place=folder("the data set's folder"),
        group="data",
    )
    serve: tuple[tuple[int, Path], ...] = option(
        (),
        "network that embeds the probes at distance 1 (4.20 m), 2 (2.60 m) or 3 (1.00 m); the paper uses an LR "
        "network of 20 x 20 for 1 and one of 30 x 30 for 2 (default: the HR network)",
        metavar="DISTANCE=DIR",
        parse=_at_distance(Path),
        place=MODEL,
        group=HrModelOptions.TITLE,
    )
    reduce: tuple[tuple[int, int | tuple[int, int]], ...] = option(
        (),
        "first reduce the aligned probes at a distance to a resolution, as in the training of the network "
        "that embeds them (default: no reduction)",
        metavar="DISTANCE=R",
        parse=_at_distance(read_resolution),
        group=HrModelOptions.TITLE,
    )
    ricnn: Path | None = option(
        None,
        "model folder of a network trained with train_hr.py --resolutions, for rows of its own: it embeds all "
        "images, compared by cosine (RICNN) and, with --general_dir, by the joint Bayesian classifier (RIDN-HJB)",
        metavar="DIR",
        place=HR_MODEL,
        group=HrModelOptions.TITLE,
    )
    steps: int = varied(
        FineTuning,
        "steps",
        help="steps of fine-tuning; 0 skips fine-tuning",
        check=at_least(0),
        group=_FINE_TUNING,
    )
    figures: Path | None = varied(
        OutputOptions,
        "figures",
        help="folder for the cumulative match curves (default: FILE_figures, next to --report FILE.json)",
    )

    def __post_init__(self) -> None:
        """Refuse distances that are given twice."""
        super().__post_init__()
        for name in ("serve", "reduce", "general_reduce"):
            distances = tuple(distance for distance, _ in getattr(self, name))
            require(
                len(set(distances)) == len(distances),
                f"{{{name}}}: expected each distance once, got %s",
                distances,
            )

        for name in ("general_people", "general_reduce"):
            given = bool(getattr(self, name))
            require(self.general_dir is not None or not given, f"{{{name}}}: needs {{general_dir}}")

    @property
    def fine_tuning(self) -> FineTuning | None:
        """How to fine-tune, or None if nothing is to be fine-tuned."""
        return self.part(FineTuning) if self.steps and SPLIT_PEOPLE in self.protocols else None
