"""The house rule: imports point down, and commands start without TensorFlow."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cshml_tf

PACKAGE = Path(cshml_tf.__file__).parent

# The lowest room first; a module may import from its own level and from below.
LEVELS = [
    [
        "files",
        "resolution",
        "images",
        "geometry",
        "bicubic",
        "degradation",
        "metrics",
        "identification",
        "coupled_mappings",
        "gains",
        "layers",
        "faster_layers",
        "imported_layers",
        "losses",
    ],
    ["backbones", "detector", "data"],
    [
        "data.sources",
        "alignment",
        "small_faces",
        "alignment_record",
        "alignment_run",
        "alignment_workers",
        "recogniser",
        "model_folder",
        "network",
        "pretrained",
    ],
    ["training", "evaluation", "export", "plots", "gallery"],
    ["ablation", "scface", "toy"],
    ["cli"],
]


def level_of(module):
    """Give a module's level by the longest entry that names it or a package around it; None for the root."""
    found = [
        (len(entry), level)
        for level, entries in enumerate(LEVELS)
        for entry in entries
        if module == entry or module.startswith(f"{entry}.")
    ]
    return max(found)[1] if found else None


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            yield name, path


def imported_by(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "cshml_tf":
            base = node.module.removeprefix("cshml_tf").lstrip(".")
            for alias in node.names:
                full = f"{base}.{alias.name}".lstrip(".")
                yield full if level_of(full) is not None else base
        elif isinstance(node, ast.Import):
            yield from (
                alias.name.removeprefix("cshml_tf.") for alias in node.names if alias.name.startswith("cshml_tf.")
            )


@pytest.mark.parametrize("module, path", list(modules()), ids=[name for name, _ in modules()])
def test_imports_point_down(module, path):
    level = level_of(module)
    assert level is not None, f"{module} has no level: add it to LEVELS"
    higher = [name for name in imported_by(path) if name and (level_of(name) or 0) > level]
    assert not higher, f"{module} (level {level}) imports {higher}"


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
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
