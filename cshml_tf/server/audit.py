"""Who asked what and when: one JSON line per request, without pictures, embeddings or keys."""

import json
import os
import threading
from pathlib import Path
from typing import Any

_LONGEST_PATH = 300


class AuditLog:
    """A file that only grows.

    Args:
        path: the file, made if it is absent, readable by its owner alone; None writes nothing.

    Raises:
        OSError: it cannot be opened for writing.
    """

    def __init__(self, path: Path | None) -> None:
        self._descriptor = None
        self._lock = threading.Lock()
        if path is not None:
            # A pipe that nobody reads is refused here, and does not block the start.
            waiting = getattr(os, "O_NONBLOCK", 0)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | waiting
            self._descriptor = os.open(path, flags, 0o600)
            if waiting:
                os.set_blocking(self._descriptor, True)

    def write(self, entry: dict[str, Any]) -> None:
        """Write one line.

        Args:
            entry: JSON values by name; "path" is cut to a bounded length.

        Raises:
            OSError: it cannot be written, for instance because the disk is full.
        """
        if self._descriptor is None:
            return
        entry = entry | {"path": str(entry.get("path", ""))[:_LONGEST_PATH]}
        line = json.dumps(entry, allow_nan=False).encode("ascii") + b"\n"
        with self._lock:
            # One call, so that lines of several servers do not mix.
            if os.write(self._descriptor, line) != len(line):
                raise OSError("the disk is full")

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
