"""The search agrees with a naive loop, in memory, in blocks, and inside PostgreSQL."""

import contextlib
import sqlite3

import numpy as np
import pytest
from sqlalchemy import text

from cshml_tf.gallery import search as search_module
from cshml_tf.gallery.creation import create_gallery
from cshml_tf.gallery.search import Search, second_score_rows, sorted_rows, top_people
from cshml_tf.metrics.vectors import unit_rows


def drawn_rows(random, faces=60, people=17, size=8):
    owners = np.sort(np.concatenate([np.arange(people), random.integers(0, people, faces - people)])) * 3 + 1
    return sorted_rows(
        unit_rows(random.normal(size=(faces, size))).astype(np.float32), np.arange(faces) + 100, owners
    )


def naive(rows, probe, count, mode):
    """Return (person, score, face) of the best people, by loops."""
    ends = [*rows.starts[1:], len(rows.faces)]
    found = []
    for person, start, end in zip(rows.people, rows.starts, ends, strict=True):
        scores = [sum(a * b for a, b in zip(probe, row, strict=True)) for row in rows.vectors[start:end].tolist()]
        score = max(scores) if mode == "best" else sum(scores) / len(scores)
        found.append((person, score, rows.faces[start + int(np.argmax(scores))]))
    return sorted(found, key=lambda each: (-each[1], each[0]))[:count]


@pytest.mark.parametrize("mode", ["best", "mean"])
@pytest.mark.parametrize("block", [1, 40, 2**22])
@pytest.mark.parametrize("count", [1, 5, 30])
def test_top_people_are_those_of_a_naive_loop(monkeypatch, mode, block, count):
    monkeypatch.setattr(search_module, "_BLOCK", block)
    random = np.random.default_rng(0)
    rows, probes = drawn_rows(random), unit_rows(random.normal(size=(4, 8))).astype(np.float32)
    people, scores, faces = top_people(rows, probes, count, mode)
    for row, probe in enumerate(probes):
        expected = naive(rows, probe.tolist(), count, mode)
        assert people[row].tolist() == [person for person, _, _ in expected]
        assert faces[row].tolist() == [face for _, _, face in expected]
        np.testing.assert_allclose(scores[row], [score for _, score, _ in expected], atol=1e-6)


@pytest.mark.parametrize("block", [1, 2**22])
def test_of_equal_scores_the_first_person_comes_first(monkeypatch, block):
    monkeypatch.setattr(search_module, "_BLOCK", block)
    rows = sorted_rows(np.tile(np.float32([[1, 0]]), (6, 1)), np.arange(6), np.arange(6) * 10)
    people, scores, _ = top_people(rows, np.float32([[1, 0]]), 3)
    assert (people.tolist(), scores.tolist()) == ([[0, 10, 20]], [[1.0, 1.0, 1.0]])


def test_the_second_score_is_the_weighted_mean_of_two_cosines():
    """HL = 0.6 and LL = 0.8 with weight 3: (0.6 + 2.4) / 4 = 0.75."""
    probe, sharp, reduced = np.float32([1, 0]), np.float32([[0.6, 0.8]]), np.float32([[0.8, -0.6]])
    assert (second_score_rows(sharp, reduced, 3.0) @ probe).item() == pytest.approx(0.75)
    np.testing.assert_array_equal(second_score_rows(sharp, reduced, 0.0), sharp)


def test_candidates_by_view(gallery, new_face, unit):
    """For the sharp probe Ann is nearest; at 8 Bo's reduced portrait, with weight 1, puts him first."""
    gallery.add_faces([new_face("Ann", 1, (1, 0, 0), (0, 0, 1)), new_face("Bo", 2, (1, 1, 0), (1, 0, 0))])
    search, probe = Search(gallery), unit(1, 0, 0)[None]
    (sharp,), (at_8,) = search.top("HR", probe, 5), search.top("8", probe, 5)
    assert [(each.name, each.face) for each in sharp] == [("Ann", 1), ("Bo", 2)]
    assert [each.score for each in sharp] == pytest.approx([1, 0.5**0.5], abs=1e-6)
    assert [each.name for each in at_8] == ["Bo", "Ann"]
    assert [each.score for each in at_8] == pytest.approx([(0.5**0.5 + 1) / 2, 0.5], abs=1e-6)


