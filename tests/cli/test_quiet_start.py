"""The silencer of native output, in processes of its own, since it changes descriptor 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
START = """
import contextlib, logging, os, sys, threading, time
from cshml_tf.cli.quiet_start import native_noise_silenced

def noise():
    os.write(2, b"NOISE\\n")

def handler(name):
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.addHandler(logging.StreamHandler())
    return logger

def descriptors():
    return sorted(map(int, os.listdir("/proc/self/fd")))[:-1]

"""


def run(code, tmp_path, python=(), after="", **variables):
    """Run code after `START` in the shell; return what it printed to standard error."""
    (tmp_path / "program.py").write_text(START + code)
    command = f'exec "$0" "$@" {after}'
    unwanted = ("PYTHONUNBUFFERED", "TF_CPP_MIN_LOG_LEVEL")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    words = ["sh", "-c", command, sys.executable, *python, str(tmp_path / "program.py")]
    ended = subprocess.run(
        words,
        cwd=tmp_path,
        env=environment | variables | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


@pytest.mark.parametrize("python", [(), ("-u",)], ids=["buffered", "unbuffered"])
def test_python_prints_whenever_its_handler_was_made_and_native_code_does_not(tmp_path, python):
    code = """
first = handler("before")
sys.stderr.write("unfinished ")
with native_noise_silenced():
    noise()
    second = handler("during")
    first.warning("first, silent")
    second.warning("second, silent")
    print("printed", file=sys.stderr)
    sys.stderr.buffer.write(b"bytes\\n")
    keep = sys.stderr.write
    noise()
taken = [open(f"file{n}", "w") for n in range(8)]
third = handler("after")
for each in first, second, third:
    each.warning(each.name)
keep("kept\\n")
noise()
for file in taken:
    file.close()
    assert not os.path.getsize(file.name), file.name
"""
    lines = run(code, tmp_path, python).splitlines()
    assert lines == [
        *("unfinished first, silent", "second, silent", "printed", "bytes"),
        *("before", "during", "after", "kept", "NOISE"),
    ]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="lists descriptors in /proc")
def test_nothing_stays_open_and_no_stream_is_replaced(tmp_path):
    code = """
before, streams = descriptors(), (sys.stderr, sys.__stderr__)
for _ in range(3):
    try:
        with native_noise_silenced():
            assert (sys.stderr, sys.__stderr__) == streams
            raise KeyError
    except KeyError:
        pass
assert descriptors() == before and (sys.stderr, sys.__stderr__) == streams
assert "write" not in vars(sys.stderr.buffer)
noise()
"""
    assert run(code, tmp_path) == "NOISE\n"


def test_nested_and_overlapping_silences_end_with_the_last(tmp_path):
    code = """
entered, leave = threading.Event(), threading.Event()

def other():
    with native_noise_silenced():
        entered.set()
        leave.wait()

with native_noise_silenced():
    with native_noise_silenced():
        noise()
    noise()
    thread = threading.Thread(target=other)
    thread.start()
    entered.wait()
noise()
print("heard", file=sys.stderr)
leave.set()
thread.join()
noise()
"""
    assert run(code, tmp_path) == "heard\nNOISE\n"


@pytest.mark.parametrize("python", [(), ("-u",)], ids=["buffered", "unbuffered"])
def test_threads_that_print_lose_nothing(tmp_path, python):
    code = """
logger = handler("threads")

def work(number):
    for count in range(300):
        with native_noise_silenced() if number % 2 else contextlib.nullcontext():
            logger.warning("%d %d", number, count)
            files[number].write("row\\n")
            files[number].flush()

files = [open(f"file{n}", "w+") for n in range(4)]
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for file in files:
    file.seek(0)
    assert file.read() == "row\\n" * 300
"""
    expected = {f"{number} {count}" for number in range(4) for count in range(300)}
    assert set(run(code, tmp_path, python).splitlines()) == expected


def test_a_redirected_standard_error_stays_redirected(tmp_path):
    code = """
old = handler("old")
import io
with contextlib.redirect_stderr(io.StringIO()) as shown:
    new = handler("new")
    with native_noise_silenced():
        noise()
        print("shown", file=sys.stderr)
        old.warning("the terminal's")
        new.warning("the buffer's")
    print("later", file=sys.stderr)
assert shown.getvalue() == "shown\\nthe buffer's\\nlater\\n", shown.getvalue()
"""
    assert run(code, tmp_path) == "the terminal's\n"


def test_without_a_standard_error_no_file_takes_its_descriptor(tmp_path):
    code = """
assert sys.stderr is None
with native_noise_silenced():
    noise()
with open("table.csv", "w") as file:
    assert file.fileno() != 2
    with native_noise_silenced():
        noise()
        print("to nobody", file=sys.stderr)
    noise()
assert os.path.getsize("table.csv") == 0
"""
    assert run(code, tmp_path, after="2>&-") == ""


def test_a_file_that_has_taken_descriptor_2_keeps_it(tmp_path):
    code = """
file = open("table.csv", "w")
assert file.fileno() == 2
with native_noise_silenced():
    file.write("row\\n")
    file.flush()
file.close()
assert open("table.csv").read() == "row\\n"
"""
    assert run(code, tmp_path, after="2>&-") == ""


@pytest.mark.slow
def test_tensorflows_logger_writes_to_no_other_file(tmp_path):
    """Its handler is made while TensorFlow is imported, which is silent."""
    code = """
from cshml_tf.cli.quiet_start import start_backend
start_backend(tensorflow_only=True)
taken = [open(f"file{n}", "w") for n in range(8)]
logging.getLogger("tensorflow").warning("a warning")
for file in taken:
    file.close()
    assert not os.path.getsize(file.name), file.name
"""
    assert run(code, tmp_path, KERAS_BACKEND="tensorflow") == "WARNING:tensorflow:a warning\n"


@pytest.mark.parametrize(
    ("level", "is_heard"), [(None, False), ("0", True), ("1", True), ("2", False), ("3", False)]
)
def test_the_backends_start_is_heard_only_if_more_than_errors_are_asked_for(tmp_path, level, is_heard):
    (tmp_path / "keras.py").write_text('import os\nos.write(2, b"NOISE\\n")\n')
    code = f"""
from cshml_tf.cli.quiet_start import start_backend
start_backend()
assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "{level or 3}"
"""
    variables = {} if level is None else {"TF_CPP_MIN_LOG_LEVEL": level}
    assert run(code, tmp_path, **variables) == ("NOISE\n" if is_heard else "")
