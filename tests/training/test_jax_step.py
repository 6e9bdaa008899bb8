"""On JAX the state stays in the step's own buffers until it is written back."""

import keras
import numpy as np
import pytest

from cshml_tf.backbones import build
from cshml_tf.layers import CosFace
from cshml_tf.network import HrNetwork, LossSettings
from cshml_tf.recogniser import build_recogniser
from cshml_tf.training.devices import choose_strategy
from cshml_tf.training.step import make_step

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="the step of JAX")
SIZE = (48, 40)


@pytest.fixture(scope="module")
def compiled():
    """A network with dropout and batch norm, its optimiser with a moving average, its step, and their values."""
    keras.utils.set_random_seed(3)
    network = HrNetwork(
        build_recogniser(build("small_resnet", SIZE, 8, width=4, dropout=0.5)), CosFace(5), LossSettings()
    )
    optimizer = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9)
    optimizer.build(network.trainable_variables)
    step = make_step(network, optimizer, 5e-4, choose_strategy("one"))
    return network, optimizer, step, values(network, optimizer)


@pytest.fixture
def made(compiled):
    """The same, as they were at first."""
    network, optimizer, step, start = compiled
    step.write_back()
    for variable, value in zip(network.variables + optimizer.variables, start, strict=True):
        variable.assign(value)
    return network, optimizer, step


@pytest.fixture
def batches():
    rng = np.random.default_rng(0)
    return [
        {"hr": rng.integers(0, 256, (6, *SIZE, 3)).astype(np.uint8), "hr_label": rng.integers(0, 5, 6)}
        for _ in range(4)
    ]


def values(network, optimizer):
    return [np.array(variable) for variable in network.variables + optimizer.variables]


def same(left, right):
    return [np.array_equal(a, b) for a, b in zip(left, right, strict=True)]


def test_variables_keep_their_values_and_stay_readable_until_written_back(made, batches, monkeypatch):
    network, optimizer, step = made
    # The first call is traced, which assigns placeholders of values.
    step(batches[0])
    step.write_back()
    before, assigned = values(network, optimizer), []
    assign = keras.Variable.assign
    monkeypatch.setattr(
        keras.Variable, "assign", lambda self, value: assigned.append(self.path) or assign(self, value)
    )
    for batch in batches:
        step(batch)
        assert all(same(before, values(network, optimizer)))
    assert not assigned
    step.write_back()
    assert int(optimizer.iterations) == 1 + len(batches)
    # All but the learning rate.
    assert len(assigned) == len(before) - 1 and not any("learning_rate" in path for path in assigned)
    after = values(network, optimizer)
    assert sum(same(before, after)) == 1
    step.write_back()
    assert all(same(after, values(network, optimizer)))


def test_writing_back_between_steps_changes_nothing(made, batches):
    network, optimizer, step = made
    start = [np.array(variable) for variable in network.variables + optimizer.variables]
    ends = []
    for every in (1, 3):
        for variable, value in zip(network.variables + optimizer.variables, start, strict=True):
            variable.assign(value)
        totals = []
        for number, batch in enumerate(batches):
            totals.append(float(step(batch)["total"]))
            if number % every == 0:
                step.write_back()
                values(network, optimizer)
        step.write_back()
        ends.append([*values(network, optimizer), totals])
    assert all(same(*ends))


def test_changes_after_a_write_back_are_seen(made, batches):
    network, optimizer, step = made
    step(batches[0])
    step.write_back()
    network.classifier.centres.assign(np.full(network.classifier.centres.shape, np.nan, np.float32))
    assert np.isnan(float(step(batches[1])["total"]))


def test_the_learning_rate_may_change_before_any_step(made, batches):
    network, optimizer, step = made
    step(batches[0])
    step.write_back()
    before = [np.array(variable) for variable in network.trainable_variables]
    optimizer.learning_rate = 0.0
    step(batches[1])
    step(batches[2])
    step.write_back()
    assert all(same(before, [np.array(variable) for variable in network.trainable_variables]))
    optimizer.learning_rate = 0.1
    step(batches[3])
    step.write_back()
    assert not any(same(before, [np.array(variable) for variable in network.trainable_variables]))
