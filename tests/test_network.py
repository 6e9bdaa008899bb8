"""The two branches: what is frozen, what learns, and equation 6."""

import keras
import numpy as np
import pytest

from cshml_tf import losses
from cshml_tf.backbones import build
from cshml_tf.degradation.degrade import degrade_each
from cshml_tf.layers import CosFace, Degrade
from cshml_tf.network import HrNetwork, LossSettings, TwoBranchNetwork
from cshml_tf.recogniser import build_recogniser, clone, features
from cshml_tf.training.devices import choose_strategy
from cshml_tf.training.step import make_step

SIZE, CLASSES = (48, 40), 5


@pytest.fixture
def recogniser():
    return build_recogniser(build("small_resnet", SIZE, 8, width=4))


@pytest.fixture
def batch():
    rng = np.random.default_rng(5)
    labels = np.array([0, 1, 2, 3, 4, 0], np.int32)
    lr_labels = np.array([1, 0, 2, 3, 4, 0], np.int32)
    return {
        "hr": rng.integers(0, 256, (6, *SIZE, 3)).astype(np.uint8),
        "lr": rng.integers(0, 256, (6, *SIZE, 3)).astype(np.float32),
        "hr_label": labels,
        "lr_label": lr_labels,
        "resolution": np.array([0, 1, 0, 1, 0, 1], np.int32),
    }


def two_branches(recogniser, settings=None, degrade=None):
    settings = settings or LossSettings(tap="block_b")
    return TwoBranchNetwork(clone(recogniser), clone(recogniser, dropout=0.0), CosFace(CLASSES), settings, degrade)


def train(network, batch, steps=3, weight_decay=5e-4):
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    optimizer.build(network.trainable_variables)
    step = make_step(network, optimizer, weight_decay, choose_strategy("one"))
    rows = [{name: float(value) for name, value in step(batch).items()} for _ in range(steps)]
    step.write_back()
    return rows


def values(model):
    return [keras.ops.convert_to_numpy(variable) for variable in model.variables]


def test_the_lr_network_equals_the_hr_network_before_the_first_step(recogniser, batch):
    network = two_branches(recogniser)
    assert np.array_equal(network.student(batch["hr"]), recogniser(batch["hr"]))
    assert np.array_equal(network.teacher(batch["hr"]), recogniser(batch["hr"]))


def test_the_hr_network_is_bit_identical_after_training_and_the_rest_learns(recogniser, batch):
    network = two_branches(recogniser)
    hr, lr, centres = values(network.teacher), values(network.student), values(network.classifier)
    train(network, batch)
    assert all(np.array_equal(a, b) for a, b in zip(hr, values(network.teacher), strict=True))
    assert not np.array_equal(centres[0], values(network.classifier)[0])
    changed = [not np.array_equal(a, b) for a, b in zip(lr, values(network.student), strict=True)]
    is_weight = ["seed" not in variable.path for variable in network.student.variables]
    assert all(change for change, weight in zip(changed, is_weight, strict=True) if weight)


def test_trainable_variables_are_those_of_the_lr_network_and_the_classifier(recogniser):
    network = two_branches(recogniser)
    expected = {id(v) for v in network.student.trainable_variables + network.classifier.trainable_variables}
    assert {id(variable) for variable in network.trainable_variables} == expected


def test_gradient_reaches_every_trainable_variable(recogniser, batch):
    """One step of plain SGD changes every variable that has a gradient; the L2 penalty is off."""
    network = two_branches(recogniser)
    before = [keras.ops.convert_to_numpy(variable) for variable in network.trainable_variables]
    train(network, batch, steps=1, weight_decay=0.0)
    for variable, value in zip(network.trainable_variables, before, strict=True):
        assert not np.array_equal(keras.ops.convert_to_numpy(variable), value), variable.path


