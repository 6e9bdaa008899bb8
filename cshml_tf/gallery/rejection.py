"""Which figures of a face predict errors: the errors left once the faces with the lowest figures are rejected.

For each resolution, every probe gets its figures, and the errors are those of the gallery: the wrong person at
rank 1, and a miss at the threshold of a false-positive rate. `cshml_tf.metrics.rejection` rates the figures.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.alignment.geometry import LANDMARKS
from cshml_tf.alignment.pose import pose_of
from cshml_tf.alignment.rows import read_rows
from cshml_tf.data.face_source import FaceSource
from cshml_tf.evaluation.tables import align_columns
from cshml_tf.files import printable
from cshml_tf.gallery.measurement import Split, enrolled_rows, mates_of, split_people
from cshml_tf.gallery.networks import GalleryNetworks
from cshml_tf.gallery.quality import mirror_distances, sharpness_of
from cshml_tf.gallery.schema import SHARP
from cshml_tf.gallery.search import person_scores, second_score_rows
from cshml_tf.gallery.views import parse_width
from cshml_tf.metrics.rejection import error_reject_curve, predict_errors
from cshml_tf.metrics.verification import threshold_at_far

SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
# All resolutions together; only there can the width tell faces apart.
ALL = "all"
# Figures of which less is better, and are negated.
QUALITY, MIRROR, SHARPNESS, WIDTH, SCORE = "quality", "mirror_distance", "sharpness", "width", "best_score"
DETECTOR, YAW, PITCH, ROLL = "detector_score", "yaw", "pitch", "roll"


@dataclass(frozen=True)
class Searched:
    """The outcome of searching for probes at one resolution.

    Attributes:
        people: (probes,) int64, the person of each.
        errors: (probes,) bool by kind of error: "rank_1", and "miss at FPIR 0.1" for each rate.
        best_scores: (probes,) the best score of each among all people.
        passed: (strangers,) bool by rate: which of the other strangers reach its threshold.
    """

    people: np.ndarray
    errors: dict[str, np.ndarray]
    best_scores: np.ndarray
    passed: dict[str, np.ndarray] = field(default_factory=dict)


def measure_rejection(
    source: FaceSource,
    networks: GalleryNetworks,
    seen: Mapping[tuple[str, str], np.ndarray],
    rates: Sequence[float] = (0.01, 0.1),
    portraits: int = 1,
    seed: int = 0,
    batch_size: int = 32,
    record: str | Path | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
) -> dict[str, Any]:
    """Measure which figures of a face predict the errors of identification.

    Args:
        source: as `measure_gallery` was called with, like the arguments that follow.
        networks: of a gallery.
        seen: the embeddings, from `cshml_tf.gallery.measurement.measure_gallery`.
        rates: false-positive identification rates; those that the strangers cannot show are left out.
        portraits: as for `split_people`.
        seed: as for `split_people`, and of the intervals' resampling.
        batch_size: number of faces per forward pass.
        record: `alignment.csv` of the faces, for the detector's figures; None leaves those out.
        progress: wraps the sequence of batches, such as `tqdm`.

    Returns:
        JSON-compatible dict as of `rate_figures`, and "fpir_on_others", by kind of view
        and rate, as of `fpir_of_rest`.

    Raises:
        ValueError: as for `split_people`; or a face cannot be read or is not in the record.
    """
    split = split_people(source.labels, portraits, seed)
    detected = {} if record is None else record_figures(source, record, split.probes)
    searched, figures, others = {}, {}, {}
    for kind, view in networks.views.items():
        sharp, reduced = (seen[key][split.portraits] for key in ((SHARP, SHARP), (kind, kind)))
        searched[kind] = search_probes(
            second_score_rows(sharp, reduced, view.weight), seen[kind, kind], split, rates
        )
        figures[kind] = detected | face_figures(source, networks, kind, split.probes, batch_size, progress)
        strangers = face_figures(source, networks, kind, split.testing, batch_size, progress)[QUALITY]
        others[kind] = fpir_of_rest(searched[kind].passed, figures[kind][QUALITY], strangers)
    return rate_figures(searched, figures, seed) | {"fpir_on_others": others}


def search_probes(rows: np.ndarray, probes: np.ndarray, split: Split, rates: Sequence[float]) -> Searched:
    """Search for probes as a gallery does, by the mean of several portraits, and mark the errors.

    Args:
        rows: (portraits, E), those whose product with a probe is its score.
        probes: (photographs, E), of unit length.
        split: which photograph plays which role.
        rates: false-positive identification rates; those that the strangers cannot show are left out.
    """
    enrolled = enrolled_rows(rows, split)
    scores = person_scores(enrolled, probes[split.probes], "mean")
    mates, right = mates_of(enrolled, scores, split.probe_people)
    errors, passed = {"rank_1": ~right}, {}
    calibrating, testing = (
        person_scores(enrolled, probes[each], "mean").max(axis=1) for each in (split.calibrating, split.testing)
    )
    for rate in rates:
        if (threshold := threshold_at_far(calibrating, rate)) is not None:
            errors[f"miss at FPIR {rate:g}"] = ~(right & (mates >= threshold))
            passed[f"{rate:g}"] = testing >= threshold
    return Searched(split.probe_people, errors, scores.max(axis=1), passed)


def face_figures(
    source: FaceSource,
    networks: GalleryNetworks,
    kind: str,
    rows: np.ndarray,
    batch_size: int = 32,
    progress: Callable[[Iterable], Iterable] = iter,
) -> dict[str, np.ndarray]:
    """Measure the figures of faces that follow from their pixels, as a view shows them.

    Args:
        source: aligned faces.
        networks: of a gallery.
        kind: the view.
        rows: (faces,) int64, places in the source.
        batch_size: faces per forward pass.
        progress: wraps the sequence of batches, such as `tqdm`.

    Returns:
        (faces,) float64 for each figure: higher is better, so distances are negated.
    """
    parts: dict[str, list[np.ndarray]] = {QUALITY: [], MIRROR: [], SHARPNESS: []}
    for start in progress(range(0, len(rows), batch_size)):
        part = rows[start : start + batch_size]
        shown = networks.reduced(kind, source.read(part, networks.image_size))
        embeddings, qualities = networks.embed_and_rate(kind, shown)
        distances = mirror_distances(lambda faces: networks.embed(kind, faces), shown, embeddings)
        parts[QUALITY].append(qualities)
        parts[MIRROR].append(-distances)
        pixels = np.clip(np.rint(shown), 0, 255).astype(np.uint8)
        parts[SHARPNESS].append(np.array([sharpness_of(face) for face in pixels]))
    return {name: np.concatenate(each) for name, each in parts.items()}


def record_figures(source: FaceSource, record: str | Path, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Read the figures that the detector gave when the photographs were aligned.

    They are those of the sharp photograph, which the detector sees better than a small one.

    Args:
        source: aligned faces.
        record: their `alignment.csv`.
        rows: (faces,) int64, places in the source.

    Returns:
        (faces,) float64 for each figure: higher is better, so angles are negated.

    Raises:
        ValueError: a face is not in the record, or was not found by the detector.
        OSError: the record cannot be read.
    """
    wanted = {f"{source.classes[source.labels[row]]}/{source.names[row]}": place for place, row in enumerate(rows)}
    found = {name: np.full(len(rows), np.nan) for name in (DETECTOR, YAW, PITCH, ROLL)}
    for row in read_rows(record):
        place = wanted.get(row["output"])
        if place is None or not row["left_eye_x"]:
            continue
        points = np.array([[float(row[f"{name}_{axis}"]) for axis in "xy"] for name in LANDMARKS])
        pose = pose_of(points)
        values = (float(row["score"]), -abs(pose.yaw), -abs(pose.pitch), -abs(pose.roll))
        for figure, value in zip(found.values(), values, strict=True):
            figure[place] = value
    missing = np.flatnonzero(np.isnan(found[DETECTOR]))
    if missing.size:
        name = next(name for name, place in wanted.items() if place == missing[0])
        raise ValueError(
            f"{printable(record)}: expected the landmarks of every face, got none of {printable(name)} "
            f"({missing.size} such faces)"
        )
    return found


