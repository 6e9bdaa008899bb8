"""The annotated video and the page: readable by others, whole or absent, names never markup."""

import dataclasses

import numpy as np
import pytest
from watch.conftest import PEOPLE, STRANGER, Squares, clip, draw

from cshml_tf.gallery.decision import Answer
from cshml_tf.gallery.portraits import CroppedFace
from cshml_tf.watch.drawing import caption, draw_faces, writing_video
from cshml_tf.watch.page import writing_page
from cshml_tf.watch.sources import open_source
from cshml_tf.watch.watching import EndedTrack, SeenFace, Watcher, WatchOptions


@pytest.fixture(scope="module")
def events(gallery, networks, thresholds):
    frames = [draw((PEOPLE["Ann"], 20 + 4 * step, 60, 40), (STRANGER, 200, 60, 40)) for step in range(6)]
    options = WatchOptions(min_width=8, rate=2.5)
    return list(Watcher(gallery, networks, thresholds, Squares(), options).watch(clip(*frames)))


def test_the_video_shows_boxes_in_every_frame(events, tmp_path):
    with writing_video(tmp_path / "out.mp4") as video:
        for event in events:
            if not isinstance(event, EndedTrack):
                video.add(event)
    frames = list(open_source(str(tmp_path / "out.mp4")))
    assert np.abs(np.array([frame.time for frame in frames]) - np.arange(6) / 5).max() < 0.002
    green = [np.abs(frame.pixels.astype(int) - [0x2F, 0x9E, 0x44]).max(axis=2) < 40 for frame in frames]
    orange = [np.abs(frame.pixels.astype(int) - [0xE8, 0x59, 0x0C]).max(axis=2) < 40 for frame in frames]
    assert min(mask.sum() for mask in green) > 100 and min(mask.sum() for mask in orange) > 100


def test_a_video_of_odd_sides_or_changing_size_is_written(tmp_path):
    with writing_video(tmp_path / "out.mkv") as video:
        for frame in clip(draw(shape=(101, 61)), draw(shape=(50, 30))):
            video.add(dataclasses.replace(frame, time=0.0))
    assert [frame.pixels.shape for frame in open_source(str(tmp_path / "out.mkv"))] == [(102, 62, 3)] * 2


def test_a_video_that_fails_leaves_nothing(tmp_path):
    with (
        pytest.raises(ValueError, match=r"expected the name of a video, such as watched\.mp4"),
        writing_video(tmp_path / "out.nonsense"),
    ):
        pass
    with pytest.raises(RuntimeError), writing_video(tmp_path / "out.mp4") as video:
        video.add(clip(draw())[0])
        raise RuntimeError
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock" and not path.name.startswith(".")]


def test_the_page_shows_each_track_and_no_name_is_markup(gallery, events, tmp_path):
    track = next(event for event in events if isinstance(event, EndedTrack))
    evil = dataclasses.replace(track.answer, name="<script>alert(1)</script>")
    with writing_page(tmp_path / "page.html", gallery, "<b>street</b>.mp4", ["rate 1 % & more"]) as page:
        for event in events:
            if isinstance(event, EndedTrack):
                page.add(event)
        page.add(dataclasses.replace(track, answer=evil))
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("<tr class=") == 3 and "3 tracks" in text and "Ann" in text and ">unknown<" in text
    assert "<script" not in text and "<b>" not in text and "rate 1 % &amp; more" in text
    # The best face of each, and the portrait of the nearest person.
    assert text.count('src="data:image/png;base64,') == 6 and "http" not in text.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("status", "name", "words"),
    [
        ("identified", "Zoë 李", "Zoë 李 0.90"),
        ("unknown", None, "unknown"),
        ("rejected", None, "too poor to say"),
        ("uncalibrated", None, "nearest: Bo 0.90"),
    ],
)
def test_captions_are_drawn_within_any_frame(status, name, words):
    from cshml_tf.gallery.search import Candidate

    candidates = () if status == "rejected" else (Candidate(1, name or "Bo", 0.9, 1),)
    answer = Answer(status, "HR", name, candidates)
    assert caption(answer) == words
    for box in ((0.0, 0.0, 30.0, 30.0), (-9.0, -9.0, 500.0, 500.0), (90.0, 90.0, 30.0, 30.0)):
        face = SeenFace(1, CroppedFace(np.zeros((48, 40, 3), np.uint8), 30.0, 0.9, box), answer)
        frame = draw(shape=(100, 100))
        assert draw_faces(frame, (face,)).shape == (100, 100, 3) and (frame == 128).all()
