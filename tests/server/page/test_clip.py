"""A clip in the browser: who was followed, when, and the frame that shows each face best."""

import io

import av
import numpy as np
import pytest
from drawn import SIZE
from playwright.sync_api import expect

pytestmark = pytest.mark.slow
RED, BLUE, GREY = (230, 20, 20), (20, 20, 230), 128


@pytest.fixture(scope="module")
def clip():
    """Two seconds of WebM: Ann moves to the right; somebody unknown below her is seen in the first second."""
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.bit_rate = 2_000_000
        for number in range(20):
            pixels = np.full((240, 320, 3), GREY, np.uint8)
            _paint(pixels, 20 + 2 * number, 30, RED)
            if number < 10:
                _paint(pixels, 220, 150, BLUE)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def _paint(pixels, left, top, colour):
    pixels[top : top + SIZE[0], left : left + SIZE[1]] = colour


def test_a_clip_is_watched(page, clip):
    page.set_input_files("#file", {"name": "clip.webm", "mimeType": "video/webm", "buffer": clip})
    page.wait_for_selector(".face", timeout=30_000)
    assert page.inner_text("#status") == "2 faces followed: 1 identified, 1 unknown."
    cards = {card.locator(".name").inner_text(): card for card in page.locator(".face").all()}
    assert cards.keys() == {"Ann", "Unknown"}
    assert cards["Ann"].locator(".figures").inner_text().startswith("0:00 to 0:01 · ")
    expect(cards["Ann"].locator(".enrolled img")).to_have_js_property("naturalWidth", SIZE[1])
    assert not cards["Unknown"].locator(".enrolled").is_visible()
    assert page.locator("#clip").evaluate("video => [video.videoWidth, video.videoHeight]") == [320, 240]
    middle = "canvas => Array.from(canvas.getContext('2d').getImageData(72, 72, 1, 1).data)"
    page.wait_for_selector("#faces[aria-busy=false]")
    for name, colour in (("Ann", RED), ("Unknown", BLUE)):
        shown = cards[name].locator("canvas").evaluate(middle)
        assert max(abs(a - b) for a, b in zip(shown, colour, strict=False)) < 40
    number = int(cards["Unknown"].locator(".number").inner_text())
    cards["Unknown"].locator("text=Show at").click()
    expect(page.locator(".box")).to_have_attribute("aria-label", f"Face {number}: Unknown")


def test_a_damaged_clip_is_said_in_one_sentence(page):
    page.set_input_files("#file", {"name": "clip.mp4", "mimeType": "video/mp4", "buffer": b"no clip"})
    page.wait_for_selector("#problem:not(:empty)")
    assert page.inner_text("#problem").startswith("Clip: expected an MP4")
