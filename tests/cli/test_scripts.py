"""What all scripts have in common: help at once, and one line for a call without arguments."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A word of each script's help that no other library's would have.
SCRIPTS = {
    "align/align_dataset.py": "--fallback",
    "align/pack_dataset.py": "PACKED",
    "eval/compare.py": "--hr_model DIR",
    "eval/evaluate_lfw.py": "--lfw_pairs FILE",
    "eval/evaluate_scface.py": "SCFACE_DIR",
    "eval/evaluate_survface.py": "Face_Verification_Test_Set",
    "eval/evaluate_tinyface.py": "Testing_Set",
    "eval/show_pairs.py": "--output FIGURE.png",
    "train/export_saved_model.py": "MODEL_DIR",
    "train/import_recogniser.py": "--standardisation",
    "train/make_synthetic.py": "--test_people",
    "train/run_ablation.py": "--losses",
    "train/train_cshml.py": "--beta",
    "train/train_hr.py": "--model_def",
    "train/train_toy.py": "--mnist",
}

WATCHED = """
import atexit, runpy, sys
script, *sys.argv[1:] = sys.argv[1:]
atexit.register(lambda: print("tensorflow" in sys.modules))
runpy.run_path(script, run_name="__main__")
"""


def run(script, *words):
    command = [sys.executable, "-c", WATCHED, str(ROOT / script), *words]
    return subprocess.run(command, capture_output=True, text=True)


def test_every_script_is_listed():
    found = {
        str(path.relative_to(ROOT)) for room in ("align", "train", "eval") for path in (ROOT / room).glob("*.py")
    }
    assert found == set(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_comes_without_tensorflow(script):
    result = run(script, "--help")
    assert result.returncode == 0 and SCRIPTS[script] in result.stdout
    assert result.stdout.endswith("False\n")


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_arguments_are_one_line(script):
    result = run(script)
    assert result.returncode == 2 and result.stdout == "False\n"
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
