"""Measure the library beside its peers, and print one table, as Markdown and as JSON.

python benchmarks/bench.py
python benchmarks/bench.py --kinds embed search --rounds 9 --photographs lfw

The peers are an extra: pip install -e '.[bench]', and then pip install --no-deps facenet-pytorch, whose last
release asks for versions of 2024 that it does not need. A peer that is missing is named in the table.
"""

import argparse
import gc
import importlib
import os
import sys
import time
from pathlib import Path

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.quiet_start import start_backend

# The kinds of rows, and the module of each. What a kind is compared with may have been measured before it.
KINDS = {
    "embed": "embedding",
    "step": "training",
    "alignment": "alignment",
    "pipeline": "pipeline",
    "degradation": "reduction",
    "export": "exports",
    "search": "searching",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="measure the library beside its peers")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS), help="rows to measure")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way; the table shows their median")
    parser.add_argument(
        "--photographs", type=Path, help="folder of photographs for alignment; else they are drawn"
    )
    parser.add_argument("--output", type=Path, default=Path("build/bench"), help="writes .md and .json")
    parser.add_argument("--no_peers", action="store_true", help="measure the library alone")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try the benchmark itself")
    return parser


@one_line_errors
def main(argv: list[str] | None = None) -> None:
    """Measure, print the table, and write it after every row, so that an interrupted run leaves what it has."""
    arguments = _parser().parse_args(argv)
    if arguments.rounds < 1:
        raise ValueError(f"--rounds: expected 1 or more, got {arguments.rounds}")
    if arguments.photographs and not arguments.photographs.is_dir():
        raise ValueError(f"--photographs: expected a folder, got {arguments.photographs}")
    # Triton, which comes with PyTorch for NVIDIA GPUs, ends a process that has loaded TensorFlow with a
    # segmentation fault. Without torch.compile it is not needed.
    sys.modules["triton"] = None  # pyright: ignore[reportArgumentType]
    # So that the library and its peers fit into one GPU.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    start_backend()
    from rows.comparison import Plan
    from rows.machine import describe_machine
    from rows.table import as_markdown

    from cshml_tf.files import write_json, write_text

    plan = Plan(arguments.rounds, arguments.quick, not arguments.no_peers, arguments.photographs)
    machine, rows = describe_machine(), []
    settings = {"rounds": plan.rounds, "quick": plan.quick}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    # In the order of KINDS, whatever the order of the words.
    for kind in (kind for kind in KINDS if kind in arguments.kinds):
        started = time.perf_counter()
        for row in importlib.import_module(f"rows.{KINDS[kind]}").rows(plan, rows):
            rows.append(row)
            report = {"machine": machine, "settings": settings, "rows": [each.as_json() for each in rows]}
            write_json(arguments.output.with_suffix(".json"), report)
            write_text(arguments.output.with_suffix(".md"), as_markdown(rows, machine))
            gc.collect()
        print(f"{kind}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    print(as_markdown(rows, machine), end="")


if __name__ == "__main__":
    sys.exit(main())
