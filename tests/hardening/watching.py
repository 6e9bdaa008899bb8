"""Run `child` for a format and watch it: a mutant that crashes it or hangs is recorded, and the next are tried."""

import dataclasses
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A reading that takes this long hangs, if it also had the processor for as long: others may be using the machine.
SECONDS = 10
# A reading that only waits hangs after this time.
SECONDS_WAITING = 60
# Importing TensorFlow and making the sample.
SECONDS_TO_START = 300
MOST_BYTES = 2 * 10**9


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of a mutant.

    Attributes:
        number: the mutant's number.
        outcome: "read", "refused" or "fault".
        message: of a refusal its line, of a fault what was wrong.
        file: the damaged file.
        seconds: how long reading took.
        peak: the process's largest memory meanwhile, in bytes.
    """

    number: int
    outcome: str
    message: str = ""
    file: str = ""
    seconds: float = 0.0
    peak: int = 0


def try_mutants(name: str, seed: int, first: int, count: int) -> Iterator[Result]:
    """Yield the result of each mutant, in order.

    Args:
        name: the format.
        seed: seed of the damage.
        first: number of the first mutant.
        count: number of mutants.

    Raises:
        RuntimeError: the process does not start, or the valid sample is not read.
    """
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as folder:
        end = first + count
        while first < end:
            tried = 0
            for result in _one_child(name, seed, first, end - first, Path(folder)):
                tried += 1
                yield result
            if not tried:
                raise RuntimeError(f"{name}: {_tail(Path(folder))}")
            first += tried


def _one_child(name, seed, first, count, folder):
    """Yield results until the process ends, in whatever way."""
    command = [
        sys.executable,
        str(Path(__file__).with_name("child.py")),
        name,
        *map(str, (seed, first, count)),
        folder,
    ]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "tests", ROOT))),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
    }
    child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    try:
        yield from results_of(child, folder)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def results_of(child: subprocess.Popen, folder: Path) -> Iterator[Result]:
    """Yield the results that a process tells, until it ends, crashes or hangs; its log is in the folder."""
    lines = _Lines(child)
    while line := lines.next(SECONDS_TO_START):
        number = json.loads(line)["started"]
        started = time.monotonic(), lines.processor_seconds()
        while True:
            line = lines.next(0.5)
            if line:
                yield _judged(json.loads(line))
                break
            if line is None:
                child.wait()
                yield Result(number, "fault", f"crash: {_ending(child.returncode)}: {_tail(folder)}")
                return
            waited, worked = time.monotonic() - started[0], lines.processor_seconds() - started[1]
            if min(waited, worked) > SECONDS or waited > SECONDS_WAITING:
                yield Result(number, "fault", f"hang: more than {SECONDS} s", seconds=waited)
                return


def _judged(told):
    result = Result(told.pop("ended"), **told)
    if result.outcome != "fault" and result.peak > MOST_BYTES:
        message = f"memory: {result.peak / 1e6:.0f} MB; {result.outcome} {result.message}"
        return dataclasses.replace(result, outcome="fault", message=message)
    return result


class _Lines:
    """The lines of a process's standard output, waited for no longer than stated."""

    def __init__(self, child):
        self._child, self._pending = child, b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(child.stdout, selectors.EVENT_READ)

    def next(self, seconds):
        """Return the next line; "" if none comes in time, None at the end."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._pending:
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                return ""
            data = os.read(self._child.stdout.fileno(), 65536)
            if not data:
                return None
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode()

    def processor_seconds(self):
        """Return the processor time that the process has used."""
        try:
            fields = Path(f"/proc/{self._child.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            return 0.0
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _ending(code):
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _tail(folder):
    """Return what the process said last, of native code's last words the line that says why."""
    log = folder / "log"
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    reasons = re.findall(r"^.*(?:Check failed|terminate called|what\(\)|Fatal Python).*$", text, re.MULTILINE)
    return (reasons or text.strip().splitlines() or [""])[-1][:300]