def rate_figures(
    searched: Mapping[str, Searched], figures: Mapping[str, Mapping[str, np.ndarray]], seed: int = 0
) -> dict[str, Any]:
    """Rate the figures of probes by how well they predict errors, at each resolution and over all.

    Args:
        searched: the outcome by kind of view.
        figures: (probes,) for each figure, by kind of view; the same figures for each.
        seed: of the intervals' resampling.

    Returns:
        JSON-compatible dict: "shares", the shares rejected; "kinds", by kind of view and `ALL`, by kind of error,
        by figure: the entries of `cshml_tf.metrics.rejection.Prediction`, and "curve", the error rates at those
        shares.
    """
    rated = {
        kind: _rate(found, {**figures[kind], SCORE: found.best_scores}, seed) for kind, found in searched.items()
    }
    reduced = [kind for kind in searched if kind != SHARP]
    if len(reduced) > 1:
        together = Searched(
            people=np.concatenate([searched[kind].people for kind in reduced]),
            errors={
                name: np.concatenate([searched[kind].errors[name] for kind in reduced])
                for name in searched[reduced[0]].errors
            },
            best_scores=np.concatenate([searched[kind].best_scores for kind in reduced]),
        )
        pooled = {name: np.concatenate([figures[kind][name] for kind in reduced]) for name in figures[reduced[0]]}
        pooled[WIDTH] = np.concatenate(
            [np.full(len(searched[kind].people), parse_width(kind)) for kind in reduced]
        )
        rated[ALL] = _rate(together, {**pooled, SCORE: together.best_scores}, seed)
    return {"shares": list(SHARES), "kinds": rated}


