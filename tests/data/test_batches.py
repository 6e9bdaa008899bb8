"""The streams of batches, from class folders, packed faces and records: pairs, labels, starts at any step."""

import itertools

import numpy as np
import pytest

from cshml_tf.data.batches import hr_batches, two_branch_batches
from cshml_tf.data.folder import read_class_folders
from cshml_tf.data.sources import open_source
from cshml_tf.degradation.degrade import degrade
from cshml_tf.files import ListWarning
from cshml_tf.images import read_image

SIZE = (48, 40)


@pytest.fixture(params=["texture_folder", "packed_textures", "texture_records"])
def source(request):
    return open_source(request.getfixturevalue(request.param))


@pytest.fixture
def images(texture_folder):
    """All images in the order of the source."""
    return [read_image(path) for path in read_class_folders(texture_folder).paths]


def take(dataset, count):
    return [
        {name: np.asarray(value) for name, value in batch.items()} for batch in itertools.islice(dataset, count)
    ]


def same_batches(left, right):
    return all(np.array_equal(a[name], b[name]) for a, b in zip(left, right, strict=True) for name in a)


def identify(picture, images):
    """Return the index of a picture among images, and whether it is mirrored."""
    for index, image in enumerate(images):
        if np.array_equal(picture, image):
            return index, False
        if np.array_equal(picture, image[:, ::-1]):
            return index, True
    raise AssertionError("the picture is not among the images")


def test_an_epoch_contains_every_image_once(source, images):
    batches = take(hr_batches(source, SIZE, 10, seed=1), 6)
    seen = [identify(picture, images)[0] for batch in batches for picture in batch["hr"]]
    labels = np.concatenate([batch["hr_label"] for batch in batches])
    assert sorted(seen[:30]) == sorted(seen[30:]) == list(range(30))
    assert seen[:30] != seen[30:] and seen[:30] != list(range(30))
    assert np.array_equal(labels, source.labels[seen])


def test_half_of_the_faces_are_mirrored(source, images):
    batches = take(hr_batches(source, SIZE, 30, seed=1), 8)
    mirrored = [identify(picture, images)[1] for batch in batches for picture in batch["hr"]]
    assert 0.35 < np.mean(mirrored) < 0.65
    straight = take(hr_batches(source, SIZE, 30, seed=1, flip=False), 1)[0]["hr"]
    assert not any(identify(picture, images)[1] for picture in straight)


def shift(picture, down, across):
    """Shift a picture; uncovered pixels repeat the edge."""
    padded = np.pad(picture, ((2, 2), (2, 2), (0, 0)), mode="edge")
    return padded[2 - down : 2 - down + SIZE[0], 2 - across : 2 - across + SIZE[1]]


def test_both_images_of_a_pair_are_shifted_alike_in_every_direction(source):
    """With the same seed and no shift, the batches contain the same images unshifted."""
    options = {"resolutions": [8], "degrade_here": False}
    still, shifted = (take(two_branch_batches(source, SIZE, 30, 1, shift=by, **options), 4) for by in (0, 2))
    ways = set()
    for before, after in zip(still, shifted, strict=True):
        assert np.array_equal(after["hr"], after["lr"])
        for picture, result in zip(before["hr"], after["hr"], strict=True):
            (way,) = (
                (down, across)
                for down, across in itertools.product(range(-2, 3), repeat=2)
                if np.array_equal(result, shift(picture, down, across))
            )
            ways.add(way)
    assert len(ways) > 20, "of 25"


@pytest.mark.parametrize("step, more", [(1, {"negative_share": 0.5}), (3, {"mixup": 0.5}), (7, {})])
def test_the_stream_begins_at_any_step(source, step, more):
    options = {"resolutions": [8, 12], "pairing": "same_person", "shift": 3, **more}
    whole = take(two_branch_batches(source, SIZE, 8, 3, **options), step + 2)
    later = take(two_branch_batches(source, SIZE, 8, 3, start_step=step, **options), 2)
    assert same_batches(whole[step:], later)


def test_another_seed_is_another_stream(source):
    first, second = (take(hr_batches(source, SIZE, 30, seed), 1) for seed in (1, 2))
    assert not same_batches(first, second)


def test_an_image_is_paired_with_its_own_low_resolution_copy(source):
    batch = take(two_branch_batches(source, SIZE, 12, 4, [8]), 1)[0]
    assert np.array_equal(batch["lr"], degrade(batch["hr"], 8))
    assert np.array_equal(batch["hr_label"], batch["lr_label"])


def test_each_image_draws_its_resolution(source):
    batch = take(two_branch_batches(source, SIZE, 60, 4, [8, (14, 12)]), 1)[0]
    assert 10 < batch["resolution"].sum() < 50
    for index, chosen in enumerate(batch["resolution"]):
        expected = degrade(batch["hr"][index : index + 1], [8, (14, 12)][chosen])
        assert np.array_equal(batch["lr"][index], expected[0])


def test_the_partner_of_the_same_person_is_another_image(source, images):
    options = {"resolutions": [8], "pairing": "same_person", "degrade_here": False}
    batch = take(two_branch_batches(source, SIZE, 60, 4, **options), 1)[0]
    hr, lr = ([identify(picture, images) for picture in batch[side]] for side in ("hr", "lr"))
    assert all(a[0] != b[0] and a[1] == b[1] for a, b in zip(hr, lr, strict=True))
    assert all(source.labels[a[0]] == source.labels[b[0]] for a, b in zip(hr, lr, strict=True))
    assert len({b[0] - a[0] for a, b in zip(hr, lr, strict=True)}) > 3


