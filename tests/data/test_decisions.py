"""A batch is a function of (seed, step), compared with numbers of version 0.1.0 and with a naive loop."""

import hashlib
import itertools

import numpy as np
import pytest

from cshml_tf.data.batches import hr_batches, two_branch_batches
from cshml_tf.data.decisions import Policy, decide
from cshml_tf.data.packed.source import PackedSource
from cshml_tf.data.sources import open_source
from cshml_tf.degradation.degrade import degrade
from cshml_tf.images import read_image

SIZE = (48, 40)
LABELS = np.repeat(np.arange(6), 5).astype(np.int32)
RESOLUTIONS = [8, (14, 12)]


def noise():
    """Thirty faces of noise, five for each of six people."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, *SIZE, 3)).astype(np.uint8)
    names = [f"{number}.png" for number in range(30)]
    return PackedSource(LABELS, list("abcdef"), names, "noise", pixels, np.arange(30))


def test_decisions_are_those_of_version_0_1_0():
    """Seed 666, step 3: printed by version 0.1.0 for 30 packed faces. The batch crosses the end of an epoch."""
    policy = Policy(8, 666, shift=2, resolutions=4, pairing="same_person", mixup=0.5)
    decision = decide(policy, noise(), 3)
    assert decision.hr.image.tolist() == [17, 12, 13, 21, 15, 7, 3, 24]
    assert decision.hr.mirrored.tolist() == [True, False, False, False, False, False, True, False]
    assert decision.hr.down.tolist() == [1, -2, 0, -2, -2, 2, 0, -1]
    assert decision.hr.across.tolist() == [1, 1, 1, 0, -2, 2, 0, -2]
    assert decision.lr.image.tolist() == [18, 14, 10, 22, 19, 9, 2, 21]
    assert decision.resolution.tolist() == [2, 3, 1, 1, 2, 3, 0, 0]
    own = [0.04177558049559593, 1.0, 1.0, 1.0, 0.6957963109016418, 0.43902653455734253, 1.0, 1.0]
    assert decision.own.tolist() == own and decision.own.dtype == np.float32
    assert decision.hr.label.tolist() == decision.lr.label.tolist() == [-1, 2, 2, 4, -1, -1, 0, 4]
    by_chance = decide(Policy(8, 666, pairing="random"), noise(), 3)
    assert by_chance.lr.image.tolist() == [3, 7, 14, 5, 27, 11, 25, 10]


@pytest.mark.parametrize(
    ("options", "digest"),
    [
        ({"mixup": 0.5, "pairing": "same_person"}, "eaa110e2badd4077"),
        ({"negative_share": 0.5, "pairing": "random"}, "359d8c30a7fd6dfe"),
        ({"mode": "plain"}, "61ef147bd988cceb"),
        (None, "ebbb2b0b734e86a6"),
    ],
    ids=["mixup", "negatives", "plain", "HR"],
)
def test_batches_are_those_of_version_0_1_0(options, digest):
    """Digests of the names, types and bytes of the batch of step 3, printed by version 0.1.0."""
    if options is None:
        stream = hr_batches(noise(), SIZE, 8, 666, 3, shift=2)
    else:
        stream = two_branch_batches(noise(), SIZE, 8, 666, RESOLUTIONS, 3, shift=2, **options)
    batch = {name: np.asarray(values) for name, values in next(stream).items()}
    content = hashlib.sha256()
    for name in sorted(batch):
        content.update(f"{name}{batch[name].dtype}".encode() + batch[name].tobytes())
    assert content.hexdigest()[:16] == digest


def changed(picture, mirrored, down, across):
    """Mirror a picture, then shift it by at most 3 pixels; uncovered pixels repeat the edge."""
    picture = picture[:, ::-1] if mirrored else picture
    padded = np.pad(picture, ((3, 3), (3, 3), (0, 0)), mode="edge")
    return padded[3 - down : 3 - down + SIZE[0], 3 - across : 3 - across + SIZE[1]]


def partner_of(index, uniform, pairing):
    """Pick another picture of the person's five, any of the thirty, or the picture itself."""
    if pairing == "same_person":
        others = [other % 5 for other in range(index % 5 + 1, index % 5 + 5)]
        return index // 5 * 5 + others[int(uniform * 4)]
    return int(uniform * 30) if pairing == "random" else index


