import dataclasses

import numpy as np
import pytest

from cshml_tf.alignment.geometry import similarity, template
from cshml_tf.data.synthetic import draw_aligned, draw_photograph, landmarks_in_photograph
from cshml_tf.data.synthetic.features import landmarks_on_face
from cshml_tf.data.synthetic.head import Projection, on_surface
from cshml_tf.data.synthetic.identity import BEARD_STYLES, GLASSES_SHAPES, HAIR_STYLES, draw_identity
from cshml_tf.data.synthetic.painter import Painter, oval, smooth, turn
from cshml_tf.data.synthetic.person import person
from cshml_tf.data.synthetic.photograph import _landmarks, _render
from cshml_tf.data.synthetic.view import draw_view

STRAIGHT = dict(
    yaw=0.0, pitch=0.0, roll=0.0, scale=1.0, shift=(0.0, 0.0), smile=0.0, mouth_open=0.0, gaze=(0.0, 0.0),
    hat=None, glasses_on=False, blur=0.4, noise=0.0, contrast=1.0, exposure=1.0, light_azimuth=0.0,
)  # fmt: skip


def view_with(**changes):
    return dataclasses.replace(draw_view(3, 1), **(STRAIGHT | changes))


def landmarks_under(view, seed=3, size=250):
    return _landmarks(person(seed), view, Projection(view, size))


@pytest.fixture(scope="module")
def crops():
    """Draw aligned crops: (12 people, 6 pictures, 112, 96, 3)."""
    return np.array([[draw_aligned(seed, picture) for picture in range(6)] for seed in range(70, 82)])


def test_same_seeds_same_bytes():
    first, crop = draw_photograph(11, 2), draw_aligned(11, 2)
    person.cache_clear()
    again = draw_photograph(11, 2)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.landmarks, again.landmarks)
    np.testing.assert_array_equal(crop, draw_aligned(11, 2))


def test_a_picture_does_not_depend_on_the_previous_one():
    lone = draw_photograph(12, 1).pixels
    for picture in range(2, 6):
        draw_photograph(12, picture)
    np.testing.assert_array_equal(draw_photograph(12, 1).pixels, lone)


def test_other_seeds_other_pictures():
    base = draw_photograph(11, 2)
    for seeds in ((11, 3), (12, 2)):
        other = draw_photograph(*seeds)
        difference = np.abs(base.pixels.astype(int) - other.pixels)
        assert difference.mean() > 5
        assert np.abs(base.landmarks - other.landmarks).max() > 1


def test_shapes_and_range():
    photograph = draw_photograph(4, 0, size=181)
    assert photograph.pixels.shape == (181, 181, 3) and photograph.pixels.dtype == np.uint8
    assert photograph.landmarks.shape == (5, 2)
    assert draw_aligned(4, 0, (112, 112)).shape == (112, 112, 3)
    assert draw_aligned(4, 0, (28, 24)).shape == (28, 24, 3)


def test_every_style_is_drawn_and_seen():
    identities = {seed: draw_identity(seed) for seed in range(150)}
    for field, styles in (("hair_style", HAIR_STYLES), ("beard_style", BEARD_STYLES),
                          ("glasses_shape", GLASSES_SHAPES)):  # fmt: skip
        for style in styles:
            seeds = [seed for seed, who in identities.items() if getattr(who, field) == style]
            assert seeds, f"none of 150 people has {field} {style}"
            assert draw_photograph(seeds[0], 0, size=100).pixels.std() > 10


def test_frontal_landmarks_derived_by_hand():
    """In a frontal view, 1 mm is 0.44 / 136 of the side, and the middle is the point 25 mm below the eyes."""
    identity, millimetre = person(3).identity, 0.44 / 136 * 250
    found = landmarks_under(view_with())
    corner = identity.mouth_half_width
    expected = np.array(
        [
            (-identity.eye_x, 0),
            (identity.eye_x, 0),
            (0, identity.nose_y),
            (-corner, identity.mouth_y),
            (corner, identity.mouth_y),
        ]
    )
    expected = 124.5 + millimetre * (expected - (0, 25))
    assert np.abs(found - expected).max() < 1e-9


