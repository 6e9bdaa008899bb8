"""The LR copies among the faces of HR training."""

import dataclasses
from typing import Any, ClassVar

from cshml_tf.degradation.resolution import expand_range, resolution_sides
from cshml_tf.settings.checks import SHARE
from cshml_tf.settings.groups import DegradationOptions, read_resolution
from cshml_tf.settings.option import option, require, varied


def _idle_without_copies(settings: Any) -> str | None:
    return None if settings.resolutions else "has no effect without LR copies; --resolutions makes some"


@dataclasses.dataclass(frozen=True, kw_only=True)
class LrCopyOptions(DegradationOptions):
    """The LR copies among the HR faces, from which one network learns both."""

    TITLE: ClassVar[str] = "LR copies"

    resolutions: tuple[int | tuple[int, int], ...] = option(
        (),
        "replace some faces of each batch by copies reduced to a resolution drawn from these, such as 12, 14x12 "
        "(height x width) or the range 6-28, and enlarged again, so that one network learns both, as RICNN does "
        "(default: HR faces alone)",
        metavar="R",
        parse=read_resolution,
        expand=expand_range,
        batch="resolutions",
    )
    lr_share: float = option(
        0.5,
        "share of the faces, by chance, that are replaced by their copies",
        metavar="SHARE",
        check=SHARE,
        batch="reduced",
        idle=_idle_without_copies,
    )
    degradation: str = varied(DegradationOptions, "degradation", group=TITLE, idle=_idle_without_copies)


def check_resolutions(name: str, resolutions: tuple[int | tuple[int, int], ...]) -> None:
    """Refuse a resolution that is listed twice.

    Args:
        name: the field that lists them.
        resolutions: each r or (h, w).

    Raises:
        OptionError: one is.
    """
    sides = [resolution_sides(resolution) for resolution in resolutions]
    require(len(set(sides)) == len(sides), f"{{{name}}}: expected each once, got %s", resolutions)