def _rate(found: Searched, figures: Mapping[str, np.ndarray], seed: int) -> dict[str, dict[str, Any]]:
    return {
        error: {
            name: asdict(predict_errors(wrong, values, found.people, seed))
            | {"curve": error_reject_curve(wrong, values, SHARES).tolist()}
            for name, values in figures.items()
        }
        for error, wrong in found.errors.items()
    }


def fpir_of_rest(
    passed: Mapping[str, np.ndarray], quality: np.ndarray, strangers: np.ndarray
) -> dict[str, list[float | None]]:
    """Measure the false-positive rate of the strangers who are left, at the qualities that reject the shares.

    The threshold stays. Those who are rejected are no false positives, so that the rate of all strangers falls;
    this is that of the others.

    Args:
        passed: (strangers,) bool by rate: who reaches its threshold.
        quality: (probes,), of which the shares are rejected.
        strangers: (strangers,) their quality.

    Returns:
        By rate, the rates at `SHARES`; None where nobody is left.
    """
    kept = [strangers >= np.quantile(quality, share) for share in SHARES]
    return {
        rate: [float(wrong[left].mean()) if left.any() else None for left in kept]
        for rate, wrong in passed.items()
    }


def format_rejection_table(report: Mapping[str, Any]) -> str:
    """Format what `rate_figures` returned as text: a table per kind of error."""
    lines = []
    shares = [f"{share:.0%}" for share in report["shares"]]
    errors = list(next(iter(report["kinds"].values())))
    for error in errors:
        what = "wrong at rank 1" if error == "rank_1" else error
        table: list[tuple[str, ...]] = [(f"{what}, %", "gain", "95 % interval", *shares)]
        for kind, by_error in report["kinds"].items():
            for name, rating in by_error[error].items():
                gain, interval = rating["gain"], rating["interval"]
                table.append(
                    (
                        f"{'sharp' if kind == SHARP else kind}, {name.replace('_', ' ')}",
                        "-" if gain is None else f"{gain:.2f}",
                        "-" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}",
                        *(f"{100 * rate:.1f}" for rate in rating["curve"]),
                    )
                )
        lines += [*align_columns(table), ""]
    for kind, by_rate in report.get("fpir_on_others", {}).items():
        for rate, curve in by_rate.items():
            told = ", ".join("-" if each is None else f"{100 * each:.1f}" for each in curve)
            shown = "sharp" if kind == SHARP else kind
            lines.append(f"{shown}, FPIR {float(rate):.0%} on the other strangers left, by quality, in %: {told}")
    lines.append("columns: error rate of what is left once a share is rejected, the lowest figure first")
    lines.append("gain: 0 for rejection at random, 1 if the errors were rejected first")
    return "\n".join(lines)


def panels_of(report: Mapping[str, Any], error: str) -> dict[str, dict[str, Sequence[float]]]:
    """Return the curves of one kind of error for `cshml_tf.plots.plot_error_reject`, a panel per resolution."""
    panels: dict[str, dict[str, Sequence[float]]] = {}
    for kind, by_error in report["kinds"].items():
        rated = by_error[error]
        title = "sharp" if kind == SHARP else "all resolutions together" if kind == ALL else kind
        base = next(iter(rated.values()))["random"]
        curves: dict[str, Sequence[float]] = {"at random": [base] * len(report["shares"])}
        curves |= {name.replace("_", " "): rating["curve"] for name, rating in rated.items() if name != SCORE}
        panels[title] = curves
    return panels
