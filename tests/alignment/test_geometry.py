"""Templates, similarity and warp against values derived by hand."""

import numpy as np
import pytest

from cshml_tf.alignment.geometry import similarity, template, warp


def test_templates():
    np.testing.assert_array_equal(template((112, 96))[0], [30.2946, 51.6963])
    np.testing.assert_allclose(template((112, 112)), template((112, 96)) + [8, 0], atol=1e-12)
    np.testing.assert_allclose(template((56, 48)), template((112, 96)) / 2, atol=1e-12)
    np.testing.assert_allclose(template((224, 224)), template((112, 112)) * 2, atol=1e-12)


def test_template_of_another_aspect_ratio_is_the_square_one_centred():
    np.testing.assert_allclose(template((112, 132)), template((112, 112)) + [10, 0], atol=1e-12)
    np.testing.assert_allclose(template((232, 224)), template((224, 224)) + [0, 4], atol=1e-12)


@pytest.mark.parametrize("size", [(112,), (0, 96), (112.5, 96), (112, 96, 3), None, "112"])
def test_template_refuses_other_sizes(size):
    with pytest.raises(ValueError, match=r"image_size: expected \(height, width\)"):
        template(size)


@pytest.mark.parametrize("degrees", [0, 30, 90, -135, 180])
@pytest.mark.parametrize("scale", [0.1, 1, 7.5])
def test_similarity_recovers_a_known_transform(degrees, scale):
    angle = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = np.column_stack([linear, [300, -20]])
    source = template()
    found = similarity(source, source @ linear.T + [300, -20])
    assert np.abs(found - expected).max() < 1e-6


def test_similarity_of_two_points_by_hand():
    """(0, 0) -> (1, 2) and (1, 0) -> (1, 4): twice the length, a quarter turn from x towards y."""
    np.testing.assert_allclose(similarity([[0, 0], [1, 0]], [[1, 2], [1, 4]]), [[0, -2, 1], [2, 0, 2]], atol=1e-12)


def least_squares(source, target):
    """Solve u = a x - b y + c, v = b x + a y + d as one linear system."""
    rows = [row for x, y in source for row in ([x, -y, 1, 0], [y, x, 0, 1])]
    a, b, c, d = np.linalg.lstsq(np.array(rows), np.ravel(target), rcond=None)[0]
    return np.array([[a, -b, c], [b, a, d]])


def test_similarity_is_the_least_squares_one():
    rng = np.random.default_rng(1)
    for count in (2, 3, 4, 5, 20):
        source = rng.normal(100, 30, (count, 2))
        target = rng.normal(50, 20, (count, 2))
        assert np.abs(similarity(source, target) - least_squares(source, target)).max() < 1e-9


def on_a_line(degrees, at):
    angle = np.deg2rad(degrees)
    return np.outer(at, [np.cos(angle), np.sin(angle)])


@pytest.mark.parametrize("degrees", range(0, 360, 15))
@pytest.mark.parametrize("at", [(0, 1), (-3, 0, 2, 7)])
def test_points_on_a_line_at_any_angle_determine_a_transform(degrees, at):
    """Also the anti-diagonal, on which the centred coordinates x + y are all 0."""
    source, target = on_a_line(0, at), on_a_line(degrees, at) + [5, -2]
    angle = np.deg2rad(degrees)
    turn = [[np.cos(angle), -np.sin(angle), 5], [np.sin(angle), np.cos(angle), -2]]
    np.testing.assert_allclose(similarity(source, target), turn, atol=1e-9)
    np.testing.assert_allclose(least_squares(source, target), turn, atol=1e-9)
    assert np.abs(similarity(target, source) - least_squares(target, source)).max() < 1e-9


def test_an_anti_diagonal_by_hand():
    """(1, 0) becomes (1, -1): an eighth turn and a length of sqrt 2."""
    np.testing.assert_allclose(
        similarity([[0, 0], [1, 0]], [[0, 0], [1, -1]]), [[1, 1, 0], [-1, 1, 0]], atol=1e-12
    )


def test_mirror_images_have_their_best_rotation_unless_all_fit_equally_badly():
    rng = np.random.default_rng(2)
    for _ in range(20):
        source = rng.normal(0, 10, (5, 2))
        target = source * [-1, 1]
        assert np.abs(similarity(source, target) - least_squares(source, target)).max() < 1e-9
    for sides in (3, 4, 5, 12):
        circle = np.vstack([on_a_line(360 * k / sides, [40]) for k in range(sides)]) + [300, 20]
        with pytest.raises(ValueError, match="mirror image"):
            similarity(circle, circle * [-1, 1])


@pytest.mark.parametrize("position", [(0, 0), (40.1, 0.3), (-1e6, 1e6 / 3)])
def test_a_single_position_is_refused_in_spite_of_rounding_errors(position):
    points = np.tile(position, (5, 1)) * (1 + 1e-15 * np.arange(5)[:, None])
    with pytest.raises(ValueError, match="source: expected at least two distinct points"):
        similarity(points, template())
    with pytest.raises(ValueError, match="target: expected roughly source"):
        similarity(template(), points)


