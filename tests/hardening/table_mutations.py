"""Damage the values in an SQLite file, as an editor of it may: bytes changed at random rarely reach them."""

import contextlib
import random
import sqlite3

MAGIC = b"SQLite format 3\0"
# Bytes of the header that say how the file is written: 1 rolls back, 2 keeps a log beside the file.
_VERSIONS = slice(18, 20)
_VALUES = (
    None,
    "",
    "x",
    "\n",
    "HR",
    "99",
    "2026-01-31T12:00:00Z",
    "a" * 300,
    -1,
    0,
    1,
    3,
    2**31,
    2**63 - 1,
    -(2**63),
    0.5,
    -5.0,
    1e300,
    float("inf"),
    -float("inf"),
    b"",
    b"\0" * 8,
    b"\0" * 12,
    b"\xff" * 12,
    b"\xff" * 16,
    b"\x89PNG\r\n\x1a\n",
)


def mutate_value(content: bytes, rng: random.Random) -> bytes:
    """Return an SQLite file in which one value, or one column, has another one.

    Args:
        content: a whole SQLite file.
        rng: decides which.

    Raises:
        sqlite3.Error: the file is damaged already, or its tables do not accept the value.
    """
    versions = content[_VERSIONS]
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(content[:18] + b"\1\1" + content[20:])
        names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        table = rng.choice([name for (name,) in connection.execute(names)])
        column = rng.choice([row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')])
        rows = [row for (row,) in connection.execute(f'SELECT rowid FROM "{table}"')]
        connection.execute("PRAGMA ignore_check_constraints = ON")
        if rng.random() < 0.1:
            connection.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (rng.choice(rows or [0]),))
        else:
            change = f'UPDATE OR IGNORE "{table}" SET "{column}" = ? WHERE rowid = ?'
            connection.execute(change, (rng.choice(_VALUES), rng.choice(rows or [0])))
        connection.commit()
        changed = connection.serialize()
    return changed[:18] + versions + changed[20:]
