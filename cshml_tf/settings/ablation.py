"""The options of the ablation: how its cells differ, how all of them are trained, and how they are measured."""

import dataclasses
from typing import Any, ClassVar

from cshml_tf.settings.augmentation import check_augmentation
from cshml_tf.settings.checks import SEED
from cshml_tf.settings.groups import (
    DataOptions,
    DeviceOptions,
    LoggingOptions,
    OptimisationOptions,
    UnreadableOptions,
)
from cshml_tf.settings.losses import CosFaceOptions, FurtherTermOptions, TapOptions, WeightOptions
from cshml_tf.settings.measuring import BothOrdersOptions, ComparisonOptions, PairListOptions
from cshml_tf.settings.option import REQUIRED, Settings, option, options_of, require, varied
from cshml_tf.settings.pairs import PairOptions, check_pairs
from cshml_tf.settings.places import HR_MODEL, output_folder
from cshml_tf.settings.teacher_cache import TeacherCacheOptions, check_teacher_cache
from cshml_tf.settings.training import LrNetworkOptions, LrSettings, check_optimisation
from cshml_tf.settings.unlabelled import UnlabelledOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class GridOptions(Settings):
    """The options in which cells differ: each is a list, and every combination of values is a cell."""

    TITLE: ClassVar[str] = "combinations"

    networks: tuple[str, ...] = option(
        REQUIRED,
        "model folders of the HR networks that the LR networks start from",
        metavar="DIR",
        place=HR_MODEL,
        cell="pretrained_model",
    )
    resolutions: tuple[str, ...] = option(
        REQUIRED,
        "resolutions, one LR network for each: 12, or 14x12 (height x width); 8+12+16+20 is one network for all "
        "four, and 6-28 one for that range",
        metavar="R",
        cell="resolution",
    )
    losses: tuple[str, ...] = option(
        ("2+3+5",),
        "the paper's equations in the loss, such as 2 2+3 2+3+5: 2 is the classifier loss, 3 the contrastive "
        "loss, 5 the multi-hierarchy loss, and 4 is equation 5 without pooling; further terms follow by name, "
        "such as 2+3+5+bank, and need their weights",
        metavar="TERMS",
    )
    taps: tuple[str, ...] = varied(
        TapOptions,
        "tap",
        default=(),
        help="feature maps of equation 5, one LR network for each, as in the paper's table 3 (default: block_c, "
        "or the last map of an imported network)",
        formerly=("tap",),
        cell="tap",
        group=TITLE,
    )
    seeds: tuple[int, ...] = option((666,), "seeds of every random decision", check=SEED, cell="seed")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AblationSettings(
    GridOptions,
    DataOptions,
    UnreadableOptions,
    PairListOptions,
    ComparisonOptions,
    BothOrdersOptions,
    WeightOptions,
    CosFaceOptions,
    FurtherTermOptions,
    PairOptions,
    LrNetworkOptions,
    TeacherCacheOptions,
    UnlabelledOptions,
    OptimisationOptions,
    DeviceOptions,
    LoggingOptions,
):
    """The options of the ablation's command."""

    output_dir: str = option(
        REQUIRED,
        "folder for models/, logs/, reports/, table.md, runs.csv and figure.png; it may contain an earlier "
        "ablation, which is resumed or extended",
        positional="OUT_DIR",
        place=output_folder(),
        group="output",
    )

    def __post_init__(self) -> None:
        """Refuse combinations that no cell can have."""
        super().__post_init__()
        check_optimisation(self)
        require(
            self.strategy != "multi_worker",
            "{strategy}: expected auto, one or mirrored for an ablation, got %s",
            self.strategy,
        )
        check_pairs(self)
        check_teacher_cache(self)
        check_augmentation(self)

    def shared_options(self) -> dict[str, Any]:
        """Return the training options that all cells share: the fields of `LrSettings` that no cell decides.

        Options of testing are left out, because the ablation tests a network after its training, not during it.
        """
        decided = cell_options() | {"run_name", "models_base_dir", "logs_base_dir"}
        return {
            name: getattr(self, name)
            for name, about in options_of(LrSettings).items()
            if hasattr(self, name) and not about.of_test and name not in decided
        }


def cell_options() -> set[str]:
    """Return the fields of `LrSettings` that a cell of the grid decides."""
    return {about.cell for about in options_of(GridOptions).values() if about.cell}


def recipe_options() -> set[str]:
    """Return the fields of `LrSettings` whose values all cells of one folder must share.

    This leaves out options that a cell decides, options that may differ when a run continues, options of
    measuring, and paths, because the files they lead to are compared by content.
    """
    return {
        name
        for name, about in options_of(LrSettings).items()
        if name in options_of(AblationSettings) and not (about.continues or about.of_test or about.place)
    } - cell_options()
