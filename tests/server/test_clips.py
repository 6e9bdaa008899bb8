"""Short clips: a track per face, limits, and identification that goes on meanwhile."""

import io
import threading
import time

import av
import numpy as np
import pytest
import requests
from PIL import Image

from cshml_tf.alignment.detector import Face
from cshml_tf.server.client import Client, ServerError

RED, BLUE = (230, 20, 20), (20, 20, 230)
SIDE = 160


class SquareDetector:
    """Finds the one coloured square on a grey picture, as a face whose landmarks fill it."""

    def detect(self, image):
        is_face = np.ptp(image.astype(int), axis=2) > 100
        rows, columns = np.flatnonzero(is_face.any(axis=1)), np.flatnonzero(is_face.any(axis=0))
        if len(rows) < 8 or len(columns) < 8:
            return []
        x, y = float(columns[0]), float(rows[0])
        width, height = float(np.ptp(columns) + 1), float(np.ptp(rows) + 1)
        shares = np.array([(0.35, 0.4), (0.65, 0.4), (0.5, 0.55), (0.38, 0.7), (0.62, 0.7)])
        return [Face(x, y, width, height, 0.99, shares * [width, height] + [x, y])]


def clip(colour, frames=12, rate=10):
    """Return an MP4 in which a coloured square crosses the picture."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = SIDE, SIDE, "yuv420p", 4_000_000
        for number in range(frames):
            pixels = np.full((SIDE, SIDE, 3), 128, np.uint8)
            pixels[40:120, 5 + number : 85 + number] = colour
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


@pytest.fixture
def watching(place, networks, running):
    """A client of a server that finds squares, and the service."""
    with running(place, networks, detector=SquareDetector(), clip_frames=40, clip_seconds=3.0) as (
        server,
        service,
    ):
        yield Client(server), service


def wait_for(holds):
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def refusal(client, content):
    with pytest.raises(ServerError) as caught:
        client.watch(content)
    return caught.value.status, str(caught.value)


def test_a_face_narrower_than_the_limit_is_rejected(place, networks, running):
    with running(place, networks, detector=SquareDetector(), min_width=100.0) as (server, _):
        (track,) = Client(server).watch(clip(RED, frames=2))["tracks"]
    assert track["status"] == "rejected" and "expected 100 or more" in track["reason"]


def test_a_track_per_face(watching):
    client, _ = watching
    (track,) = client.watch(clip(RED))["tracks"]
    assert (track["status"], track["name"], track["kind"]) == ("identified", "Ann", "HR")
    assert track["candidates"][0]["portrait"] == "/v1/people/Ann/faces/1"
    assert 0 <= track["first"] < track["last"] <= 1.2 and track["frames"] >= 3 and track["width"] > 40
    left, top, width, height = track["best"]["box"]
    assert abs(top - 40) < 5 and abs(width - 80) < 8 and abs(height - 80) < 8
    (track,) = client.watch(clip(BLUE))["tracks"]
    assert (track["status"], track["name"]) == ("unknown", None)


def test_clips_are_bounded(watching):
    client, _ = watching
    sentence = "clip: expected at most 40 frames and 3 seconds, got more"
    assert refusal(client, clip(RED, frames=45, rate=30)) == (413, sentence)
    assert refusal(client, clip(RED, frames=20, rate=5)) == (413, sentence)
    assert client.watch(clip(RED))["tracks"]


def test_what_is_no_clip(watching, paint, server):
    client, _ = watching
    sentence = "clip: expected an MP4, QuickTime, Matroska, WebM or AVI video"
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
    for content in (b"", playlist, b"ffconcat version 1.0\nfile /etc/passwd\n", paint(RED)):
        assert refusal(client, content) == (422, sentence)
    status, sentence = refusal(client, clip(RED)[:60])
    assert status == 422 and sentence == "clip: expected a video that can be read, got a damaged one"
    # A server of aligned crops has no detector.
    answer = requests.post(server + "/v1/watch", files={"clip": clip(RED)})
    assert (answer.status_code, answer.json()) == (501, {"error": "this server takes aligned crops only"})


def test_pictures_are_identified_meanwhile(watching, paint):
    """A clip is worked on frame by frame: a picture that comes later is answered earlier."""
    client, service = watching
    ended = []
    thread = threading.Thread(target=lambda: ended.append(client.watch(clip(RED, frames=38, rate=30))))
    release, order = threading.Event(), []
    service.engine.call(release.wait)
    thread.start()
    wait_for(lambda: len(service.engine) == 1)
    picture = np.full((SIDE, SIDE, 3), 128, np.uint8)
    picture[40:120, 30:110] = RED
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    asked = threading.Thread(
        target=lambda: order.append(
            (Client(client._address).identify(file.getvalue())["faces"][0]["name"], len(ended))
        )
    )
    asked.start()
    wait_for(lambda: len(service.engine) == 2)
    release.set()
    asked.join()
    thread.join()
    assert order == [("Ann", 0)] and ended[0]["tracks"][0]["name"] == "Ann"