def test_terms_are_the_equations(recogniser, batch):
    settings = LossSettings(tap="block_b", scale=15.0, margin=0.1, alpha=1.5)
    network = two_branches(recogniser, settings)
    hr = features(network.teacher, batch["hr"])
    lr = features(network.student, batch["lr"], training=True)
    same = (batch["hr_label"] == batch["lr_label"]).astype(np.float32)
    both = np.concatenate([hr["embedding"], lr["embedding"]])
    labels = np.concatenate([batch["hr_label"], batch["lr_label"]])
    expected = {
        "classifier": np.mean(losses.cosface(network.classifier(both), labels, 15.0, 0.1)),
        "contrastive": np.mean(losses.contrastive(hr["embedding"], lr["embedding"], same, 1.5)),
        "multi_hierarchy": np.sum(losses.multi_hierarchy(hr["block_b"], lr["block_b"], same)) / same.sum(),
    }
    terms = network.terms(batch)
    assert terms.keys() == expected.keys()
    assert max(abs(float(terms[name]) / expected[name] - 1) for name in expected) < 1e-5


def test_the_hr_networks_values_can_come_with_the_batch(recogniser, batch):
    """As `hr_values` returns them, with what a batch without HR faces has; then the HR network is not run."""
    network = two_branches(recogniser)
    expected = {name: float(value) for name, value in network.terms(batch).items()}
    given = {f"teacher_{name}": np.asarray(value) for name, value in network.hr_values(batch.pop("hr")).items()}
    assert given.keys() == {"teacher_embedding", "teacher_pooled"}
    for variable in network.teacher.variables:
        variable.assign(keras.ops.full_like(variable.value, np.nan if "float" in str(variable.dtype) else 0))
    found = {name: float(value) for name, value in network.terms(batch | given).items()}
    assert found == pytest.approx(expected, rel=1e-6)
    without = two_branches(recogniser, LossSettings(tap="block_b", multi_hierarchy_weight=0.0))
    assert set(without.hr_values(batch["lr"])) == {"embedding"}


def test_total_is_the_weighted_sum(recogniser):
    settings = LossSettings(tap="block_b", classifier_weight=2, contrastive_weight=3, multi_hierarchy_weight=0.5)
    terms = {"classifier": 1.0, "contrastive": 10.0, "multi_hierarchy": 100.0}
    assert two_branches(recogniser, settings).total(terms) == 2 + 30 + 50


@pytest.mark.parametrize("name", ["classifier", "contrastive", "multi_hierarchy"])
def test_a_weight_of_zero_switches_a_term_off(recogniser, batch, name):
    network = two_branches(recogniser, LossSettings(tap="block_b", **{f"{name}_weight": 0.0}))
    assert set(network.terms(batch)) == {"classifier", "contrastive", "multi_hierarchy"} - {name}


def test_without_pairs_of_one_person_equation_5_is_zero_not_nan(recogniser, batch):
    network = two_branches(recogniser)
    batch["lr_label"] = (batch["hr_label"] + 1) % CLASSES
    assert float(network.terms(batch)["multi_hierarchy"]) == 0.0
    assert all(np.isfinite(value) for row in train(network, batch) for value in row.values())


def test_equation_2_skips_mixtures_of_people(recogniser, batch):
    """Equations 3 and 5 treat them as pairs of one person."""
    network = two_branches(recogniser)
    before = {name: float(value) for name, value in network.terms(batch).items()}
    batch["hr_label"][4:] = batch["lr_label"][4:] = -1
    terms = network.terms(batch)
    hr, lr = (
        features(branch, batch[side], training=branch is network.student)["embedding"]
        for branch, side in ((network.teacher, "hr"), (network.student, "lr"))
    )
    both = np.concatenate([hr[:4], lr[:4]])
    labels = np.concatenate([batch["hr_label"][:4], batch["lr_label"][:4]])
    expected = np.mean(losses.cosface(network.classifier(both), labels))
    np.testing.assert_allclose(float(terms["classifier"]), expected, rtol=1e-5)
    assert all(float(terms[name]) == before[name] for name in ("contrastive", "multi_hierarchy"))


def test_equation_2_of_only_mixtures_is_zero_not_nan(recogniser, batch):
    batch["hr_label"][:] = batch["lr_label"][:] = -1
    network = two_branches(recogniser)
    assert float(network.terms(batch)["classifier"]) == 0.0
    assert all(np.isfinite(value) for row in train(network, batch) for value in row.values())


def test_degrading_on_the_device_leaves_the_terms_the_same(recogniser, batch):
    settings, classifier = LossSettings(tap="block_b"), CosFace(CLASSES)
    branches = [(clone(recogniser), clone(recogniser, dropout=0.0)) for _ in range(2)]
    on_device = TwoBranchNetwork(*branches[0], classifier, settings, Degrade([8, 12]))
    before = TwoBranchNetwork(*branches[1], classifier, settings)
    degraded = dict(batch, lr=degrade_each(batch["lr"], [8, 12], batch["resolution"]))
    found, expected = on_device.terms(batch), before.terms(degraded)
    assert max(abs(float(found[name]) - float(expected[name])) for name in expected) < 1e-5


