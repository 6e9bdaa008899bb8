"""Read verification reports from disk, field by field: a damaged threshold would be a wrong decision.

Reports of versions 0.1.0 and 0.2.0 have the same fields, except for those of the second score and for entries of
"protocol" that came later.
"""

from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

from msgspec import Meta

from cshml_tf.degradation.resolution import parse_resolution
from cshml_tf.evaluation.report import (
    JOINT_BAYESIAN,
    LARGEST_THRESHOLD,
    SECOND_SCORES,
    StoredReport,
    resolution_keys,
)
from cshml_tf.files import check_content, printable, read_json

Share = Annotated[float, Meta(ge=0, le=1)]
Threshold = Annotated[float, Meta(ge=-LARGEST_THRESHOLD, le=LARGEST_THRESHOLD)]
Difference = Annotated[float, Meta(ge=-1, le=1)]
Interval = Annotated[list[Difference], Meta(min_length=2, max_length=2)]
_CONDITIONS = ("HL", "LL", "HL_hr_network", "LL_hr_network", *SECOND_SCORES, *JOINT_BAYESIAN)
Count = Annotated[int, Meta(ge=0)]


class Val(TypedDict):
    """VAL at one false accept rate."""

    far: Share
    val: Share
    std: Share
    far_measured: Share
    resolved: bool


class Figures(TypedDict):
    """The figures of one comparison, as `cshml_tf.evaluation.report.verification_figures` returns them."""

    thresholds: dict[str, Threshold | None]
    accuracy: NotRequired[Share]
    pairs: NotRequired[Count]
    std: NotRequired[Share]
    interval: NotRequired[Interval]
    auc: NotRequired[Share]
    eer: NotRequired[Share]
    val: NotRequired[Val]
    tar: NotRequired[dict[str, Share | None]]
    fold_accuracies: NotRequired[list[Share]]
    fold_thresholds: NotRequired[list[Threshold]]


class RatioFigures(TypedDict):
    """The figures of a comparison by a joint Bayesian classifier, whose thresholds are log-likelihood ratios."""

    thresholds: dict[str, float | None]
    accuracy: NotRequired[Share]
    interval: NotRequired[Interval]


class Fusion(TypedDict):
    """What the figures of the second score have besides: the weight of LL in it."""

    weight: Annotated[float, Meta(ge=0, le=1e6)]


class Gain(TypedDict):
    """The gain of the LR network over the HR network, or of another score over the cosine."""

    difference: Difference
    interval: Interval


class AtResolution(TypedDict, total=False):
    """The comparisons at one resolution."""

    HL: Figures
    LL: Figures
    HL_hr_network: Figures
    LL_hr_network: Figures
    gap_closed: float | None
    HL_gain: Gain
    LL_gain: Gain
    HL_fused: Figures
    HL_fused_gain: Gain
    HL_hjb: RatioFigures
    LL_hjb: RatioFigures
    HL_hjb_gain: Gain
    LL_hjb_gain: Gain
    HL_hjb_fused: RatioFigures
    HL_hjb_fused_gain: Gain
    HL_fused_gap_closed: float | None
    HL_hjb_gap_closed: float | None
    HL_hjb_fused_gap_closed: float | None


class TrainedPeople(TypedDict):
    """The people compared on whom a network was trained."""

    people: Count
    pairs: Count
    names: list[str]


class MissingPair(TypedDict):
    """A pair that was left out."""

    fold: int
    pair: list[str]
    absent: list[str]


class Options(TypedDict, total=False):
    """How the pairs were compared."""

    flip: bool
    subtract_mean: bool
    average_orders: bool
    as_they_are: bool


class Protocol(TypedDict, total=False):
    """What was compared, and how."""

    pairs: Count
    pairs_listed: Count
    same: Count
    folds: Count
    folds_by: str
    dropped_folds: list[int]
    threshold: str
    missing: list[MissingPair]
    options: Options
    degradation: dict[str, str]
    models: dict[str, str]
    digests: dict[str, str]
    trained_people: TrainedPeople
    model_def: str | None


class Report(TypedDict):
    """The entries of a report besides those of its resolutions."""

    HR: Figures
    protocol: NotRequired[Protocol]


def read_report(path: str | Path) -> StoredReport:
    """Read a report of `evaluate_lfw.py`, or of an ablation's cell.

    Args:
        path: the JSON file, as written by this version or an earlier one.

    Returns:
        The report, as `cshml_tf.evaluation.lfw.evaluate` makes it; `read_threshold` names its file in errors.

    Raises:
        ValueError: the file is not such a report: it is not JSON, an entry is missing or has another type, a rate
            is not a share, or a threshold is not a cosine similarity; the message names the file and the entry.
        OSError: the file cannot be read.
    """
    try:
        report = read_json(path)
    except ValueError as error:
        reason = str(error).removeprefix(f"{printable(path)}: ")
        raise ValueError(f"{printable(path)}: expected a report in JSON: {reason}") from None
    if not isinstance(report, dict) or "HR" not in report:
        raise ValueError(f"{printable(path)}: expected a report of evaluate_lfw.py, got one without the entry HR")
    check_report(path, report)
    return StoredReport(report, path)


def check_report(where: str | Path, report: dict[str, Any]) -> None:
    """Check every entry of a report that this library reads.

    Args:
        where: the file, for the error message.
        report: its content.

    Raises:
        ValueError: as `read_report`.
    """
    check_content(where, report, Report)
    compared = {"HR": report["HR"]}
    for key in resolution_keys(report):
        try:
            parse_resolution(key)
        except ValueError as error:
            raise ValueError(f"{printable(where)}: expected the name of an entry, got {error}") from None
        check_content(f"{printable(where)}: {key}", report[key], AtResolution)
        for name in SECOND_SCORES:
            if name in report[key]:
                check_content(f"{printable(where)}: {key}: {name}", report[key][name], Fusion)
        compared |= {f"{key}.{name}": part for name, part in report[key].items() if name in _CONDITIONS}
    for name, figures in compared.items():
        for far in (*figures["thresholds"], *figures.get("tar", ())):
            if not _is_rate(far):
                raise ValueError(
                    f"{printable(where)}: {name}: expected a false accept rate between 0 and 1, got {far[:40]!r}"
                )


def _is_rate(text: str) -> bool:
    try:
        return 0 < float(text) < 1
    except ValueError:
        return False
