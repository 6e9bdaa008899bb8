"""Boxes against naive loops and values derived by hand."""

import numpy as np
import pytest

from cshml_tf.alignment.boxes import corrected, cut_out, likeliest, squares


def naive_likeliest(boxes, scores, overlap, of_smaller):
    order = sorted(range(len(boxes)), key=lambda place: (-scores[place], place))
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in boxes]
    kept = []
    for rank, one in enumerate(order):
        for other in order[:rank]:
            across = min(boxes[one][2], boxes[other][2]) - max(boxes[one][0], boxes[other][0])
            down = min(boxes[one][3], boxes[other][3]) - max(boxes[one][1], boxes[other][1])
            shared = max(across, 0) * max(down, 0)
            whole = min(areas[one], areas[other]) if of_smaller else areas[one] + areas[other] - shared
            if shared / whole > overlap:
                break
        else:
            kept.append(one)
    return kept


@pytest.mark.parametrize("count", [0, 1, 40, 400])
@pytest.mark.parametrize("of_smaller", [False, True])
def test_likeliest_boxes_are_those_of_a_naive_loop(count, of_smaller):
    rng = np.random.default_rng(count)
    corners = rng.uniform(0, 40 * count**0.5, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(10, 60, (count, 2))], axis=1)
    # Many equal scores.
    scores = rng.integers(0, 50, count) / 50
    kept = likeliest(boxes, scores, 0.4, of_smaller)
    assert kept.tolist() == naive_likeliest(boxes.tolist(), scores.tolist(), 0.4, of_smaller)
    assert count < 40 or 0 < len(kept) < count


def test_a_box_is_dropped_for_one_that_is_dropped_itself():
    """Each of three boxes in a row overlaps the next by 6 / 14, and no other."""
    boxes = np.array([[0, 0, 10, 1], [4, 0, 14, 1], [8, 0, 18, 1]], float)
    assert likeliest(boxes, np.array([0.9, 0.8, 0.7]), 0.4).tolist() == [0]
    assert likeliest(boxes, np.array([0.8, 0.9, 0.7]), 0.4).tolist() == [1]
    assert likeliest(boxes, np.array([0.9, 0.7, 0.8]), 0.4).tolist() == [0, 2]
    assert likeliest(boxes, np.array([0.9, 0.8, 0.7]), 0.43).tolist() == [0, 1, 2]


def test_squares_and_corrections_by_hand():
    boxes = np.array([[10, 20, 30, 60], [0, 0, 8, 4]], float)
    np.testing.assert_array_equal(squares(boxes), [[0, 20, 40, 60], [0, -2, 8, 6]])
    # From pixel 10 to pixel 30 are 21 pixels, from 20 to 60 are 41.
    moved = corrected(boxes[:1], np.array([[0.1, -0.1, 0, 1]]))
    np.testing.assert_allclose(moved, [[12.1, 15.9, 30, 101]])


def test_parts_are_cut_out_bilinearly():
    """Where values rise by 3 to the right and by 5 downwards, each sample has the value of its place."""
    rows, columns = np.mgrid[:20, :25]
    image = np.stack([3 * columns, 5 * rows, 3 * columns + 5 * rows], axis=2).astype(np.uint8)
    boxes = np.array([[2, 3, 14, 17], [0, 0, 25, 20], [-6, -4, 6, 12]], float)
    parts = cut_out(image, boxes, 7)
    assert parts.shape == (3, 3, 7, 7) and parts.dtype == np.float32
    for box, part in zip(boxes, parts, strict=True):
        for row in range(7):
            for column in range(7):
                x = (box[0] + (box[2] - box[0]) * column / 6) * 24 / 25
                y = (box[1] + (box[3] - box[1]) * row / 6) * 19 / 20
                inside = 0 <= x <= 24 and 0 <= y <= 19
                expected = (np.array([3 * x, 5 * y, 3 * x + 5 * y]) - 127.5) / 128 if inside else np.zeros(3)
                np.testing.assert_allclose(part[:, row, column], expected, atol=1e-5)