def test_an_unknown_tap_is_refused(recogniser):
    with pytest.raises(
        ValueError, match="tap: expected one of stem_pool, block_a, block_b, block_c, got 'block_z'"
    ):
        two_branches(recogniser, LossSettings(tap="block_z"))


def test_a_few_pictures_can_be_memorised(recogniser, batch):
    network = HrNetwork(recogniser, CosFace(CLASSES), LossSettings())
    rows = train(network, {"hr": batch["hr"], "hr_label": batch["hr_label"]}, steps=60)
    assert rows[-1]["classifier"] < 0.2 * rows[0]["classifier"]


def weights_after(recogniser_weights, batch, strategy, steps=3):
    """Train under a strategy from given weights; return the losses and the weights."""
    with strategy.scope():
        original = build_recogniser(build("small_resnet", SIZE, 8, width=4))
        original.set_weights(recogniser_weights)
        several = strategy.num_replicas_in_sync > 1
        network = TwoBranchNetwork(
            clone(original),
            clone(original, synchronised=several, dropout=0.0),
            CosFace(CLASSES),
            LossSettings(tap="block_b"),
        )
        centres = np.random.default_rng(0).normal(size=network.classifier.centres.shape)
        network.classifier.centres.assign(centres)
        optimizer = keras.optimizers.SGD(0.002)
        optimizer.build(network.trainable_variables)
    step = make_step(network, optimizer, 5e-4, strategy)
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensors(batch).repeat().unbatch().batch(6)
    batches = iter(strategy.experimental_distribute_dataset(dataset))
    rows = [{name: float(value) for name, value in step(next(batches)).items()} for _ in range(steps)]
    return rows, [keras.ops.convert_to_numpy(v) for v in network.student.weights + network.classifier.weights]


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="one device on other backends")
def test_two_replicas_learn_what_one_learns(recogniser, batch):
    """The first two pairs show two people each: N_same is 1 on one replica and 3 on the other, 4 in total."""
    weights = recogniser.get_weights()
    one_rows, one = weights_after(weights, batch, choose_strategy("one"))
    two_rows, two = weights_after(weights, batch, choose_strategy("mirrored", replicas=2))
    for a, b in zip(one_rows, two_rows, strict=True):
        assert max(abs(a[name] - b[name]) / max(abs(a[name]), 1e-6) for name in a) < 1e-5
    # Moving variances are large, so differences are relative to the variable's largest value. The learning rate is
    # small because float32 rounds the two orders of summation differently; gradients summed instead of averaged
    # would still be noticed.
    assert max(np.max(np.abs(a - b)) / max(1.0, np.max(np.abs(a))) for a, b in zip(one, two, strict=True)) < 1e-5
    change = max(np.max(np.abs(a - b)) for a, b in zip(weights, one, strict=False) if "int" not in str(a.dtype))
    assert change > 1e-3


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="one device on other backends")
def test_a_second_network_is_trained_by_replicas_in_one_process(recogniser, batch):
    """TensorFlow numbers the sums over replicas: those of two networks must not be taken for one another."""
    strategy = choose_strategy("mirrored", replicas=2)
    hr_batch = {"hr": batch["hr"], "hr_label": batch["hr_label"]}
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensors(hr_batch).repeat().unbatch().batch(6)
    for embedding_size, width in ((8, 4), (16, 2)):
        again = choose_strategy("mirrored", replicas=2)
        with again.scope():
            network = HrNetwork(
                clone(
                    build_recogniser(build("small_resnet", SIZE, embedding_size, width=width)), synchronised=True
                ),
                CosFace(CLASSES),
                LossSettings(),
            )
            optimizer = keras.optimizers.SGD(0.002)
            optimizer.build(network.trainable_variables)
        step = make_step(network, optimizer, 5e-4, again)
        batches = iter(again.experimental_distribute_dataset(dataset))
        losses = [float(step(next(batches))["total"]) for _ in range(2)]
        assert np.isfinite(losses).all() and losses[1] != losses[0]
    assert again is strategy
