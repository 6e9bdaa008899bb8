"""A gallery in SQLite and in PostgreSQL: people and faces come, change and go in transactions."""

import concurrent.futures
import sqlite3

import numpy as np
import pytest
from drawn import save_colour_network
from sqlalchemy import text

from cshml_tf.gallery.creation import create_gallery, open_gallery
from cshml_tf.gallery.networks import load_gallery_networks, networks_of
from cshml_tf.gallery.store import KnownPerson, OtherNetworks, UnknownPerson


def test_enrolled_faces_are_listed_and_shown(gallery, new_face):
    faces = [new_face("Ann", 1), new_face("Bo", 2), new_face("Ann", 3)]
    assert gallery.add_faces(faces) == [1, 2, 3]
    assert gallery.people() == {"Ann": 2, "Bo": 1}
    assert gallery.size() == (2, 3)
    first, third = gallery.faces_of("Ann")
    assert (first.source, third.source) == ("portraits/1.jpg", "portraits/3.jpg")
    assert third.quality == faces[2].quality
    assert gallery.crop_of(3) == faces[2].crop
    with pytest.raises(ValueError, match="expected the number of a face, got 4"):
        gallery.crop_of(4)


def test_the_same_file_is_one_face(gallery, new_face):
    assert gallery.add_faces([new_face("Ann", 1), new_face("Ann", 1)]) == [1, 0]
    assert gallery.add_faces([new_face("Bo", 1)]) == [0]
    assert gallery.people() == {"Ann": 1}
    assert gallery.enrolled_as([new_face("Ann", 1).digest, "0" * 64]) == {new_face("Ann", 1).digest: "Ann"}


def test_a_name_is_one_in_both_unicode_forms(gallery, new_face):
    gallery.add_faces([new_face("Zoe\u0308", 1), new_face(" Zo\u00eb ", 2)])
    assert gallery.people() == {"Zo\u00eb": 2}
    assert len(gallery.faces_of("Zoe\u0308")) == 2


@pytest.mark.parametrize("name", ["", "  ", "Ann\nLee", "Ann\x00", "x" * 201, "\udcff"])
def test_what_is_no_name_is_refused(file_gallery, new_face, name):
    with pytest.raises(ValueError, match="name: expected 1 to 200 printable characters"):
        file_gallery.add_faces([new_face("Bo", 1), new_face(name, 2)])
    assert file_gallery.size() == (0, 0)


def test_one_bad_face_stores_none(gallery, new_face):
    bad = new_face("Bo", 2)
    del bad.vectors["12"]
    with pytest.raises(ValueError, match="vectors: expected shapes"):
        gallery.add_faces([new_face("Ann", 1), bad])
    assert gallery.size() == (0, 0)
    assert [action for _, action, _, _ in gallery.log()] == ["created"]


def test_what_must_hold_is_checked_with_the_change(gallery, new_face, networks, models):
    """Who must be new, who must be enrolled, and whose embeddings these are."""
    gallery.add_faces([new_face("Ann", 1)], networks.views, is_new=True)
    gallery.add_faces([new_face("Ann", 2)], networks.views, is_new=False)
    with pytest.raises(KnownPerson, match="Ann: expected a new name"):
        gallery.add_faces([new_face("Bo", 3), new_face("Ann", 4)], is_new=True)
    with pytest.raises(UnknownPerson, match="expected the name of an enrolled person, got Bo"):
        gallery.add_faces([new_face("Ann", 3), new_face("Bo", 4)], is_new=False)
    with pytest.raises(OtherNetworks, match="expected networks for HR, 8, 12, got HR"):
        gallery.add_faces([new_face("Ann", 3)], load_gallery_networks(models / "hr").views)
    assert gallery.people() == {"Ann": 2}