def naive_batch(images, seed, step, size, shift, pairing="same_image", negative_share=0.0, mixup=0.0):
    """Make a batch one picture at a time from the documented streams of random numbers."""
    flip, partner, resolution, down, across, mixed, own = (
        np.random.default_rng([seed, stream, step]).random(size) for stream in range(1, 8)
    )
    rows = []
    for row in range(size):
        epoch, place = divmod(step * size + row, 30)
        index = np.random.default_rng([seed, 0, epoch]).permutation(30)[place]
        shifts = [int(each[row] * (2 * shift + 1)) - shift for each in (down, across)]
        other = partner_of(index, partner[row], pairing)
        rows.append([(changed(images[i], flip[row] < 0.5, *shifts), LABELS[i]) for i in (index, other)])
    hr, lr = ([row[side] for row in rows] for side in (0, 1))
    rolled = round(negative_share * size)
    lr = lr[rolled - 1 : rolled] + lr[: rolled - 1] + lr[rolled:] if rolled else lr
    batch = {name: [] for name in ("hr", "lr", "hr_label", "lr_label", "resolution")}
    for row in range(size):
        for name, side in (("hr", hr), ("lr", lr)):
            picture, label = side[row]
            if mixed[row] < mixup:
                weight = np.float32(own[row])
                picture = np.rint(weight * picture + (1 - weight) * side[row - 1][0]).astype(np.uint8)
                label = -1
            batch[name].append(picture)
            batch[f"{name}_label"].append(label)
        batch["resolution"].append(int(resolution[row] * len(RESOLUTIONS)))
        batch["lr"][row] = degrade(batch["lr"][row][None], RESOLUTIONS[batch["resolution"][row]])[0]
    return {name: np.array(values) for name, values in batch.items()}


@pytest.mark.parametrize("form", range(3), ids=["folders", "packed", "records"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pairing": "same_person", "mixup": 0.5},
        {"pairing": "random", "negative_share": 0.5},
        {"negative_share": 1.0},
        {"mixup": 1.0},
    ],
    ids=["plain", "same person, mixed", "random, negatives", "negatives", "all mixed"],
)
def test_batches_of_every_source_are_those_of_a_naive_loop(jpeg_forms, form, options):
    """The same JPEG files as class folders, packed and as records; the tests run on TensorFlow and on JAX."""
    images = [read_image(path) for path in sorted(jpeg_forms[0].glob("*/*.jpg"))]
    source = open_source(jpeg_forms[form], image_size=SIZE)
    pairs = two_branch_batches(source, SIZE, 12, 5, RESOLUTIONS, 1, shift=3, **options)
    sharp = hr_batches(source, SIZE, 12, 5, 1, shift=3)
    for step, made, faces in zip(range(1, 4), pairs, sharp, strict=False):
        expected = naive_batch(images, 5, step, 12, 3, **options)
        assert made.keys() == expected.keys()
        for name, values in expected.items():
            assert np.array_equal(made[name], values), name
        if not options:
            assert all(np.array_equal(faces[name], expected[name]) for name in ("hr", "hr_label"))
    types = {name: np.asarray(values).dtype.name for name, values in made.items()}
    ints = dict.fromkeys(("hr_label", "lr_label", "resolution"), "int32")
    assert types == {"hr": "uint8", "lr": "float32"} | ints
    assert {name: np.asarray(values).dtype.name for name, values in faces.items()} == {
        "hr": "uint8",
        "hr_label": "int32",
    }


class CountingSource(PackedSource):
    """Records how many faces each batch reads."""

    counts: list = []

    def read(self, indices, image_size):
        self.counts.append(len(indices))
        return super().read(indices, image_size)


