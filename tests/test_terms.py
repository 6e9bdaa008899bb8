"""The further terms within the network: of which rows they are, towards which target, and that they learn."""

import numpy as np
import pytest
from keras import ops

from cshml_tf import distillation
from cshml_tf.backbones import build
from cshml_tf.layers import Bank, CosFace
from cshml_tf.losses import l2_normalise
from cshml_tf.network import LossSettings, TwoBranchNetwork
from cshml_tf.recogniser import build_recogniser, clone, features

SIZE, CLASSES = (48, 40), 3
FURTHER = ("bank", "low_contrast", "triplets", "map_cosine", "sample_relations", "relational")
# Rows 0 and 1, and 2 and 3, show the same people; row 4 shows two, and row 5 nobody in particular.
HR_LABEL = np.array([0, 0, 1, 1, 2, -1], np.int32)
LR_LABEL = np.array([0, 0, 1, 1, 0, -1], np.int32)


@pytest.fixture(scope="module")
def recogniser():
    return build_recogniser(build("small_resnet", SIZE, 8, width=4))


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (2, 6, *SIZE, 3))
    return {
        "hr": pixels[0].astype(np.uint8),
        "lr": pixels[1].astype(np.float32),
        "hr_label": HR_LABEL,
        "lr_label": LR_LABEL,
    }


def bank(rows=20):
    rng = np.random.default_rng(7)
    return Bank(rng.normal(size=(rows, 8)).astype(np.float32), rng.integers(0, CLASSES, rows))


def network_of(recogniser, only=(), **settings):
    weights = {f"{name}_weight": 0.0 for name in ("classifier", "contrastive", "multi_hierarchy")}
    weights |= {f"{name}_weight": 1.0 for name in only}
    parts = clone(recogniser), clone(recogniser, dropout=0.0), CosFace(CLASSES)
    return TwoBranchNetwork(*parts, LossSettings(tap="block_b", **weights | settings), bank=bank())


def outputs(network, batch):
    hr = features(network.teacher, batch["hr"])
    return hr, features(network.student, batch["lr"], training=True)


def array(tensor):
    return ops.convert_to_numpy(tensor)


def test_terms_are_means_over_the_rows_that_show_one_person(recogniser, batch):
    network = network_of(recogniser, FURTHER, temperature=0.2, triplet_margin=0.4)
    hr, lr = outputs(network, batch)
    one_person = HR_LABEL == LR_LABEL
    e, f = hr["embedding"], lr["embedding"]
    label = np.where(one_person, LR_LABEL, -1)
    triplets = [
        distillation.batch_hard_triplets(e, f, label, 0.4),
        distillation.batch_hard_triplets(f, e, label, 0.4),
        distillation.batch_hard_triplets(f, f, label, 0.4, themselves=True),
    ]
    low, counted = distillation.low_contrast(f, LR_LABEL, 0.2)
    taps = [name for name in lr if name != "embedding"]
    maps = np.mean([array(distillation.map_cosine(hr[tap], lr[tap], one_person)) for tap in taps], axis=0)
    expected = {
        "low_contrast": array(low).sum() / array(counted).sum(),
        "triplets": sum(array(values).sum() / array(counts).sum() for values, counts in triplets),
        "map_cosine": maps[one_person].mean(),
        "sample_relations": array(distillation.sample_relations(e, f))[one_person].mean(),
        "relational": array(distillation.relational(e, f))[one_person].mean(),
    }
    terms = network.terms(batch)
    assert len(taps) > 1 and set(terms) == set(expected) | {"bank"}
    for name, value in expected.items():
        assert np.isclose(float(terms[name]), value, rtol=1e-4), name


def test_all_terms_take_the_hr_networks_values_from_the_batch(recogniser, batch):
    """Towards the average with the mirror image too; a network of NaN tells that nothing else is taken."""
    network = network_of(
        recogniser, (*FURTHER, "classifier", "contrastive", "multi_hierarchy"), mirror_target=True
    )
    expected = {name: float(value) for name, value in network.terms(batch).items()}
    given = {f"teacher_{name}": array(value) for name, value in network.hr_values(batch["hr"]).items()}
    assert {"teacher_embedding", "teacher_pooled", "teacher_map-block_b"} <= given.keys()
    for variable in network.teacher.variables:
        if "float" in str(variable.dtype):
            variable.assign(np.full(variable.shape, np.nan))
    rest = {name: value for name, value in batch.items() if name != "hr"}
    found = {name: float(value) for name, value in network.terms(rest | given).items()}
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_bank_has_no_negatives_of_the_person_or_of_similar_faces(recogniser, batch):
    network = network_of(recogniser, ["bank"], bank_limit=0.3, temperature=0.2)
    hr, lr = outputs(network, batch)
    e, entries = array(l2_normalise(hr["embedding"])), array(network.bank.embeddings)
    cosines = e @ array(l2_normalise(entries)).T
    excluded = (cosines > 0.3) | (LR_LABEL[:, None] == array(network.bank.labels)[None])
    assert excluded[:5].any() and not excluded.all() and (cosines > 0.3).any()
    values = array(distillation.bank_contrast(e, lr["embedding"], entries, excluded, 0.2))
    rows = HR_LABEL == LR_LABEL
    assert rows[5], "a face without a name takes part"
    assert np.isclose(float(network.terms(batch)["bank"]), values[rows].mean(), rtol=1e-4)


