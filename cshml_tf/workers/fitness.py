"""Whether a worker on another machine is fit: it sees the same files, and has the same versions."""

import dataclasses
import hashlib
import os
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import cshml_tf
from cshml_tf.files import open_regular, printable

# Bytes of a file that are compared, besides its size.
_COMPARED = 2**20


@dataclasses.dataclass(frozen=True)
class Expected:
    """What a worker must have and see.

    Attributes:
        versions: of `cshml_tf` and of packages, by name; None for one that is not installed.
        prints: of files, by path; see `fingerprint`.
        output_dir: a folder that it must be able to write to.
    """

    versions: dict[str, str | None]
    prints: dict[str, str]
    output_dir: str | None


def expected_of(packages: Iterable[str], files: Iterable[Path], output_dir: Path | None) -> Expected:
    """Return what this process has and sees."""
    versions = {"cshml_tf": cshml_tf.__version__} | {name: _version(name) for name in packages}
    prints = {os.fspath(path): fingerprint(path) for path in files}
    return Expected(versions, prints, None if output_dir is None else os.fspath(output_dir))


def check_fitness(expected: Expected) -> str | None:
    """Return what makes this process unfit, one line, or None."""
    found = {"cshml_tf": cshml_tf.__version__}
    for name, version in expected.versions.items():
        here = found.get(name) or _version(name)
        if here != version:
            return f"expected {name} {version or 'absent'}, as where the command runs, got {here or 'none'}"
    for path, fingerprint_there in expected.prints.items():
        try:
            same = fingerprint(path) == fingerprint_there
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            return f"expected to see {printable(path)}, on a file system that all workers share: {reason}"
        if not same:
            return f"expected {printable(path)} as where the command runs, got a file with another content"
    if expected.output_dir is not None and not os.access(expected.output_dir, os.W_OK | os.X_OK):
        return f"expected a folder to write to, got {printable(expected.output_dir)}, which cannot be written"
    return None


def fingerprint(path: str | os.PathLike[str]) -> str:
    """Return a short text that two files share if they have one size and begin alike.

    Raises:
        ValueError: it is not a regular file.
        OSError: it cannot be read.
    """
    with open_regular(path, 2**62) as file:
        size = os.fstat(file.fileno()).st_size
        return f"{size}-{hashlib.sha256(file.read(_COMPARED)).hexdigest()}"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
