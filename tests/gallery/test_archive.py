"""A gallery as one file: it comes back the same in either database, and no damaged one gets in."""

import sqlite3

import numpy as np
import pytest

from cshml_tf.gallery.archive import export_gallery, import_gallery
from cshml_tf.gallery.calibration import read_calibrations, store_calibrations
from cshml_tf.gallery.search import Search


@pytest.fixture
def filled(gallery, new_face):
    gallery.add_faces([new_face("Ann", 1, (1, 2, 3)), new_face("Bo", 2, (3, 2, 1)), new_face("Cem", 3)])
    gallery.remove("Cem")
    store_calibrations(gallery, {"HR": [0.3, 0.2], "8": [0.1, 0.4]}, 2, 0.5)
    return gallery


def everything(gallery, unit):
    found = Search(gallery).top("8", np.stack([unit(1, 0, 0), unit(0, 0, 1)]), 5)
    return (
        {name: gallery.faces_of(name) for name in gallery.people()},
        [gallery.crop_of(face.id) for face in gallery.faces_of("Ann")],
        [
            [(each.person, each.name, each.face, round(each.score, 6)) for each in candidates]
            for candidates in found
        ],
        {
            kind: (each.scores.tolist(), each.created, each.faces)
            for kind, each in read_calibrations(gallery).items()
        },
        gallery.log(),
        gallery.card().views,
    )


@pytest.mark.parametrize("into", ["sqlite", "postgres"])
def test_what_was_exported_comes_back(filled, tmp_path, request, unit, new_face, closing_gallery, into):
    target = tmp_path / "copy" if into == "sqlite" else request.getfixturevalue("other_database")
    export_gallery(filled, tmp_path / "export")
    with closing_gallery(import_gallery(tmp_path / "export", target)) as copy:
        assert everything(copy, unit) == everything(filled, unit)
        # The removed person's number, 3, is not used again.
        copy.add_faces([new_face("Dora", 4)])
        assert copy.log()[-1][1:] == ("enrolled", 4, 1)
        assert copy.faces_of("Dora")[0].id > 2


def test_an_export_replaces_nothing(file_gallery, tmp_path):
    (tmp_path / "export").write_text("kept")
    with pytest.raises(ValueError, match="expected a new file, got one that exists"):
        export_gallery(file_gallery, tmp_path / "export")
    assert (tmp_path / "export").read_text() == "kept"


DAMAGES = {
    "UPDATE people SET name = ' Ann ' WHERE id = 1": "people: expected a name without blanks",
    "UPDATE people SET name = 'A' || char(10) || 'B' WHERE id = 1": "name: expected 1 to 200 printable characters",
    "UPDATE people SET name = x'00ff' WHERE id = 1": "people: name: expected str, got bytes|damaged row",
    "UPDATE people SET created = 'yesterday'": "people: created: expected str matching regex",
    "UPDATE faces SET crop = x'89504e47' WHERE id = 1": "face 1: expected the PNG of a crop",
    "UPDATE faces SET width = 'broad' WHERE id = 1": "faces: width: expected float, got str|damaged row",
    "UPDATE faces SET width = 9e999 WHERE id = 1": "faces: width: expected float <= ",
    "UPDATE faces SET digest = 'abc' WHERE id = 1": "faces: digest: expected str matching regex",
    "UPDATE faces SET detector_score = 2 WHERE id = 1": r"faces: detector_score: expected float <= 1.0",
    "UPDATE embeddings SET vector = x'0000803f' WHERE face_id = 1": "face 1: expected an embedding of 3 values",
    "UPDATE embeddings SET vector = zeroblob(12) WHERE face_id = 1": "face 1: .*got 3 values of length 0",
    "UPDATE embeddings SET vector = x'00' WHERE face_id = 1": "embedding|buffer size",
    "DELETE FROM embeddings WHERE face_id = 1 AND view_id = 2": "an embedding of 8 for each of 2 faces, got 1",
    "UPDATE calibrations SET scores = zeroblob(7)": "calibrations|buffer size",
    "UPDATE calibrations SET fpir = 1.5": "calibrations: fpir: expected float < 1.0",
    "UPDATE calibrations SET kind = '99' WHERE kind = '8'": "calibrations: expected cosine similarities of a view",
    "UPDATE gallery SET image_height = -1": "card: image_size",
    "UPDATE gallery SET embedding_size = 4": "expected an embedding of 4 values",
    "UPDATE gallery SET person_score = 'worst'": "card: expected best or mean",
    "UPDATE networks SET digest = 'x' WHERE id = 1": "view HR: digest: expected str matching regex",
    "DELETE FROM views WHERE kind = 'HR'": "damaged: expected the view HR first, got 8, 12",
    "DELETE FROM gallery": "expected a gallery of version 1, got none",
    "UPDATE log SET at = 5": "log: at: expected str",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused(file_gallery, new_face, tmp_path, damage):
    file_gallery.add_faces([new_face("Ann", 1), new_face("Bo", 2)])
    store_calibrations(file_gallery, {"HR": [0.3, 0.2], "8": [0.1, 0.4]}, 2, 0.5)
    export_gallery(file_gallery, tmp_path / "export")
    with sqlite3.connect(tmp_path / "export") as connection:
        assert connection.execute(damage).rowcount
    connection.close()
    with pytest.raises(ValueError, match=DAMAGES[damage]) as error:
        import_gallery(tmp_path / "export", tmp_path / "copy.gallery")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("*copy.gallery*")) and not list(tmp_path.glob(".partial-*"))


def test_a_crop_of_another_size_is_refused(file_gallery, new_face, tmp_path):
    import cv2

    file_gallery.add_faces([new_face("Ann", 1)])
    export_gallery(file_gallery, tmp_path / "export")
    crop = cv2.imencode(".png", np.zeros((50, 40, 3), np.uint8))[1].tobytes()
    with sqlite3.connect(tmp_path / "export") as connection:
        connection.execute("UPDATE faces SET crop = ?", (crop,))
    connection.close()
    with pytest.raises(ValueError, match=r"face 1: expected a crop of \(48, 40\), got \(50, 40\)"):
        import_gallery(tmp_path / "export", tmp_path / "copy.gallery")


def test_flipped_bytes_never_end_in_a_traceback(file_gallery, new_face, tmp_path):
    """Every file either comes in whole or is refused in one line."""
    file_gallery.add_faces([new_face("Ann", number) for number in range(4)])
    export_gallery(file_gallery, tmp_path / "export")
    content, random = (tmp_path / "export").read_bytes(), np.random.default_rng(0)
    for number in range(30):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[random.integers(16, len(damaged), 30)] ^= 255
        (tmp_path / "damaged").write_bytes(damaged.tobytes())
        try:
            import_gallery(tmp_path / "damaged", tmp_path / f"copy{number}").database.close()
        except ValueError as error:
            assert "\n" not in str(error)
