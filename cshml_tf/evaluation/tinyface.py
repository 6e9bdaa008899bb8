"""TinyFace identification: native low-resolution probes in a gallery of their mates and many distractors.

The test is measured with the HR network for every image and, if there are LR networks, with the network that suits
the width of each image. A probe whose image is missing counts as never identified. Source: Cheng, Zhu and Gong,
"Low-Resolution Face Recognition", ACCV 2018.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cshml_tf.data.tinyface import DISTRIBUTED_DISTRACTORS, TinyFace
from cshml_tf.evaluation.served_images import FaceFiles, count_served, embed_files, width_files
from cshml_tf.evaluation.serving import ServingNetworks
from cshml_tf.evaluation.tables import (
    SERVED_ROWS,
    align_columns,
    gain_line,
    identification_remarks,
    missing_line,
    percent,
    served_line,
)
from cshml_tf.metrics.confidence import accuracy_interval, paired_difference
from cshml_tf.metrics.identification import (
    chance_rates,
    cumulative_match_curve,
    mean_average_precision,
    rank_rates,
)
from cshml_tf.metrics.matching import Matches, match_probes, similarity_rows, with_missing_probes

RANKS = (1, 5, 20)


@dataclass(frozen=True)
class TinyFaceEvaluation:
    """The result of an evaluation.

    Attributes:
        report: JSON-compatible dict: "identification" and "protocol"; figures are fractions.
        curves: dict of "hr_network" and "served" to (gallery,) float64, the cumulative match curve.
    """

    report: dict[str, Any]
    curves: dict[str, np.ndarray]


def evaluate(
    test: TinyFace,
    networks: ServingNetworks,
    distributed: TinyFace | None = None,
    batch_size: int = 32,
    flip: bool = False,
    progress: Callable[[Iterable], Iterable] = iter,
) -> TinyFaceEvaluation:
    """Identify the probes.

    Args:
        test: the images that the networks see.
        networks: the HR network and the LR networks.
        distributed: the same test with the images whose widths select the networks; None for `test` itself.
        batch_size: number of pictures per forward pass.
        flip: whether to add the embedding of the mirrored picture and normalise the sum.
        progress: wraps the sequence of images, such as `tqdm`.

    Returns:
        `TinyFaceEvaluation`.

    Raises:
        ValueError: there are no probes or no gallery images, an image cannot be read, or `distributed` lacks one.
    """
    started = time.monotonic()
    if not test.probes:
        first = f"; {test.missing_probes[0].path} is missing, for example" if test.missing_probes else ""
        raise ValueError(
            f"probes: expected at least one with its image, got none of {len(test.missing_probes)}{first}"
        )
    embedded = embed_files(_files(test, networks, distributed), networks, batch_size, flip, progress)
    matches = {name: _match(test, embeddings) for name, embeddings in embedded.by_choice().items()}
    identification: dict[str, Any] = {name: _figures(of_row) for name, of_row in matches.items()}
    if "served" in matches:
        difference, interval = paired_difference(*(matches[name].ranks == 1 for name in ("served", "hr_network")))
        identification["served_gain"] = {"difference": difference, "interval": list(interval)}
    identification["chance"] = {"rank_rates": _chance(test)}
    protocol = {
        "data_set": "TinyFace",
        "probes": len(test.probes) + len(test.missing_probes),
        "gallery": len(test.gallery),
        "gallery_matches": len(test.gallery_matches),
        "distractors": len(test.distractors),
        "missing_probes": [image.path.name for image in test.missing_probes],
        "missing_gallery": [image.path.name for image in test.missing_matches],
        "missing_distractors": [path.name for path in test.missing_distractors],
        "probes_without_mate": _without_mate(test),
        "unlisted": [path.name for path in test.unlisted],
        "score": "cosine similarity",
        "ties": "a mate ranks behind others of equal similarity",
        "options": {"flip": flip, "hr_width": networks.hr_width},
        "served": count_served(embedded.resolutions),
        "seconds": round(time.monotonic() - started, 1),
    }
    curves = {name: cumulative_match_curve(of_row, None, None) for name, of_row in matches.items()}
    return TinyFaceEvaluation({"identification": identification, "protocol": protocol}, curves)


def format_tinyface_table(report: dict[str, Any]) -> str:
    """Format a report as a plain-text table, in %."""
    identification, protocol = report["identification"], report["protocol"]
    head = ("", *(f"rank-{rank} %" for rank in RANKS), "mAP %", "mAP % by trapezoids")
    rows: list[tuple[str, ...]] = [head]
    for name, words in (*SERVED_ROWS.items(), ("chance", "chance")):
        if name in identification:
            figures = identification[name]
            areas = (figures.get(f"mean_average_precision{kind}") for kind in ("", "_by_trapezoids"))
            rows.append((words, *map(percent, figures["rank_rates"].values()), *map(percent, areas)))
    low, high = identification["hr_network"]["rank_1_interval"]
    return "\n".join(
        [
            *align_columns(rows),
            f"rank-1 of the HR network: 95 % interval {percent(low)} to {percent(high)}",
            *gain_line(identification, "rank-1"),
            f"{protocol['probes']} probes, {len(protocol['missing_probes'])} of them missing; gallery of "
            f"{protocol['gallery']}: {protocol['gallery_matches']} mates, {protocol['distractors']} distractors",
            f"mAP is the mean precision at the mates; by trapezoids, as TinyFace's own evaluation computes it; "
            f"flip averaging {'on' if protocol['options']['flip'] else 'off'}",
            *served_line(protocol),
        ]
    )


def remarks(protocol: dict[str, Any]) -> list[str]:
    """Return warnings about a report's protocol: what is missing, and an incomplete gallery."""
    listed = protocol["gallery_matches"] + len(protocol["missing_gallery"])
    there = protocol["distractors"] + len(protocol["missing_distractors"])
    lines = missing_line(protocol["missing_distractors"], f"{there} distractors", "missing: the search is easier")
    lines += identification_remarks(protocol, f"{protocol['probes']} probes", f"{listed} mates in the gallery")
    if protocol["distractors"] != DISTRIBUTED_DISTRACTORS:
        lines.append(
            f"note: {protocol['distractors']} distractors instead of the {DISTRIBUTED_DISTRACTORS} distributed: "
            "the figures are not comparable with published ones"
        )
    return lines


