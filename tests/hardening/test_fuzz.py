"""A few hundred mutants of every format; `make fuzz` tries thousands. The idea is explained in `fuzz`."""

import random
import subprocess
import sys

import pytest
from hardening import child, containers, watching
from hardening.formats import FORMATS
from hardening.formats.format import Format
from hardening.fuzz import described
from hardening.mutations import mutate
from hardening.watching import try_mutants

MUTANTS = 200


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_every_mutant_is_read_or_refused_in_one_line(name):
    results = list(try_mutants(name, seed=0, first=0, count=MUTANTS))
    assert [result.number for result in results] == list(range(MUTANTS))
    assert {"read", "refused"} <= {result.outcome for result in results}, "the damage does too much, or nothing"
    faults = [result for result in results if result.outcome == "fault"]
    assert not faults, "\n".join(described(name, 0, faults))


def test_a_mutant_is_made_again_from_its_seed_and_number():
    def made(seed, number):
        return mutate(b"0123456789" * 20, "a.bin", random.Random(f"{seed} {number}"))

    assert [made(1, number) for number in range(50)] == [made(1, number) for number in range(50)]
    assert len({made(1, number) for number in range(50)}) > 40
    assert made(1, 0) != made(2, 0)


def judged(tmp_path, read):
    """Return what the harness says of a reader."""
    given = Format("drawn", lambda folder: (folder / "a.txt").write_text("1\n"), read)
    child.make_sample(given, tmp_path / "sample")
    (path,) = child.damaged_files(given, tmp_path / "sample")
    return child.read(given, tmp_path / "sample", path)


def refuse(error):
    def read(folder, changed):
        raise error(folder / changed)

    return read


def test_the_harness_tells_refusals_from_faults(tmp_path):
    def forgets_memory(folder, changed):
        try:
            raise MemoryError
        except MemoryError:
            raise ValueError(f"{folder / changed}: cannot be read") from None

    def prints(folder, changed):
        assert (folder / changed).read_text() == "2\n"

    def command(folder, changed):
        print(f"error: {folder / changed}: expected 2", file=sys.stderr)
        return 2

    assert judged(tmp_path, lambda folder, changed: None) == ("read", "")
    assert judged(tmp_path, command)[0] == "refused"
    assert judged(tmp_path, refuse(lambda path: ValueError(f"{path}: expected 2, got 1")))[0] == "refused"
    assert judged(tmp_path, refuse(lambda path: FileNotFoundError(2, "no such file", str(path))))[0] == "refused"
    for error in (KeyError, RecursionError, lambda path: ValueError("expected 2"), lambda path: SystemExit(2)):
        assert judged(tmp_path, refuse(error))[0] == "fault"
    assert judged(tmp_path, forgets_memory)[0] == "fault"
    assert judged(tmp_path, prints)[0] == "fault"


def watched(code, tmp_path):
    """Return the results of a process that says that it reads mutant 7, and then does something else."""
    code = f"import json, os, time\nprint(json.dumps({{'started': 7}}), flush=True)\n{code}"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        return list(watching.results_of(child, tmp_path))
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def test_the_harness_finds_crashes_hangs_and_hunger(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "SECONDS", 0.2)
    (crashed,) = watched("os.abort()", tmp_path)
    assert (crashed.number, crashed.outcome) == (7, "fault") and "SIGABRT" in crashed.message
    (hung,) = watched("while True: pass", tmp_path)
    assert hung.outcome == "fault" and "hang" in hung.message
    monkeypatch.setattr(watching, "SECONDS_WAITING", 0.2)
    (waited,) = watched("time.sleep(100)", tmp_path)
    assert waited.outcome == "fault" and "hang" in waited.message
    told = {"ended": 7, "outcome": "read", "message": "", "file": "a", "seconds": 0.1, "peak": 2_000_000_001}
    (hungry,) = watched(f"print(json.dumps({told}))", tmp_path)
    assert hungry.outcome == "fault" and "memory: 2000 MB" in hungry.message


def test_the_checksum_of_tensorflows_tables():
    # The check value of CRC-32C, from its definition by Castagnoli: that of the digits 1 to 9.
    assert containers.crc32c(b"123456789") == 0xE3069283
