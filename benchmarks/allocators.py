"""Measure a training step under several memory allocators, in turns.

python benchmarks/allocators.py models/hr --rounds 10 --tcmalloc /usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4

The allocator is chosen when a process starts. Each round therefore runs `benchmarks/training_step.py` once per
allocator, each time in a new process; the order changes from round to round.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

STEP = Path(__file__).with_name("training_step.py")
# Blocks of up to 1 GiB come from the heap and stay with the process, instead of being mapped anew by the system.
RAISED_LIMITS = "glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=4294967296"


def pairs_per_second(arguments: argparse.Namespace, environment: dict[str, str]) -> float:
    """Run the benchmark of a training step once in a new process; return the rate with the faster layers."""
    command = [sys.executable, str(STEP), arguments.model_dir]
    command += ["--batch_size", str(arguments.batch_size), "--steps", str(arguments.steps)]
    ended = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    row = next(line for line in ended.stdout.splitlines() if line.startswith("faster layers"))
    return float(re.search(r"([\d.]+) pairs/s", row)[1])


def main() -> None:
    """Print the median and the range of each allocator's rate, and of its ratio to glibc's in the same round."""
    parser = argparse.ArgumentParser(description="measure a training step under several memory allocators")
    parser.add_argument("model_dir", help="model folder of an HR network")
    parser.add_argument("--rounds", type=int, default=10, help="runs of each allocator")
    parser.add_argument("--batch_size", type=int, default=64, help="pairs per step")
    parser.add_argument("--steps", type=int, default=4, help="steps per run")
    parser.add_argument("--tcmalloc", help="path of libtcmalloc_minimal.so; left out, it is not measured")
    arguments = parser.parse_args()
    environments = {"glibc": {}, "glibc, raised limits": {"GLIBC_TUNABLES": RAISED_LIMITS}}
    if arguments.tcmalloc:
        environments["tcmalloc"] = {"LD_PRELOAD": arguments.tcmalloc}
    rates: dict[str, list[float]] = {name: [] for name in environments}
    names = list(environments)
    for number in range(arguments.rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            rates[name].append(pairs_per_second(arguments, environments[name]))
        print(f"round {number + 1}: " + ", ".join(f"{name} {rates[name][-1]:.1f}" for name in names), flush=True)
    print(f"{'allocator':22}{'pairs/s':>9}{'range':>15}{'ratio':>8}{'range':>15}")
    for name in names:
        ratios = [rate / base for rate, base in zip(rates[name], rates["glibc"], strict=True)]
        print(
            f"{name:22}{statistics.median(rates[name]):9.1f}{min(rates[name]):8.1f} -{max(rates[name]):5.1f}"
            f"{statistics.median(ratios):8.2f}{min(ratios):8.2f} -{max(ratios):5.2f}"
        )


if __name__ == "__main__":
    main()
