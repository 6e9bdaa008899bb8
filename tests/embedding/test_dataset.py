"""A data set embedded into one array: whole, resumed, damaged, and by processes that die."""

import csv
import os
import shutil

import keras
import numpy as np
import pytest

from cshml_tf.cli.embed_faces import main
from cshml_tf.data.sources import open_source
from cshml_tf.embedding import dataset
from cshml_tf.embedding.dataset import embed_dataset
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.model_folder import load_recogniser
from cshml_tf.workers import in_this_process

NAMES = ["embeddings.json", "embeddings.npy", "faces.csv"]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory, save_colour_network):
    folder = tmp_path_factory.mktemp("model")
    save_colour_network(folder, "hr", [])
    return folder


@pytest.fixture
def faces(texture_folder, tmp_path):
    """A copy of the thirty textures that a test may damage."""
    return shutil.copytree(texture_folder, tmp_path / "faces")


def rows_of(folder):
    with open(folder / "faces.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def stop_after(batches):
    def progress(results, total):
        for count, result in enumerate(results):
            if count == batches:
                raise KeyboardInterrupt
            yield result

    return progress


def test_every_face_has_its_row(texture_folder, packed_textures, model_dir, tmp_path):
    outcome = embed_dataset(texture_folder, tmp_path / "out", model_dir, batch_size=7)
    assert (outcome.count, outcome.embedded, outcome.unreadable) == (30, 30, {})
    embeddings = np.load(tmp_path / "out/embeddings.npy", mmap_mode="r")
    source = open_source(texture_folder)
    (expected,) = embed(source.images, [View(load_recogniser(model_dir))], batch_size=30)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=0, atol=1e-6)
    rows = rows_of(tmp_path / "out")
    assert [(row["person"], row["file"]) for row in rows] == [
        (f"person_{person}", f"person_{person}_{picture:04d}.png")
        for person in range(6)
        for picture in range(1, 6)
    ]
    assert {row["status"] for row in rows} == {"embedded"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == NAMES
    # The packed form of a data set has the same faces, names and batches.
    embed_dataset(packed_textures, tmp_path / "packed", model_dir, batch_size=7)
    assert content_of(tmp_path / "packed") == content_of(tmp_path / "out")
    again = embed_dataset(texture_folder, tmp_path / "out", model_dir, batch_size=7)
    assert (again.count, again.embedded) == (30, 0)


def test_mirror_images_are_added(texture_folder, model_dir, tmp_path):
    embed_dataset(texture_folder, tmp_path / "out", model_dir, flip=True)
    (expected,) = embed(open_source(texture_folder).images, [View(load_recogniser(model_dir))], flip=True)
    np.testing.assert_allclose(np.load(tmp_path / "out/embeddings.npy"), expected, rtol=0, atol=1e-6)


def test_faces_that_cannot_be_read_have_a_row_of_zeros(faces, model_dir, tmp_path, capsys):
    whole = tmp_path / "whole"
    embed_dataset(faces, whole, model_dir, batch_size=7)
    (faces / "person_1/person_1_0002.png").write_bytes(b"")
    shutil.copy(faces / "person_0/person_0_0001.png", tmp_path / "small.png")
    keras.utils.save_img(faces / "person_4/person_4_0001.png", np.zeros((20, 20, 3)))
    words = [str(faces), str(tmp_path / "out"), "--model", str(model_dir), "--embedding_batch_size", "7"]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("30 faces: 28 embedded, 2 unreadable. 30 done now in ")
    rows = rows_of(tmp_path / "out")
    failed = {number: row["reason"] for number, row in enumerate(rows) if row["status"] == "unreadable"}
    assert failed == {6: "the file is empty", 20: "expected 48 x 40, as the first face, got 20 x 20"}
    expected = np.load(whole / "embeddings.npy")
    expected[[6, 20]] = 0
    np.testing.assert_array_equal(np.load(tmp_path / "out/embeddings.npy"), expected)
    # The next call knows it from the folder.
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("30 faces: 28 embedded, 2 unreadable. 0 done now in ")


def test_an_interrupted_call_is_continued(faces, model_dir, tmp_path):
    (faces / "person_0/person_0_0002.png").write_bytes(b"")
    embed_dataset(faces, tmp_path / "whole", model_dir, batch_size=4)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        embed_dataset(faces, out, model_dir, batch_size=4, progress=stop_after(3))
    unfinished = ["batches.unfinished", "embeddings.json", "embeddings.unfinished"]
    assert sorted(path.name for path in out.iterdir()) == unfinished
    listed = (out / "batches.unfinished").read_bytes()
    assert listed.splitlines() == [b"batch,face,reason", b"0,1,the file is empty", b"0,,", b"1,,", b"2,,"]
    # A kill may cut the list anywhere, and leave rows that it does not name.
    for cut, left in ((0, 18), (1, 22), (4, 22), (len(b"2,,\n1,,\n0,,\n"), 30), (len(listed), 30)):
        shutil.copytree(out, tmp_path / f"cut{cut}")
        (tmp_path / f"cut{cut}/batches.unfinished").write_bytes(listed[: len(listed) - cut])
        outcome = embed_dataset(faces, tmp_path / f"cut{cut}", model_dir, batch_size=4)
        assert outcome.embedded == left
        assert content_of(tmp_path / f"cut{cut}") == content_of(tmp_path / "whole")


def test_what_an_unfinished_folder_may_not_be(faces, model_dir, tmp_path):
    out = tmp_path / "out"

    def refused(message, data_dir=faces, **more):
        with pytest.raises(ValueError, match=message) as caught:
            embed_dataset(data_dir, out, model_dir, **({"batch_size": 4} | more))
        assert "\n" not in str(caught.value)

    with pytest.raises(KeyboardInterrupt):
        embed_dataset(faces, out, model_dir, batch_size=4, progress=stop_after(3))
    refused("expected embedding_batch_size 4, with which the folder was begun, got 5", batch_size=5)
    refused("expected use_flipped_images False, with which", flip=True)
    listed = (out / "batches.unfinished").read_text()
    for line in ("8,,", "x,,", "1", "1,30,reason", "-1,,"):
        (out / "batches.unfinished").write_text(listed + line + "\n")
        refused(r"batches.unfinished, line 5: expected a (batch|face), got another line")
    (out / "batches.unfinished").write_text(listed)
    (out / "embeddings.unfinished").write_bytes((out / "embeddings.unfinished").read_bytes()[:-1])
    refused("embeddings.unfinished: expected .* bytes")
    (out / "embeddings.unfinished").unlink()
    refused("expected embeddings.unfinished, which is gone")
    shutil.rmtree(faces / "person_5")
    refused("expected faces [0-9a-f]{64}, with which the folder was begun")
    shutil.rmtree(out)
    out.mkdir()
    (out / "notes.txt").touch()
    refused("expected an empty folder or one with embeddings.json")


def test_what_a_finished_folder_may_not_be(faces, model_dir, tmp_path):
    out = tmp_path / "out"
    embed_dataset(faces, out, model_dir, batch_size=4)
    array, listed = (out / "embeddings.npy").read_bytes(), (out / "faces.csv").read_text()

    def refused(message):
        with pytest.raises(ValueError, match=message) as caught:
            embed_dataset(faces, out, model_dir, batch_size=4)
        assert "\n" not in str(caught.value)

    (out / "embeddings.npy").write_bytes(array[:-1])
    refused("embeddings.npy: expected .* bytes")
    np.save(out / "embeddings.npy", np.zeros((29, 4), np.float32))
    refused("embeddings.npy: expected 30 rows, got 29")
    (out / "embeddings.npy").write_bytes(array)
    for changed, message in (
        (listed.replace("status", "state"), "faces.csv, line 1: expected person,file,status,reason"),
        (listed.replace("embedded", "lost", 1), "faces.csv, line 2: expected a face"),
        (listed + f'"{"x" * 200_000}",a.png,embedded,\n', "faces.csv, line 32: expected a face, got field larger"),
        (listed[: listed.rindex("person_5,")], "faces.csv: expected 30 faces, got 29"),
    ):
        (out / "faces.csv").write_text(changed)
        refused(message)
    (out / "faces.csv").write_text(listed)
    assert embed_dataset(faces, out, model_dir, batch_size=4).embedded == 0


@pytest.mark.parametrize("name", ["embeddings.unfinished", "batches.unfinished"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_links_and_pipes_are_not_written_through(faces, model_dir, tmp_path, name, kind):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        embed_dataset(faces, out, model_dir, batch_size=4, progress=stop_after(3))
    before = (out / name).rename(tmp_path / "mine").read_bytes()
    if kind == "link":
        (out / name).symlink_to(tmp_path / "mine")
    else:
        os.mkfifo(out / name)
    with pytest.raises(ValueError, match=f"{name}.*(a link|a pipe|which is gone)"):
        embed_dataset(faces, out, model_dir, batch_size=4)
    assert (tmp_path / "mine").read_bytes() == before


@pytest.mark.parametrize("batch_size", [7, 1])
def test_a_face_at_which_processes_die_is_found(texture_folder, model_dir, tmp_path, monkeypatch, batch_size):
    """A batch whose process died is embedded face by face; the one to blame gets no embedding."""
    deadly = 13

    def dying(tasks, make_function):
        for batch, embedded in in_this_process(tasks, make_function):
            faces = range(batch.count) if batch.only is None else [batch.only]
            yield batch, None if deadly - batch.first in faces else embedded

    embed_dataset(texture_folder, tmp_path / "whole", model_dir, batch_size)
    monkeypatch.setattr(dataset, "in_this_process", dying)
    outcome = embed_dataset(texture_folder, tmp_path / "out", model_dir, batch_size)
    assert outcome.unreadable == {deadly: "the process died or ran out of memory while embedding this face"}
    expected = np.load(tmp_path / "whole/embeddings.npy")
    expected[deadly] = 0
    np.testing.assert_array_equal(np.load(tmp_path / "out/embeddings.npy"), expected)


def test_a_broken_network_ends_the_work(texture_folder, tmp_path, save_colour_network, capsys):
    save_colour_network(tmp_path / "model", "lr", [8], factor=float("0"))
    assert main([str(texture_folder), str(tmp_path / "out"), "--model", str(tmp_path / "model")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: face 0: expected a finite, non-zero embedding")


def test_a_runtime_embeds_the_same_and_resumes_by_itself_only(texture_folder, hr_model_dir, tmp_path, capsys):
    pytest.importorskip("openvino")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("conversion needs TensorFlow")
    command = [str(texture_folder), str(tmp_path / "out"), "--model", str(hr_model_dir)]
    assert main([*command, "--runtime", "openvino"]) == 0
    embed_dataset(texture_folder, tmp_path / "keras", hr_model_dir)
    found, expected = (np.load(tmp_path / each / "embeddings.npy") for each in ("out", "keras"))
    assert 0 < np.abs(found - expected).max() < 1e-5, "another runtime, and equal"
    assert main(command) == 2
    assert "runtime" in capsys.readouterr().err
    assert np.array_equal(np.load(tmp_path / "out/embeddings.npy"), found)


def test_a_network_that_a_runtime_cannot_run_is_refused(texture_folder, model_dir, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("conversion needs TensorFlow")
    from cshml_tf.runtimes import choice

    monkeypatch.setattr(choice, "EQUAL", -1.0)
    with (
        pytest.warns(match="more than -1"),
        pytest.raises(ValueError, match="^runtime: openvino cannot run .*model"),
    ):
        embed_dataset(texture_folder, tmp_path / "out", model_dir, runtime="openvino")
