"""A real Chromium before a server whose detector finds blocks of colour on a grey ground."""

import contextlib
import io
import shutil

import cv2
import numpy as np
import pytest
from drawn import SIZE
from PIL import Image
from playwright.sync_api import sync_playwright

from cshml_tf.alignment.detector import Face
from cshml_tf.alignment.geometry import template as landmarks_of
from cshml_tf.gallery.creation import open_gallery
from cshml_tf.server.app import create_app
from cshml_tf.server.gate import Policy
from cshml_tf.server.keys import Keys
from cshml_tf.server.service import Service, ServiceOptions

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
GREY = 128
RED, GREEN, BLUE = (230, 20, 20), (20, 230, 20), (20, 20, 230)


class BlockDetector:
    """Finds every coloured block, and takes it for an aligned face."""

    def detect(self, image):
        is_coloured = np.ptp(image.astype(int), axis=2) > 90
        _, _, boxes, _ = cv2.connectedComponentsWithStats(is_coloured.astype(np.uint8))
        return [
            Face(x, y, width, height, 0.99, landmarks_of(SIZE) * width / SIZE[1] + [x, y])
            for x, y, width, height in boxes[1:, :4].astype(float)
            if width >= 20
        ]


def draw(*blocks, size=(140, 240)):
    """Return the PNG of a grey picture with blocks: (left, top, width, colour) each."""
    pixels = np.full((*size, 3), GREY, np.uint8)
    for left, top, width, colour in blocks:
        pixels[top : top + width * SIZE[0] // SIZE[1], left : left + width] = colour
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session", name="draw")
def _draw():
    return draw


@pytest.fixture(scope="session")
def upload():
    """Return a function that makes a picture into a file to choose in the page."""
    return lambda content, name="picture.png": {"name": name, "mimeType": "image/png", "buffer": content}


@pytest.fixture(scope="session")
def scene():
    """Ann, somebody unknown, Bo at 12 pixels, and a face of 6 pixels, from left to right."""
    return draw((10, 30, 40, RED), (80, 30, 40, BLUE), (150, 40, 12, GREEN), (200, 40, 6, GREEN))


# No longer than a module: it keeps an event loop running in the thread of the tests, and others need their own.
@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium, chromium-browser or google-chrome on this machine's path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def serve(networks, serving):
    """Return a context manager that serves the gallery at a place and yields the address."""

    @contextlib.contextmanager
    def start(place, keys=(), most_waiting=8, detector=None):
        options = ServiceOptions(
            min_width=8.0,
            min_quality=None,
            portrait_width=20.0,
            fpir=None,
            top=3,
            batch_size=16,
            most_pixels=1_000_000,
        )
        service = Service(open_gallery(place), networks, detector or BlockDetector(), options)
        with serving(create_app(service, Policy(Keys(keys), True, 500_000, most_waiting))) as address:
            yield address

    return start


@pytest.fixture
def address(place, serve):
    with serve(place) as address:
        yield address


@pytest.fixture
def open_page(browser):
    """Return a function that opens the page in a fresh profile.

    At the end no request may have left the server, and the browser may have reported no script's error and nothing
    against the content security policy.
    """
    with contextlib.ExitStack() as ending:

        def start(address, **options):
            context = browser.new_context(**options)
            ending.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(10_000)
            faults, requests = [], []
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda line: faults.append(line.text))
            page.on("request", lambda request: requests.append(request.url))

            def check():
                own = (f"{address}/", f"blob:{address}/")
                assert [url for url in requests if not url.startswith(own)] == []
                # Chromium itself writes a line for each answer that refuses, and for a server that is gone.
                assert [line for line in faults if not line.startswith("Failed to load resource")] == []

            ending.callback(check)
            page.goto(address)
            page.wait_for_selector("#rates-words:not(:empty), #nobody:not([hidden]), dialog[open]")
            return page

        yield start


@pytest.fixture
def page(open_page, address):
    return open_page(address)
