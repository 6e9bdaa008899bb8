"""A removed person leaves no byte in the SQLite file, its log or its index."""

import contextlib
import time

import numpy as np
import pytest
from sqlalchemy import text

from cshml_tf.gallery.creation import open_gallery


def all_bytes(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.glob("people.gallery*")))


def traces(face, content):
    """Return what of a face occurs in bytes."""
    parts = {
        "name": face.name.encode(),
        "source": face.source.encode(),
        "digest": face.digest.encode(),
        # A crop takes several pages: its beginning is not enough.
        "crop's middle": face.crop[len(face.crop) // 2 :][:64],
        "crop's end": face.crop[-64:],
        **{f"embedding {kind}": vector.astype("<f4").tobytes() for kind, vector in face.vectors.items()},
    }
    return {name for name, part in parts.items() if part in content}


@pytest.fixture
def crowd(file_gallery, new_face):
    """Forty people, enrolled in a mixed order, so that pages are split and rearranged."""
    order = np.random.default_rng(0).permutation(40)
    faces = {
        int(number): new_face(
            f"Person Number{number:03d}", int(number), np.random.default_rng(number).normal(size=3)
        )
        for number in order
    }
    for face in faces.values():
        file_gallery.add_faces([face])
    return faces


def test_an_enrolled_person_is_in_the_file(file_gallery, crowd, tmp_path):
    assert len(traces(crowd[7], all_bytes(tmp_path))) == 8


def test_a_removed_person_leaves_no_byte(file_gallery, crowd, tmp_path):
    for number in (7, 8, 30):
        assert file_gallery.remove(crowd[number].name) == 1
    content = all_bytes(tmp_path)
    for number, face in crowd.items():
        assert traces(face, content) == (set() if number in (7, 8, 30) else traces(face, content)), number
        assert len(traces(face, content)) == (0 if number in (7, 8, 30) else 8)


def test_an_old_name_leaves_no_byte(file_gallery, crowd, tmp_path):
    file_gallery.rename(crowd[7].name, "Somebody Else")
    assert "name" not in traces(crowd[7], all_bytes(tmp_path))
    file_gallery.merge(crowd[8].name, crowd[9].name)
    assert "name" not in traces(crowd[8], all_bytes(tmp_path))


def test_nothing_stays_after_all_have_gone(file_gallery, crowd, tmp_path):
    for face in crowd.values():
        file_gallery.remove(face.name)
    content = all_bytes(tmp_path)
    assert not any(traces(face, content) for face in crowd.values())
    assert b"Number" not in content


@contextlib.contextmanager
def reading(gallery):
    """Keep a process's view of the gallery for as long as the block lasts."""
    with gallery.database.reading() as connection:
        connection.execute(text("SELECT count(*) FROM faces")).one()
        yield


@pytest.fixture
def impatient(file_gallery, tmp_path, closing_gallery, monkeypatch):
    """The gallery, as another process has it open."""
    monkeypatch.setattr("cshml_tf.gallery.database._PATIENCE_TO_ERASE", 0.1)
    with closing_gallery(open_gallery(tmp_path / "people.gallery")) as impatient:
        yield impatient


def test_a_reader_that_keeps_old_bytes_is_reported(file_gallery, crowd, tmp_path, impatient):
    """The person is gone for everybody; only old bytes have to wait, and that is said while it is true."""
    assert impatient.unerased() is None
    with reading(file_gallery):
        begun = time.monotonic()
        assert impatient.remove(crowd[7].name) == 1
        assert time.monotonic() - begun < 5
        assert crowd[7].name not in impatient.people()
        assert "are still in " in (impatient.unerased() or "")
        assert traces(crowd[7], all_bytes(tmp_path))
    assert impatient.unerased() is None
    assert not traces(crowd[7], all_bytes(tmp_path))


def test_the_next_change_erases_what_a_reader_kept(file_gallery, crowd, tmp_path, impatient, new_face):
    with reading(file_gallery):
        impatient.remove(crowd[7].name)
        impatient.rename(crowd[8].name, "Somebody Else")
        impatient.add_faces([new_face("Zoe", 98)])
        assert traces(crowd[7], all_bytes(tmp_path))
    impatient.add_faces([new_face("Zoe", 99)])
    content = all_bytes(tmp_path)
    assert not traces(crowd[7], content) and "name" not in traces(crowd[8], content)
    assert not impatient.database.has_old_bytes()
    assert len(traces(crowd[9], content)) == 8 and impatient.people()["Zoe"] == 2


def test_the_next_change_erases_what_a_killed_removal_left(file_gallery, crowd, tmp_path, new_face, monkeypatch):
    """As if the process had been killed between the deletion and the erasing."""
    with monkeypatch.context() as patched:
        patched.setattr(type(file_gallery.database), "scrub", lambda self, patience=None: None)
        for number in range(5, 15):
            file_gallery.remove(crowd[number].name)
    assert any(traces(crowd[number], all_bytes(tmp_path)) for number in range(5, 15))
    file_gallery.add_faces([new_face("Zoe", 99)])
    content = all_bytes(tmp_path)
    assert not any(traces(crowd[number], content) for number in range(5, 15))


def test_a_writer_at_work_delays_the_erasing(file_gallery, crowd, tmp_path, impatient):
    with reading(file_gallery):
        impatient.remove(crowd[7].name)
    with file_gallery.database.writing() as connection:
        connection.execute(text("UPDATE people SET created = 'now'"))
        impatient.database.scrub(0)
        assert impatient.database.has_old_bytes()
    assert not impatient.database.has_old_bytes()
    assert not traces(crowd[7], all_bytes(tmp_path))


def test_removal_from_postgres_leaves_no_row(gallery, new_face):
    gallery.add_faces([new_face("Ann", 1), new_face("Bo", 2)])
    assert gallery.remove("Ann") == 1
    with gallery.database.reading() as connection:
        counts = [connection.scalar(text(f"SELECT count(*) FROM {table}")) for table in ("people", "faces")]
        assert (*counts, connection.scalar(text("SELECT count(*) FROM embeddings"))) == (1, 1, 3)
