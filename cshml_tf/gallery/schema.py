"""The tables of a gallery, the same in SQLite and in PostgreSQL.

A gallery is one database. Its tables hold numbers, crops and embeddings; nothing of a person stays outside
`people`, `faces` and `embeddings`, so that deleting the person's rows there deletes everything. The log keeps the
person's number, which is never given to anyone else, and no name.
"""

from typing import Any

import numpy as np
from sqlalchemy import (
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

# The version of these tables; a gallery of another version is refused.
FORMAT = 1
# The kind of view in which the HR network sees the sharp portrait; other kinds are resolutions, such as "12".
SHARP = "HR"


class Numbers(TypeDecorator):
    """A vector of float32: bytes, little-endian, in SQLite; pgvector's `vector` in PostgreSQL."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column's type in a database."""
        if dialect.name != "postgresql":
            return dialect.type_descriptor(LargeBinary())
        from pgvector.sqlalchemy import Vector

        return dialect.type_descriptor(Vector())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Convert an array to what the database stores."""
        row = np.ascontiguousarray(value, "<f4")
        return row if dialect.name == "postgresql" else row.tobytes()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Convert what the database stores to an array."""
        if dialect.name == "postgresql":
            return np.asarray(value, np.float32)
        # SQLite keeps values of any type in any column; whoever reads the vector compares its size.
        is_vector = isinstance(value, bytes) and len(value) % 4 == 0
        return np.frombuffer(value, "<f4") if is_vector else np.empty(0, np.float32)


METADATA = MetaData()

GALLERY = Table(
    "gallery",
    METADATA,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("format", Integer, nullable=False),
    Column("created", String, nullable=False),
    Column("image_height", Integer, nullable=False),
    Column("image_width", Integer, nullable=False),
    Column("embedding_size", Integer, nullable=False),
    # Width in pixels from which the HR network embeds a probe.
    Column("hr_width", Float, nullable=False),
    Column("person_score", String, nullable=False),
    Column("search", String, nullable=False),
    # Changes with every write, so that a copy in memory knows when it is old.
    Column("revision", Integer, nullable=False),
)

NETWORKS = Table(
    "networks",
    METADATA,
    Column("id", Integer, primary_key=True),
    # SHA-256 of recogniser.keras: what the gallery is bound to. The folder is only where it was last seen.
    Column("digest", String, nullable=False, unique=True),
    Column("folder", String, nullable=False),
)

# A network, and the form in which it sees every portrait.
VIEWS = Table(
    "views",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("network_id", ForeignKey("networks.id"), nullable=False),
    Column("kind", String, nullable=False, unique=True),
    # How the portrait is reduced; "" for the sharp one.
    Column("degradation", String, nullable=False),
    # Of the second score; 0 for the sharp portrait.
    Column("weight", Float, nullable=False),
)

PEOPLE = Table(
    "people",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("created", String, nullable=False),
    # A number is never used again: the log would then speak of two people.
    sqlite_autoincrement=True,
)

FACES = Table(
    "faces",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    # PNG of the aligned face.
    Column("crop", LargeBinary, nullable=False),
    Column("source", String, nullable=False),
    # SHA-256 of the photograph's file: the same file is one face.
    Column("digest", String, nullable=False, unique=True),
    Column("created", String, nullable=False),
    Column("width", Float, nullable=False),
    Column("detector_score", Float),
    Column("sharpness", Float, nullable=False),
    Column("mirror_distance", Float, nullable=False),
    sqlite_autoincrement=True,
)

EMBEDDINGS = Table(
    "embeddings",
    METADATA,
    Column("view_id", ForeignKey("views.id", ondelete="CASCADE"), primary_key=True),
    Column("face_id", ForeignKey("faces.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("vector", Numbers, nullable=False),
)

CALIBRATIONS = Table(
    "calibrations",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("created", String, nullable=False),
    # The stated false-positive identification rate.
    Column("fpir", Float, nullable=False),
    # The best score of each probe, float64, highest first: other rates can be had from them later.
    Column("scores", LargeBinary, nullable=False),
    Column("strangers", Integer, nullable=False),
    # The size of the gallery when the probes were compared with it.
    Column("people", Integer, nullable=False),
    Column("faces", Integer, nullable=False),
    # "reduced": sharp photographs, reduced to the resolution; "native": faces that were that small already.
    Column("origin", String, nullable=False),
    UniqueConstraint("kind"),
)

# Portraits that were refused, so that a repeated run need not tell them all again: a digest of the file's SHA-256
# and the reason, which says nothing of the person; removing anybody empties the table.
REFUSALS = Table("refusals", METADATA, Column("digest", String, primary_key=True))

LOG = Table(
    "log",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("action", String, nullable=False),
    # Numbers without foreign keys: the person may be gone.
    Column("person", Integer),
    Column("faces", Integer),
)
