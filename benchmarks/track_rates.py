"""Measure how often strangers and enrolled people are named when several photographs of one are decided together.

python benchmarks/track_rates.py aligned_faces --people people.txt --hr_model models/hr --lr_model models/lr

The people with five photographs or more are halved at random, ten times: one half is enrolled with a first
photograph, with everyone who has two to four; the other half are strangers. Thresholds are set on single
photographs of people who have one. The other photographs, reduced apart, are then decided alone and in groups, by
three scores (see `cshml_tf.watch.naming`): the cosine with the average, that times the square root of its length,
and times its length.
"""

import argparse
from pathlib import Path

import numpy as np

from cshml_tf.data.protocols import read_people
from cshml_tf.gallery.networks import GalleryNetworks, load_gallery_networks
from cshml_tf.gallery.search import second_score_rows
from cshml_tf.images import list_images, read_image

# How much of the average's length stays in the score, as an exponent.
SCORES = {"cosine": 0.0, "square root": 0.5, "mean": 1.0}
GROUPS = (1, 2, 4, 8)
MANY, MOST = 5, 9


def embedded(networks: GalleryNetworks, kind: str, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reduce and embed faces, a few at a time: (faces, E) of unit length, and (faces,) qualities."""
    parts = [
        networks.embed_and_rate(kind, networks.reduced(kind, pixels[start : start + 48]))
        for start in range(0, len(pixels), 48)
    ]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def averages(embeddings: np.ndarray, qualities: np.ndarray, size: int) -> np.ndarray:
    """Return the weighted average of each whole group of `size` faces: (groups, E)."""
    count = len(embeddings) // size * size
    weights = qualities[:count].reshape(-1, size, 1)
    return (embeddings[:count].reshape(-1, size, embeddings.shape[1]) * weights).sum(1) / weights.sum(1)


def rates(
    rows: np.ndarray, owners: np.ndarray, threshold: float, probes: dict[int, np.ndarray], exponent: float
) -> tuple[float, float]:
    """Return the share of strangers' groups that are named, and of enrolled people's that are named rightly.

    Args:
        rows: (enrolled, E), what a probe is multiplied with.
        owners: (enrolled,), the number of each one's person.
        threshold: of the best score.
        probes: (groups, E) averages by the number of their person.
        exponent: of the average's length in the score.
    """
    named: dict[bool, list[bool]] = {True: [], False: []}
    for person, groups in probes.items():
        is_enrolled = bool((owners == person).any())
        for average in groups:
            length = np.linalg.norm(average)
            scores = rows @ average / length ** (1 - exponent)
            best = int(scores.argmax())
            named[is_enrolled].append(scores[best] >= threshold and (not is_enrolled or owners[best] == person))
    return float(np.mean(named[False])), float(np.mean(named[True]))


def main() -> None:
    """Print one row per view, group size and score."""
    parser = argparse.ArgumentParser(description="measure decisions on several photographs of a person")
    parser.add_argument("faces", type=Path, help="aligned faces in class folders")
    parser.add_argument("--people", required=True, help="file of the people to use")
    parser.add_argument("--hr_model", required=True)
    parser.add_argument("--lr_model", nargs="*", default=[])
    parser.add_argument("--fpir", type=float, default=0.05, help="rate on single photographs of strangers")
    arguments = parser.parse_args()
    networks = load_gallery_networks(arguments.hr_model, arguments.lr_model)
    folders = [arguments.faces / name for name in read_people(arguments.people)]
    faces = [
        np.stack([read_image(folder / name) for name in list_images(folder)[:MOST]])
        for folder in folders
        if folder.is_dir()
    ]
    many = [each for each in faces if len(each) >= MANY]
    portraits = np.stack([each[0] for each in (*many, *(each for each in faces if 2 <= len(each) < MANY))])
    strangers = np.stack([each[0] for each in faces if len(each) == 1])
    print(f"{'view':>5}{'photographs':>13}{'score':>13}{'strangers named':>17}{'enrolled named':>16}")
    for kind, view in networks.views.items():
        rows = embedded(networks, "HR", portraits)[0]
        if view.weight:
            rows = second_score_rows(rows, embedded(networks, kind, portraits)[0], view.weight)
        single = embedded(networks, kind, strangers)[0]
        others = [embedded(networks, kind, each[1:]) for each in many]
        for size in GROUPS:
            probes = {person: averages(*each, size) for person, each in enumerate(others) if len(each[0]) >= size}
            for name, exponent in SCORES.items():
                random, found = np.random.default_rng(0), []
                for _ in range(10):
                    out = random.permutation(len(many))[len(many) // 2 :]
                    kept = np.setdiff1d(np.arange(len(portraits)), out)
                    threshold = np.quantile((single @ rows[kept].T).max(1), 1 - arguments.fpir)
                    found.append(rates(rows[kept], kept, threshold, probes, exponent))
                wrong, right = np.mean(found, axis=0)
                print(f"{kind:>5}{size:13}{name:>13}{wrong:17.1%}{right:16.1%}", flush=True)


if __name__ == "__main__":
    main()
