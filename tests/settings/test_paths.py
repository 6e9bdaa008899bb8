"""Wrong paths are refused in one line, before Keras, TensorFlow or JAX are imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cshml_tf.settings.evaluation import LfwSettings, TinyFaceSettings
from cshml_tf.settings.models import ExportSettings
from cshml_tf.settings.parser import read_settings
from cshml_tf.settings.paths import check_paths
from cshml_tf.settings.training import HrSettings

ROOT = Path(__file__).parents[2]

# Every command, with words that are right but for the paths.
COMMANDS = {
    "align_dataset": "absent out",
    "pack_dataset": "absent out",
    "compare": "a.png b.png --hr_model absent",
    "embed_faces": "absent out --model absent",
    "evaluate_gallery": "absent --hr_model absent",
    "evaluate_lfw": "absent --lfw_pairs absent.txt --hr_model absent",
    "evaluate_scface": "absent --hr_model absent",
    "evaluate_survface": "absent --hr_model absent",
    "evaluate_tinyface": "absent --hr_model absent",
    "show_pairs": "absent --lfw_pairs absent.txt --hr_model absent --lr_model absent --output x.png",
    "export_model": "absent out",
    "export_saved_model": "absent out",
    "fit_hjb": "--data_dir absent --hr_model absent --lr_model absent --output x.npz",
    "gallery": "enrol absent --gallery people.gallery",
    "identify": "absent.png --gallery people.gallery",
    "import_recogniser": "absent.onnx out --standardisation fixed",
    "join_networks": "absent other out",
    "make_synthetic": "a_file",
    "server": "--gallery people.gallery --key_file absent",
    "run_ablation": "out --networks absent --resolutions 12 --data_dir absent --lfw_dir absent --lfw_pairs absent",
    "train_cshml": "--data_dir absent --pretrained_model absent --resolution 12",
    "train_hr": "--data_dir absent",
    "train_toy": "toy --mnist absent.npz",
    "watch": "clip.mp4 --gallery people.gallery --hr_model absent",
    "widen_network": "absent out",
}
WATCHED = """
import contextlib, importlib, io, json, sys
for name, words in json.loads(sys.argv[1]).items():
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = importlib.import_module(f"cshml_tf.cli.{name}").main(words.split())
    heavy = {"keras", "tensorflow", "jax", "cv2"} & set(sys.modules)
    print(json.dumps([name, code, said.getvalue(), sorted(heavy)]))
"""


def test_every_command_refuses_a_wrong_path_before_its_heavy_imports(tmp_path):
    assert set(COMMANDS) == {
        path.stem for path in (ROOT / "cshml_tf" / "cli").glob("*.py") if "def main(" in path.read_text()
    }
    (tmp_path / "a_file").write_text("")
    command = [sys.executable, "-c", WATCHED, json.dumps(COMMANDS)]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [name for name, *_ in lines] == list(COMMANDS)
    for name, code, said, heavy in lines:
        assert (code, heavy) == (2, []), name
        assert said.startswith("error: ") and said.count("\n") == 1 and ": expected " in said, said
    assert [path.name for path in tmp_path.iterdir()] == ["a_file"]


@pytest.fixture
def places(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{}")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    "name, problem",
    [
        ("absent", "which does not exist"),
        ("file", "which is a file"),
        ("folder", "which has no model.json"),
    ],
)
def test_what_is_not_a_model_folder(places, name, problem):
    with pytest.raises(ValueError) as error:
        check_paths(ExportSettings(model_dir=places / name, out_dir=places / "out"))
    assert str(error.value) == f"MODEL_DIR: expected a model folder, got {places / name}, {problem}"


def test_a_model_folder_of_the_other_kind(places):
    def settings(kind):
        (places / "model" / "model.json").write_text(json.dumps({"kind": kind}))
        return TinyFaceSettings(root=places, hr_model=places / "model")

    check_paths(settings("hr"))
    with pytest.raises(
        ValueError, match="expected the model folder of an HR network, got .*, whose model.json says"
    ):
        check_paths(settings("lr"))
    # A damaged card is not this check's subject.
    damaged = settings("hr")
    (places / "model" / "model.json").write_text("[")
    check_paths(damaged)


def test_what_is_not_free(places):
    for name in ("out", "folder"):
        check_paths(ExportSettings(model_dir=places / "model", out_dir=places / name))
    with pytest.raises(
        ValueError, match="OUT_DIR: expected a folder that is absent or empty, got .*which is a file"
    ):
        check_paths(ExportSettings(model_dir=places / "model", out_dir=places / "file"))
    with pytest.raises(ValueError, match="OUT_DIR: .*file/below/out, but file is a file"):
        check_paths(ExportSettings(model_dir=places / "model", out_dir=places / "file" / "below" / "out"))
    with pytest.raises(ValueError, match="OUT_DIR: .*which is not empty"):
        check_paths(ExportSettings(model_dir=places / "model", out_dir=places / "model"))


@pytest.mark.parametrize("name", ["models_base_dir", "logs_base_dir"])
def test_the_folders_of_a_run_are_folders(places, name):
    (places / "faces" / "person_0").mkdir(parents=True)
    (places / "faces" / "person_0" / "0.png").touch()
    check_paths(HrSettings(data_dir=str(places / "faces"), **{name: str(places / "folder" / "new")}))
    with pytest.raises(ValueError, match=f"{name}: expected a folder, got .*file, which is a file"):
        check_paths(HrSettings(data_dir=str(places / "faces"), **{name: str(places / "file")}))


def test_a_folder_without_faces_is_refused_before_anything_is_imported(places):
    (places / "folder" / "person_0").mkdir()
    (places / "folder" / "person_0" / ".DS_Store").touch()
    (places / "folder" / ".ipynb_checkpoints").mkdir()
    (places / "folder" / ".ipynb_checkpoints" / "0.png").touch()
    with pytest.raises(ValueError, match="--data_dir: .*, which has no class folder with files in it"):
        check_paths(HrSettings(data_dir=str(places / "folder")))
    (places / "folder" / "person_0" / "0.png").touch()
    check_paths(HrSettings(data_dir=str(places / "folder")))


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes")
def test_a_pipe_is_not_called_a_folder(places):
    os.mkfifo(places / "pipe")
    settings = LfwSettings(lfw_dir=places / "folder", lfw_pairs=places / "pipe", hr_model=places / "model")
    with pytest.raises(ValueError, match="--lfw_pairs: .*, which is a pipe, a socket or a device"):
        check_paths(settings)


def test_what_a_killed_process_leaves_does_not_fill_a_folder(places):
    for name in (".partial-0123-4-abcd", ".lock"):
        (places / "folder" / name).touch()
    check_paths(ExportSettings(model_dir=places / "model", out_dir=places / "folder"))
    (places / "folder" / ".git").touch()
    with pytest.raises(ValueError, match="OUT_DIR: .*which is not empty"):
        check_paths(ExportSettings(model_dir=places / "model", out_dir=places / "folder"))


def test_outputs_lie_outside_of_what_is_read(places):
    words = [str(places / "folder"), "--lfw_pairs", str(places / "file"), "--hr_model", str(places / "model")]
    read_settings(LfwSettings, [*words, "--report", str(places / "report.json")], "")
    for option, path in (("--report", "folder/x/report.json"), ("--figures", "model/figures")):
        with pytest.raises(ValueError, match=f"{option}: expected a place outside .*, which is an input, got"):
            read_settings(LfwSettings, [*words, option, str(places / path)], "")
