import re

import pytest
import tensorflow as tf

from cshml_tf.cli.export_saved_model import main


def failure(capsys, *words):
    assert main([str(word) for word in words]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    return error


def test_exports_and_sums_up_in_a_line(hr_model_dir, tmp_path, capsys):
    out_dir = tmp_path / "served" / "1"
    assert main([str(hr_model_dir), str(out_dir)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    names = r"serving_default \(images\), encoded \(image_bytes\)"
    found = re.fullmatch(
        rf"(.*): ([\d.]+) MB, signatures {names}, largest difference from the Keras model (.*)", line
    )
    assert found[1] == str(out_dir)
    written = sum(path.stat().st_size for path in out_dir.rglob("*") if path.is_file())
    assert abs(float(found[2]) - written / 1e6) <= 0.05
    assert 0 <= float(found[3]) < 1e-5
    assert set(tf.saved_model.load(str(out_dir)).signatures) == {"serving_default", "encoded"}
    assert '"kind": "hr"' in (out_dir / "recogniser.json").read_text()
    assert "expected a folder that is absent or empty" in failure(capsys, hr_model_dir, out_dir)


def test_bad_input_is_one_line(hr_model_dir, tmp_path, capsys):
    absent = f"MODEL_DIR: expected a model folder, got {tmp_path / 'absent'}, which does not exist"
    assert absent in failure(capsys, tmp_path / "absent", tmp_path / "out")
    (tmp_path / "file").write_text("")
    assert "which is a file" in failure(capsys, hr_model_dir, tmp_path / "file")
    assert not (tmp_path / "out").exists()


def test_arguments_are_required(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["model"])
    assert stop.value.code == 2
    assert "OUT_DIR" in capsys.readouterr().err
