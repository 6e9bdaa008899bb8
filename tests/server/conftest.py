"""A server over a small calibrated gallery of colours: red is Ann, green is Bo."""

import contextlib
import io
import threading
import time

import numpy as np
import pytest
import uvicorn
from drawn import SIZE, save_colour_network
from PIL import Image

from cshml_tf.gallery.calibration import store_calibrations
from cshml_tf.gallery.creation import create_gallery, open_gallery
from cshml_tf.gallery.networks import load_gallery_networks
from cshml_tf.server.app import create_app
from cshml_tf.server.audit import AuditLog
from cshml_tf.server.client import Client
from cshml_tf.server.clips import ClipLimits
from cshml_tf.server.gate import Policy
from cshml_tf.server.keys import Keys
from cshml_tf.server.service import Service, ServiceOptions

RED, GREEN, BLUE = (230, 20, 20), (20, 230, 20), (20, 20, 230)


def paint(colour, size=SIZE, number=0):
    """Return the PNG of a crop of one colour; its number makes the file differ from others of that colour."""
    pixels = np.tile(np.uint8(colour), (*size, 1))
    pixels[0, 0] = number % 256, number // 256 % 256, number // 65536
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """The HR network, and an LR network for 8 and 12, which see colours alike."""
    folder = tmp_path_factory.mktemp("server_models")
    save_colour_network(folder / "hr", "hr", [])
    save_colour_network(folder / "lr", "lr", [8, 12], factor=2.0)
    return load_gallery_networks(folder / "hr", [folder / "lr"], weights={"8": 1.0, "12": 0.5})


def make_service(where, networks, detector=None, clip_frames=100, clip_seconds=10.0, **options):
    """Open a gallery in a service, by default without a detector."""
    chosen = {
        "min_width": 8.0,
        "min_quality": None,
        "portrait_width": 20.0,
        "fpir": None,
        "top": 3,
        "batch_size": 16,
        "most_pixels": 100_000,
        "clip": ClipLimits(clip_frames, clip_seconds),
    }
    return Service(open_gallery(where), networks, detector, ServiceOptions(**chosen | options))


@contextlib.contextmanager
def serving(app):
    """Serve an application on a free port of the loopback, and yield its address."""
    config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def running(
    where, networks, keys=(), audit=None, most_bytes=200_000, most_waiting=64, body_seconds=5.0, **options
):
    """Serve the gallery at a place; yield the address and the service."""
    service = make_service(where, networks, **options)
    policy = Policy(Keys(keys), True, most_bytes, most_waiting, body_seconds)
    with serving(create_app(service, policy, AuditLog(audit))) as address:
        yield address, service


def make_gallery(where, networks):
    """Create a gallery of Ann and Bo; a stranger reaches 0.5."""
    gallery = create_gallery(where, networks)
    with contextlib.closing(gallery.database):
        service = make_service(where, networks)
        with serving(create_app(service, Policy(Keys(), True, 10**6, 9))) as address:
            client = Client(address)
            client.enrol("Ann", paint(RED))
            client.enrol("Bo", paint(GREEN))
        scores = {kind: [0.5] + [0.1] * 9 for kind in ("HR", "8", "12")}
        store_calibrations(gallery, scores, 10, 0.1)
    return where


@pytest.fixture(scope="module")
def template(networks, tmp_path_factory):
    """The file of a gallery of Ann and Bo."""
    return make_gallery(tmp_path_factory.mktemp("template") / "people.gallery", networks)


@pytest.fixture
def place(template, tmp_path):
    """A copy of it."""
    where = tmp_path / "people.gallery"
    where.write_bytes(template.read_bytes())
    return where


@pytest.fixture
def server(place, networks):
    """The address of a server of Ann and Bo."""
    with running(place, networks) as (address, _):
        yield address


@pytest.fixture
def client(server):
    """A client of it."""
    return Client(server)


@pytest.fixture(name="paint", scope="session")
def _paint():
    return paint


@pytest.fixture(name="running", scope="session")
def _running():
    return running


@pytest.fixture(name="make_gallery", scope="session")
def _make_gallery():
    return make_gallery


@pytest.fixture(name="make_service", scope="session")
def _make_service():
    return make_service


@pytest.fixture(name="serving", scope="session")
def _serving():
    """Return `serving`, a context manager that serves an application and yields its address."""
    return serving
