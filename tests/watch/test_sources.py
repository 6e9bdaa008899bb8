"""Frames from files, folders and streams: damaged ones are counted, a broken stream is opened again."""

import http.server
import io
import socket
import threading
import time

import av
import cv2
import numpy as np
import pytest

from cshml_tf.watch import sources
from cshml_tf.watch.sources import open_source


def encode(path_or_file, count=50, size=(64, 96), container="mp4", keyframes=10):
    """Write a video of `count` frames at 10 per second; the grey level of each is four times its number."""
    with av.open(path_or_file, "w", format=container) as output:
        stream = output.add_stream("libx264", rate=10, options={"g": str(keyframes), "bf": "0"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        rng = np.random.default_rng(0)
        for number in range(count):
            pixels = np.full((*size, 3), 4 * number, np.uint8) + rng.integers(0, 9, (*size, 1)).astype(np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode(None))


def levels(frames):
    return [round(float(frame.pixels.mean()) / 4) - 1 for frame in frames]


def test_a_file_is_read_frame_by_frame(tmp_path):
    encode(str(tmp_path / "a.mp4"))
    source = open_source(str(tmp_path / "a.mp4"))
    frames = list(source)
    assert [frame.number for frame in frames] == list(range(50))
    assert np.abs([frame.time - frame.number / 10 for frame in frames]).max() < 1e-6
    assert frames[0].pixels.shape == (64, 96, 3) and frames[0].pixels.dtype == np.uint8
    assert np.abs(np.array(levels(frames)) - np.arange(50)).max() <= 1
    assert (source.damaged, source.is_live) == (0, False)


@pytest.mark.parametrize("container", ["mpegts", "matroska", "mp4"])
def test_damaged_frames_are_passed_over_and_counted(tmp_path, container):
    path = tmp_path / "a.video"
    encode(str(path), container=container)
    content = bytearray(path.read_bytes())
    for place in np.random.default_rng(1).integers(len(content) // 3, len(content) // 2, 8):
        content[place] ^= 0xFF
    path.write_bytes(content)
    source = open_source(str(path))
    frames = list(source)
    assert source.damaged > 0 and len(frames) + source.damaged == 50
    # What comes after the damage is right again, and time does not run backwards.
    assert levels(frames[-5:]) == pytest.approx(np.arange(45, 50), abs=1)
    assert (np.diff([frame.time for frame in frames]) >= 0).all()


@pytest.mark.parametrize("cut", [0.0, 0.02, 0.5])
def test_a_cut_file_gives_what_is_left_or_one_line(tmp_path, cut):
    encode(str(tmp_path / "whole.mp4"), container="matroska")
    content = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: int(cut * len(content))])
    source = open_source(str(tmp_path / "cut.mkv"))
    if cut == 0.5:
        assert 10 < len(list(source)) < 50
    else:
        with pytest.raises(ValueError, match=r"cut\.mkv: expected a video"):
            list(source)


def test_a_folder_of_frames_is_read_in_the_order_of_its_numbers(tmp_path):
    for number in (1, 2, 9, 10, 100):
        cv2.imwrite(str(tmp_path / f"frame{number}.png"), np.full((8, 8, 3), number, np.uint8))
    (tmp_path / "frame11.png").write_bytes(b"no picture")
    source = open_source(str(tmp_path), frames_per_second=4)
    frames = list(source)
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [1, 2, 9, 10, 100]
    assert [frame.time for frame in frames] == [0, 0.25, 0.5, 0.75, 1.25] and source.damaged == 1


@pytest.mark.parametrize("name", ["absent.mp4", "", "-1"])
def test_what_is_no_source_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="expected a video file, a folder of pictures, the number of a camera"):
        open_source(str(tmp_path / name / "x"))
    with pytest.raises(ValueError, match="expected pictures in the folder"):
        open_source(str(tmp_path / "empty"))
    # No camera has such a number, and OpenCV cannot take it.
    with pytest.raises(ValueError, match="expected a video file"):
        open_source("9" * 20)


def test_files_without_pictures_are_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("no video\n" * 50)
    with pytest.raises(ValueError, match=r"text\.mp4: expected a video"):
        list(open_source(str(tmp_path / "text.mp4")))
    with av.open(str(tmp_path / "sound.wav"), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        output.mux(stream.encode(sound))
    with pytest.raises(ValueError, match="without pictures"):
        list(open_source(str(tmp_path / "sound.wav")))


def test_pyav_is_named_where_it_is_absent(tmp_path, monkeypatch):
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda name: None)
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(ValueError, match=r"PyAV .*cshml_tf\[video\]"):
        open_source(str(tmp_path / "a.mp4"))
    # Pictures need none.
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    assert len(list(open_source(str(tmp_path)))) == 1


@pytest.fixture
def serve():
    """Serve a video at http://127.0.0.1; each request gets the next of the lengths given, then an error."""
    servers = []

    def start(*parts):
        video = io.BytesIO()
        encode(video, container="mpegts")
        waiting = list(parts)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if not waiting:
                    self.send_error(503)
                    return
                self.send_response(200)
                self.end_headers()
                content = video.getvalue()
                self.wfile.write(content[: int(waiting.pop(0) * len(content))])

            def log_message(self, *words):
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://user:secret@127.0.0.1:{servers[-1].server_port}/live"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_stream_that_breaks_off_is_opened_again(serve, monkeypatch):
    monkeypatch.setattr(sources, "_FIRST_PAUSE", 0.05)
    source = open_source(serve(0.4, 1.0), give_up=0.3)
    assert source.is_live and "secret" not in source.name
    frames = list(source)
    # Twice a part of the stream, and then errors until it is given up; the numbers run on.
    assert source.broken >= 2 and frames
    assert (np.diff([frame.number for frame in frames]) > 0).all() and frames[-1].number > 49
    assert (np.diff([frame.time for frame in frames]) >= 0).all()


def test_a_stream_that_never_comes_is_given_up(monkeypatch):
    monkeypatch.setattr(sources, "_FIRST_PAUSE", 0.05)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place = f"rtsp://admin:secret@127.0.0.1:{unused.getsockname()[1]}/live"
        with pytest.raises(ValueError, match=r"rtsp://127\.0\.0\.1:\d+/live: expected a video stream") as error:
            list(open_source(place, give_up=0.3))
    assert "secret" not in str(error.value)


def test_a_slow_reader_of_a_stream_gets_the_latest_frame(serve):
    frames = []
    for frame in (source := open_source(serve(1.0), give_up=0.1)):
        frames.append(frame)
        time.sleep(0.3)
    assert len(frames) < 10 and frames[-1].number > 40 and source.broken


def test_a_stream_can_be_stopped(serve):
    source = open_source(serve(*[1.0] * 20))
    for _ in source:
        source.stop()
    assert source.broken <= 1
