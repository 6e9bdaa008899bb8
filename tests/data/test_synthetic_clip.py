"""Synthetic clips: who is drawn where, and the files that say so."""

import csv
import dataclasses

import av
import cv2
import numpy as np
import pytest

from cshml_tf.data.synthetic import person_name, write_clip
from cshml_tf.data.synthetic.clip import FRAMES_PER_SECOND, draw_frames
from cshml_tf.data.synthetic.clip_files import TRUTH_NAME, VIDEO_NAME
from cshml_tf.data.synthetic.head import Projection
from cshml_tf.data.synthetic.person import person
from cshml_tf.data.synthetic.photograph import draw_head, lay_over
from cshml_tf.data.synthetic.street import pixels_per_millimetre, spot
from cshml_tf.data.synthetic.view import draw_view
from cshml_tf.data.synthetic.walkers import walkers

CAST = [(person_name(number), number) for number in range(5)]


@pytest.fixture(scope="module")
def drawn():
    """Draw a clip of 2 s with one who approaches and two who pass."""
    return list(draw_frames(walkers(CAST[0], CAST[1:3], 2.0, seed=4), 2.0, seed=4))


def test_places_are_seen_by_a_pinhole_camera():
    # A face of 136 mm is 60 pixels wide at 2 m, and a quarter of that at 8 m.
    assert 136 * pixels_per_millimetre(2000) == pytest.approx(60)
    assert 136 * pixels_per_millimetre(8000) == pytest.approx(15)
    # What is on the camera's axis, 1750 mm above the ground, is seen at the same spot at every distance.
    assert spot(0, 1750, 2000) == spot(0, 1750, 9000) == (320, 120)
    assert spot(136, 1750 - 2 * 136, 2000) == pytest.approx((380, 240))


@pytest.mark.parametrize("number, picture", [(0, 0), (3, 1), (7, 2), (14, 3)])
def test_a_head_on_a_transparent_layer_is_the_head_on_the_picture(number, picture):
    subject, view = person(number), dataclasses.replace(draw_view(number, picture), glasses_on=True)
    projection = Projection(view, 120)
    scene = np.random.default_rng(number).uniform(0, 1, (120, 120, 3)).astype(np.float32)
    layer = np.zeros((120, 120, 4), np.float32)
    draw_head(layer, subject, view, projection)
    over = scene.copy()
    lay_over(over, layer)
    draw_head(scene, subject, view, projection)
    assert np.abs(over - scene).max() < 1e-5
    assert 0.2 < layer[..., 3].mean() < 0.8


def test_one_person_approaches_from_8_to_60_pixels():
    cast = walkers(CAST[0], CAST[1:], 10.0, seed=1)
    frames = [frame for number, frame in enumerate(draw_frames(cast[:1], 10.0, seed=1)) if number in (0, 50, 99)]
    first, middle, last = (frame.faces[0].box for frame in frames)
    true_width = 2 * person(0).identity.cheek_half_width
    assert first[2] == pytest.approx(true_width / 136 * 8, rel=1e-3)
    # The last frame is shown a tenth of a second before the end, 130 mm away from it.
    assert last[2] == pytest.approx(true_width / 136 * 60 * 2000 / 2130, rel=1e-3)
    assert first[2] < middle[2] < last[2]


def test_passers_by_walk_one_after_another_on_both_sides_and_are_gone_at_the_end():
    cast = walkers(CAST[0], CAST[1:], 12.0, seed=3)
    assert [walker.name for walker in cast] == [name for name, _ in CAST]
    starts = [walker.start for walker in cast[1:]]
    assert starts == sorted(starts) and starts[0] == 0
    for number, walker in enumerate(cast[1:]):
        assert walker.start + walker.seconds <= 12 + 1e-9
        assert np.sign(walker.from_xz[0]) == np.sign(walker.to_xz[0]) == (1 if number % 2 else -1)
        assert walker.place(walker.start - 0.01) is None
        assert walker.place(walker.start + walker.seconds + 0.01) is None
        halfway = np.add(walker.from_xz, walker.to_xz) / 2
        assert walker.place(walker.start + walker.seconds / 2) == pytest.approx(tuple(halfway))


