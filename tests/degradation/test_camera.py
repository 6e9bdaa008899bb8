"""The simulated camera: reproducible, ever worse, each step by its closed form, and never within a network."""

import numpy as np
import pytest
from PIL import Image

from cshml_tf.data.batches import two_branch_batches
from cshml_tf.data.folder import read_class_folders
from cshml_tf.data.synthetic import draw_aligned
from cshml_tf.degradation import degrade, degrade_each, lens, sensor
from cshml_tf.degradation.camera import STRENGTHS, Strengths, photograph
from cshml_tf.degradation.degrade import DRAWN, SEVERITIES, portrait_mode
from cshml_tf.layers import Degrade
from cshml_tf.settings.evaluation import LfwSettings
from cshml_tf.settings.training import LrSettings

NOTHING = Strengths(0, 0, 1e12, 0, 0, 0, 0, (100, 100))


@pytest.fixture(scope="module")
def faces():
    return np.stack([draw_aligned(number, number) for number in range(12)]).astype(np.uint8)


def random(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("mode", DRAWN)
def test_the_same_picture_always_comes_out_the_same(faces, mode):
    at_once = degrade(faces, 12, mode)
    assert at_once.shape == faces.shape and at_once.dtype == np.float32
    assert np.array_equal(at_once, np.rint(at_once)) and at_once.min() >= 0 and at_once.max() <= 255
    # Alone, in another order, and as floats.
    assert np.array_equal(degrade(faces[3:4], 12, mode)[0], at_once[3])
    assert np.array_equal(degrade(faces[::-1].astype(np.float32), 12, mode), at_once[::-1])


def test_seeds_decide_instead_of_the_pixels(faces):
    same = np.repeat(faces[:1], 3, axis=0)
    shown = degrade_each(same, [12], None, "camera-3", np.array([5, 6, 5]))
    assert np.array_equal(shown[0], shown[2]) and not np.array_equal(shown[0], shown[1])
    # Each picture keeps its seed where several resolutions are drawn.
    choice = np.array([1, 0, 1])
    mixed = degrade_each(same, [8, 12], choice, "camera-3", np.array([5, 6, 5]))
    assert np.array_equal(mixed[0], shown[0]) and np.array_equal(mixed[2], shown[2])


def test_each_severity_departs_further_from_the_bicubic_reduction(faces):
    for resolution in (8, 20):
        clean = degrade(faces, resolution)
        errors = [np.abs(degrade(faces, resolution, f"camera-{each}") - clean).mean() for each in SEVERITIES]
        assert errors == sorted(errors) and errors[-1] > 1.5 * errors[0] > 0


def test_without_a_severity_half_of_the_faces_are_reduced_by_bicubic(faces):
    many = np.repeat(faces, 8, axis=0)
    seeds = np.arange(len(many))
    drawn = degrade_each(many, [12], None, "camera", seeds)
    untouched = (drawn == degrade(many, 12)).all((1, 2, 3))
    # 96 faces.
    assert 34 <= untouched.sum() <= 62


def test_a_camera_without_faults_only_reduces(faces):
    """In linear light, with one of four kernels, and JPEG of the best quality: a few grey levels."""
    for seed in range(8):
        low = photograph(faces[0].astype(np.float32), (20, 20), NOTHING, random(seed)).astype(float)
        boxed = np.asarray(Image.fromarray(faces[0]).resize((20, 20), Image.Resampling.BOX), float)
        assert np.abs(low - boxed).mean() < 8


def test_light_and_pixels_are_inverse():
    levels = np.arange(256, dtype=np.float32)
    light = sensor.to_light(levels)
    assert light[0] == 0 and light[255] == 1 and abs(light[128] - 0.21586) < 1e-4
    assert np.array_equal(sensor.to_pixels(light, 1.0), levels.astype(np.uint8))
    assert (sensor.to_pixels(light, 1.2)[1:255] <= levels[1:255]).all()
    assert sensor.to_pixels(np.array([-0.1, 1.1]), 1.0).tolist() == [0, 255]


def test_noise_has_the_variance_of_its_two_sources():
    light = np.full((200, 200, 3), 0.25, np.float32)
    noisy = sensor.add_noise(light, 1 / 400, 0.01, random())
    assert abs(noisy.mean() - 0.25) < 1e-3
    assert np.isclose(noisy.var(), 0.25 / 400 + 0.01**2, rtol=0.02)
    assert np.isclose(sensor.add_noise(0 * light, 1 / 400, 0.01, random()).std(), 0.01, rtol=0.02)


def test_kernels_keep_the_brightness_and_the_point():
    point = np.zeros((41, 41, 3), np.float32)
    point[20, 20] = 1
    places = np.arange(41) - 20
    blurs = {
        "gaussian": (lens.gaussian_blur(point, (3.0, 1.5)), (3.0, 1.5)),
        # The spread of an ellipse along an axis is half of its radius, of a line its length / sqrt(12).
        "defocus": (lens.defocus_blur(point, (6.0, 4.0)), (3.0, 2.0)),
        "motion": (lens.motion_blur(point, 9.0, -6.0), (9 / 12**0.5, 6 / 12**0.5)),
    }
    for name, (shown, spreads) in blurs.items():
        plane = shown[..., 0].astype(float)
        assert np.isclose(plane.sum(), 1, atol=1e-3), name
        for axis, spread in enumerate(spreads):
            along = plane.sum(1 - axis)
            assert abs((along * places).sum()) < 0.02, name
            assert np.isclose(np.sqrt((along * places**2).sum()), spread, rtol=0.08), name
    moved = blurs["motion"][0][..., 0]
    # Down and to the left.
    assert moved[:20, 21:].sum() > 0.3 and moved[:20, :20].sum() < 1e-6


def test_no_blur_and_no_displacement_change_nothing():
    picture = random().uniform(0, 1, (20, 16, 3)).astype(np.float32)
    for shown in (
        lens.gaussian_blur(picture, (0.0, 0.0)),
        lens.defocus_blur(picture, (0.0, 0.0)),
        lens.motion_blur(picture, 0.0, 0.0),
        lens.displace(picture, 0.0, 0.0, 1.0, 0.0),
    ):
        assert np.allclose(shown, picture, atol=1e-5)


def test_a_displaced_face_moves_as_asked():
    picture = random().uniform(0, 1, (20, 16, 3)).astype(np.float32)
    moved = lens.displace(picture, 2.0, 3.0, 1.0, 0.0)
    assert np.allclose(moved[3:, 2:], picture[:-3, :-2], atol=1e-5)
    assert np.allclose(moved[0], moved[2], atol=1e-5), "the edge is repeated"


def test_jpeg_of_a_low_quality_shows_its_blocks_where_they_lie():
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    picture = np.repeat(np.repeat(ramp[None, :, None], 64, axis=0), 3, axis=2)
    assert np.abs(sensor.compress(picture, 100, 0, 0).astype(int) - picture).max() <= 2
    steps = [
        np.abs(np.diff(sensor.compress(picture, 5, 0, across)[..., 1].astype(int), axis=1)) for across in (0, 3)
    ]
    assert steps[0].mean(0).argmax() % 8 == 7 and steps[1].mean(0).argmax() % 8 == 4
    assert sensor.compress(picture[:5, :7], 50, 15, 15).shape == (5, 7, 3)


def test_training_draws_anew_in_every_step_and_the_same_when_it_resumes(texture_folder):
    def stream(start):
        source = read_class_folders(texture_folder)
        return two_branch_batches(source, (48, 40), 4, 0, [8, 12], start, False, mode="camera-4")

    batches = stream(0)
    first, second = next(batches), next(batches)
    batches.close()
    resumed = stream(1)
    assert np.array_equal(np.asarray(next(resumed)["lr"]), np.asarray(second["lr"]))
    resumed.close()
    shown = degrade_each(np.asarray(first["hr"]), [8, 12], np.asarray(first["resolution"]), "camera-4")
    assert not np.array_equal(np.asarray(first["lr"]), shown), "the step's seeds, not the pixels'"
    # The same decisions without the camera: all else is unchanged.
    source = read_class_folders(texture_folder)
    plain = two_branch_batches(source, (48, 40), 4, 0, [8, 12], 0, False)
    assert np.array_equal(np.asarray(next(plain)["hr"]), np.asarray(first["hr"]))
    plain.close()


def test_it_is_not_for_networks_nor_for_tensors(faces):
    with pytest.raises(ValueError, match="^mode: camera-2 draws at random, which a network's layer does not$"):
        Degrade([8], "camera-2")
    from keras import ops

    with pytest.raises(ValueError, match="^pixels: the camera is simulated in NumPy: expected an array, got "):
        degrade(ops.convert_to_tensor(faces), 8, "camera")
    with pytest.raises(ValueError, match="degrade_on_device.*cannot be combined with .*degradation camera, which"):
        LrSettings(
            data_dir="faces", pretrained_model="hr", resolution=(8,), degradation="camera", degrade_on_device=True
        )


def test_portraits_are_reduced_without_chance():
    assert [portrait_mode(mode) for mode in ("antialias", "plain", "camera", "camera-5")] == [
        *("antialias", "plain", "antialias", "antialias")
    ]


def test_the_severity_of_a_test_is_an_option(tmp_path):
    given = {"hr_model": tmp_path, "lfw_dir": tmp_path, "lfw_pairs": tmp_path / "pairs.txt"}
    assert LfwSettings(**given, degradation="camera", severity=3).reduction == "camera-3"
    assert LfwSettings(**given, degradation="camera").reduction == "camera"
    assert LfwSettings(**given).reduction is None
    for options in ({"severity": 3}, {"severity": 3, "degradation": "plain"}):
        with pytest.raises(ValueError, match="severity: only for degradation camera, got (None|plain)$"):
            LfwSettings(**given, **options)
    for severity in (0, 6):
        with pytest.raises(ValueError, match=f"severity: expected 1 to 5, got {severity}"):
            LfwSettings(**given, degradation="camera", severity=severity)


def test_every_severity_has_its_strengths():
    assert tuple(STRENGTHS) == SEVERITIES
    for before, after in zip(list(STRENGTHS.values())[:-1], list(STRENGTHS.values())[1:], strict=True):
        assert after.blur > before.blur and after.photons < before.photons and after.quality < before.quality
