"""TensorBoard's events end with a warning where they cannot be written; the training goes on."""

import keras
import pytest

from cshml_tf.training.events import Events
from cshml_tf.training.history import History

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="no TensorBoard on other backends")


def test_a_place_where_no_events_can_be_written(tmp_path, capfd):
    (tmp_path / "file").write_text("x")
    events = Events(tmp_path / "file" / "logs")
    events.scalars(1, {"total": 1.0})
    events.close()
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert len(lines) == 1 and "/file/logs: TensorBoard's events cannot be written: " in lines[0]
    assert "not a directory" in lines[0] and "[Op:" not in lines[0]


def test_a_disk_that_becomes_full(tmp_path, monkeypatch, capsys):
    import tensorflow as tf

    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    history = History(tmp_path, 0, 4, 1, 8, False)
    history.record(1, 0.1, {"total": 1.0}, 0.5)
    monkeypatch.setattr(tf.summary, "scalar", full)
    for step in (2, 3):
        history.record(step, 0.1, {"total": 1.0}, 0.5)
    history.close()
    assert capsys.readouterr().err == (
        f"warning: {tmp_path}: TensorBoard's events cannot be written: No space left on device\n"
    )
    assert (tmp_path / "history.csv").read_text().count("\n") == 4
