"""Damage files of every format that the software reads, and see that each is read, or refused in one line.

The idea, called fuzzing: take a small valid file, change it at random, and let a command read it, thousands of
times. Whatever the change, the command must read the file or refuse it in one line that names it. A traceback, a
crash of the process, a hang of more than 10 seconds or more than 2 GB of memory is a fault. The random numbers are
seeded, so a mutant is known by its format, the seed and its number, and can be made again:

    python tests/hardening/fuzz.py                                    # 5,000 mutants of each format
    python tests/hardening/fuzz.py --format png onnx --mutants 20000 --seed 3
    python tests/hardening/fuzz.py --format png --seed 3 --only 1234  # one mutant, kept for a look

The modules: `formats/` has a valid sample and a reader per format, `mutations` the damage, `child` the
process that reads, and `watching` the one that watches it. Hypothesis is not used: it runs and shrinks examples
within one process, which a crash of a native decoder would end. Atheris is not used: it has no builds for all the
versions of Python that we support, and does not see into the decoders of installed packages.
"""

import argparse
import collections
import concurrent.futures
import functools
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

# As a script, this file has only its own folder on the path.
sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from hardening.watching import Result, try_mutants  # noqa: E402

_SHOWN = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table of formats and the faults found; return 1 if there are any."""
    from hardening.formats import FORMATS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", nargs="*", default=[], metavar="NAME", help=", ".join(FORMATS))
    parser.add_argument("--mutants", type=int, default=5000, metavar="N", help="mutants of each format")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the damage")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first mutant")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="formats tried at a time")
    parser.add_argument("--only", type=int, metavar="N", help="try one mutant, and keep it")
    options = parser.parse_args(argv)
    if unknown := set(options.format) - set(FORMATS):
        parser.error(f"--format: expected some of {', '.join(FORMATS)}, got {', '.join(sorted(unknown))}")
    if options.only is not None:
        return sum(_show_one(name, options.seed, options.only) for name in options.format or FORMATS)
    print(
        "| format | mutants | read | refused | faults | worst seconds | worst MB |\n|---|---|---|---|---|---|---|"
    )
    tried, found = functools.partial(_try_format, options=options), 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, results in pool.map(tried, options.format or FORMATS):
            faults = [result for result in results if result.outcome == "fault"]
            print(_row(name, results), *described(name, options.seed, faults), sep="\n", flush=True)
            found += len(faults)
    return 1 if found else 0


def _try_format(name, options) -> tuple[str, list[Result]]:
    try:
        return name, list(try_mutants(name, options.seed, options.first, options.mutants))
    except RuntimeError as error:
        return name, [Result(options.first, "fault", str(error))]


def _row(name, results):
    counts = collections.Counter(result.outcome for result in results)
    seconds, peak = max(result.seconds for result in results), max(result.peak for result in results)
    row = (name, len(results), counts["read"], counts["refused"], counts["fault"], f"{seconds:.1f}", peak // 10**6)
    return f"| {' | '.join(map(str, row))} |"


def described(name: str, seed: int, faults: Sequence[Result]) -> list[str]:
    """Return lines about faults, those of one kind together, each with the command that makes one again."""
    kinds = collections.defaultdict(list)
    for fault in faults:
        kinds[_kind(fault.message)].append(fault)
    lines = []
    for alike in kinds.values():
        shown = ", ".join(str(fault.number) for fault in alike[:_SHOWN])
        lines.append(
            f"{name}: {len(alike)} mutants ({shown}): {alike[0].file}: {alike[0].message}\n"
            f"    python tests/hardening/fuzz.py --format {name} --seed {seed} --only {alike[0].number}"
        )
    return lines


def _kind(message):
    """Return what the messages of faults of one kind have in common: the first words, and the line of the code."""
    first, _, rest = message.partition(":")
    place = re.search(r"\(\w+\.py:\d+\)$", rest)
    return first, place and place[0]


def _show_one(name, seed, number):
    from hardening import child
    from hardening.formats import FORMATS

    (result,) = try_mutants(name, seed, number, 1)
    place = Path(tempfile.mkdtemp(prefix=f"mutant-{name}-")) / "sample"
    FORMATS[name].prepare()
    child.make_sample(FORMATS[name], place)
    path = child.damage(FORMATS[name], place, seed, number)
    print(f"{result.outcome}, {result.seconds:.2f} s, {result.peak // 10**6} MB: {result.message}")
    print(f"kept: {place / path}")
    return result.outcome == "fault"


if __name__ == "__main__":
    sys.exit(main())
