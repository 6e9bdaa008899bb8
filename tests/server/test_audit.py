"""The log of requests: one line each, bounded, and never lost in silence."""

import json
import os
from pathlib import Path

import pytest

from cshml_tf.server.audit import AuditLog


def test_lines_are_added_and_bounded(tmp_path):
    path = tmp_path / "audit.jsonl"
    for number in range(2):
        log = AuditLog(path)
        log.write({"path": "/v1/" + "ä" * 1000, "status": number})
        log.close()
        log.close()
    lines = path.read_text(encoding="ascii").splitlines()
    assert [json.loads(line)["status"] for line in lines] == [0, 1]
    assert len(json.loads(lines[0])["path"]) == 300


def test_nothing_is_written_without_a_file():
    AuditLog(None).write({"path": "/"})


def test_a_full_disk_is_an_error():
    log = AuditLog(Path("/dev/full"))
    with pytest.raises(OSError, match="No space left"):
        log.write({"path": "/"})
    log.close()


def test_a_pipe_without_a_reader_does_not_block_the_start(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe"):
        AuditLog(tmp_path / "pipe")


def test_a_folder_is_no_log(tmp_path):
    with pytest.raises(OSError, match="Is a directory"):
        AuditLog(tmp_path)