def test_boxes_are_where_the_faces_are_drawn():
    cast = walkers(CAST[0], [], 2.0, seed=2)
    with_face = list(draw_frames(cast, 2.0, seed=2))[-1]
    without = list(draw_frames([], 2.0, seed=2))[-1]
    change = np.abs(with_face.pixels.astype(int) - without.pixels).sum(axis=2) > 30
    left, top, width, height = (round(value) for value in with_face.faces[0].box)
    # The hall is seen at the corners beside the chin; a few pixels of the face have its colour by chance.
    assert change[top : top + height * 3 // 4, left + 2 : left + width - 2].mean() > 0.95
    assert change[top : top + height, left + width * 2 // 5 : left + width * 3 // 5].mean() > 0.95
    # Above the hair and beside the ears, the hall is seen.
    assert not change[: top - height].any()
    assert not change[top : top + height // 2, : left - width].any()


def test_a_hidden_face_is_not_listed(drawn):
    behind, front = walkers(CAST[0], CAST[1:2], 2.0, seed=5)
    front = dataclasses.replace(
        front, start=0.0, seconds=2.0, from_xz=(0, 3000), to_xz=(0, 2500), eye_level=behind.eye_level + 120
    )
    behind = dataclasses.replace(behind, from_xz=(0, 6000), to_xz=(0, 5000))
    both = next(draw_frames([behind, front], 1.0, seed=5))
    assert [face.name for face in both.faces] == [front.name]
    alone = next(draw_frames([behind], 1.0, seed=5))
    assert [face.name for face in alone.faces] == [behind.name]


def test_same_seed_same_frames(drawn):
    again = list(draw_frames(walkers(CAST[0], CAST[1:3], 2.0, seed=4), 2.0, seed=4))
    assert len(again) == 2 * FRAMES_PER_SECOND
    for one, other in zip(drawn, again, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        assert one.faces == other.faces
    different = next(draw_frames(walkers(CAST[0], CAST[1:3], 2.0, seed=6), 2.0, seed=6))
    assert np.abs(different.pixels.astype(int) - drawn[0].pixels).mean() > 5


def test_the_video_and_its_list_show_the_frames(drawn, tmp_path):
    assert write_clip(tmp_path, 0, [1, 2], 2.0, seed=0) == 20
    frames = list(draw_frames(walkers(CAST[0], CAST[1:3], 2.0, seed=0), 2.0, seed=0))
    with av.open(str(tmp_path / VIDEO_NAME)) as video:
        shown = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    for one, other in zip(shown, frames, strict=True):
        # Half a pixel is lost in the colours, which H.264 stores at half the resolution.
        grey, expected = (cv2.cvtColor(each, cv2.COLOR_RGB2GRAY).astype(int) for each in (one, other.pixels))
        assert np.abs(grey - expected).mean() < 2
    rows = list(csv.DictReader((tmp_path / TRUTH_NAME).read_text(encoding="utf-8").splitlines()))
    faces = [face for frame in frames for face in frame.faces]
    assert len(rows) == len(faces) > 20
    for row, face in zip(rows, faces, strict=True):
        assert (int(row["frame"]), row["name"], float(row["time"])) == (face.frame, face.name, face.frame / 10)
        box = [float(row[side]) for side in ("left", "top", "width", "height")]
        assert np.abs(np.subtract(box, face.box)).max() <= 0.005 + 1e-9


def test_a_clip_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    def no_space(path, faces):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("cshml_tf.data.synthetic.clip_files.write_truth", no_space)
        with pytest.raises(OSError, match="No space left"):
            write_clip(tmp_path, 0, [], 1.0)
    assert not list(tmp_path.iterdir())
    assert write_clip(tmp_path, 0, [], 1.0) == 10
    contents = [(tmp_path / name).read_bytes() for name in (VIDEO_NAME, TRUTH_NAME)]
    assert write_clip(tmp_path, 0, [], 1.0) == 0
    (tmp_path / VIDEO_NAME).unlink()
    assert write_clip(tmp_path, 0, [], 1.0) == 10
    assert [(tmp_path / name).read_bytes() for name in (VIDEO_NAME, TRUTH_NAME)] == contents


@pytest.mark.slow
def test_the_detector_finds_the_drawn_faces_and_nothing_else():
    from cshml_tf.alignment.detector import Detector
    from cshml_tf.alignment.small_faces import find_all_faces

    cast = walkers(CAST[0], CAST[1:], 6.0, seed=0)
    frame = list(draw_frames(cast, 6.0, seed=0))[30]
    found = find_all_faces(frame.pixels, Detector(), 12)
    expected = [face for face in frame.faces if face.box[2] >= 12]
    assert len(expected) >= 2

    def distance(face, truth):
        left, top, width, height = truth.box
        across = face.x + face.width / 2 - left - width / 2
        down = face.y + face.height / 2 - top - height / 2
        return np.hypot(across, down) / width

    for truth in expected:
        nearest = min(found, key=lambda face: distance(face, truth))
        assert distance(nearest, truth) < 0.25
        assert nearest.width == pytest.approx(truth.box[2], rel=0.2)
    assert all(min(distance(face, truth) for truth in frame.faces) < 0.25 for face in found)
