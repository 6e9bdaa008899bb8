"""QMUL-SurvFace: verification of pairs, and identification in an open set, of native surveillance faces.

Each measured twice: the HR network for every image, and, where there are LR networks, each image by the network
that suits its width. Source: Cheng, Zhu and Gong, "Surveillance Face Recognition Challenge", 2018: AUC, accuracy
and TAR at FAR 0.3, 0.1, 0.01 and 0.001; TPIR20 at FPIR 0.3, 0.2, 0.1, 0.01 and 0.001. The pair lists have no
folds: the accuracy here holds out each of ten contiguous folds of our own, and the one with the threshold that is
best on these very pairs stands beside it. A person has many images in the gallery of the open set: the mean of
their embeddings stands for the person, so that "among the first 20" counts people, or each for itself.
"""

from typing import NamedTuple

import numpy as np

from cshml_tf.evaluation.report import verification_figures
from cshml_tf.evaluation.served_images import FaceFiles, count_served, embed_files, width_files
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
    """What one of the tests gives.

    Attributes:
        figures: dict ready for JSON, "hr_network" and "served" the two ways; fractions.
        protocol: dict ready for JSON, what was compared and what was missing.
        curves: dict of "hr_network" and "served" to (scores (pairs,), same (pairs,)); empty for identification.
    """

    figures: dict
    protocol: dict
    curves: dict


def evaluate_verification(test, networks, distributed=None, batch_size=32, flip=False, progress=iter):
    """Verify the pairs; those with a missing image are left out and named.

    Args:
        test: `cshml_tf.data.survface.SurvFaceVerification`: the images that the networks are shown.
        networks: `cshml_tf.evaluation.serving.ServingNetworks`.
        distributed: the same test whose images' widths choose the networks; None for `test` itself.
        batch_size: pictures a forward pass.
        flip: whether an embedding is the normalised sum of the picture's and its mirror image's.
        progress: wraps the sequence of images, such as `tqdm`.

    Returns:
        `Measured`.

    Raises:
        ValueError: pairs of one kind only are left, an image can't be read, or `distributed` lacks one.
    """
    same = np.array([pair.same for pair in test.pairs], bool)
    if same.all() or not same.any():
        raise ValueError(
            f"verification: expected pairs of both kinds, of one person there are {same.sum()} with both images "
            f"and of different people {(~same).sum()}"
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
    for name, embeddings in _rows(embedded, networks).items():
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
        "folds": f"{len(np.unique(folds))} contiguous ones of our own, of both kinds alike: the lists have none",
        "best_accuracy": "optimistic: its threshold is the best on these very pairs",
        "served": count_served(embedded.resolutions),
    }
    return Measured(figures, protocol, curves)


def evaluate_identification(
    test, networks, distributed=None, batch_size=32, flip=False, progress=iter, gallery_of="people"
):
    """Identify the mated probes, and reject the unmated ones.

    Args:
        test: `cshml_tf.data.survface.SurvFaceIdentification`: the images that the networks are shown.
        networks: `cshml_tf.evaluation.serving.ServingNetworks`.
        distributed: the same test whose images' widths choose the networks; None for `test` itself.
        batch_size: pictures a forward pass.
        flip: as `evaluate_verification`.
        progress: likewise.
        gallery_of: "people": a person is the mean of the embeddings of the person's gallery images, and ranks
            count people; "images": each image stands for itself, the best of a person's counts, and ranks count
            images.

    Returns:
        `Measured`. A mated probe whose image is missing counts as never identified.

    Raises:
        ValueError: no gallery image or no probe of a kind is there, one can't be read, or `distributed` lacks one.
    """
    if not test.gallery or not test.mated_probes or not test.unmated_probes:
        raise ValueError(
            f"identification: expected gallery, mated and unmated probes, got {len(test.gallery)}, "
            f"{len(test.mated_probes)} and {len(test.unmated_probes)} of their images"
        )
    if gallery_of not in GALLERIES:
        raise ValueError(f"gallery_of: expected one of {', '.join(GALLERIES)}, got {gallery_of!r}")
    groups = [_groups(of) for of in (test, distributed)]
    embedded = embed_files(_files(zip(*groups, strict=True), networks), networks, batch_size, flip, progress)
    ends = np.cumsum([len(test.gallery), len(test.mated_probes)])
    labels = np.array([image.label for image in test.mated_probes])
    image_labels = np.array([image.label for image in test.gallery])
    gallery_labels = image_labels if gallery_of == "images" else np.unique(image_labels)
    rank = min(RANK, len(gallery_labels))
    figures, found = {}, {}
    for name, embeddings in _rows(embedded, networks).items():
        gallery, mated, unmated = np.split(embeddings, ends)
        if gallery_of == "people":
            gallery, _ = person_means(gallery, image_labels)
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
    probes = len(test.mated_probes) + len(test.missing_probes)
    by_chance = float(chance_rates(labels, gallery_labels, [rank])[0]) * len(test.mated_probes) / probes
    figures["chance"] = {"rank_rate": by_chance}
    people = set(image_labels.tolist())
    protocol = {
        "rank": rank,
        "ranks_count": gallery_of,
        "gallery": len(test.gallery),
        "gallery_people": len(people),
        "mated_probes": probes,
        "unmated_probes": len(test.unmated_probes),
        "missing_probes": [image.path.name for image in test.missing_probes],
        "missing_gallery": [image.path.name for image in test.missing_gallery],
        "missing_unmated": [path.name for path in test.missing_unmated],
        "probes_without_mate": sum(image.label not in people for image in test.mated_probes),
        "unlisted": [path.name for path in test.unlisted],
        "ties": "a mate stands behind others of equal similarity",
        "served": count_served(embedded.resolutions),
    }
    return Measured(figures, protocol, {})


def contiguous_folds(same):
    """Part pairs into folds of both kinds alike, each kind in its order.

    Args:
        same: (pairs,) bool, both kinds in it.

    Returns:
        (pairs,) integers from 0 on: ten folds, or as many as there are pairs of the rarer kind.
    """
    same = np.asarray(same, bool)
    count = min(FOLDS, same.sum(), (~same).sum())
    folds = np.zeros(len(same), int)
    for kind in (same, ~same):
        folds[kind] = np.arange(kind.sum()) * count // kind.sum()
    return folds


def _rows(embedded, networks):
    return {"hr_network": embedded.by_hr} | ({"served": embedded.served} if networks.lr else {})


def _files(groups, networks):
    """Give the files to show; `groups` are pairs of Paths shown and Paths as distributed, or None for the same."""
    shown, widths = [], []
    for paths, distributed in groups:
        shown += paths
        widths += paths if distributed is None or not networks.lr else width_files(paths, distributed)
    return FaceFiles(shown, widths)


def _groups(test):
    """List the Paths of gallery, mated and unmated probes; None for each without a test."""
    if test is None:
        return [None] * 3
    return [
        [image.path for image in test.gallery],
        [image.path for image in test.mated_probes],
        list(test.unmated_probes),
    ]


def _images_of(pairs):
    return {path for pair in pairs for path in (pair.first, pair.second)}


def _named(pair):
    return {"pair": [pair.first.name, pair.second.name], "same": pair.same}


def _gain(found, reference):
    difference, interval = paired_difference(found, reference)
    return {"difference": difference, "interval": list(interval)}
