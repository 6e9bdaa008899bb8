"""Text files that are there whole or not at all, and folders that one process at a time writes to."""

import json
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where two processes on one folder go unnoticed.
    fcntl = None


def write_text(path, text):
    """Write a text file through a temporary file beside it, so that no reader sees half of it."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def write_json(path, content):
    """Write a JSON file likewise; NaN and infinity are refused with a ValueError."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def lock_folder(folder):
    """Claim a folder for this process until the result is closed or the process ends, however it ends.

    Args:
        folder: an existing folder; the empty file `.lock` is made in it.

    Returns:
        An open file, to be kept.

    Raises:
        ValueError: another process has it.
    """
    path = Path(folder) / ".lock"
    file = open(path, "w", encoding="utf-8")
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise ValueError(f"{folder}: another process is writing to this folder") from None
    return file