@pytest.mark.parametrize("scale", [1e-9, 1e-4, 1e9])
def test_similarity_at_any_scale(scale):
    np.testing.assert_allclose(similarity(template() * scale, template())[:, :2] * scale, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(similarity(template(), template() * scale)[:, :2] / scale, np.eye(2), atol=1e-12)


def test_similarity_never_mirrors():
    mirrored = template() * [-1, 1]
    assert np.linalg.det(similarity(mirrored, template())[:, :2]) > 0
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    with pytest.raises(ValueError, match="mirror image"):
        similarity(square * [-1, 1], square)  # Every rotation fits its mirror image equally badly.


@pytest.mark.parametrize(
    "source, target, message",
    [
        (np.full((5, 2), 40.0), template(), "distinct points"),
        (template(), np.full((5, 2), 40.0), "target: expected roughly source turned, scaled and shifted"),
        (template() * np.nan, template(), "finite"),
        (template(), template() * np.inf, "finite"),
        (template(), template() * 1e200, "finite"),
        (np.empty((0, 2)), np.empty((0, 2)), "distinct points"),
        (template()[:4], template(), r"two \(N, 2\) arrays"),
        (template()[:1], template()[:1], "distinct points"),
        (template().T, template().T, r"two \(N, 2\) arrays"),
    ],
)
def test_similarity_refuses_degenerate_points(source, target, message):
    with pytest.raises(ValueError, match=message):
        similarity(source, target)


@pytest.fixture
def noise():
    return np.random.default_rng(2).integers(0, 256, (150, 130, 3)).astype(np.uint8)


def test_warp_by_whole_pixels_copies(noise):
    """Column 17 and row 22 of the image become column 0 and row 0; outside the image is black."""
    crop = warp(noise, [[1, 0, -17], [0, 1, -22]], (112, 96))
    np.testing.assert_array_equal(crop, noise[22 : 22 + 112, 17 : 17 + 96])
    outside = warp(noise, [[1, 0, 10], [0, 1, 0]], (112, 96))
    assert (outside[:, :10] == 0).all()
    np.testing.assert_array_equal(outside[:, 10:], noise[:112, :86])


def test_warp_by_a_quarter_turn_copies(noise):
    """x' = 95 - y, y' = x."""
    crop = warp(noise, [[0, -1, 95], [1, 0, 0]], (112, 96))
    np.testing.assert_array_equal(crop, np.rot90(noise[:96, :112], -1))


def test_warp_to_half_size_averages_four_pixels(noise):
    """Pixel x of the crop covers 2x and 2x + 1, so its centre is at 2x + 1/2: x' = x/2 - 1/4."""
    half = warp(noise, [[0.5, 0, -0.25], [0, 0.5, -0.25]], (60, 50))
    expected = noise[:120, :100].reshape(60, 2, 50, 2, 3).mean(axis=(1, 3))
    assert np.abs(half - expected).max() <= 1


def test_warp_to_double_size_is_bilinear(noise):
    """Pixel 2x + 1 of the crop is at x + 1/4 of the image."""
    double = warp(noise, [[2, 0, 0.5], [0, 2, 0.5]], (100, 100))
    along_x = 0.75 * noise[:50, :49] + 0.25 * noise[:50, 1:50]
    expected = 0.75 * along_x[:-1] + 0.25 * along_x[1:]
    assert np.abs(double[1:99:2, 1:99:2] - expected).max() <= 3  # 8-bit steps of the interpolation


@pytest.mark.parametrize("scale, contrast", [(0.7, 40), (0.5, 3), (0.33, 25), (0.23, 10), (0.05, 2)])
def test_large_faces_do_not_alias(scale, contrast):
    """Stripes finer than the crop can show come out near their mean; bilinear alone leaves a contrast over 73."""
    stripes = np.zeros((1000, 1000, 3), np.uint8)
    stripes[:, ::2] = 254
    angle = np.deg2rad(5)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([47.5, 55.5]) - linear @ [499.5, 499.5]
    crop = warp(stripes, np.column_stack([linear, middle]), (112, 96))
    inner = crop[40:72, 35:61].astype(float)
    assert abs(inner.mean() - 127) < 3
    assert inner.std() < contrast


def test_a_face_that_fills_its_image_does_not_alias():
    """A 250 x 250 image of stripes becomes 75 x 75 in the middle of the crop."""
    stripes = np.zeros((250, 250, 3), np.uint8)
    stripes[:, ::2] = 254
    crop = warp(stripes, [[0.3, 0, 10], [0, 0.3, 10]], (112, 96))
    assert crop[20:75, 20:75].std() < 25


def test_square_crop_contains_the_narrow_one(noise):
    landmarks = template() * 1.3 + [3, -8]
    square = warp(noise, similarity(landmarks, template((112, 112))), (112, 112))
    narrow = warp(noise, similarity(landmarks, template((112, 96))), (112, 96))
    # OpenCV rounds sample positions to a fraction of a pixel that depends on the crop's width.
    assert np.abs(square[:, 8:104].astype(int) - narrow).max() <= 1


def test_warp_of_a_huge_face_needs_little_memory(noise):
    assert warp(noise, np.array([[1e-6, 0, 48], [0, 1e-6, 56]]), (112, 96)).shape == (112, 96, 3)


def test_warp_refuses_wrong_shapes_and_types(noise):
    with pytest.raises(ValueError, match="image: expected"):
        warp(noise.astype(float), np.eye(2, 3))
    with pytest.raises(ValueError, match="matrix: expected"):
        warp(noise, np.eye(3))
    with pytest.raises(ValueError, match="matrix: expected"):
        warp(noise, np.full((2, 3), np.nan))