def test_nothing_to_compare_is_zero_not_nan(recogniser, batch):
    network = network_of(recogniser, FURTHER)
    nobody = np.full(6, -1, np.int32)
    alone = network.terms(batch | {"hr_label": nobody, "lr_label": nobody})
    assert float(alone["low_contrast"]) == float(alone["triplets"]) == 0
    two_people = network.terms(batch | {"hr_label": np.zeros(6, np.int32), "lr_label": np.ones(6, np.int32)})
    # Those of pairs; LR faces of one person are compared whatever their HR faces show.
    assert all(float(two_people[name]) == 0 for name in FURTHER if name != "low_contrast")
    assert float(two_people["low_contrast"]) > 0


def test_replicas_add_up_to_the_batch(recogniser, batch):
    """Terms of single pairs: each half's share, with the other half's counts, sums to the whole."""
    names = ["bank", "map_cosine"]
    network = network_of(recogniser, names)
    # Batch norm would see another batch.
    network.student = clone(recogniser, dropout=0.0)
    parts = [{name: values[half] for name, values in batch.items()} for half in (slice(0, 2), slice(2, 6))]
    counts = []

    def count(value):
        counts.append(float(value))
        return value

    for part in parts:
        network_of(recogniser, names).terms(part, count)
    assert counts == [2, 2, 3, 3]
    shares = [network_of(recogniser, names).terms(part, lambda value: 5.0) for part in parts]
    alone = [network_of(recogniser, names).terms(part) for part in parts]
    for name in names:
        weighted = (2 * float(alone[0][name]) + 3 * float(alone[1][name])) / 5
        assert np.isclose(sum(float(share[name]) for share in shares), weighted, rtol=1e-5)


def test_the_target_may_be_that_of_the_face_and_its_mirror_image(recogniser, batch):
    network = network_of(recogniser, contrastive_weight=1.0, mirror_target=True)
    hr, lr = outputs(network, batch)
    mirrored = features(network.teacher, batch["hr"][:, :, ::-1])["embedding"]
    target = l2_normalise(l2_normalise(hr["embedding"]) + l2_normalise(mirrored))
    apart = array(target) - array(l2_normalise(lr["embedding"]))
    same = HR_LABEL == LR_LABEL
    squared = (apart**2).sum(1)
    expected = np.where(same, squared, np.maximum(0, 1 - squared)).mean()
    assert np.isclose(float(network.terms(batch)["contrastive"]), expected, rtol=1e-4)
    plain = network_of(recogniser, contrastive_weight=1.0)
    assert not np.isclose(float(plain.terms(batch)["contrastive"]), expected, rtol=1e-4)


def test_a_bank_is_needed_for_its_term_and_never_learns(recogniser):
    with pytest.raises(ValueError, match="^bank: expected a bank of HR embeddings for the term bank, got none$"):
        TwoBranchNetwork(clone(recogniser), clone(recogniser), CosFace(3), LossSettings(bank_weight=1.0))
    network = network_of(recogniser, ["bank"])
    trainable = {id(variable) for variable in network.trainable_variables}
    assert id(network.bank.embeddings) not in trainable
    assert {id(variable) for variable in network.variables} >= {
        id(network.bank.embeddings),
        id(network.bank.labels),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", FURTHER)
def test_each_term_alone_teaches_the_lr_network(recogniser, batch, name):
    import keras

    from cshml_tf.training.devices import choose_strategy
    from cshml_tf.training.step import make_step

    network = network_of(recogniser, [name])
    optimizer = keras.optimizers.Adam(0.002)
    optimizer.build(network.trainable_variables)
    step = make_step(network, optimizer, 0.0, choose_strategy("one"))
    rows = [float(step(batch)[name]) for _ in range(30)]
    assert np.isfinite(rows).all() and rows[-1] < 0.8 * rows[0]