def test_people_are_listed_in_parts(gallery, new_face):
    gallery.add_faces([new_face("Bo", 1), new_face("Ann", 2), new_face("Cem", 3), new_face("Bo", 4)])
    assert gallery.some_people("", 2) == {"Ann": (1, 2), "Bo": (2, 1)}
    assert gallery.some_people("Bo", 2) == {"Cem": (1, 3)}
    assert gallery.some_people("Cem", 2) == {}


def test_rename(gallery, new_face):
    gallery.add_faces([new_face("Ann", 1), new_face("Bo", 2)])
    gallery.rename("Ann", "Ann Lee")
    assert gallery.people() == {"Ann Lee": 1, "Bo": 1}
    with pytest.raises(ValueError, match="Bo: expected a name that nobody has; merge joins two people"):
        gallery.rename("Ann Lee", "Bo")


def test_merge(gallery, new_face):
    gallery.add_faces([new_face("Ann", 1), new_face("Anne", 2), new_face("Anne", 3)])
    assert gallery.merge("Anne", "Ann") == 2
    assert gallery.people() == {"Ann": 3}
    with pytest.raises(ValueError, match="expected two people, got one name twice"):
        gallery.merge("Ann", "Ann")


def test_who_is_not_enrolled_is_named(gallery):
    for change in (gallery.remove, gallery.faces_of, lambda name: gallery.rename(name, "Bo")):
        with pytest.raises(ValueError, match="expected the name of an enrolled person, got Ann"):
            change("Ann")


def test_the_log_holds_numbers_and_no_names(gallery, new_face):
    """A removed person's number is not given to the next one."""
    gallery.add_faces([new_face("Ann", 1)])
    gallery.remove("Ann")
    gallery.add_faces([new_face("Bo", 2)])
    told = [(action, person, faces) for _, action, person, faces in gallery.log()]
    assert told == [("created", None, None), ("enrolled", 1, 1), ("removed", 1, 1), ("enrolled", 2, 1)]


def test_a_gallery_is_bound_to_its_networks(file_gallery, models, networks, tmp_path):
    file_gallery.check_views(networks.views)
    assert networks_of(file_gallery).views == networks.views
    save_colour_network(tmp_path / "other", "hr", [], factor=0.5)
    with pytest.raises(ValueError, match="expected the network of HR with SHA-256 .*got .*other with"):
        networks_of(file_gallery, tmp_path / "other", (models / "lr",))
    with pytest.raises(ValueError, match="expected networks for HR, 8, 12, got HR"):
        networks_of(file_gallery, models / "hr")


def test_networks_may_move(file_gallery, models, tmp_path):
    (tmp_path / "hr").symlink_to(models / "hr")
    moved = networks_of(file_gallery, tmp_path / "hr", (models / "lr",))
    assert moved.views["8"].weight == 1.0


def test_networks_that_have_gone_are_asked_for(tmp_path, closing_gallery):
    save_colour_network(tmp_path / "hr", "hr", [])
    with closing_gallery(create_gallery(tmp_path / "g", load_gallery_networks(tmp_path / "hr"))) as gallery:
        (tmp_path / "hr").rename(tmp_path / "elsewhere")
        with pytest.raises(ValueError, match=r"but .*hr has gone; name their folders \(--hr_model, --lr_model\)"):
            networks_of(gallery)
        assert list(networks_of(gallery, tmp_path / "elsewhere").views) == ["HR"]


def test_a_weight_for_no_network_is_refused(models):
    with pytest.raises(ValueError, match="second score: expected weights for 8, 12, got one for 16"):
        load_gallery_networks(models / "hr", [models / "lr"], weights={"16": 1.0})


def test_a_gallery_is_never_overwritten(where, gallery, networks):
    message = "expected a new file, got one that exists|expected a database without a gallery"
    with pytest.raises(ValueError, match=message):
        create_gallery(where, networks)
    assert gallery.size() == (0, 0)


