"""Measure identification on people: closed and open set, by network, by resolution, with the second score.

One portrait (or more) of each person with several photographs is enrolled, the person's other photographs are
probes. People with one photograph are strangers: half of them set the thresholds, the other half test them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cshml_tf.data.face_source import FaceSource
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.gallery.calibration import rate_interval
from cshml_tf.gallery.networks import GalleryNetworks
from cshml_tf.gallery.schema import SHARP
from cshml_tf.gallery.search import Rows, person_scores, second_score_rows, sorted_rows
from cshml_tf.metrics.confidence import accuracy_interval
from cshml_tf.metrics.vectors import unit_rows
from cshml_tf.metrics.verification import threshold_at_far

# Names of the ways in reports.
HR_FOR_BOTH, PLAIN, SECOND = "hr_for_both", "lr_network", "second_score"
FUSED = (1, 2, 4, 8)


@dataclass(frozen=True)
class Split:
    """Which photograph plays which role.

    Attributes:
        portraits: (portraits,) int64, the rows of the enrolled photographs, sorted by person.
        portrait_people: (portraits,) int64, the person of each.
        probes: (probes,) int64, the rows of the enrolled people's other photographs.
        probe_people: (probes,) int64, the person of each.
        calibrating: (strangers,) int64, the rows that set the thresholds.
        testing: (strangers,) int64, the rows that test them.
    """

    portraits: np.ndarray
    portrait_people: np.ndarray
    probes: np.ndarray
    probe_people: np.ndarray
    calibrating: np.ndarray
    testing: np.ndarray


def split_people(labels: np.ndarray, portraits: int = 1, seed: int = 0) -> Split:
    """Give each photograph its role.

    Args:
        labels: (photographs,) integers, the person of each.
        portraits: number of photographs to enrol per person; whoever has more is enrolled, others with several
            photographs take no part.
        seed: decides which strangers set the thresholds.

    Returns:
        `Split`.

    Raises:
        ValueError: nobody can be enrolled, or there are fewer than two strangers.
    """
    people, counts = np.unique(labels, return_counts=True)
    enrolled, alone = people[counts > portraits], people[counts == 1]
    if not len(enrolled) or len(alone) < 2:
        raise ValueError(
            f"faces: expected people with more than {portraits} photograph(s), and two or more people with one, "
            f"got {len(enrolled)} and {len(alone)}"
        )
    rows = {int(person): np.flatnonzero(labels == person) for person in enrolled}
    strangers = np.random.default_rng(seed).permutation(np.flatnonzero(np.isin(labels, alone)))
    middle = (len(strangers) + 1) // 2
    probes = np.concatenate([each[portraits:] for each in rows.values()])
    chosen = np.concatenate([each[:portraits] for each in rows.values()])
    return Split(chosen, labels[chosen], probes, labels[probes], strangers[:middle], strangers[middle:])


def measure_gallery(
    source: FaceSource,
    networks: GalleryNetworks,
    rates: Sequence[float] = (0.01, 0.1),
    weights: Sequence[float] = (),
    portraits: int = 1,
    seed: int = 0,
    batch_size: int = 32,
    progress: Callable[[Iterable], Iterable] = iter,
    seen: dict[tuple[str, str], np.ndarray] | None = None,
) -> dict[str, Any]:
    """Measure identification on the people of a source.

    Args:
        source: aligned faces.
        networks: of a gallery.
        rates: false-positive identification rates, each 0 < rate < 1.
        weights: further weights of the second score whose rank-1 rate is wanted.
        portraits: as for `split_people`.
        seed: as for `split_people`.
        batch_size: number of faces per forward pass.
        progress: wraps the sequence of batches, such as `tqdm`.
        seen: a dict, empty at first, that receives the embeddings, for `rejection.measure_rejection`.

    Returns:
        JSON-compatible dict: "protocol", the numbers of people and photographs; "results", by resolution and way
        the figures of `_figures`; "weights", the rank-1 rate by resolution and weight; "fusion", by resolution and
        number of photographs the rank-1 rate with its interval.

    Raises:
        ValueError: as for `split_people`; or a face cannot be read.
    """
    split = split_people(source.labels, portraits, seed)
    seen = {} if seen is None else seen
    seen |= _embed(source, networks, batch_size, progress)
    report: dict[str, Any] = {
        "protocol": {
            "enrolled_people": len(np.unique(split.portrait_people)),
            "portraits": len(split.portraits),
            "probes": len(split.probes),
            "strangers_calibrating": len(split.calibrating),
            "strangers_testing": len(split.testing),
            "weights": {kind: view.weight for kind, view in networks.views.items() if kind != SHARP},
        },
        "results": {},
        "weights": {},
        "fusion": {},
    }
    sharp = seen[SHARP, SHARP][split.portraits]
    for kind, view in networks.views.items():
        probes, reduced = seen[kind, kind], seen[kind, kind][split.portraits]
        ways = {HR_FOR_BOTH: (sharp, seen[SHARP, kind])}
        if kind != SHARP:
            rows = second_score_rows(sharp, reduced, view.weight)
            ways |= {PLAIN: (sharp, probes), SECOND: (rows, probes)}
            tried = {f"{each:g}": second_score_rows(sharp, reduced, each) for each in weights}
            report["weights"][kind] = {each: _rank_1(rows, probes, split) for each, rows in tried.items()}
            report["fusion"][kind] = _fusion(rows, probes, split)
        report["results"][kind] = _figures_of_ways(ways, split, rates)
    return report


def _figures_of_ways(
    ways: dict[str, tuple[np.ndarray, np.ndarray]], split: Split, rates: Sequence[float]
) -> dict[str, Any]:
    """Return the figures of each way by name; with several portraits also for the mean of a person's faces."""
    several = len(split.portraits) > len(np.unique(split.portrait_people))
    return {
        way if mode == "best" else f"{way} (mean)": _figures(rows, probes, split, rates, mode)
        for mode in (("best", "mean") if several else ("best",))
        for way, (rows, probes) in ways.items()
    }


