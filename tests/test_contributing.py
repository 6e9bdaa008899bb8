"""The worked examples of CONTRIBUTING.md, applied to a copy of the library in the order of the page, and run.

An example names each file it touches on a line of its own, `path`, and then shows it: a new file as a `python`
block, a change as a `diff` block whose unchanged lines say where it belongs. It ends with "Then" and a `python`
block that must run.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# "Add a loss term" -> the row "loss term" of the table in docs/architecture.md.
SECTION = re.compile(r"^## Add an? (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
TOUCHED = re.compile(r"^`([\w./]+)`\n\n```(python|diff)\n(.*?)^```", re.MULTILINE | re.DOTALL)
THEN = re.compile(r"^Then.*?\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def files_by_addition():
    """Return the number of files that docs/architecture.md states per addition."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return {name: int(number) for name, number in re.findall(r"^\| an? ([\w ]+?) \| (\d) \|", text, re.MULTILINE)}


def apply(folder, path, kind, text):
    """Write a new file, or change one at the only place where the block's unchanged lines stand."""
    file = folder / path
    if kind == "python":
        assert not file.exists(), f"{path} is there already"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return
    lines = text.splitlines()
    before = "\n".join(line[1:] for line in lines if line[:1] != "+") + "\n"
    after = "\n".join(line[1:] for line in lines if line[:1] != "-") + "\n"
    content = file.read_text(encoding="utf-8")
    assert content.count(before) == 1, f"{path}: these lines stand there {content.count(before)} times:\n{before}"
    file.write_text(content.replace(before, after), encoding="utf-8")


@pytest.mark.slow
def test_the_worked_examples_touch_as_few_files_as_stated_and_run(tmp_path):
    shutil.copytree(ROOT / "cshml_tf", tmp_path / "cshml_tf", ignore=shutil.ignore_patterns("__pycache__"))
    stated, shown, checks = files_by_addition(), {}, []
    for name, body in SECTION.findall(PAGE):
        touched = TOUCHED.findall(body)
        shown[name] = len({path for path, _, _ in touched})
        for path, kind, text in touched:
            apply(tmp_path, path, kind, text)
        (check,) = THEN.findall(body)
        checks.append(check)
    assert shown == {name: stated[name] for name in shown}
    limits = {"backbone": 2, "loss term": 3, "option": 2, "degradation": 2, "data source": 2, "protocol": 3}
    assert set(limits) <= set(shown) and all(shown[name] <= most for name, most in limits.items())
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(checks)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
