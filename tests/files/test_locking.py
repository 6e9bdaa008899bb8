"""Claims: one process at a time writes to a folder or a file, and a killed process holds no claim."""

import os
import re
import signal
import subprocess
import sys

import pytest

from cshml_tf.files import claimed, lock_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="two processes on one folder go unnoticed there")


def test_a_folder_has_one_writer(tmp_path):
    with lock_folder(tmp_path):
        with pytest.raises(ValueError, match=re.escape(f"{tmp_path}: another process is writing")):
            lock_folder(tmp_path)
    lock_folder(tmp_path).close()


def test_a_lock_is_never_written_through_a_link(tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError):
        lock_folder(tmp_path / "folder")
    assert (tmp_path / "precious").read_text() == "kept"


def test_a_name_that_does_not_exist_yet_has_one_writer(tmp_path):
    path = tmp_path / "new" / "model"
    with claimed(path):
        with pytest.raises(ValueError, match=re.escape(f"{path}: another process is writing it")), claimed(path):
            pass
        with claimed(tmp_path / "new" / "other"):
            pass
    with claimed(path):
        pass
    assert not os.listdir(tmp_path / "new")


def test_a_killed_process_holds_no_claim(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from cshml_tf.files import claimed\n"
        "with claimed(sys.argv[1]):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / "model")])
    assert ended.returncode == -signal.SIGKILL and len(os.listdir(tmp_path)) == 1
    with claimed(tmp_path / "model"):
        pass
    assert not os.listdir(tmp_path)


def test_many_processes_never_hold_one_claim_together(tmp_path):
    code = (
        "import os, sys\n"
        "from cshml_tf.files import claimed\n"
        "wins = 0\n"
        "while wins < 50:\n"
        "    try:\n"
        "        with claimed(sys.argv[1]):\n"
        "            os.close(os.open(sys.argv[1], os.O_CREAT | os.O_EXCL))\n"
        "            os.unlink(sys.argv[1])\n"
        "            wins += 1\n"
        "    except ValueError:\n"
        "        pass\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "model")]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(process.communicate()[1], process.returncode) for process in running] == [("", 0)] * 3
