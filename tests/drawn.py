"""Data sets drawn for tests: pictures that a small network can tell apart, in the layout of the real ones."""

import cv2
import keras
import numpy as np
from scipy.io import savemat

SIZE = (48, 40)


def draw_textures(folder):
    """Write class folders of coloured textures, 48 x 40: six "people" of five noisy pictures each."""
    rng = np.random.default_rng(0)
    for person in range(6):
        name = f"person_{person}"
        (folder / name).mkdir()
        base = cv2.resize(rng.integers(0, 256, (6, 5, 3)).astype(np.uint8), SIZE[::-1])
        for picture in range(1, 6):
            noisy = base + rng.integers(-25, 26, base.shape)
            path = folder / name / f"{name}_{picture:04d}.png"
            cv2.imwrite(str(path), np.clip(noisy, 0, 255).astype(np.uint8))


def _colours(count):
    """Return colours in different directions from grey, spread over a sphere: (count, 3) uint8."""
    height = 1 - (2 * np.arange(count) + 1) / count
    angle = np.arange(count) * np.pi * (3 - 5**0.5)
    around = np.sqrt(1 - height**2)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.rint(127.5 + 110 * np.column_stack([around, height])).astype(np.uint8)


def _draw(path, colour, size, random=None):
    """Write a picture of one colour or, given a random generator, of noise; as PNG, whatever the suffix."""
    pixels = (
        np.tile(colour, (*size, 1)) if random is None else random.integers(0, 256, (*size, 3)).astype(np.uint8)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels[..., ::-1])[1].tobytes())


def _save_list(path, names_field, names, ids_field, ids):
    cells = np.empty((len(names), 1), object)
    cells[:, 0] = names
    savemat(path, {names_field: cells, ids_field: np.array(ids)[:, None]})


def draw_tinyface(root, people=6, distractors=12, random=None, size=None):
    """Write TinyFace: each person is a colour, with two probes 10 pixels wide and one mate 30 pixels wide."""
    test = root / "Testing_Set"
    colours = _colours(people + distractors)
    probes = {f"{person + 1}_{number}.jpg": person for person in range(people) for number in (1, 2)}
    matches = {f"{person + 1}_3.jpg": person for person in range(people)}
    for file, person in probes.items():
        _draw(test / "Probe" / file, colours[person], size or (12, 10), random)
    for file, person in matches.items():
        _draw(test / "Gallery_Match" / file, colours[person], size or (34, 30), random)
    for number in range(distractors):
        path = test / "Gallery_Distractor" / f"d_{number:04d}.jpg"
        _draw(path, colours[people + number], size or (20 + number % 5, 18), random)
    for stem, fields, listed in (("probe", "probe", probes), ("gallery_match", "gallery", matches)):
        ids = [person + 1 for person in listed.values()]
        path = test / f"{stem}_img_ID_pairs.mat"
        _save_list(path, f"{fields}_set", list(listed), f"{fields}_ids", ids)
    return root


def draw_survface(root, people=6, unmated=20, random=None):
    """Write QMUL-SurvFace: each person is a colour; pictures are 10 pixels wide, the gallery's 30."""
    colours = _colours(people + unmated)
    verification = root / "Face_Verification_Test_Set"
    for person in range(people):
        for number in (1, 2):
            path = verification / "verification_images" / f"{person}_cam{number}_1.jpg"
            _draw(path, colours[person], (12, 10), random)
    pairs = {
        "positive": [(f"{a}_cam1_1.jpg", f"{a}_cam2_1.jpg") for a in range(people)],
        "negative": [(f"{a}_cam1_1.jpg", f"{(a + 1) % people}_cam2_1.jpg") for a in range(people)],
    }
    for kind, named in pairs.items():
        field = f"{kind}_pairs_names"
        savemat(verification / f"{field}.mat", {field: np.array(named, object)})
    identification = root / "Face_Identification_Test_Set"
    for stem, numbers, size in (("gallery", (1, 2), (34, 30)), ("mated_probe", (3, 4), (12, 10))):
        names = [f"{person}_cam{number}_1.jpg" for person in range(people) for number in numbers]
        for file in names:
            _draw(identification / stem / file, colours[int(file.split("_")[0])], size, random)
        ids = np.repeat(np.arange(people), 2) + 1
        path = identification / f"{stem}_img_ID_pairs.mat"
        _save_list(path, f"{stem}_set", names, f"{stem}_ids", ids)
    for number in range(unmated):
        path = identification / "unmated_probe" / f"distractor_{number}.jpg"
        _draw(path, colours[people + number], (12, 10), random)
    return root


def draw_scface(root, random=None, size=(30, 24)):
    """Write SCface with its 130 people and its file names: each person is a colour."""
    from cshml_tf.data.scface import CAMERAS, DISTANCES, PEOPLE, image_name

    height, width = size
    points = [(0.3 * width, 0.4 * height), (0.7 * width, 0.4 * height)]
    points += [(0.5 * width, 0.6 * height), (0.5 * width, 0.8 * height)]
    numbers = "\t".join(f"{number:.1f}" for point in points for number in point)
    colours, lines = _colours(len(PEOPLE)), []
    for person, colour in zip(PEOPLE, colours, strict=True):
        for camera, distance in [(None, None), *((c, d) for d in DISTANCES for c in CAMERAS)]:
            name = image_name(person, camera, distance)
            folder = f"surveillance_cameras_distance_{distance}/cam_{camera}"
            path = f"{folder}/{name}.jpg" if camera else f"mugshot_frontal_cropped_all/{name}.JPG"
            _draw(root / path, colour, size, random)
            lines.append(f"{name}\t{numbers}\r\n")
    (root / "all.txt").write_text("".join(lines), newline="")
    return root


def draw_colour_network(sees):
    """Return a recogniser whose embedding is the picture's mean colour or, if `sees` is false, always the same."""
    from cshml_tf.layers import FitToSize, UnitLength

    # Sums of products with 0 and 1 are exact, so ties stay ties.
    scale, offset = (1 / 127.5, -1.0) if sees else (0.0, [[[1.0, 0.0, 0.0]]])
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            FitToSize(SIZE, name="fit_to_size"),
            keras.layers.GlobalAveragePooling2D(keepdims=True),
            keras.layers.Rescaling(scale, offset),
            keras.layers.Flatten(),
            UnitLength(),
        ]
    )


def save_colour_network(folder, kind, resolutions, factor=1.0, size=SIZE):
    """Save a recogniser of some size whose embedding is the mean colour times a factor."""
    from cshml_tf.model_folder import save_model
    from cshml_tf.recogniser import build_recogniser

    pixels = keras.Input((*size, 3))
    last_map = keras.layers.Rescaling(factor)(pixels)
    embedding = keras.layers.GlobalAveragePooling2D()(last_map)
    backbone = keras.Model(pixels, {"last_map": last_map, "embedding": embedding}, name="backbone")
    card = {"kind": kind, "image_size": list(size), "resolutions": resolutions, "degradation": "antialias"}
    # Whitening would leave nothing of a picture of one colour.
    save_model(folder, build_recogniser(backbone, "fixed"), card | {"figures": {}})