def _files(test: TinyFace, networks: ServingNetworks, distributed: TinyFace | None) -> FaceFiles:
    groups = ("probes", "gallery_matches", "distractors")
    paths = {group: [image.path for image in getattr(test, group)] for group in groups}
    shown = [path for group in groups for path in paths[group]]
    if distributed is None or not networks.lr:
        return FaceFiles(shown)
    return FaceFiles(
        shown,
        [
            path
            for group in groups
            for path in width_files(paths[group], [image.path for image in getattr(distributed, group)])
        ],
    )


def _labels(test: TinyFace) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([image.label for image in test.probes]),
        np.array([image.label for image in test.gallery]),
    )


def _match(test: TinyFace, embeddings: np.ndarray) -> Matches:
    """Match all probes, including missing ones; `embeddings` contains the probes' rows, then the gallery's."""
    count = len(test.probes)
    rows = similarity_rows(embeddings[:count], embeddings[count:])
    return with_missing_probes(match_probes(rows, *_labels(test)), len(test.missing_probes))


def _ranks(gallery_size: int) -> list[int]:
    return [rank for rank in RANKS if rank <= gallery_size]


def _by_rank(ranks: Sequence[int], rates: np.ndarray) -> dict[str, float | None]:
    """Return the rates by rank, None for ranks beyond the size of the gallery."""
    known = dict(zip(ranks, rates.tolist(), strict=True))
    return {str(rank): known.get(rank) for rank in RANKS}


def _figures(matches: Matches) -> dict[str, Any]:
    ranks = _ranks(matches.gallery_size)
    return {
        "rank_rates": _by_rank(ranks, rank_rates(matches, None, None, ranks)),
        "rank_1_interval": list(accuracy_interval(int(np.sum(matches.ranks == 1)), len(matches.ranks))),
        "mean_average_precision": mean_average_precision(matches, None, None),
        "mean_average_precision_by_trapezoids": mean_average_precision(matches, None, None, trapezoids=True),
    }


def _chance(test: TinyFace) -> dict[str, float | None]:
    ranks = _ranks(len(test.gallery))
    there = len(test.probes) / (len(test.probes) + len(test.missing_probes))
    return _by_rank(ranks, there * chance_rates(*_labels(test), ranks))


def _without_mate(test: TinyFace) -> int:
    people = {image.label for image in test.gallery_matches}
    return sum(image.label not in people for image in test.probes)
