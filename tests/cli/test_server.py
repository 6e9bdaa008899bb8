"""`cshml-serve` as a process: it serves, stops when told to, and refuses bad options in one line."""

import contextlib
import os
import signal
import socket
import subprocess
import sys

import cv2
import numpy as np
import pytest
from drawn import SIZE, save_colour_network

from cshml_tf.cli import gallery, server
from cshml_tf.server.client import Client, ServerError

KEY = "a-key-of-sixteen-or-more"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A gallery of Ann, who is red."""
    folder = tmp_path_factory.mktemp("cli_server")
    save_colour_network(folder / "hr", "hr", [])
    (folder / "portraits" / "Ann").mkdir(parents=True)
    cv2.imwrite(str(folder / "portraits" / "Ann" / "1.png"), np.full((*SIZE, 3), (20, 20, 230), np.uint8))
    where = str(folder / "people.gallery")
    assert gallery.main(["create", "--gallery", where, "--hr_model", str(folder / "hr")]) == 0
    assert gallery.main(["enrol", str(folder / "portraits"), "--aligned", "--gallery", where]) == 0
    return where


@contextlib.contextmanager
def process(place, *words, **environment):
    """Run the command on a free port; yield the process and the server's address."""
    words = ["--gallery", place, "--aligned", "--port", "0", *words]
    code = f"import sys; from cshml_tf.cli.server import main; sys.exit(main({words!r}))"
    # With this variable, users choose for themselves which lines they see.
    quiet = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=quiet | environment,
    ) as started:
        try:
            told = started.stdout.readline()
            assert told.startswith("serving "), started.stderr.read()
            yield started, told.split()[-1]
        finally:
            started.kill()


@pytest.mark.slow
def test_serves_and_stops_when_told_to(place, tmp_path):
    """A key from the environment; the log of requests; after the end, no write-ahead log is left."""
    log = tmp_path / "audit.jsonl"
    with process(place, "--audit_log", str(log), CSHML_SERVER_KEY=KEY) as (started, address):
        client = Client(address, KEY)
        assert [each["name"] for each in client.people()] == ["Ann"]
        picture = cv2.imencode(".png", np.full((*SIZE, 3), (20, 20, 230), np.uint8))[1].tobytes()
        assert client.identify(picture)["faces"][0]["status"] == "uncalibrated"
        with pytest.raises(ServerError, match="expected the header"):
            Client(address).people()
        started.send_signal(signal.SIGTERM)
        out, err = started.communicate(timeout=30)
        assert (started.returncode, out, err) == (0, "", "")
    assert log.read_text().count("\n") >= 4
    assert not os.path.exists(place + "-wal")


def failure(capsys, *words):
    """Return the one line of a call that must fail."""
    try:
        code = server.main([str(word) for word in words])
    except SystemExit as stop:
        code = stop.code
    captured = capsys.readouterr()
    assert (code, captured.out, captured.err.count("\n")) == (2, "", 1), captured
    return captured.err


def test_bad_input_is_one_line(place, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("CSHML_SERVER_KEY", raising=False)
    words = ("--gallery", place, "--aligned", "--port", 0)
    for host in ("0.0.0.0", "::", "192.0.2.7"):
        message = "--host: expected a loopback address, or a key (--key_file, or the variable CSHML_SERVER_KEY)"
        assert message in failure(capsys, *words, "--host", host)
    assert "--host: expected an IP address, or localhost" in failure(capsys, *words, "--host", "example.org")
    assert "--port: expected 0 to 65535" in failure(capsys, *words[:-1], 70_000)
    (tmp_path / "keys").write_text("short\n")
    message = failure(capsys, *words, "--key_file", tmp_path / "keys")
    assert "expected keys of 16 to 200 visible ASCII characters" in message and "short" not in message
    assert "--audit_log" in failure(capsys, *words, "--audit_log", tmp_path)
    assert "does not exist" in failure(capsys, "--gallery", tmp_path / "none", "--port", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1 port {port}: Address already in use" in failure(capsys, *words[:-1], port)


def test_a_missing_extra_is_one_line(place, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    message = "cshml-serve needs uvicorn: pip install 'cshml_tf[server]'"
    assert message in failure(capsys, "--gallery", place)
