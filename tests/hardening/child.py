"""Read mutants of one format, in a process that may crash: each result is told to the parent as one line of JSON.

The parent is `watching`. The lines go to the file descriptor that stood for standard output; what native libraries
print goes to a log.
"""

import contextlib
import gc
import io
import json
import os
import random
import resource
import shutil
import sys
import time
from pathlib import Path

# Larger demands fail, instead of taking the machine's memory.
ADDRESS_SPACE = 4 * 2**30
# Keras and TensorFlow keep a little of everything that they loaded: a process that grew by this much is replaced.
GROWTH = 700 * 2**20


def main(name: str, seed: int, numbers: list[int], folder: Path, tell) -> None:
    """Tell the parent before and after each mutant; `numbers` are those to try."""
    from hardening.formats import FORMATS

    given, place = FORMATS[name], folder / "sample"
    given.prepare()
    sample = make_sample(given, place)
    for path in damaged_files(given, place):
        outcome, message = read(given, place, path)
        if outcome != "read":
            raise SystemExit(f"{name}: the valid sample was not read: {outcome}: {message}")
        restore(place, sample)
    # What the libraries made at their import is not searched for garbage again, which would take most of the time.
    gc.freeze()
    limit = memory("VmSize") + ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    first = memory("VmRSS")
    for number in numbers:
        restore(place, sample)
        path = damage(given, place, seed, number)
        tell({"started": number})
        Path("/proc/self/clear_refs").write_text("5")
        started = time.monotonic()
        outcome, message = read(given, place, path)
        seconds, peak = time.monotonic() - started, memory("VmHWM")
        result = {"file": str(path), "outcome": outcome, "message": message, "seconds": seconds, "peak": peak}
        tell({"ended": number} | result)
        if memory("VmRSS") > first + GROWTH:
            return


def make_sample(given, place: Path) -> dict[Path, bytes]:
    """Write a valid sample, and return its files by their paths."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        given.make(place)
    return {path.relative_to(place): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


def restore(place: Path, sample: dict[Path, bytes]) -> None:
    """Write the sample again, and remove what reading it left."""
    shutil.rmtree(place)
    for path, content in sample.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)


def damaged_files(given, place: Path) -> list[Path]:
    """Return the files to damage, as paths below the sample's folder."""
    found = {path for pattern in given.damaged for path in place.glob(pattern) if path.is_file()}
    return sorted(path.relative_to(place) for path in found if not path.name.startswith("."))


def damage(given, place: Path, seed: int, number: int) -> Path:
    """Damage one file of the sample: always the same way for one seed and number."""
    from hardening.mutations import mutate

    rng = random.Random(f"{given.name} {seed} {number}")
    path = rng.choice(damaged_files(given, place))
    content = (place / path).read_bytes()
    (place / path).write_bytes(mutate(content, path.name, rng))
    return path


def read(given, place: Path, path: Path) -> tuple[str, str]:
    """Read as a command does: ("read", ""), ("refused", its line) or ("fault", what was wrong)."""
    from cshml_tf.cli.errors import one_line_errors

    raised = []

    def body(_):
        try:
            return given.read(place, path)
        except BaseException as error:
            raised.append(error)
            raise

    shown = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(shown):
            code = one_line_errors(body)([])
    except BaseException as error:
        return "fault", f"{type(error).__name__}: {str(error)[:300]} ({_origin(error)})"
    if code == 0:
        return "read", ""
    return _judged(shown.getvalue(), raised[0] if raised else None, given, place)


def _judged(shown, raised, given, place):
    """Judge a refusal."""
    lines = shown.splitlines()
    line = lines[-1] if lines else ""
    if not line.startswith("error: ") or any(other.startswith("error: ") for other in lines[:-1]):
        return "fault", f"expected one line, got {shown[-300:]!r}"
    if any(isinstance(error, MemoryError) for error in _chain(raised)):
        return "fault", f"more than {ADDRESS_SPACE} bytes were asked for: {line[:300]}"
    if str(place) not in line and not (given.argument and line.startswith(f"error: {given.argument}: ")):
        return "fault", f"the line does not name the file: {line[:300]} ({_origin(raised)})"
    return "refused", line[:300]


def _chain(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _origin(error):
    """Return the innermost place in the library, for the report."""
    trace, found = error and error.__traceback__, ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "cshml_tf" in file:
            found = f"{Path(file).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def memory(entry: str) -> int:
    """Return an entry of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{entry}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"entry: expected one of /proc/self/status, got {entry}")


def _start() -> None:
    """Keep the parent's pipe for our lines, and send everything else to the log."""
    name, seed, first, count, folder = sys.argv[1:]
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    log = os.open(Path(folder) / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(log, number)
    numbers = list(range(int(first), int(first) + int(count)))
    main(name, int(seed), numbers, Path(folder), lambda line: print(json.dumps(line), file=pipe))


if __name__ == "__main__":
    _start()
