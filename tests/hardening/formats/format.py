"""What the harness must know about a format."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Format:
    """A format that the software reads.

    Attributes:
        name: as for `--format`.
        make: writes a valid sample into an empty folder; called once per process.
        read: function of the sample's folder and of the damaged file's path below it, both `Path`; reads the file
            as a command would, and raises what a command would turn into one line, or is a command and returns
            its exit code. May assert on what it read.
        damaged: patterns of the files that are damaged; the others stay whole.
        prepare: called once per process before the first reading, for imports that take long and for stand-ins.
        argument: how a refusal begins that names the command's argument instead of the file; "" if none may.
    """

    name: str
    make: Callable[[Path], Any]
    read: Callable[[Path, Path], Any]
    damaged: tuple[str, ...] = ("*",)
    prepare: Callable[[], Any] = lambda: None
    argument: str = ""