def test_a_random_partner_is_any_image_under_its_own_label(source, images):
    options = {"resolutions": [8], "pairing": "random", "degrade_here": False}
    batch = take(two_branch_batches(source, SIZE, 300, 4, **options), 1)[0]
    hr, lr = ([identify(picture, images)[0] for picture in batch[side]] for side in ("hr", "lr"))
    assert np.array_equal(batch["hr_label"], source.labels[hr])
    assert np.array_equal(batch["lr_label"], source.labels[lr])
    # One in six is of the same person, by chance.
    assert 0.08 < np.mean(batch["hr_label"] == batch["lr_label"]) < 0.27
    assert set(lr) == set(range(30))


def test_the_smallest_share_of_negatives_is_a_pair(source):
    """At least two LR images are rolled: a single one would stay in its pair."""
    batches = take(two_branch_batches(source, SIZE, 8, 5, [8], negative_share=0.01), 10)
    assert sum(np.sum(batch["hr_label"] != batch["lr_label"]) for batch in batches) > 0
    assert all(np.array_equal(batch["hr_label"][2:], batch["lr_label"][2:]) for batch in batches)


def test_negatives_are_lr_images_rolled_by_one_row(source):
    plain = take(two_branch_batches(source, SIZE, 8, 5, [8]), 1)[0]
    rolled = take(two_branch_batches(source, SIZE, 8, 5, [8], negative_share=0.5), 1)[0]
    order = [3, 0, 1, 2, 4, 5, 6, 7]
    assert np.array_equal(rolled["lr"], plain["lr"][order])
    assert np.array_equal(rolled["lr_label"], plain["lr_label"][order])
    assert np.array_equal(rolled["hr"], plain["hr"])


@pytest.mark.parametrize("pairing", ["same_image", "same_person"])
def test_a_pair_is_mixed_with_the_one_before_it(source, pairing):
    """With the same seed and no mixup, batches contain the mixed images unmixed; least squares find the weight."""
    options = {"resolutions": [8], "degrade_here": False, "pairing": pairing}
    plain, mixed = (take(two_branch_batches(source, SIZE, 30, 1, mixup=share, **options), 4) for share in (0, 0.5))
    weights = []
    for before, after in zip(plain, mixed, strict=True):
        unmixed = after["hr_label"] >= 0
        assert all(np.array_equal(after[name][unmixed], before[name][unmixed]) for name in before)
        assert np.array_equal(after["lr_label"] < 0, after["hr_label"] < 0)
        for index in np.flatnonzero(~unmixed):
            own, other = (before["hr"][place].astype(float) for place in (index, index - 1))
            weight = np.sum((after["hr"][index] - other) * (own - other)) / np.sum((own - other) ** 2)
            for side in ("hr", "lr"):
                expected = weight * before[side][index] + (1 - weight) * before[side][index - 1]
                # Half a grey level of rounding, and the error of the weight.
                assert np.abs(after[side][index] - expected).max() < 0.75
            weights.append(weight)
    assert 0.35 * 120 < len(weights) < 0.65 * 120
    assert np.all(np.histogram(weights, 4, (0, 1))[0] > 5)


def test_faces_are_degraded_after_mixing(source):
    batch = take(two_branch_batches(source, SIZE, 12, 4, [8], mixup=1.0), 1)[0]
    assert np.array_equal(batch["lr"], degrade(batch["hr"], 8))
    assert np.all(batch["hr_label"] == -1)


def test_people_restrict_the_class_folders(texture_folder):
    with pytest.warns(ListWarning, match="1 of the 3 people listed have no images in .*: nobody$"):
        source = read_class_folders(texture_folder, ["person_4", "person_1", "nobody"])
    assert source.classes == ["person_1", "person_4"]
    assert np.array_equal(source.labels, [0] * 5 + [1] * 5)


def test_bad_sources_are_refused(texture_folder, tmp_path, source):
    with pytest.raises(ValueError, match="which is not a folder"):
        read_class_folders(tmp_path / "absent")
    with pytest.raises(ValueError, match="found none"):
        read_class_folders(tmp_path)
    with pytest.raises(ValueError, match="of the 1 people listed"):
        read_class_folders(texture_folder, ["nobody"])
    with pytest.raises(ValueError, match="expected an aligned face of 112 x 96, got 48 x 40"):
        source.check((112, 96))
    with pytest.raises(ValueError, match="pairing: expected one of"):
        two_branch_batches(source, SIZE, 8, 1, [8], pairing="by chance")
    with pytest.raises(ValueError, match="negative_share: 0.5 needs a batch of at least 2, got 1"):
        two_branch_batches(source, SIZE, 1, 1, [8], negative_share=0.5)
    with pytest.raises(ValueError, match="negative_share: expected 0 to 1, got 2"):
        two_branch_batches(source, SIZE, 8, 1, [8], negative_share=2)
    with pytest.raises(ValueError, match="mixup: expected 0 to 1, got 1.5"):
        two_branch_batches(source, SIZE, 8, 1, [8], mixup=1.5)
    with pytest.raises(ValueError, match="mixup: 0.5 needs a batch of at least 2, got 1"):
        two_branch_batches(source, SIZE, 1, 1, [8], mixup=0.5)
    for pairs_of_two in ({"pairing": "random"}, {"negative_share": 0.5}):
        with pytest.raises(ValueError, match="mixup: cannot be combined with pairs of two people, got pairing"):
            two_branch_batches(source, SIZE, 8, 1, [8], mixup=0.5, **pairs_of_two)
