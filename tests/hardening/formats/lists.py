"""Lists in text and in MATLAB files: pairs, people, schedules, landmarks, names, faces of a clip."""

import numpy as np
from hardening.formats.format import Format
from scipy.io import savemat


def _pairs(folder):
    rows = ["Ann\t1\t2", "Bob\t1\t3", "Ann\t1\tBob\t2", "Bob\t4\tZoë\t1"]
    (folder / "pairs.txt").write_text("\n".join(["2\t2", *rows, *rows]) + "\n", encoding="utf-8")
    (folder / "pairsDevTest.txt").write_text("\n".join(["2", *rows]) + "\n", encoding="utf-8")
    (folder / "headless.txt").write_text("\n".join(rows * 3) + "\n", encoding="utf-8")
    two_lines = "Ann_0001.jpg 1\nAnn_0002.jpg 1\n" + "Ann_0001.jpg 0\nZoë_0001.jpg 0\n"
    (folder / "pairs_CPLFW.txt").write_text(two_lines * 3, encoding="utf-8")
    paths = "Ann/Ann_0001.jpg Ann/Ann_0002.jpg 1\nAnn/Ann_0001.jpg Zoë/Zoë_0001.jpg 0\n"
    (folder / "paths.txt").write_text(paths * 3, encoding="utf-8")


def _read_pairs(folder, changed):
    from cshml_tf.data.protocols import read_pairs
    from cshml_tf.data.sources import find_images

    pairs = read_pairs(folder / changed)
    assert pairs and all(pair.fold >= 0 for pair in pairs)
    find_images(folder, pairs)


def _people(folder):
    (folder / "people.txt").write_text("2\n2\nAnn\t4\nBob\t5\n1\nZoë\t3\n", encoding="utf-8")
    (folder / "peopleDevTrain.txt").write_text("2\nAnn\t4\nBob\t5\n", encoding="utf-8")
    (folder / "names.txt").write_text("# those who agreed\nAnn\nBob\nZoë\n", encoding="utf-8")


def _read_people(folder, changed):
    from cshml_tf.data.protocols import read_people

    people = read_people(folder / changed)
    assert people and all(isinstance(name, str) and name for name in people)


def _schedule(folder):
    text = "# a comment\n0: 0.05\n60: 0.005  # later\n80: 0.0005\n91: -1\n"
    (folder / "schedule.txt").write_text(text, encoding="utf-8")


def _read_schedule(folder, changed):
    from cshml_tf.training.schedule import make_schedule

    schedule = make_schedule(-1, folder / changed, 1000)
    assert 0 < schedule.rate(0) < float("inf")
    assert schedule.stop_step is None or schedule.rate(schedule.stop_step) == -1


def _landmarks(folder):
    lines = []
    for person in range(1, 4):
        for name in ("frontal", "cam1_1", "cam2_3"):
            numbers = "\t".join(f"{10 * person + place:.1f}" for place in range(8))
            lines.append(f"{person:03d}_{name}\t{numbers}\r\n")
    (folder / "all.txt").write_text("".join(lines), encoding="utf-8", newline="")


def _read_landmarks(folder, changed):
    from cshml_tf.data.scface import read_landmarks

    landmarks = read_landmarks(folder / changed)
    assert landmarks and all(points.shape == (4, 2) and np.isfinite(points).all() for points in landmarks.values())


def _mat(folder):
    names = [f"{person}_{number}.jpg" for person in range(1, 4) for number in (1, 2)]
    cells = np.empty((len(names), 1), object)
    cells[:, 0] = names
    ids = np.repeat(np.arange(1, 4), 2)[:, None]
    for compressed in (False, True):
        path = folder / f"ids_{compressed}.mat"
        savemat(path, {"probe_set": cells, "probe_ids": ids}, do_compression=compressed)
        pairs = np.array(list(zip(names[::2], names[1::2], strict=True)), object)
        savemat(folder / f"pairs_{compressed}.mat", {"pairs": pairs}, do_compression=compressed)
    savemat(folder / "ids_4.mat", {"probe_set": np.array(names), "probe_ids": ids.astype(float)}, format="4")


def _read_mat(folder, changed):
    from cshml_tf.data.mat_lists import read_name_pairs, read_names_and_ids

    if changed.name.startswith("pairs"):
        assert read_name_pairs(folder / changed, "pairs")
    else:
        names, ids = read_names_and_ids(folder / changed, "probe_set", "probe_ids")
        assert len(names) == len(ids) > 0


def _clip(folder):
    from cshml_tf.data.clip_truth import KnownFace, write_truth

    names = ("Ann", "Zoë", 'Bob "B." O\'Hara, sen.')
    faces = [KnownFace(frame, frame / 10, name, (9.5 * frame, 7, 12, 14)) for frame in range(3) for name in names]
    write_truth(folder / "clip.csv", faces)


def _read_clip(folder, changed):
    from cshml_tf.data.clip_truth import read_truth

    faces = read_truth(folder / changed)
    assert faces and all(face.name and np.isfinite((face.time, *face.box)).all() for face in faces)


FORMATS = [
    Format("pairs", _pairs, _read_pairs),
    Format("people", _people, _read_people),
    Format("schedule", _schedule, _read_schedule),
    Format("landmarks", _landmarks, _read_landmarks),
    Format("mat", _mat, _read_mat),
    Format("clip", _clip, _read_clip),
]
