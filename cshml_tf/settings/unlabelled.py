"""Faces without names, from which the terms that need no label learn."""

import dataclasses
from typing import Any, ClassVar

from cshml_tf.settings.checks import POSITIVE
from cshml_tf.settings.option import Settings, option, require
from cshml_tf.settings.places import folder

# The terms that nothing but labels tells what to do.
_NEED_LABELS = {"classifier", "low_contrast", "triplets"}


def _idle_without_folder(settings: Any) -> str | None:
    return None if settings.unlabelled_dir else "has no effect without --unlabelled_dir"


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnlabelledOptions(Settings):
    """Where faces without names come from, and how many of them a step sees."""

    TITLE: ClassVar[str] = "data"

    unlabelled_dir: str | None = option(
        None,
        "aligned faces without names, in folders of any depth, packed or as InsightFace's train.rec: part of each "
        "batch, for the terms that need no label, such as equations 3 and 5",
        metavar="FACES",
        place=folder("a folder of aligned faces"),
    )
    unlabelled_batch_size: int = option(
        30,
        "faces without names per step, in addition to --batch_size, over all devices",
        metavar="N",
        check=POSITIVE,
        idle=_idle_without_folder,
    )


def check_unlabelled(settings: Any) -> None:
    """Refuse faces without names where nothing can learn from them, or where a cache lacks them.

    Args:
        settings: LrSettings, or those of an ablation.

    Raises:
        OptionError: there is nothing to learn, or the settings cannot be combined.
    """
    if settings.unlabelled_dir is None:
        return
    require(
        settings.cache_teacher is None,
        "{unlabelled_dir}: cannot be combined with {cache_teacher}, which lacks faces without names; got %s",
        settings.cache_teacher,
    )
    require(
        not set(settings.weights) <= _NEED_LABELS,
        "{unlabelled_dir}: expected a term that needs no label, such as equation 3 or 5, got only %s",
        ", ".join(settings.weights),
    )
    require(
        not settings.mixup or settings.unlabelled_batch_size >= 2,
        "{mixup}: expected {unlabelled_batch_size} 2 or more, got %s",
        settings.unlabelled_batch_size,
    )