def test_roll_scale_and_shift_transform_the_landmarks_by_a_similarity():
    straight = landmarks_under(view_with())
    turned = landmarks_under(view_with(roll=17.0, scale=1.3, shift=(0.04, -0.02)))
    cosine, sine = np.cos(np.radians(17)), np.sin(np.radians(17))
    expected = 1.3 * (straight - 124.5) @ np.array([[cosine, sine], [-sine, cosine]])
    assert np.abs(turned - (expected + 124.5 + 250 * np.array((0.04, -0.02)))).max() < 1e-9


def test_yaw_and_pitch_turn_the_nose_most():
    straight = landmarks_under(view_with())
    turned = landmarks_under(view_with(yaw=20.0))
    raised = landmarks_under(view_with(pitch=12.0))
    eyes = straight[1] - straight[0]
    # Both eyes are at the same depth (up to rounding), so their distance shrinks by the cosine.
    assert abs((turned[1] - turned[0])[0] - eyes[0] * np.cos(np.radians(20))) < 0.05
    shift = turned - straight
    assert shift[2, 0] > shift[:2, 0].mean() + 3 and shift[:, 0].min() > 0
    assert (raised - straight)[2, 1] < (raised - straight)[:2, 1].mean() - 1


def test_the_drawing_is_projected_like_the_landmarks():
    """The map used for pixels (picture to face) is the inverse of that for landmarks (face to picture)."""
    for seed in range(6):
        for picture in range(4):
            view, someone = draw_view(seed, picture), person(seed)
            projection = Projection(view, 250)
            places = np.stack(projection.sheet_positions(someone.surface), axis=2)
            flat = landmarks_on_face(someone.identity, view)
            for spot, place in zip(projection.points(on_surface(someone.surface, flat)), flat, strict=True):
                column, row = np.floor(spot).astype(int)
                right, down = spot - (column, row)
                corners = places[row : row + 2, column : column + 2]
                upper, lower = corners[:, 0] * (1 - right) + corners[:, 1] * right
                assert np.abs(upper * (1 - down) + lower * down - place).max() < 0.5  # millimetres


@pytest.mark.parametrize("pose", [{}, dict(yaw=22.0, pitch=-8.0, roll=12.0), dict(yaw=-15.0, pitch=10.0)])
def test_irises_are_drawn_around_the_eye_landmarks(pose):
    """The eyes are where a change of the irises' colour shows."""
    view, someone = view_with(eye_opening=1.1, **pose), person(3)
    pictures = [
        _render(
            dataclasses.replace(someone, identity=dataclasses.replace(someone.identity, iris=colour)), view, 500
        )
        for colour in ((0.9, 0.1, 0.1), (0.1, 0.1, 0.9))
    ]
    change = np.abs(pictures[0].pixels.astype(float) - pictures[1].pixels).sum(axis=2)
    middle = pictures[0].landmarks[:2, 0].mean()
    columns, rows = np.meshgrid(np.arange(500), np.arange(500))
    for eye, half in enumerate((columns < middle, columns >= middle)):
        weight = change * half
        assert weight.sum() > 100
        centre = np.array(((weight * columns).sum(), (weight * rows).sum())) / weight.sum()
        assert np.linalg.norm(centre - pictures[0].landmarks[eye]) < 3  # of about 100 between the eyes


def test_the_lips_end_at_the_mouth_landmarks():
    view, someone = view_with(smile=0.8), person(3)
    pictures = [
        _render(
            dataclasses.replace(someone, identity=dataclasses.replace(someone.identity, lip=colour)), view, 500
        )
        for colour in ((0.9, 0.1, 0.1), (0.1, 0.1, 0.9))
    ]
    change = np.abs(pictures[0].pixels.astype(float) - pictures[1].pixels).sum(axis=2)
    columns = np.flatnonzero((change > 20).any(axis=0))
    left, right = pictures[0].landmarks[3:, 0]
    assert abs(columns[0] - left) < 6 and abs(columns[-1] - right) < 6


def test_landmarks_without_drawing_are_those_of_the_drawing():
    for size in (100, 250):
        drawn = draw_photograph(8, 5, size).landmarks
        np.testing.assert_array_equal(landmarks_in_photograph(8, 5, size), drawn)


def test_true_landmarks_align_to_the_template():
    """A similarity cannot undo yaw or a face's own proportions, but comes close."""
    errors = []
    for seed in range(20):
        found = landmarks_in_photograph(seed, 0)
        matrix = similarity(found, template())
        errors.append(np.abs(found @ matrix[:, :2].T + matrix[:, 2] - template()).max())
    assert np.median(errors) < 3 and max(errors) < 9