def test_a_change_of_the_gallery_is_seen(gallery, new_face, unit):
    search, probe = Search(gallery), unit(1, 0, 0)[None]
    assert search.top("HR", probe, 5) == [[]]
    gallery.add_faces([new_face("Ann", 1)])
    assert [each.name for each in search.top("HR", probe, 5)[0]] == ["Ann"]
    gallery.rename("Ann", "Bo")
    assert [each.name for each in search.top("HR", probe, 5)[0]] == ["Bo"]
    gallery.remove("Bo")
    assert search.top("HR", probe, 5) == [[]]


def enrol_drawn(gallery, new_face, people=30, faces=60):
    random = np.random.default_rng(1)
    vectors = random.normal(size=(faces, 2, 3))
    gallery.add_faces(
        [new_face(f"Person {number % people}", number, *vectors[number].tolist()) for number in range(faces)]
    )


@pytest.mark.parametrize("mode", ["best", "mean"])
@pytest.mark.parametrize("kind", ["HR", "8", "12"])
def test_postgres_finds_what_sqlite_finds(database, tmp_path, networks, new_face, closing_gallery, mode, kind):
    probes = unit_rows(np.random.default_rng(2).normal(size=(5, 3))).astype(np.float32)
    found = []
    for where in (tmp_path / "people.gallery", database):
        with closing_gallery(create_gallery(where, networks, mode)) as gallery:
            enrol_drawn(gallery, new_face)
            found.append(Search(gallery).top(kind, probes, 7))
    for one, other in zip(*found, strict=True):
        assert [(each.name, each.face) for each in one] == [(each.name, each.face) for each in other]
        np.testing.assert_allclose([each.score for each in one], [each.score for each in other], atol=1e-6)


def test_the_index_is_used_and_finds_the_same(database, networks, new_face, closing_gallery):
    """So few faces all fit into what the index proposes; the plan shows that it is asked."""
    from cshml_tf.gallery.postgres import nearest_faces

    probes = unit_rows(np.random.default_rng(2).normal(size=(5, 3))).astype(np.float32)
    with closing_gallery(create_gallery(database, networks, search="hnsw")) as gallery:
        enrol_drawn(gallery, new_face)
        found = Search(gallery).top("8", probes, 3)
        with gallery.database.writing() as connection:
            connection.execute(text("SET LOCAL enable_sort = off"))
            query = nearest_faces(gallery.card(), "8", probes[0], 20)
            compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
            shown = {
                name: str(getattr(value, "tolist", lambda value=value: value)())
                for name, value in compiled.params.items()
            }
            plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {compiled}", shown).scalars())
            assert "embeddings_hnsw_2" in plan, plan
            connection.execute(text("UPDATE gallery SET search = 'exact', revision = revision + 1"))
        assert Search(gallery).top("8", probes, 3) == found


def test_the_index_needs_postgres(tmp_path, networks):
    with pytest.raises(ValueError, match="search: hnsw needs a gallery in PostgreSQL"):
        create_gallery(tmp_path / "people.gallery", networks, search="hnsw")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("DELETE FROM people WHERE id = 1", "damaged: faces of person 1, who does not exist"),
        ("UPDATE views SET kind = '16' WHERE kind = 'HR'", "damaged: expected the view HR first, got 16, 8, 12"),
        ("UPDATE views SET kind = '16' WHERE kind = '8'", "expected one of the views HR, 16, 12, got 8"),
    ],
)
def test_a_damaged_gallery_is_named(file_gallery, new_face, unit, tmp_path, damage, reason):
    file_gallery.add_faces([new_face("Ann", 1), new_face("Bo", 2)])
    with contextlib.closing(sqlite3.connect(tmp_path / "people.gallery")) as connection, connection:
        connection.execute(damage)
    with pytest.raises(ValueError, match=f"people.gallery: {reason}"):
        Search(file_gallery).top("8", unit(1, 0, 0)[None], 2)