def _embed(
    source: FaceSource, networks: GalleryNetworks, batch_size: int, progress: Callable[[Iterable], Iterable]
) -> dict[tuple[str, str], np.ndarray]:
    """Embed every photograph as each view shows it, by the HR network and by the view's own."""
    keys, views = [], []
    for kind, view in networks.views.items():
        own, resolution = networks.network(kind)
        for name, network in {SHARP: networks.serving.hr, kind: own}.items():
            keys.append((name, kind))
            views.append(View(network, resolution, view.degradation or "antialias"))
    embedded = embed(source.images, views, networks.image_size, batch_size, progress=progress)
    return dict(zip(keys, embedded, strict=True))


def _figures(
    rows: np.ndarray, probes: np.ndarray, split: Split, rates: Sequence[float], mode: str
) -> dict[str, Any]:
    """Return rank 1 with its interval, and per rate the threshold, the misses and the false positives."""
    enrolled = enrolled_rows(rows, split)
    scores = person_scores(enrolled, probes[split.probes], mode)
    mates, right = mates_of(enrolled, scores, split.probe_people)
    found = {"rank_1": float(right.mean()), "interval": accuracy_interval(right.sum(), len(right)), "rates": {}}
    calibrating = person_scores(enrolled, probes[split.calibrating], mode).max(axis=1)
    testing = person_scores(enrolled, probes[split.testing], mode).max(axis=1)
    for rate in rates:
        threshold = threshold_at_far(calibrating, rate)
        if threshold is None:
            found["rates"][f"{rate:g}"] = None
            continue
        missed = ~(right & (mates >= threshold))
        passed = int(np.sum(testing >= threshold))
        set_by = int(np.sum(calibrating >= threshold))
        found["rates"][f"{rate:g}"] = {
            "threshold": threshold,
            "miss_rate": float(missed.mean()),
            "interval": accuracy_interval(missed.sum(), len(missed)),
            "fpir_interval": rate_interval(set_by, len(calibrating)),
            "fpir_on_others": passed / len(testing),
            "fpir_on_others_interval": rate_interval(passed, len(testing)),
        }
    return found


def enrolled_rows(rows: np.ndarray, split: Split) -> Rows:
    """Return the portraits' rows by person."""
    return sorted_rows(rows, np.arange(len(rows)), split.portrait_people)


