"""The README's commands and code run on drawn people; the documents' commands, links and file names exist."""

import importlib
import importlib.metadata
import os
import re
import shlex
import shutil
import string
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from test_architecture import LEVELS

from cshml_tf.cli import make_synthetic

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")

# At a higher rate, two steps would leave an HR network with maps that no LR network can approach.
SHORT_RUN = ["--batch_size", "8", "--max_steps", "2", "--learning_rate", "0.001"]
SMALL_NETWORK = ["--model_def", "small_resnet", "--width", "4", "--embedding_size", "16"]
APPENDED = {"train_hr.py": SHORT_RUN + SMALL_NETWORK, "train_cshml.py": SHORT_RUN, "run_ablation.py": SHORT_RUN}


def blocks(language, text=README):
    """Return the code blocks of a language in order; "" selects those that name no language."""
    return [
        code
        for name, code in re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        if name == language
    ]


def commands(text, variables):
    """Return the words of each `python` command of a document; `variables` collects its assignments.

    Installations, `make` and assignments before a command (KERAS_BACKEND=jax) are left out.
    """
    found = []
    for block in blocks("", text) + blocks("bash", text):
        for line in block.replace("\\\n", " ").splitlines():
            if assigned := re.fullmatch(r"([A-Z]+)=(\"[^\"]*\"|\S+)", line):
                variables[assigned[1]] = assigned[2].strip('"')
            elif re.match(r"([A-Z_]+=\S+ )*python ", line):
                words = shlex.split(string.Template(line).substitute(variables))
                found.append(words[words.index("python") :])
    return found


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with the scripts, and drawn photographs under the names that the README uses."""
    folder = tmp_path_factory.mktemp("workplace")
    people = ["--people", "3", "--pictures", "4", "--test_people", "4", "--test_pictures", "12"]
    pairs = ["--folds", "2", "--pairs_per_fold", "60"]
    clip = "--clip --clip_people 1 --clip_passers 0 --clip_strangers 1 --clip_seconds 2".split()
    words = [str(folder / "drawn"), "--photographs", "--workers", "2", *people, *pairs, *clip]
    assert make_synthetic.main(words) == 0
    shutil.move(folder / "drawn" / "train", folder / "photographs")
    shutil.move(folder / "drawn" / "test", folder / "lfw")
    shutil.move(folder / "drawn" / "pairs.txt", folder / "pairs.txt")
    shutil.move(folder / "drawn" / "clip.mp4", folder / "clip.mp4")
    for room in ("align", "train", "eval", "serve"):
        (folder / room).symlink_to(ROOT / room)
    one, other = sorted((folder / "lfw").glob("*/*.png"))[:2]
    cv2.imwrite(str(folder / "portrait.jpg"), cv2.imread(str(one)))
    cv2.imwrite(str(folder / "camera.png"), cv2.resize(cv2.imread(str(other))[60:190, 70:180], (20, 24)))
    return folder


@pytest.mark.slow
def test_the_readmes_commands_and_code_run_unchanged(workplace, monkeypatch):
    scripts = []
    for block in blocks("bash"):
        for python, script, *words in commands(f"```bash\n{block}```\n", {}):
            assert python == "python"
            scripts.append(Path(script).name)
            command = [sys.executable, script, *words, *APPENDED.get(scripts[-1], [])]
            environment = os.environ | {"PYTHONPATH": str(ROOT)}
            done = subprocess.run(command, cwd=workplace, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert {"align_dataset.py", "train_cshml.py", "evaluate_lfw.py", "export_saved_model.py"} <= set(scripts)
    assert scripts.count("gallery.py") == 3

    monkeypatch.chdir(workplace)
    shutil.copy("camera.png", "face.png")
    names = {}
    for block in blocks("python"):
        exec(block, names)
    assert names["portrait"].shape == (112, 96, 3)
    assert names["embeddings"].shape == (1, 16)
    assert -1 <= names["similarity"] <= 1


def test_the_commands_of_the_documents_are_understood(tmp_path, monkeypatch, capsys):
    """In an empty folder each fails with one line, without its data; a wrong option would raise SystemExit."""
    monkeypatch.chdir(tmp_path)
    variables = {}
    # The commands of the laboratory use the variables of the results.
    pages = ["results.md", "laboratory.md", "howto.md", "watch-list.md", "reproduce.md"]
    tried = [words for page in pages for words in commands((DOCS / page).read_text(encoding="utf-8"), variables)]
    assert len(tried) > 50
    for _, script, *words in tried:
        assert (ROOT / script).is_file(), script
        if script.startswith("benchmarks/"):
            continue
        main = importlib.import_module(f"cshml_tf.cli.{Path(script).stem}").main
        assert main(words) == 2, script
        assert capsys.readouterr().err.count("\n") == 1, script
    assert not list(tmp_path.iterdir())


def test_every_command_named_is_installed():
    scripts = importlib.metadata.entry_points(group="console_scripts")
    installed = {script.name for script in scripts if script.value.startswith("cshml_tf.")}
    named = set(re.findall(r"\bcshml-[a-z-]+\b", README + (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert named == installed
    assert all(callable(script.load()) for script in scripts if script.name in installed)


def anchors(text):
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page", ["README.md", "CHANGELOG.md", *(f"docs/{path.name}" for path in DOCS.glob("*.md"))]
)
def test_every_link_leads_to_a_file_and_a_heading(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\[[^\]\"]+\]\(([^)]+)\)", text):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def test_the_architecture_page_names_existing_rooms_and_files():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| `(\w+)/?` \|", text, re.MULTILINE)
    assert {(int(level), room) for level, room in rows} == {
        (level, room) for level, rooms in enumerate(LEVELS) for room in rooms
    }
    files = {name for name in re.findall(r"[\w/]+\.py\b", text) if "NAME" not in name}
    assert len(files) > 10
    assert not [name for name in files if not (ROOT / name).exists() and not (ROOT / "cshml_tf" / name).exists()]


def test_every_test_that_the_list_of_faults_names_exists():
    """In a row, a name without a file belongs to the file before it."""
    named = []
    for row in (DOCS / "faults.md").read_text(encoding="utf-8").splitlines():
        file = None
        for path, name in re.findall(r"`(tests/[\w/]+\.py)?(?:::(\w+))?(?:\[[^`]*\])?`", row):
            file = path or file
            if file is not None and (path or name):
                named.append((file, name))
    assert len(named) > 150
    texts = {file: (ROOT / file).read_text(encoding="utf-8") for file in {file for file, _ in named}}
    assert [
        (file, name) for file, name in named if not re.search(rf"^\s*(def|class) {name}\b", texts[file], re.M)
    ] == []
