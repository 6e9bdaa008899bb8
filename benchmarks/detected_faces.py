"""Find faces in photographs reduced until they are small, identify them, and rate the figures of each.

Unlike evaluate_gallery.py --reject, which reduces aligned faces, this is the whole path of identify.py: detector's
score, width and pose are those of the small picture, and errors of the detector are part of the errors.

python benchmarks/detected_faces.py lfw_112 --people people_dev.txt --hr_model models/mbf --lr_model models/lr_all
"""

import argparse
import dataclasses
import math
from pathlib import Path

import cv2
import numpy as np

from cshml_tf.cli.quiet_start import start_backend

RATES = (0.1,)


def photographs_of(folder, source):
    """Return the path of each face's photograph and its landmarks there, from the record of the alignment."""
    from cshml_tf.alignment.geometry import LANDMARKS
    from cshml_tf.alignment.rows import read_rows
    from cshml_tf.files import read_json

    root = Path(read_json(folder / "alignment.json")["input_dir"])
    rows = {row["output"]: row for row in read_rows(folder / "alignment.csv")}
    chosen = [
        rows[f"{source.classes[label]}/{name}"] for label, name in zip(source.labels, source.names, strict=True)
    ]
    points = [[[float(row[f"{name}_{axis}"]) for axis in "xy"] for name in LANDMARKS] for row in chosen]
    return [root / row["path"] for row in chosen], np.array(points)


def find_small(path, landmarks, width, image_size, detector):
    """Reduce a photograph until the face's crop has a width, and find that face: (Face, crop), or None."""
    from cshml_tf.alignment.crops import align_face
    from cshml_tf.alignment.geometry import similarity, template
    from cshml_tf.alignment.small_faces import find_all_faces
    from cshml_tf.images import read_named

    photograph = read_named(path)
    matrix = similarity(landmarks, template(image_size))
    scale = width * math.hypot(matrix[0, 0], matrix[1, 0]) / image_size[1]
    sides = [max(1, round(side * scale)) for side in photograph.shape[1::-1]]
    small = cv2.resize(photograph, sides, interpolation=cv2.INTER_AREA)
    centre = (landmarks.mean(axis=0) + 0.5) * scale - 0.5

    def distance(face):
        return np.linalg.norm(face.landmarks.mean(axis=0) - centre)

    near = [face for face in find_all_faces(small, detector, width) if distance(face) < width / 4]
    if not near:
        return None
    face = min(near, key=distance)
    return face, align_face(small, face.landmarks, image_size)


def figures_of(faces, crops, embeddings, qualities, networks, kind):
    """Return the figures of found faces: higher is better."""
    from cshml_tf.alignment.geometry import similarity, template
    from cshml_tf.alignment.pose import pose_of
    from cshml_tf.gallery.quality import mirror_distances, sharpness_of

    poses = [pose_of(face.landmarks) for face in faces]
    matrices = [similarity(face.landmarks, template(networks.image_size)) for face in faces]
    return {
        "quality": qualities,
        "mirror_distance": -mirror_distances(lambda each: networks.embed(kind, each), crops, embeddings),
        "sharpness": np.array([sharpness_of(crop) for crop in crops]),
        "width": np.array([1 / math.hypot(matrix[0, 0], matrix[1, 0]) for matrix in matrices]),
        "detector_score": np.array([face.score for face in faces]),
        **{name: -np.abs([getattr(pose, name) for pose in poses]) for name in ("yaw", "pitch", "roll")},
    }


def measure(kind, split, places, networks, detector, source):
    """Find, embed and search the probes and the strangers of one resolution."""
    from cshml_tf.gallery.rejection import search_probes
    from cshml_tf.gallery.search import second_score_rows
    from cshml_tf.gallery.views import parse_width

    width = parse_width(kind)
    found = {
        row: find_small(places[0][row], places[1][row], width, networks.image_size, detector)
        for row in (*split.probes.tolist(), *split.calibrating.tolist())
    }
    rows = np.array([row for row, each in found.items() if each is not None])
    share = np.isin(split.probes, rows)
    print(f"{kind}: {share.sum()} of {len(share)} probes found ({share.mean():.1%})", flush=True)
    faces, crops = zip(*(found[row] for row in rows), strict=True)
    rated = [
        networks.embed_and_rate(kind, np.stack(crops[start : start + 64])) for start in range(0, len(crops), 64)
    ]
    embeddings, qualities = (np.concatenate(each) for each in zip(*rated, strict=True))
    probes = np.zeros((len(source), networks.embedding_size), np.float32)
    probes[rows] = embeddings
    portraits = networks.embed_portraits(source.read(split.portraits, networks.image_size))
    enrolled = second_score_rows(portraits["HR"], portraits[kind], networks.views[kind].weight)
    left = dataclasses.replace(
        split,
        probes=split.probes[share],
        probe_people=split.probe_people[share],
        calibrating=split.calibrating[np.isin(split.calibrating, rows)],
    )
    place_of = {row: place for place, row in enumerate(rows.tolist())}
    order = [place_of[row] for row in left.probes.tolist()]
    figures = figures_of(
        [faces[place] for place in order],
        np.stack([crops[place] for place in order]),
        embeddings[order],
        qualities[order],
        networks,
        kind,
    )
    return search_probes(enrolled, probes, left, RATES), figures


def main():
    """Measure each resolution of the LR networks, and print the tables of all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, help="aligned faces with their alignment.csv and alignment.json")
    parser.add_argument("--people", help="file of the people to use")
    parser.add_argument("--hr_model", required=True)
    parser.add_argument("--lr_model", nargs="+", required=True)
    arguments = parser.parse_args()
    start_backend()
    from cshml_tf.alignment.detector import Detector
    from cshml_tf.data.protocols import read_people
    from cshml_tf.data.sources import open_source
    from cshml_tf.gallery.measurement import split_people
    from cshml_tf.gallery.networks import load_gallery_networks
    from cshml_tf.gallery.rejection import format_rejection_table, rate_figures

    networks = load_gallery_networks(arguments.hr_model, arguments.lr_model)
    people = read_people(arguments.people) if arguments.people else None
    source = open_source(arguments.faces, people, networks.image_size)
    split, places = split_people(source.labels), photographs_of(arguments.faces, source)
    detector = Detector(longest_side=2400)
    measured = {
        kind: measure(kind, split, places, networks, detector, source) for kind in networks.views if kind != "HR"
    }
    searched, figures = ({kind: each[place] for kind, each in measured.items()} for place in (0, 1))
    print("\n" + format_rejection_table(rate_figures(searched, figures)))


if __name__ == "__main__":
    main()
