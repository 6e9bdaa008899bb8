"""From frames to names: one decision per track, from all of its faces, in memory that does not grow."""

import dataclasses
import math
import os

import numpy as np
import pytest
from drawn import SIZE
from watch.conftest import PEOPLE, STRANGER, Squares, clip, draw

from cshml_tf.gallery.decision import Thresholds
from cshml_tf.gallery.search import Search
from cshml_tf.watch.events import frame_json, track_json
from cshml_tf.watch.naming import Evidence, Namer
from cshml_tf.watch.sources import Frame
from cshml_tf.watch.watching import EndedTrack, SeenFrame, Watcher, WatchOptions

OPTIONS = WatchOptions(min_width=8, rate=None)


def watch(gallery, networks, thresholds, frames, **options):
    """Watch frames; return the tracks, and the frames that were searched."""
    watcher = Watcher(gallery, networks, thresholds, Squares(), dataclasses.replace(OPTIONS, **options))
    events = list(watcher.watch(frames))
    tracks = [event for event in events if isinstance(event, EndedTrack)]
    return tracks, [event for event in events if isinstance(event, SeenFrame)]


def walk(colour, top=20, first=8, steps=12):
    """Draw somebody who comes nearer: `steps` boxes, a fifth wider each time."""
    return [(colour, 20 + 8 * step, top, round(first * 1.18**step)) for step in range(steps)]


def test_known_people_are_named_and_others_are_unknown(gallery, networks, thresholds):
    walks = zip(walk(PEOPLE["Ann"]), walk(STRANGER, 120), strict=True)
    tracks, seen = watch(gallery, networks, thresholds, clip(*(draw(*faces) for faces in walks)))
    assert [(track.number, track.answer.status, track.answer.name) for track in tracks] == [
        (1, "identified", "Ann"),
        (2, "unknown", None),
    ]
    assert all(track.frames == 12 and (track.first, track.last) == (0, 2.2) for track in tracks)
    # The widest face was 49 pixels wide, in the last frame; the HR network serves it.
    assert {(track.answer.kind, track.best_time, round(track.best.width)) for track in tracks} == {("HR", 2.2, 49)}
    assert [len(each.faces) for each in seen] == [2] * 12
    assert seen[0].faces[0].answer.kind == "8"


def test_a_person_seen_only_small_is_rejected_not_unknown(gallery, networks, thresholds):
    frames = clip(*(draw((PEOPLE["Bo"], 20 + step, 20, 9)) for step in range(5)))
    (track,), _ = watch(gallery, networks, thresholds, frames, min_width=10)
    assert (track.answer.status, track.answer.name, track.answer.candidates) == ("rejected", None, ())
    assert "expected 10 or more" in track.answer.reason
    (track,), _ = watch(gallery, networks, thresholds, frames, min_quality=1e5)
    assert track.answer.status == "rejected" and "expected 100000 or more" in track.answer.reason


def test_without_calibration_nobody_is_named(gallery, networks):
    (track,), _ = watch(gallery, networks, Thresholds({}), clip(draw((PEOPLE["Bo"], 20, 20, 30))))
    assert (track.answer.status, track.answer.name) == ("uncalibrated", None)
    assert track.answer.candidates[0].name == "Bo"


def test_tracks_end_when_their_faces_go_and_are_cut_when_they_stay(gallery, networks, thresholds):
    stays = [draw((PEOPLE["Ann"], 20 + step % 3, 20, 30)) for step in range(40)]
    tracks, _ = watch(gallery, networks, thresholds, clip(*stays), longest=3.0)
    # Frames come every 0.2 s; a track is cut at the first one that makes it 3 s long.
    assert [(track.number, round(track.first, 1), round(track.last, 1)) for track in tracks] == [
        (1, 0.0, 3.0),
        (2, 3.2, 6.2),
        (3, 6.4, 7.8),
    ]
    gone = [*stays[:5], *[draw()] * 20, *stays[:5]]
    tracks, _ = watch(gallery, networks, thresholds, clip(*gone))
    assert [(track.first, track.last) for track in tracks] == [(0.0, 0.8), (5.0, 5.8)]


def test_frames_are_searched_at_the_rate(gallery, networks, thresholds):
    frames = clip(*[draw((PEOPLE["Ann"], 20 + step, 20, 30)) for step in range(50)], rate=25)
    watcher = Watcher(gallery, networks, thresholds, Squares(), dataclasses.replace(OPTIONS, rate=5.0))
    events = list(watcher.watch(frames))
    searched = [event.frame.number for event in events if isinstance(event, SeenFrame)]
    assert searched == list(range(0, 50, 5))
    # The other frames come too, for an annotated video.
    assert len([event for event in events if isinstance(event, Frame)]) == 40