def test_aligned_eyes_are_where_the_template_puts_them(crops):
    mean = crops.reshape(-1, 112, 96, 3).mean(axis=(0, 3))
    for x, y in template()[:2]:
        eye = mean[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].mean()
        cheek = mean[round(y) + 14 : round(y) + 18, round(x) - 2 : round(x) + 3].mean()
        assert eye < 0.7 * cheek


def test_people_resemble_themselves_more_than_others(crops):
    """Whitened pixels distinguish people better than chance, but far from perfectly."""
    flat = crops.reshape(72, -1).astype(np.float64)
    flat = flat - flat.mean(axis=1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    cosine = flat @ flat.T
    owner = np.repeat(np.arange(12), 6)
    upper = np.triu(np.ones((72, 72), bool), 1)
    same = cosine[(owner[:, None] == owner) & upper]
    different = cosine[(owner[:, None] != owner) & upper]
    assert same.mean() > different.mean() + 0.1
    thresholds = np.linspace(-1, 1, 401)
    best = max(0.5 * ((same > t).mean() + (different <= t).mean()) for t in thresholds)
    assert 0.6 < best < 0.85


def test_mtcnn_finds_the_faces_and_their_landmarks():
    from cshml_tf.alignment.detector import Detector

    detector = Detector()
    for seed in range(4):
        photograph = draw_photograph(500 + seed, 1)
        faces = detector.detect(photograph.pixels)
        assert len(faces) == 1
        assert np.linalg.norm(faces[0].landmarks - photograph.landmarks, axis=1).mean() < 6


@pytest.mark.parametrize(
    "arguments, name",
    [
        ((-1, 0), "identity_seed"),
        ((0.5, 0), "identity_seed"),
        ((0, -3), "picture_seed"),
        ((0, "1"), "picture_seed"),
        ((0, 0, 20), "size"),
        ((0, 0, 5000), "size"),
    ],
)
def test_bad_input_is_named(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}: expected a whole number"):
        draw_photograph(*arguments)


def test_a_bad_crop_size_is_named():
    with pytest.raises(ValueError, match="image_size"):
        draw_aligned(0, 0, (112, 0))


def test_painted_areas():
    """A rectangle of 6 x 4 units at 2 pixels per unit covers 96 pixels; an opacity of 0.5 halves that."""
    square = [(1, 2), (7, 2), (7, 6), (1, 6)]
    for opacity in (1.0, 0.5):
        picture = np.zeros((40, 40, 4), np.float32)
        Painter(picture, 2.0, (3, 3)).shape(square, (1, 0.5, 0), opacity)
        assert picture[11:17, 9:19].min(axis=(0, 1)) == pytest.approx([opacity, opacity / 2, 0, opacity], abs=0.01)
        # OpenCV also draws the outline of 40 pixels, up to three quarters of a pixel wide.
        assert 96 <= picture[..., 3].sum() / opacity < 96 + 0.75 * 40
        assert not picture[:8].any() and not picture[20:].any()
        assert not picture[:, :6].any() and not picture[:, 22:].any()


def test_shapes_are_clipped_to_the_picture():
    picture = np.zeros((10, 10, 3), np.float32)
    paint = Painter(picture, 1.0, (0, 0))
    paint.oval((-50, -50), (5, 5), (1, 1, 1))
    assert not picture.any()
    paint.oval((0, 5), (20, 20), (1, 1, 1), softness=0.5)
    assert picture.min() > 0.99
    paint.line([(-5, 5), (15, 5)], (0, 0, 0), 2)
    assert picture[5].max() < 0.01 and picture[0].min() > 0.99


def test_curves():
    points = np.array([(0.0, 0), (1, 2), (3, 1), (4, 4)])
    np.testing.assert_allclose(smooth(points, steps=5)[::5], points)
    np.testing.assert_allclose(smooth(points, closed=True, steps=5)[::5], points)
    np.testing.assert_allclose(smooth([(0, 0), (1, 1), (2, 2), (3, 3)], steps=2)[3], (1.5, 1.5))
    np.testing.assert_allclose(turn([(1, 0)], 90), [(0, 1)], atol=1e-12)
    np.testing.assert_allclose(oval((3, 4), (2, 1), corners=4), [(5, 4), (3, 5), (1, 4), (3, 3)], atol=1e-12)
