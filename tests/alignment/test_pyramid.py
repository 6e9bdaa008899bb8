"""The copies of a photograph: their sizes, and the mean of each area against a naive loop and OpenCV."""

import cv2
import numpy as np
import pytest

from cshml_tf.alignment.pyramid import average_over_areas, level_scales


def naive_mean(pixels, top, bottom, left, right):
    """Return the mean colour of a part whose borders lie between pixels."""
    total, area = np.zeros(pixels.shape[2]), 0.0
    for row in range(int(np.floor(top)), int(np.ceil(bottom - 1e-9))):
        for column in range(int(np.floor(left)), int(np.ceil(right - 1e-9))):
            share = (min(row + 1, bottom) - max(row, top)) * (min(column + 1, right) - max(column, left))
            total += share * pixels[row, column]
            area += share
    return total / area


@pytest.mark.parametrize("size", [(6, 9), (7, 5), (12, 10), (1, 1), (5, 3)])
def test_each_pixel_is_the_mean_of_its_area(size):
    pixels = np.random.default_rng(0).normal(size=(12, 10, 3)).astype(np.float32)
    down, across = 12 / size[0], 10 / size[1]
    expected = [
        [
            naive_mean(pixels, row * down, (row + 1) * down, column * across, (column + 1) * across)
            for column in range(size[1])
        ]
        for row in range(size[0])
    ]
    shrunk = average_over_areas(pixels, *size)
    assert shrunk.shape == (3, *size) and shrunk.dtype == np.float32
    np.testing.assert_allclose(shrunk.transpose(1, 2, 0), expected, atol=1e-6)


def test_a_whole_photograph_is_as_opencv_shrinks_it():
    pixels = np.random.default_rng(1).normal(size=(250, 187, 3)).astype(np.float32)
    for height, width in ((150, 112), (106, 79), (13, 12)):
        expected = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        np.testing.assert_allclose(
            average_over_areas(pixels, height, width).transpose(1, 2, 0), expected, atol=2e-6
        )


def test_scales_by_hand():
    """At 20 pixels the first copy has 12 / 20 of the size: 14.4 of 24, and 0.709 of that is below 12."""
    assert level_scales(24, 20) == [0.6]
    assert level_scales(20, 20) == []
    np.testing.assert_allclose(level_scales(60, 20), [0.6, 0.6 * 0.709, 0.6 * 0.709**2, 0.6 * 0.709**3])
    # Twice the face in twice the photograph is the same search.
    np.testing.assert_allclose(level_scales(120, 40), np.divide(level_scales(60, 20), 2))


def test_every_copy_holds_a_window():
    for side in range(12, 3000):
        for min_face in (12, 20, 33, 200):
            scales = level_scales(side, min_face)
            assert scales == sorted(scales, reverse=True)
            assert all(int(side * scale) >= 12 for scale in scales), (side, min_face)
            # The next copy would have less than one and a half windows.
            assert not scales or side * scales[-1] * 0.709 < 12.1, (side, min_face)
