"""Where exports are written: claimed by one process, swept of left-overs, and one line for each failure."""

import concurrent.futures
import threading

import keras
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("only TensorFlow exports", allow_module_level=True)

import tensorflow as tf

from cshml_tf import backbones, export
from cshml_tf.cli.errors import one_line_errors
from cshml_tf.export import export_saved_model
from cshml_tf.files import claimed
from cshml_tf.recogniser import build_recogniser

SIZE = (24, 20)


@pytest.fixture(scope="module")
def recogniser():
    return build_recogniser(backbones.build("small_resnet", SIZE, 8, width=4))


@pytest.mark.slow
def test_two_exports_at_once_into_one_folder(recogniser, tmp_path, monkeypatch):
    """The second starts while the first one writes, and is refused; what the first wrote is whole."""
    writing, other_done = threading.Event(), threading.Event()
    save = tf.saved_model.save

    def slow_save(*arguments):
        save(*arguments)
        writing.set()
        assert other_done.wait(60)

    monkeypatch.setattr(tf.saved_model, "save", slow_save)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(export_saved_model, recogniser, tmp_path / "out")
        try:
            assert writing.wait(60)
            with pytest.raises(ValueError, match="out: another process is writing it$"):
                export_saved_model(recogniser, tmp_path / "out")
        finally:
            other_done.set()
        first.result()
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    assert (tmp_path / "out" / "saved_model.pb").is_file() and (tmp_path / "out" / "recogniser.json").is_file()


def test_what_killed_exports_left_is_swept_under_a_claim(recogniser, tmp_path, monkeypatch):
    import hashlib

    monkeypatch.setattr(tf.saved_model, "save", lambda served, folder, signatures: tf.io.gfile.makedirs(folder))
    digest = hashlib.sha256(b"out").hexdigest()[:8]
    # The names that versions 0.1.0 and 0.2.0 gave them, and those of other folders.
    own = [".out.partial-123", f".partial-{digest}-123-89abcdef"]
    others = [".outer.partial-5", ".partial-00000000-1-89abcdef"]
    for name in (*own, *others):
        (tmp_path / name / "variables").mkdir(parents=True)
    with claimed(tmp_path / "out"), pytest.raises(ValueError, match="another process is writing it"):
        export_saved_model(recogniser, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {*own, *others}
    export_saved_model(recogniser, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"out", *others}


@pytest.mark.parametrize("kind", [tf.errors.ResourceExhaustedError, tf.errors.PermissionDeniedError])
def test_tensorflows_own_errors_are_one_line(recogniser, tmp_path, monkeypatch, capsys, kind):
    def fail(served, folder, signatures):
        tf.io.gfile.makedirs(folder)
        raise kind(None, None, f"{folder}; No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    assert one_line_errors(lambda argv: export_saved_model(recogniser, tmp_path / "out"))(None) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "out: cannot be written: " in line and "No space left on device" in line
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(recogniser, capsys):
    assert one_line_errors(lambda argv: export_saved_model(recogniser, "/proc/export/out"))(None) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_path_that_is_not_utf8(recogniser, tmp_path):
    with pytest.raises(ValueError, match=r"caf\\udce9: expected a path in UTF-8"):
        export_saved_model(recogniser, tmp_path / "caf\udce9")


def test_an_unknown_degradation_in_the_card(recogniser, tmp_path):
    with pytest.raises(ValueError, match="degradation: expected one of antialias, plain, camera, .*, got 'blur'"):
        export_saved_model(recogniser, tmp_path / "out", {"degradation": "blur"})
    assert export.SIGNATURES.keys() == {"serving_default", "encoded"}
