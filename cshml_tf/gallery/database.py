"""Open the database of a gallery, an SQLite file or PostgreSQL, and read and write it in transactions."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import sqlalchemy
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from cshml_tf.files import open_regular, printable
from cshml_tf.gallery.schema import METADATA

_MAGIC = b"SQLite format 3\0"
# Seconds that a process waits for another one's transaction.
_PATIENCE = 60
# Seconds that a removal waits for other processes' transactions, to erase old bytes after it.
_PATIENCE_TO_ERASE = 5
# Any number; the same for all that write to galleries.
_LOCK = 20190702
_MOST_BYTES = 2**62
# PRAGMA user_version of a file without old bytes; otherwise it is the revision of the last deletion.
_ERASED = 0


class DatabaseError(ValueError):
    """The database cannot be reached, read or written, or is damaged; one line that names the gallery."""


class Database:
    """The database of a gallery.

    Writers take turns; a reader sees the state between two writes. Everything that a `writing` block does happens
    or none of it, however the process ends.

    Args:
        where: path of an SQLite file, or "postgresql://...".
        must_exist: whether a missing SQLite file is an error; otherwise it is made.
        name: how messages name an SQLite file; None for its path.

    Attributes:
        name: how messages name the gallery, without a password.
        is_postgres: whether the database is PostgreSQL.

    Raises:
        ValueError: there is no such file, it is not an SQLite file, the address is malformed, or the driver of
            PostgreSQL is not installed.
    """

    def __init__(self, where: str | Path, must_exist: bool = True, name: str | Path | None = None) -> None:
        self.is_postgres = is_address(where)
        if self.is_postgres:
            self._engine, self.name = _postgres_engine(str(where))
            return
        path = Path(os.path.abspath(where))
        self.name = printable(where if name is None else name)
        if must_exist:
            _check_is_sqlite(path, self.name)
        self._engine = _sqlite_engine(path, "rw" if must_exist else "rwc")

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that reads one state of the gallery."""
        with self._one_line_errors(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open the one transaction that may write at this time; then erase what an earlier one could not."""
        with self._one_line_errors(), self._engine.connect() as connection:
            connection = connection.execution_options(cshml_writes=True)
            with connection.begin():
                if self.is_postgres:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                yield connection
        self.scrub(patience=0)

    def make_tables(self, connection: Connection) -> None:
        """Make the tables, inside a transaction that writes.

        Raises:
            ValueError: PostgreSQL lacks pgvector, or there are tables of these names already.
        """
        if self.is_postgres:
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
        taken = set(sqlalchemy.inspect(connection).get_table_names()) & set(METADATA.tables)
        if taken:
            raise ValueError(
                f"{self.name}: expected a database without a gallery, got one with the table {min(taken)}"
            )
        METADATA.create_all(connection, checkfirst=False)

    def has_tables(self) -> bool:
        """Return whether the database has the tables of a gallery, with the expected columns.

        An SQLite file may come from anywhere: one with views or triggers, which could run on any access, is none.
        """
        with self._one_line_errors():
            inspector = sqlalchemy.inspect(self._engine)
            if not set(METADATA.tables) <= set(inspector.get_table_names()):
                return False
            for table in METADATA.sorted_tables:
                if [column["name"] for column in inspector.get_columns(table.name)] != table.columns.keys():
                    return False
        if self.is_postgres:
            return True
        with self.reading() as connection:
            query = "SELECT count(*) FROM sqlite_master WHERE type IN ('trigger', 'view')"
            return not connection.scalar(text(query))

    def mark_old_bytes(self, connection: Connection, revision: int) -> None:
        """Note in an SQLite file, inside a transaction that deletes, that old bytes are to be erased from it.

        Args:
            connection: the transaction.
            revision: of the gallery after it, 1 or more.
        """
        if not self.is_postgres:
            connection.exec_driver_sql(f"PRAGMA user_version = {revision}")

    def has_old_bytes(self) -> bool:
        """Return whether an SQLite file may still hold bytes of what was deleted from its tables."""
        if self.is_postgres:
            return False
        with self.reading() as connection:
            return _mark(connection.exec_driver_sql) != _ERASED

    def scrub(self, patience: float | None = None) -> None:
        """Erase from an SQLite file what was deleted from its tables, unless another process prevents it.

        `secure_delete` overwrites deleted rows, but a page that was rearranged may keep an old copy of a row in
        its unused part: only VACUUM, which writes the file anew, is certain. Emptying the write-ahead log removes
        the copies there; that has to wait for everyone who is reading. What could not be erased stays marked, and
        every later change of the gallery tries again. PostgreSQL cleans up in its own time.

        Args:
            patience: seconds to wait for others; None for 5.
        """
        if self.is_postgres or not self.has_old_bytes():
            return
        patience = _PATIENCE_TO_ERASE if patience is None else patience
        with self._one_line_errors(), contextlib.closing(self._engine.raw_connection()) as pooled:
            # Not through SQLAlchemy, which begins a transaction: VACUUM cannot run inside one.
            connection = pooled.driver_connection
            assert isinstance(connection, sqlite3.Connection)
            connection.execute(f"PRAGMA busy_timeout = {int(1000 * patience)}")
            try:
                _erase(connection)
            except sqlite3.OperationalError:
                # Another process writes, or the disk is full: the mark stays.
                connection.rollback()
            finally:
                connection.execute(f"PRAGMA busy_timeout = {int(1000 * _PATIENCE)}")

    def close(self) -> None:
        """Close all connections; the last one of an SQLite file leaves it without a write-ahead log."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, UnicodeDecodeError) as error:  # Damaged text cannot be decoded.
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()
            what = reason[0] if reason else type(error).__name__
            if "malformed" in what:
                what = f"the file is damaged or cut short ({what})"
            raise DatabaseError(f"{self.name}: {what}") from error


def _mark(execute: Callable) -> int:
    (mark,) = execute("PRAGMA user_version").fetchone()
    return mark


def _erase(connection: sqlite3.Connection) -> None:
    """Write the file anew and empty its log; leave the mark if somebody is reading or has deleted since."""
    execute = connection.execute
    mark = _mark(execute)
    # The first checkpoint only asks whether somebody is reading: the rest would then be in vain.
    for statement in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
        row = execute(statement).fetchone()
        if row is not None and row[0]:
            return
    execute("BEGIN IMMEDIATE")
    if _mark(execute) == mark:
        execute(f"PRAGMA user_version = {_ERASED}")
    execute("COMMIT")


def is_address(where: str | Path) -> bool:
    """Return whether a gallery's place is the address of a PostgreSQL database, not the path of a file."""
    return isinstance(where, str) and where.startswith(("postgresql://", "postgres://"))


def _check_is_sqlite(path: Path, name: str) -> None:
    try:
        with open_regular(path, _MOST_BYTES) as file:
            start = file.read(len(_MAGIC))
    except FileNotFoundError:
        raise ValueError(f"{name}: expected a gallery, but it does not exist; create it first") from None
    if start != _MAGIC:
        raise ValueError(f"{name}: expected a gallery, got a file that is not an SQLite database")


def _sqlite_engine(path: Path, mode: str) -> Engine:
    address = f"file:{quote(os.fsencode(path))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(address, uri=True, timeout=_PATIENCE, check_same_thread=False, isolation_level=None)

    engine = sqlalchemy.create_engine("sqlite://", creator=connect, poolclass=sqlalchemy.pool.QueuePool)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in (
        # Nothing in a foreign file's schema may run.
        "trusted_schema = OFF",
        "cell_size_check = ON",
        "foreign_keys = ON",
        "secure_delete = ON",
        "journal_mode = WAL",
        # An acknowledged enrolment survives a loss of power.
        "synchronous = FULL",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # Without IMMEDIATE, two writers that have both read would wait for each other.
    writes = connection.get_execution_options().get("cshml_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres_engine(where: str) -> tuple[Engine, str]:
    try:
        url = sqlalchemy.make_url(where).set(drivername="postgresql+psycopg")
        name = url.set(drivername="postgresql").render_as_string(hide_password=True)
        import pgvector.sqlalchemy  # noqa: F401

        return sqlalchemy.create_engine(url, pool_pre_ping=True), name
    except (ArgumentError, ValueError):
        raise ValueError("gallery: expected postgresql://user@host:port/name, got a malformed address") from None
    except ImportError as error:
        raise ValueError(
            "gallery: a gallery in PostgreSQL needs psycopg and pgvector: pip install 'cshml_tf[postgres]'"
        ) from error
