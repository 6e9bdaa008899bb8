"""The house rules: imports point down and never form a circle, and commands start without TensorFlow."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import cshml_tf

PACKAGE = Path(cshml_tf.__file__).parent

# The lowest level first; a module may import from its own level and from below.
LEVELS = [
    ["files", "images", "degradation", "metrics", "losses", "distillation", "workers"],
    ["layers", "backbones", "alignment", "data", "settings"],
    ["recogniser", "saved_recogniser", "model_folder", "derived", "network", "pretrained", "runtimes", "terms"],
    ["training", "evaluation", "export", "plots", "comparing", "gallery", "shortcuts", "embedding"],
    ["ablation", "toy", "watch"],
    ["server"],
    ["cli"],
]


def level_of(module):
    """Return the level of a module's room, None for the root package."""
    room = module.split(".")[0]
    return next((level for level, rooms in enumerate(LEVELS) if room in rooms), None)


def modules():
    """Yield the name and the path of every module below the root."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            yield name, path


def imported_by(path, known):
    """Yield the modules of this library that a file imports, including imports inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "cshml_tf":
            base = node.module.removeprefix("cshml_tf").lstrip(".")
            for alias in node.names:
                full = f"{base}.{alias.name}".lstrip(".")
                yield full if full in known else base
        elif isinstance(node, ast.Import):
            yield from (
                alias.name.removeprefix("cshml_tf.") for alias in node.names if alias.name.startswith("cshml_tf.")
            )


def broken_rules(graph):
    """Return one line for each import that points up, each module without a level, and the first circle."""
    found = [f"{module}: no level, add its room to LEVELS" for module in graph if level_of(module) is None]
    found += [
        f"{module} imports {other}, which is above it"
        for module, others in graph.items()
        for other in others
        if (level_of(other) or 0) > (level_of(module) or 0)
    ]
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        found.append(f"a circle: {' -> '.join(error.args[1])}")
    return found


def test_imports_point_down_and_never_form_a_circle():
    known = dict(modules())
    graph = {name: {other for other in imported_by(path, known) if other} for name, path in known.items()}
    assert len(graph) > 100 and "losses" in graph["network"]
    assert not broken_rules(graph)
    # The check finds violations.
    assert broken_rules({"losses": {"network"}, "network": set()}) == ["losses imports network, which is above it"]
    assert broken_rules({"losses": {"files"}, "files": {"losses"}}) == ["a circle: losses -> files -> losses"]
    assert broken_rules({"loose": set()}) == ["loose: no level, add its room to LEVELS"]


def test_few_modules_lie_outside_packages():
    assert len([path for path in PACKAGE.iterdir() if path.is_file()]) <= 12


def test_help_needs_no_tensorflow():
    code = (
        "import importlib, pkgutil, sys, contextlib, io, cshml_tf.cli as cli\n"
        "for info in pkgutil.iter_modules(cli.__path__):\n"
        "    module = importlib.import_module(f'cshml_tf.cli.{info.name}')\n"
        "    if hasattr(module, 'main'):\n"
        "        with contextlib.redirect_stdout(io.StringIO()) as shown:\n"
        "            try:\n"
        "                module.main(['--help'])\n"
        "            except SystemExit as stop:\n"
        "                assert stop.code == 0\n"
        "        assert 'usage' in shown.getvalue()\n"
        "import cshml_tf.training.early\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
