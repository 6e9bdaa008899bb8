"""A gallery whose values somebody has changed, or a disk has lost: whatever reads them says so in one line."""

import contextlib
import sqlite3

import numpy as np
import pytest

from cshml_tf.gallery.calibration import read_calibrations, store_calibrations
from cshml_tf.gallery.creation import open_gallery
from cshml_tf.gallery.rebuilding import rebuild
from cshml_tf.gallery.search import Search

NAN = "x'0000c07f0000c07f0000c07f'"
TWICE = "x'000000400000000000000000'"

READERS = {
    "open": lambda gallery, networks: gallery.card(),
    "people": lambda gallery, networks: gallery.people(),
    "some_people": lambda gallery, networks: gallery.some_people("", 9),
    "faces": lambda gallery, networks: gallery.faces_of("Ann"),
    "crop": lambda gallery, networks: gallery.crop_of(1),
    "log": lambda gallery, networks: gallery.log(),
    "thresholds": lambda gallery, networks: read_calibrations(gallery),
    "search": lambda gallery, networks: Search(gallery).top("8", np.array([[1, 0, 0]], np.float32), 2),
    "rebuild": lambda gallery, networks: rebuild(gallery, networks),
}
DAMAGES = [
    ("open", "UPDATE gallery SET hr_width = 9e999", "card: hr_width: expected float <= "),
    ("open", "UPDATE gallery SET hr_width = -1", "card: hr_width: expected float > 0"),
    ("open", "UPDATE gallery SET hr_width = 'wide'", "card: hr_width: expected float, got str"),
    ("open", "UPDATE gallery SET image_height = 0", r"card: image_size\[0\]: expected int >= 1"),
    ("open", "UPDATE gallery SET person_score = 'x'", "card: expected best or mean, and exact or hnsw, got 'x'"),
    ("open", "UPDATE gallery SET revision = 'new'", "card: revision: expected int, got str"),
    ("open", "UPDATE views SET weight = 9e999", "view HR: weight: expected float <= "),
    ("open", "UPDATE views SET weight = 'x' WHERE kind = '8'", "view 8: weight: expected float, got str"),
    ("open", "UPDATE views SET kind = 'eight' WHERE kind = '8'", "view eight: .*expected "),
    ("open", "UPDATE views SET degradation = 'x' WHERE kind = '8'", "view 8: degradation: expected one of"),
    ("open", "UPDATE networks SET digest = 'x' WHERE id = 1", "view HR: digest: expected str matching"),
    ("people", "UPDATE people SET name = x'00' WHERE id = 1", "people: name: expected .*, got b'.x00'"),
    ("people", "UPDATE people SET name = 'A' || char(10) WHERE id = 1", r"people: name: .*, got 'A.n'"),
    ("some_people", "UPDATE people SET name = x'41' WHERE id = 1", "people: name: expected 1 to 200"),
    ("search", "UPDATE people SET name = '' WHERE id = 1", "people: name: expected 1 to 200 printable"),
    ("faces", "UPDATE faces SET width = 'broad'", "faces: width: expected float, got str"),
    ("faces", "UPDATE faces SET detector_score = 2", "faces: detector_score: expected float <= 1.0"),
    ("crop", "UPDATE faces SET crop = x'89504e47'", "face 1: expected the PNG of a crop: "),
    ("crop", "UPDATE faces SET crop = 7", "face 1: expected the PNG of a crop, got int"),
    ("rebuild", "UPDATE faces SET crop = x'89504e47' WHERE id = 2", "face 2: expected the PNG of a crop: "),
    ("log", "UPDATE log SET person = 'Ann'", r"log: person: expected int \| null, got str"),
    ("thresholds", "UPDATE calibrations SET scores = x'00000000000014c0'", "calibrations: expected cosine"),
    ("thresholds", "UPDATE calibrations SET scores = x'000000000000f87f'", "calibrations: expected cosine"),
    ("thresholds", "UPDATE calibrations SET scores = zeroblob(7)", "calibrations: expected cosine"),
    ("thresholds", "UPDATE calibrations SET scores = 'AAAAAAAAAAA='", "calibrations: expected cosine"),
    ("thresholds", "UPDATE calibrations SET fpir = 0", "calibrations: fpir: expected float > 0"),
    ("thresholds", "UPDATE calibrations SET strangers = 'x'", "calibrations: strangers: expected int, got str"),
    ("thresholds", "UPDATE calibrations SET origin = 'x'", "calibrations: origin: invalid enum value 'x'"),
    ("search", f"UPDATE embeddings SET vector = {NAN} WHERE face_id = 2", "face 2: .*got 3 values of length nan"),
    ("search", f"UPDATE embeddings SET vector = {TWICE} WHERE face_id = 2", "face 2: .*got 3 values of length 2"),
    ("search", "UPDATE embeddings SET vector = x'00' WHERE face_id = 2", "face 2: .*got 0 values of length 0"),
    ("search", "UPDATE embeddings SET vector = 5 WHERE face_id = 2", "face 2: .*got 0 values of length 0"),
    ("search", "UPDATE faces SET person_id = 1.5 WHERE id = 2", "faces: person_id: expected numbers of people"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "damage", "message"), DAMAGES, ids=[f"{each[0]}: {each[1]}" for each in DAMAGES]
)
def test_a_changed_value_is_refused_by_what_reads_it(
    file_gallery, new_face, networks, closing_gallery, reader, damage, message
):
    file_gallery.add_faces([new_face("Ann", 1), new_face("Bo", 2)])
    store_calibrations(file_gallery, {"HR": [0.3, 0.2], "8": [0.1, 0.4]}, 2, 0.5)
    with contextlib.closing(sqlite3.connect(file_gallery.name)) as connection, connection:
        assert connection.execute(damage).rowcount
    with pytest.raises(ValueError, match=f"people.gallery: {message}") as caught:
        with closing_gallery(open_gallery(file_gallery.name)) as gallery:
            READERS[reader](gallery, networks)
    assert "\n" not in str(caught.value)


def test_what_is_whole_is_read(file_gallery, new_face, networks):
    file_gallery.add_faces([new_face("Ann", 1), new_face("Bo", 2)])
    store_calibrations(file_gallery, {"HR": [0.3, 0.2], "8": [0.1, 0.4]}, 2, 0.5)
    for reader in READERS.values():
        reader(file_gallery, networks)
