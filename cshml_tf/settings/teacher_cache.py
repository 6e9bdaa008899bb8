"""The cache of the frozen HR network's outputs, and what it cannot be combined with."""

import dataclasses
from typing import Any, ClassVar

from cshml_tf.settings.option import Settings, option, options_of, require
from cshml_tf.settings.places import output_folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class TeacherCacheOptions(Settings):
    """Where the HR network's outputs are kept."""

    TITLE: ClassVar[str] = "LR network"

    cache_teacher: str | None = option(
        None,
        "folder for the frozen HR network's outputs in float16, computed once, before training, for every face "
        "and its mirror image, so that no step runs the HR network; runs with the same HR network and faces share "
        "them",
        metavar="DIR",
        place=output_folder(is_apart=True),
        continues=True,
    )


def check_teacher_cache(settings: Any) -> None:
    """Refuse a cache of the HR network's outputs if another option changes the HR faces in every step.

    Raises:
        OptionError: there is such an option; the message names both.
    """
    if settings.cache_teacher is None:
        return
    for name, about in options_of(type(settings)).items():
        require(
            not (about.changes_hr and getattr(settings, name)),
            f"{{cache_teacher}}: cannot be combined with {{{name}}}, which changes HR faces in every step; got %s",
            getattr(settings, name),
        )