@pytest.mark.parametrize("workers", [2, 4])
@pytest.mark.parametrize(
    "options",
    [
        {"pairing": "same_person", "mixup": 0.5},
        {"pairing": "random", "negative_share": 0.6},
        {"degrade_here": False, "mixup": 1.0},
    ],
    ids=["mixed", "negatives", "degraded on the device"],
)
def test_workers_slices_make_the_batch(workers, options):
    options |= {"resolutions": RESOLUTIONS, "shift": 2, "start_step": 1}
    whole = two_branch_batches(noise(), SIZE, 8, 3, **options)
    slices = [
        two_branch_batches(noise(), SIZE, 8, 3, worker=w, workers=workers, **options) for w in range(workers)
    ]
    for batch, *parts in itertools.islice(zip(whole, *slices, strict=False), 3):
        assert all(part[name].shape[0] == 8 // workers for part in parts for name in batch)
        for name, values in batch.items():
            assert np.array_equal(values, np.concatenate([part[name] for part in parts])), name


def test_workers_slices_make_the_hr_batch():
    whole = hr_batches(noise(), SIZE, 6, 3, shift=1)
    slices = [hr_batches(noise(), SIZE, 6, 3, shift=1, worker=worker, workers=3) for worker in range(3)]
    for batch, *parts in itertools.islice(zip(whole, *slices, strict=False), 3):
        for name, values in batch.items():
            assert np.array_equal(values, np.concatenate([part[name] for part in parts])), name


@pytest.mark.parametrize(
    ("options", "faces"),
    [({}, 2), ({"mixup": 1.0}, 3), ({"negative_share": 1.0}, 3), ({"pairing": "same_person"}, 4)],
    ids=["plain", "and the one before", "and the last", "and their partners"],
)
def test_a_worker_reads_only_what_its_slice_needs(options, faces):
    """One of 4 workers has 2 of 8 rows. In an epoch of 30, the rows of the first batch are different images."""
    source = CountingSource(**vars(noise()))
    source.counts.clear()
    next(two_branch_batches(source, SIZE, 8, 1, [8], worker=0, workers=4, degrade_here=False, **options))
    # Some steps are made ahead; partners may be the same image, by chance.
    assert source.counts[0] <= faces and max(source.counts) == faces


def test_workers_that_cannot_share_are_refused():
    with pytest.raises(ValueError, match="worker: expected 0 to 1, got 2"):
        hr_batches(noise(), SIZE, 8, 1, worker=2, workers=2)
    with pytest.raises(ValueError, match="batch_size: expected a multiple of 3 workers, got 8"):
        hr_batches(noise(), SIZE, 8, 1, worker=0, workers=3)


def test_photographs_of_a_person_come_together():
    policy = Policy(6, 1, together=2)
    order = np.concatenate([decide(policy, noise(), step).hr.image for step in range(5)])
    assert sorted(order) == list(range(30)), "an epoch shows each image once"
    # Five images of a person: two groups of two, and one alone.
    runs = [len(list(run)) for _, run in itertools.groupby(LABELS[order])]
    assert set(runs) <= {1, 2, 3, 4} and runs.count(1) <= 6
    assert sum(LABELS[order[:-1]] == LABELS[order[1:]]) >= 12
    again = np.concatenate([decide(policy, noise(), step).hr.image for step in range(5, 10)])
    assert sorted(again) == list(range(30)) and not np.array_equal(again, order)
    # Alone, the order is that of a policy without groups.
    alone = [decide(Policy(6, 1, together=1), noise(), 0).hr.image, decide(Policy(6, 1), noise(), 0).hr.image]
    assert np.array_equal(*alone)
    all_together = np.concatenate([decide(Policy(6, 1, together=9), noise(), step).hr.image for step in range(5)])
    assert [len(list(run)) for _, run in itertools.groupby(LABELS[all_together])] == [5] * 6


def test_jitter_moves_the_lr_face_alone():
    def batch(**options):
        stream = two_branch_batches(noise(), SIZE, 8, 666, [40], 0, **options)
        made = {name: np.asarray(values) for name, values in next(stream).items()}
        stream.close()
        return made

    still, moved, again = batch(), batch(jitter=0.05), batch(jitter=0.05)
    assert np.array_equal(still["hr"], moved["hr"]) and np.array_equal(moved["lr"], again["lr"])
    assert all((a != b).any() for a, b in zip(still["lr"], moved["lr"], strict=True))
    assert np.array_equal(batch(jitter=0.0)["lr"], still["lr"])