def test_faces_are_weighed_by_their_quality():
    evidence = Evidence(0.0, 0.0)
    evidence.add("8", np.array([1, 0, 0], np.float32), 3.0, 8.0)
    evidence.add("8", np.array([0, 1, 0], np.float32), 4.0, 8.0)
    probe, length = evidence.fused("8")
    assert np.abs(probe - [[0.6, 0.8, 0.0]]).max() < 1e-7
    # The average is (3, 4, 0) / 7.
    assert abs(length - 5 / 7) < 1e-7


def test_faces_that_disagree_lower_the_score(gallery, networks, thresholds):
    """Two different faces in one track: neither person scores as high as alone."""
    namer = Namer(networks, Search(gallery), thresholds, 8)
    ann, bo = (networks.embed("HR", np.tile(np.uint8(colour), (1, *SIZE, 1)))[0] for colour in PEOPLE.values())
    alone, both = Evidence(0.0, 0.0), Evidence(0.0, 0.0)
    for _ in range(5):
        alone.add("HR", ann, 1.0, 30.0)
    both.add("HR", ann, 1.0, 30.0)
    both.add("HR", bo, 1.0, 30.0)
    assert abs(namer.decide(alone).candidates[0].score - 1) < 1e-6
    length = np.linalg.norm(ann + bo) / 2
    expected = math.sqrt(length) * float(ann @ (ann + bo)) / (2 * length)
    assert abs(namer.decide(both).candidates[0].score - expected) < 1e-6


@pytest.mark.parametrize(
    ("small", "large", "kind"),
    # Seven faces at 8 pixels say less than one at 12; eight say as much. The networks serve 8 and 12.
    [(7, 1, "12"), (8, 1, "8"), (20, 3, "12"), (20, 2, "8")],
)
def test_the_view_of_the_most_and_widest_faces_decides(gallery, networks, thresholds, small, large, kind):
    namer = Namer(networks, Search(gallery), thresholds, 8)
    evidence = Evidence(0.0, 0.0)
    for _ in range(small):
        evidence.add("8", np.array([1, 0, 0], np.float32), 1.0, 8.0)
    for _ in range(large):
        evidence.add("12", np.array([1, 0, 0], np.float32), 1.0, 12.0)
    assert namer.decide(evidence).kind == kind


def test_a_view_without_calibration_decides_only_if_there_is_no_other(gallery, networks, thresholds):
    eight_only = Thresholds({"8": thresholds._calibrations["8"]})
    namer = Namer(networks, Search(gallery), eight_only, 8)
    evidence = Evidence(0.0, 0.0)
    evidence.add("HR", np.array([1, 0, 0], np.float32), 1.0, 50.0)
    assert (namer.decide(evidence).kind, namer.decide(evidence).status) == ("HR", "uncalibrated")
    evidence.add("8", np.array([1, 0, 0], np.float32), 1.0, 8.0)
    assert namer.decide(evidence).kind == "8"


def test_json_of_tracks_and_frames(gallery, networks, thresholds):
    (track,), (seen,) = watch(gallery, networks, thresholds, clip(draw((PEOPLE["Bo"], 20, 30, 30))))
    told = track_json(track)
    assert {key: told[key] for key in ("track", "first", "last", "frames", "status", "name", "kind")} == {
        **{"track": 1, "first": 0.0, "last": 0.0, "frames": 1},
        **{"status": "identified", "name": "Bo", "kind": "HR"},
    }
    assert told["score"] > told["threshold"] and told["best"] == {"time": 0.0, "box": [20.0, 30.0, 30.0, 36.0]}
    (face,) = frame_json(seen)["faces"]
    assert face == {
        **{"track": 1, "box": [20.0, 30.0, 30.0, 36.0], "width": 30.0},
        **{"status": "identified", "name": "Bo", "score": told["score"]},
    }


def resident():
    """Return the resident memory of this process in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
def test_memory_stays_flat_over_ten_thousand_frames(gallery, networks, thresholds):
    def passing():
        for number in range(10_000):
            # Somebody comes into view every 50 frames; another one stays, and stands still most of the time.
            place = number % 50
            faces = [(STRANGER, 8 * place, 10, 12)] if place < 5 else []
            yield Frame(
                number, number / 10, draw(*faces, (PEOPLE["Ann"], 20 + number // 40 % 2, 60, 24), shape=(100, 120))
            )

    watcher = Watcher(gallery, networks, thresholds, Squares(), dataclasses.replace(OPTIONS, longest=20.0))
    sizes, tracks = {}, 0
    for event in watcher.watch(passing()):
        tracks += isinstance(event, EndedTrack)
        if isinstance(event, SeenFrame) and event.frame.number % 1000 == 999:
            sizes[event.frame.number] = resident()
    assert tracks > 200
    assert max(sizes.values()) < 1.05 * sizes[999], sizes
