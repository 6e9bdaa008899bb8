"""What the README says is typed here as it stands: on drawn people, with a network small enough for a test."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from cshml_tf.cli import make_synthetic

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

# At a higher rate two steps make an HR network whose maps no LR network can be drawn to.
SHORT_RUN = ["--batch_size", "8", "--max_steps", "2", "--learning_rate", "0.001"]
SMALL_NETWORK = ["--model_def", "small_resnet", "--width", "4", "--embedding_size", "16"]
APPENDED = {"train_hr.py": SHORT_RUN + SMALL_NETWORK, "train_cshml.py": SHORT_RUN, "run_ablation.py": SHORT_RUN}


def blocks(language, text=README):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(block):
    """Give the words of each command of a block, its comments and line ends taken away."""
    lines = block.replace("\\\n", " ").splitlines()
    return [line.split() for line in lines if line.strip() and not line.startswith("#")]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with the scripts, and drawn photographs under the names that the README gives its own."""
    folder = tmp_path_factory.mktemp("workplace")
    people = ["--people", "3", "--pictures", "4", "--test_people", "4", "--test_pictures", "12"]
    pairs = ["--folds", "2", "--pairs_per_fold", "60"]
    assert make_synthetic.main([str(folder / "drawn"), "--photographs", "--workers", "2", *people, *pairs]) == 0
    shutil.move(folder / "drawn" / "train", folder / "photographs")
    shutil.move(folder / "drawn" / "test", folder / "lfw")
    shutil.move(folder / "drawn" / "pairs.txt", folder / "pairs.txt")
    for room in ("align", "train", "eval"):
        (folder / room).symlink_to(ROOT / room)
    one, other = sorted((folder / "lfw").glob("*/*.png"))[:2]
    cv2.imwrite(str(folder / "portrait.jpg"), cv2.imread(str(one)))
    cv2.imwrite(str(folder / "camera.png"), cv2.resize(cv2.imread(str(other))[60:190, 70:180], (20, 24)))
    return folder


def test_the_readmes_commands_and_code_run_as_they_stand(workplace, monkeypatch):
    (block,) = blocks("bash")
    scripts = []
    for python, script, *words in commands(block):
        assert python == "python"
        scripts.append(Path(script).name)
        command = [sys.executable, script, *words, *APPENDED.get(scripts[-1], [])]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=workplace, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert {"align_dataset.py", "train_cshml.py", "evaluate_lfw.py", "export_saved_model.py"} <= set(scripts)

    monkeypatch.chdir(workplace)
    shutil.copy("camera.png", "face.png")
    names = {"pixels": np.zeros((1, 24, 20, 3), np.uint8)}
    for block in blocks("python"):
        exec(block, names)
    assert names["embeddings"].shape == (1, 16)


def test_the_commands_of_reproduce_md_are_understood(tmp_path, monkeypatch, capsys):
    """In an empty folder each fails for want of its data, in one line; a wrong option would raise SystemExit."""
    text = (ROOT / "docs" / "reproduce.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    tried = [words for block in blocks("", text) for words in commands(block)]
    assert len(tried) > 15
    for python, script, *words in tried:
        assert python == "python" and (ROOT / script).is_file()
        main = importlib.import_module(f"cshml_tf.cli.{Path(script).stem}").main
        assert main(words) == 2, script
        assert capsys.readouterr().err.count("\n") == 1, script
    assert not list(tmp_path.iterdir())


def test_every_command_named_is_installed():
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    installed = dict(re.findall(r'"(cshml-[a-z-]+)": "(\w+)"', setup))
    named = set(re.findall(r"\bcshml-[a-z-]+\b", README + (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert named == set(installed)
    for module in installed.values():
        assert (ROOT / "cshml_tf" / "cli" / f"{module}.py").exists()


def test_every_file_named_is_there():
    for link in re.findall(r"\[[^\]\"]+\]\(([^)]+)\)", README):
        assert (ROOT / link).exists(), link
