"""API keys: read from a file or the environment, compared in constant time, shown only as fingerprints."""

import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from cshml_tf.files import printable, read_text

VARIABLE = "CSHML_SERVER_KEY"
_SHORTEST = 16
_LONGEST = 200


class Keys:
    """The keys that open the API.

    Args:
        keys: 16 to 200 visible ASCII characters each; none lets everybody in.
    """

    def __init__(self, keys: tuple[str, ...] = ()) -> None:
        self._keys = tuple(key.encode("ascii") for key in keys)

    def __bool__(self) -> bool:
        """Return whether a key is needed."""
        return bool(self._keys)

    def fingerprint(self, authorization: bytes) -> str | None:
        """Return the fingerprint of the key that a request shows.

        Args:
            authorization: the header, "Bearer KEY".

        Returns:
            The first 8 hexadecimal digits of the key's SHA-256, or None if it is not one of the keys.
        """
        scheme, _, given = authorization.strip().partition(b" ")
        given = given.strip()
        # Every key is compared, so that the time does not tell which one was nearly right.
        matches = [hmac.compare_digest(given, key) for key in self._keys]
        if scheme.lower() != b"bearer" or not any(matches):
            return None
        return hashlib.sha256(given).hexdigest()[:8]


def read_keys(path: Path | None, environment: Mapping[str, str] = os.environ) -> Keys:
    """Read the keys from a file, one per line, or one from the environment variable `CSHML_SERVER_KEY`.

    Args:
        path: the file; None looks at the environment only.
        environment: the environment variables.

    Raises:
        ValueError: a key is too short, too long or not of visible ASCII characters; or the file has none.
        OSError: the file cannot be read.
    """
    if path is None:
        lines, where = [environment.get(VARIABLE, "")], VARIABLE
    else:
        lines, where = read_text(path).splitlines(), printable(path)
    keys = tuple(line.strip() for line in lines if line.strip())
    for number, key in enumerate(keys, 1):
        is_visible = key.isascii() and key.isprintable() and " " not in key
        if not (_SHORTEST <= len(key) <= _LONGEST and is_visible):
            # The message must not show the key.
            raise ValueError(
                f"{where}: expected keys of {_SHORTEST} to {_LONGEST} visible ASCII characters, but key {number} "
                f"is not one"
            )
    if path is not None and not keys:
        raise ValueError(f"{where}: expected a key on each line, got none")
    return Keys(keys)