def mates_of(enrolled: Rows, scores: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each probe's score of its own person, and whether that is above everybody else's; a tie is wrong.

    Args:
        enrolled: the faces.
        scores: (probes, people), as `person_scores` returns them.
        people: (probes,), the person of each probe, all of them enrolled.

    Returns:
        (scores, right): (probes,) real, and (probes,) bool.
    """
    columns = np.searchsorted(enrolled.people, people)
    mates = np.take_along_axis(scores, columns[:, None], 1)[:, 0]
    return mates, np.sum(scores >= mates[:, None], axis=1) == 1


def _rank_1(rows: np.ndarray, probes: np.ndarray, split: Split) -> float:
    enrolled = enrolled_rows(rows, split)
    scores = person_scores(enrolled, probes[split.probes], "best")
    return float(mates_of(enrolled, scores, split.probe_people)[1].mean())


def _fusion(rows: np.ndarray, probes: np.ndarray, split: Split) -> dict[str, Any]:
    """Return rank 1 from the mean embedding of 1, 2, 4 and 8 photographs, of the same people and photographs."""
    enrolled, most = enrolled_rows(rows, split), max(FUSED)
    people, starts, counts = np.unique(split.probe_people, return_index=True, return_counts=True)
    chosen, starts = people[counts >= most], starts[counts >= most]
    if not len(chosen):
        return {}
    first = probes[split.probes][starts[:, None] + np.arange(most)]
    found: dict[str, Any] = {"people": len(chosen)}
    for number in FUSED:
        groups = first.reshape(len(chosen) * (most // number), number, -1)
        fused = unit_rows(groups.mean(axis=1))
        scores = person_scores(enrolled, fused, "best")
        right = mates_of(enrolled, scores, np.repeat(chosen, most // number))[1]
        found[str(number)] = {
            "rank_1": float(right.mean()),
            "interval": accuracy_interval(right.sum(), len(right)),
            "groups": len(right),
        }
    return found


def format_gallery_table(report: dict[str, Any]) -> str:
    """Format a report of `measure_gallery` as text."""
    from cshml_tf.evaluation.tables import align_columns

    names = {HR_FOR_BOTH: "HR network for both", PLAIN: "LR network", SECOND: "LR network, second score"}
    protocol = report["protocol"]
    lines = [
        "{enrolled_people} people enrolled with {portraits} portraits, {probes} probes; strangers: "
        "{strangers_calibrating} set the thresholds, {strangers_testing} test them".format(**protocol),
        "",
    ]
    rates = list(next(iter(next(iter(report["results"].values())).values()))["rates"])
    heads = [each for rate in rates for each in (f"miss at FPIR {float(rate):.0%}", "FPIR on others")]
    table: list[tuple[str, ...]] = [("in %, 95 % interval", "rank 1", *heads)]
    for kind, ways in report["results"].items():
        for way, figures in ways.items():
            name, _, mode = way.partition(" ")
            cells = [_cell(figures["rank_1"], figures["interval"])]
            for rate in figures["rates"].values():
                if rate is None:
                    cells += ["-", "-"]
                    continue
                cells.append(_cell(rate["miss_rate"], rate["interval"]))
                cells.append(_cell(rate["fpir_on_others"], rate["fpir_on_others_interval"]))
            label = f"{'sharp' if kind == SHARP else kind}, {names[name]} {mode}".strip()
            table.append((label, *cells))
    lines += align_columns(table)
    for kind, by_weight in report["weights"].items():
        if by_weight:
            shown = ", ".join(f"{weight}: {100 * rate:.2f}" for weight, rate in by_weight.items())
            lines.append(f"{kind}, rank 1 by weight of the second score: {shown}")
    for kind, fused in report["fusion"].items():
        if fused:
            shown = ", ".join(f"{n}: {_cell(fused[str(n)]['rank_1'], fused[str(n)]['interval'])}" for n in FUSED)
            lines.append(f"{kind}, rank 1 by number of photographs, {fused['people']} people: {shown}")
    return "\n".join(lines)


def _cell(share: float, interval: Sequence[float]) -> str:
    return f"{100 * share:.1f} [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"
