"""The option --runtime: the commands embed in the runtime named, with the same results, or say why not."""

import dataclasses
import json
import os
import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest
from drawn import draw_tinyface

from cshml_tf import backbones
from cshml_tf.cli import compare, evaluate_lfw, evaluate_tinyface, gallery, identify
from cshml_tf.images import write_image
from cshml_tf.model_folder import save_model
from cshml_tf.recogniser import build_recogniser
from cshml_tf.runtimes import choice
from cshml_tf.runtimes.runtime import load_runtime

SIZE = (32, 28)
PAIRS = "1\t1\nAnn\t1\t2\nAnn\t1\tBo\t1\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """An HR network with random weights, and two pictures each of four people."""
    folder = tmp_path_factory.mktemp("cli_runtimes")
    recogniser = build_recogniser(backbones.build("small_resnet", SIZE, 16, width=4))
    card = {"kind": "hr", "image_size": list(SIZE), "resolutions": [], "degradation": "antialias", "figures": {}}
    save_model(folder / "hr", recogniser, card)
    random = np.random.default_rng(0)
    for name in ("Ann", "Bo", "Cy", "Di"):
        pattern = random.integers(30, 226, (*SIZE, 3))
        for number in (1, 2):
            (folder / "faces" / name).mkdir(parents=True, exist_ok=True)
            pixels = np.clip(pattern + random.normal(0, 20, pattern.shape), 0, 255).astype(np.uint8)
            write_image(folder / "faces" / name / f"{name}_{number:04d}.png", pixels)
    (folder / "pairs.txt").write_text(PAIRS)
    return folder


@pytest.fixture
def prepared(monkeypatch):
    """The runtimes in which networks were prepared while the test ran."""
    names = []

    def noting(name):
        runtime = load_runtime(name)

        def prepare(*arguments):
            names.append(name)
            return runtime.prepare(*arguments)

        return dataclasses.replace(runtime, prepare=prepare)

    monkeypatch.setattr(choice, "load_runtime", noting)
    return names


def run(main, *words):
    assert main([str(word) for word in words]) == 0


def photograph(data, name, number=1):
    return data / "faces" / name / f"{name}_{number:04d}.png"


def test_compare(data, prepared, capsys):
    shown = {}
    for runtime in ("keras", "openvino", "onnxruntime", "auto"):
        pictures = [photograph(data, name) for name in ("Ann", "Bo")]
        run(compare.main, *pictures, "--aligned", "--hr_model", data / "hr", "--runtime", runtime)
        captured = capsys.readouterr()
        assert "instead of" not in captured.err
        shown[runtime] = captured.out
    assert prepared == ["openvino", "onnxruntime", "openvino"]
    assert len(set(shown.values())) == 1


def test_evaluate_lfw(data, prepared, tmp_path):
    words = [data / "faces", "--lfw_pairs", data / "pairs.txt", "--hr_model", data / "hr"]
    reports = []
    for runtime in ("keras", "openvino"):
        path = tmp_path / f"{runtime}.json"
        run(evaluate_lfw.main, *words, "--runtime", runtime, "--report", path, "--figures", tmp_path / runtime)
        reports.append(json.loads(path.read_text()))
    assert prepared == ["openvino"]
    assert reports[0]["HR"]["accuracy"] == reports[1]["HR"]["accuracy"]


def test_evaluate_tinyface(data, prepared, tmp_path):
    root = draw_tinyface(tmp_path / "tinyface")
    run(
        evaluate_tinyface.main,
        root,
        "--hr_model",
        data / "hr",
        "--runtime",
        "openvino",
        "--mixed_precision",
        "auto",
    )
    assert set(prepared) == {"openvino"}


@pytest.mark.parametrize(("enrols", "identifies"), [("openvino", "keras"), ("keras", "onnxruntime")])
def test_a_gallery_of_one_runtime_is_searched_by_another(data, prepared, tmp_path, capsys, enrols, identifies):
    where = tmp_path / "people.gallery"
    run(gallery.main, "create", "--gallery", where, "--hr_model", data / "hr")
    portraits = tmp_path / "portraits.csv"
    portraits.write_text(
        "name,file\n" + "".join(f"{n},{photograph(data, n)}\n" for n in ("Ann", "Bo", "Cy", "Di"))
    )
    run(gallery.main, "enrol", portraits, "--gallery", where, "--aligned", "--runtime", enrols)
    scores = []
    for runtime in (enrols, identifies):
        capsys.readouterr()
        pictures = [photograph(data, name) for name in ("Cy", "Ann")]
        run(identify.main, *pictures, "--gallery", where, "--aligned", "--format", "json", "--runtime", runtime)
        told = json.loads(capsys.readouterr().out)["pictures"]
        best = [picture["faces"][0]["candidates"][0] for picture in told]
        assert [each["name"] for each in best] == ["Cy", "Ann"]
        scores.append([each["score"] for each in best])
    np.testing.assert_allclose(scores[0], scores[1], atol=2e-5)
    # The very picture that was enrolled.
    np.testing.assert_allclose(scores[1], 1.0, atol=2e-5)
    assert set(prepared) == {enrols, identifies} - {"keras"}


def test_a_runtime_that_is_not_installed(data, monkeypatch, capsys):
    def version(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr("cshml_tf.runtimes.runtime.metadata.version", version)
    pictures = [str(photograph(data, name)) for name in ("Ann", "Bo")]
    words = [*pictures, "--aligned", "--hr_model", str(data / "hr")]
    assert compare.main([*words, "--runtime", "openvino"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "pip install 'cshml_tf[runtimes]'" in error
    assert compare.main(words) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["auto", "openvino"])
def test_on_jax_keras_embeds(data, runtime):
    """Networks are converted from TensorFlow's graph; named, another runtime than Keras is refused by one line."""
    pytest.importorskip("jax")
    words = [photograph(data, "Ann"), photograph(data, "Bo"), "--aligned", "--hr_model", data / "hr"]
    command = [sys.executable, "eval/compare.py", *map(str, words), "--runtime", runtime]
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    lines = result.stderr.splitlines()
    if runtime == "auto":
        assert not lines
    else:
        assert len(lines) == 1 and lines[0].endswith(
            "instead of openvino: networks of Keras's jax backend cannot be converted"
        )
