"""What all scripts have in common: help at once, and one line for a call without arguments."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A word of each script's help that no other library's would have.
SCRIPTS = {
    "align/align_dataset.py": "--fallback",
    "align/pack_dataset.py": "PACKED",
    "eval/compare.py": "--hr_model DIR",
    "eval/embed_faces.py": "FACES OUTPUT_DIR",
    "eval/evaluate_gallery.py": "--try_weights",
    "eval/evaluate_lfw.py": "--lfw_pairs FILE",
    "eval/evaluate_scface.py": "SCFACE_DIR",
    "eval/evaluate_survface.py": "Face_Verification_Test_Set",
    "eval/evaluate_tinyface.py": "Testing_Set",
    "eval/identify.py": "--min_width PIXELS",
    "eval/show_pairs.py": "--output FIGURE.png",
    "serve/gallery.py": "calibrate",
    "serve/server.py": "--audit_log FILE",
    "serve/watch.py": "--patience SECONDS",
    "train/export_model.py": "--precision",
    "train/export_saved_model.py": "MODEL_DIR",
    "train/fit_hjb.py": "--hjb_one_mean",
    "train/import_recogniser.py": "--standardisation",
    "train/join_networks.py": "LR_MODEL",
    "train/make_synthetic.py": "--test_people",
    "train/run_ablation.py": "--losses",
    "train/train_cshml.py": "--beta",
    "train/train_hr.py": "--model_def",
    "train/train_toy.py": "--mnist",
    "train/widen_network.py": "MODEL_DIR",
}

# Runs scripts one after the other in one process, each with the same words.
WATCHED = """
import contextlib, io, json, runpy, sys
scripts, words = json.loads(sys.argv[1])
for script in scripts:
    sys.argv[:] = [script, *words]
    out, err, code = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as stop:
            code = stop.code
    heavy = sorted({"tensorflow", "keras", "jax", "cv2"} & set(sys.modules))
    print(json.dumps([code, out.getvalue(), err.getvalue(), heavy]))
"""


def run_all(*words):
    """Return of each script: exit code, standard output, standard error and the heavy modules it imported."""
    scripts = [str(ROOT / script) for script in SCRIPTS]
    command = [sys.executable, "-c", WATCHED, json.dumps([scripts, words])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(zip(SCRIPTS, map(json.loads, done.stdout.splitlines()), strict=True))


def test_every_script_is_listed():
    found = {
        str(path.relative_to(ROOT))
        for room in ("align", "train", "eval", "serve")
        for path in (ROOT / room).glob("*.py")
    }
    assert found == set(SCRIPTS)


def test_help_comes_without_tensorflow():
    for script, (code, out, err, heavy) in run_all("--help").items():
        assert (code, err, heavy) == (0, "", []), script
        assert SCRIPTS[script] in out and out.startswith("usage: ")


def test_help_reads_well():
    """No default is a value of Python, and none contradicts its sentence."""
    for script, (_, out, _, _) in run_all("--help").items():
        text = " ".join(out.split())
        assert not re.search(r"\bNone\b|default: (True|False|\(\)|\[\])", text), script
        assert not re.search(
            r"\b(Give|Say|Tell|is none|of another kind|beside|told of|a forward pass|a step)\b", text
        )
        for option in re.findall(r"^  (--\w+)", out, re.MULTILINE):
            assert "-" not in option[2:], f"{script}: {option}"


def test_no_arguments_are_one_line():
    for script, (code, out, err, heavy) in run_all().items():
        assert (code, out, heavy) == (2, "", []), script
        assert err.startswith("error: ") and err.count("\n") == 1
