"""QMUL-SurvFace: pair verification and open-set identification of native surveillance faces.

Both tests are measured with the HR network for every image and, if there are LR networks, with the network that
suits the width of each image. Source: Cheng, Zhu and Gong, "Surveillance Face Recognition Challenge", 2018: AUC,
accuracy and TAR at FAR 0.3, 0.1, 0.01 and 0.001; TPIR20 at FPIR 0.3, 0.2, 0.1, 0.01 and 0.001. The pair lists
define no folds, so the accuracy is measured over ten contiguous folds of our own; the accuracy at the threshold
that is best on the same pairs is reported as well. A person has many images in the gallery of the open set: either
the mean of their embeddings represents the person, so that "among the first 20" counts people, or each image
counts by itself.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cshml_tf.data.survface import SurvFaceIdentification, SurvFacePair, SurvFaceVerification
from cshml_tf.evaluation.report import verification_figures
from cshml_tf.evaluation.served_images import (
    FaceFiles,
    ServedEmbeddings,
    count_served,
    embed_files,
    width_files,
)
from cshml_tf.evaluation.serving import ServingNetworks
from cshml_tf.metrics.confidence import paired_difference
from cshml_tf.metrics.identification import chance_rates, rank_rates, tpir_at_fpir
from cshml_tf.metrics.matching import (
    best_scores,
    match_probes,
    person_means,
    similarity_rows,
    with_missing_probes,
)
from cshml_tf.metrics.verification import best_threshold

FARS = (0.3, 0.1, 0.01, 0.001)
FPIRS = (0.3, 0.2, 0.1, 0.01, 0.001)
RANK = 20
FOLDS = 10
GALLERIES = ("people", "images")


class Measured(NamedTuple):
    """The result of one of the tests.

    Attributes:
        figures: JSON-compatible dict, fractions, by the choice of networks: "hr_network" and "served".
        protocol: JSON-compatible dict: what was compared and what was missing.
        curves: dict of "hr_network" and "served" to (scores (pairs,), same (pairs,)); empty for identification.
    """

    figures: dict[str, Any]
    protocol: dict[str, Any]
    curves: dict[str, tuple[np.ndarray, np.ndarray]]


def evaluate_verification(
    test: SurvFaceVerification,
    networks: ServingNetworks,
    distributed: SurvFaceVerification | None = None,
    batch_size: int = 32,
    flip: bool = False,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Measured:
    """Verify the pairs; those with a missing image are left out and listed.

    Args:
        test: the images that the networks see.
        networks: the HR network and the LR networks.
        distributed: the same test with the images whose widths select the networks; None for `test` itself.
        batch_size: number of pictures per forward pass.
        flip: whether to add the embedding of the mirrored picture and normalise the sum.
        progress: wraps the sequence of images, such as `tqdm`.

    Returns:
        `Measured`.

    Raises:
        ValueError: the remaining pairs are all of one kind, an image cannot be read, or `distributed` lacks one.
    """
    same = np.array([pair.same for pair in test.pairs], bool)
    if same.all() or not same.any():
        raise ValueError(
            f"verification: expected pairs of both kinds with both images, got {same.sum()} of one person "
            f"and {(~same).sum()} of different people"
        )
    paths = list(dict.fromkeys(path for pair in test.pairs for path in (pair.first, pair.second)))
    files = _files([(paths, None if distributed is None else _images_of(distributed.pairs))], networks)
    embedded = embed_files(files, networks, batch_size, flip, progress)
    row = {path: index for index, path in enumerate(paths)}
    first, second = (
        np.array([row[path] for path in side]) for side in zip(*(p[:2] for p in test.pairs), strict=True)
    )
    folds = contiguous_folds(same)
    figures, correct, curves = {}, {}, {}
    for name, embeddings in embedded.by_choice().items():
        scores = np.sum(embeddings[first].astype(np.float64) * embeddings[second], axis=1)
        figures[name], correct[name] = verification_figures(scores, same, folds, fars=FARS)
        threshold = best_threshold(scores, same)
        figures[name]["best_threshold"] = threshold
        figures[name]["best_accuracy"] = float(np.mean((scores >= threshold) == same))
        curves[name] = (scores, same)
    if "served" in correct:
        figures["served_gain"] = _gain(correct["served"], correct["hr_network"])
    protocol = {
        "pairs": len(same),
        "same": int(same.sum()),
        "images": len(paths),
        "missing": [_named(pair) for pair in test.missing],
        "folds": f"{len(np.unique(folds))} contiguous ones of our own, stratified by kind: the lists define none",
        "best_accuracy": "optimistic: its threshold is the best on these same pairs",
        "served": count_served(embedded.resolutions),
    }
    return Measured(figures, protocol, curves)


def evaluate_identification(
    test: SurvFaceIdentification,
    networks: ServingNetworks,
    distributed: SurvFaceIdentification | None = None,
    batch_size: int = 32,
    flip: bool = False,
    progress: Callable[[Iterable], Iterable] = iter,
    gallery_of: str = "people",
) -> Measured:
    """Identify the mated probes, and reject the unmated ones.

    Args:
        test: the images that the networks see.
        networks: the HR network and the LR networks.
        distributed: the same test with the images whose widths select the networks; None for `test` itself.
        batch_size: number of pictures per forward pass.
        flip: whether to add the embedding of the mirrored picture and normalise the sum.
        progress: wraps the sequence of images, such as `tqdm`.
        gallery_of: "people" represents each person by the mean embedding of the person's gallery images, and ranks
            count people; "images" keeps every image, the best of a person's images counts, and ranks count images.

    Returns:
        `Measured`. A mated probe whose image is missing counts as never identified.

    Raises:
        ValueError: there are no gallery images, no mated or no unmated probes, an image cannot be read, or
            `distributed` lacks one.
    """
    if not test.gallery or not test.mated_probes or not test.unmated_probes:
        raise ValueError(
            f"identification: expected images of the gallery, of mated and of unmated probes, got "
            f"{len(test.gallery)}, {len(test.mated_probes)} and {len(test.unmated_probes)}"
        )
    if gallery_of not in GALLERIES:
        raise ValueError(f"gallery_of: expected one of {', '.join(GALLERIES)}, got {gallery_of!r}")
    groups = [_groups(of) for of in (test, distributed)]
    embedded = embed_files(_files(zip(*groups, strict=True), networks), networks, batch_size, flip, progress)
    figures = _identification_figures(test, embedded, gallery_of)
    return Measured(figures, _identification_protocol(test, embedded, gallery_of), {})


def contiguous_folds(same: ArrayLike) -> np.ndarray:
    """Divide pairs into folds with equal shares of both kinds, keeping the order within each kind.

    Args:
        same: (pairs,) bool, pairs of both kinds.

    Returns:
        (pairs,) integers, 0 or more: ten folds, or as many as there are pairs of the rarer kind.
    """
    same = np.asarray(same, bool)
    count = min(FOLDS, same.sum(), (~same).sum())
    folds = np.zeros(len(same), int)
    for kind in (same, ~same):
        folds[kind] = np.arange(kind.sum()) * count // kind.sum()
    return folds


def _gallery_labels(test: SurvFaceIdentification, gallery_of: str) -> np.ndarray:
    labels = np.array([image.label for image in test.gallery])
    return labels if gallery_of == "images" else np.unique(labels)


def _identification_figures(
    test: SurvFaceIdentification, embedded: ServedEmbeddings, gallery_of: str
) -> dict[str, Any]:
    ends = np.cumsum([len(test.gallery), len(test.mated_probes)])
    labels = np.array([image.label for image in test.mated_probes])
    gallery_labels = _gallery_labels(test, gallery_of)
    rank = min(RANK, len(gallery_labels))
    figures: dict[str, Any] = {}
    found = {}
    for name, embeddings in embedded.by_choice().items():
        gallery, mated, unmated = np.split(embeddings, ends)
        if gallery_of == "people":
            gallery, _ = person_means(gallery, [image.label for image in test.gallery])
        matches = match_probes(similarity_rows(mated, gallery), labels, gallery_labels)
        matches = with_missing_probes(matches, len(test.missing_probes))
        unmated_scores = best_scores(similarity_rows(unmated, gallery))
        figures[name] = {
            "tpir": {f"{fpir:g}": tpir_at_fpir(matches, unmated_scores, fpir, rank) for fpir in FPIRS},
            "rank_rate": float(rank_rates(matches, None, None, [rank])[0]),
        }
        found[name] = matches.ranks <= rank
    if "served" in found:
        figures["served_gain"] = _gain(found["served"], found["hr_network"])
    available = len(test.mated_probes) / (len(test.mated_probes) + len(test.missing_probes))
    figures["chance"] = {"rank_rate": float(chance_rates(labels, gallery_labels, [rank])[0]) * available}
    return figures


def _identification_protocol(
    test: SurvFaceIdentification, embedded: ServedEmbeddings, gallery_of: str
) -> dict[str, Any]:
    people = {image.label for image in test.gallery}
    return {
        "rank": min(RANK, len(_gallery_labels(test, gallery_of))),
        "ranks_count": gallery_of,
        "gallery": len(test.gallery),
        "gallery_people": len(people),
        "mated_probes": len(test.mated_probes) + len(test.missing_probes),
        "unmated_probes": len(test.unmated_probes),
        "missing_probes": [image.path.name for image in test.missing_probes],
        "missing_gallery": [image.path.name for image in test.missing_gallery],
        "missing_unmated": [path.name for path in test.missing_unmated],
        "probes_without_mate": sum(image.label not in people for image in test.mated_probes),
        "unlisted": [path.name for path in test.unlisted],
        "ties": "a mate ranks behind others of equal similarity",
        "served": count_served(embedded.resolutions),
    }


def _files(groups: Iterable[tuple[list[Path], Iterable[Path] | None]], networks: ServingNetworks) -> FaceFiles:
    """Return the files to embed.

    Each group is a pair of the paths that the networks see and of the paths as distributed, None for the same.
    """
    shown, widths = [], []
    for paths, distributed in groups:
        shown += paths
        widths += paths if distributed is None or not networks.lr else width_files(paths, distributed)
    return FaceFiles(shown, widths)


def _groups(test: SurvFaceIdentification | None) -> list[list[Path]] | list[None]:
    """List the paths of gallery, mated and unmated probes, or None for each if there is no test."""
    if test is None:
        return [None] * 3
    return [
        [image.path for image in test.gallery],
        [image.path for image in test.mated_probes],
        list(test.unmated_probes),
    ]


def _images_of(pairs: Iterable[SurvFacePair]) -> set[Path]:
    return {path for pair in pairs for path in (pair.first, pair.second)}


def _named(pair: SurvFacePair) -> dict[str, Any]:
    return {"pair": [pair.first.name, pair.second.name], "same": pair.same}


def _gain(found: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    difference, interval = paired_difference(found, reference)
    return {"difference": difference, "interval": list(interval)}