def test_what_is_no_gallery_is_refused(tmp_path):
    with pytest.raises(ValueError, match="absent: expected a gallery, but it does not exist; create it first"):
        open_gallery(tmp_path / "absent")
    (tmp_path / "text").write_text("no database at all")
    with pytest.raises(ValueError, match="text: expected a gallery, got a file that is not an SQLite database"):
        open_gallery(tmp_path / "text")
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE people (id INTEGER)")
    with pytest.raises(ValueError, match=r"other\.db: expected a gallery, got a database with other tables"):
        open_gallery(tmp_path / "other.db")
    with pytest.raises(ValueError, match="expected a file, got a folder"):
        open_gallery(tmp_path)


def test_a_truncated_file_is_refused_in_one_line(file_gallery, new_face, tmp_path):
    file_gallery.add_faces([new_face("Ann", number) for number in range(20)])
    file_gallery.database.close()
    path = tmp_path / "people.gallery"
    path.write_bytes(path.read_bytes()[:8192])
    with pytest.raises(ValueError, match=r"people\.gallery: ") as error:
        open_gallery(path).people()
    assert "\n" not in str(error.value)


def test_another_version_is_refused(gallery, where):
    with gallery.database.writing() as connection:
        connection.execute(text("UPDATE gallery SET format = 2"))
    with pytest.raises(ValueError, match="expected a gallery of version 1, got version 2"):
        open_gallery(where)


@pytest.mark.parametrize(
    "foreign",
    ["CREATE TRIGGER t AFTER INSERT ON people BEGIN DELETE FROM people; END", "CREATE VIEW v AS SELECT 1"],
)
def test_code_in_the_file_is_refused(file_gallery, tmp_path, foreign):
    with file_gallery.database.writing() as connection:
        connection.execute(text(foreign))
    with pytest.raises(ValueError, match="got a database with other tables"):
        open_gallery(tmp_path / "people.gallery")


def test_addresses():
    with pytest.raises(ValueError, match="gallery: expected postgresql://user@host:port/name, got a malformed"):
        open_gallery("postgresql://host:port:/x")
    with pytest.raises(ValueError) as error:
        open_gallery("postgresql://ann:secret@127.0.0.1:1/people")
    assert "secret" not in str(error.value) and "127.0.0.1" in str(error.value)


def test_two_writers_take_turns(gallery, where, new_face, closing_gallery):
    """Both enrol the same file: it is one face."""
    with closing_gallery(open_gallery(where)) as other:
        assert gallery.add_faces([new_face("Ann", 1)]) == [1]
        assert other.add_faces([new_face("Ann", 1), new_face("Ann", 2)])[0] == 0
        assert gallery.people() == other.people() == {"Ann": 2}


def test_four_at_once_enrol_each_file_once(gallery, where, new_face, closing_gallery):
    def enrol_all(start):
        with closing_gallery(open_gallery(where)) as own:
            order = [*range(start, 12), *range(start)]
            return sum(
                bool(number) for face in order for number in own.add_faces([new_face(f"P{face % 3}", face)])
            )

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        stored = list(pool.map(enrol_all, (0, 3, 6, 9)))
    assert sum(stored) == 12 and gallery.people() == {"P0": 4, "P1": 4, "P2": 4}


def test_vectors_come_back_as_they_were(gallery, new_face, networks):
    from cshml_tf.gallery.search import read_rows

    gallery.add_faces([new_face("Ann", 1, (1, 2, 3), (3, 2, 1))])
    face = new_face("Ann", 1, (1, 2, 3), (3, 2, 1))
    with gallery.database.reading() as connection:
        sharp = read_rows(connection, gallery.name, gallery.card(), "HR").vectors
        second = read_rows(connection, gallery.name, gallery.card(), "12").vectors
    np.testing.assert_array_equal(sharp, face.vectors["HR"][None])
    np.testing.assert_allclose(second, (face.vectors["HR"] + 0.5 * face.vectors["12"])[None] / 1.5, rtol=1e-6)
