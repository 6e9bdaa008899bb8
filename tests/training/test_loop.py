"""The loop reads the terms and the variables only where it must, and nothing after a bad step is saved."""

import types

import keras
import numpy as np
import pytest
from runs import interrupt_after

from cshml_tf.data.unreadable import UnreadableFace
from cshml_tf.settings.training import HrSettings
from cshml_tf.training import loop
from cshml_tf.training.schedule import Schedule
from cshml_tf.training.unread import TrainingDiverged


class Stub:
    """A network of one variable, its step, and its stream; step k adds k to what is written back.

    Attributes:
        reads: the steps whose terms were read.
        written: the steps after which the variable got the newest value.
    """

    def __init__(self, bad_step=None, unreadable_step=None):
        self.bad_step, self.unreadable_step = bad_step, unreadable_step
        self.variables = self.trainable_variables = [keras.Variable(np.zeros(1, np.float32), name="kernel")]
        self.reads, self.written = [], []
        self._step, self._value = 0, None
        self.met, self.names = [], []

    def __call__(self, batch):
        if self._value is None:
            self._value = float(self.variables[0].value[0])
        self._step += 1
        self._value += self._step
        return {"classifier": Term(self, self._step), "total": Term(self, self._step)}

    def write_back(self):
        self.variables[0].assign([self._value])
        self._value = None
        self.written.append(self._step)

    def stream(self, first_step):
        for step in range(first_step, 1000):
            if step + 1 == self.unreadable_step:
                raise UnreadableFace("face.png: damaged")
            yield {}

    def count(self, step):
        return None

    def resume(self, met):
        pass


class Term:
    def __init__(self, stub, step):
        self.stub, self.step = stub, step

    def __float__(self):
        if self.step not in self.stub.reads:
            self.stub.reads.append(self.step)
        return float("nan") if self.step == self.stub.bad_step else float(self.step)


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Return a function that trains a stub; its `checkpoints` lists the steps of the checkpoints."""

    (tmp_path / "logs").mkdir()

    def run(stub, validate=None, on_step=None, **options):
        options = {"max_steps": 20, "log_every": 100, "learning_rate": 0.1, "epoch_size": 1000} | options
        settings = HrSettings(data_dir="faces", **options)
        monkeypatch.setattr(loop, "make_step", lambda *_: stub)
        return loop.run_steps(
            stub,
            keras.optimizers.SGD(0.1),
            Schedule((0,), (0.1,), 1000),
            settings,
            types.SimpleNamespace(log_dir=tmp_path / "logs", checkpoint_dir=tmp_path / "checkpoints"),
            types.SimpleNamespace(num_replicas_in_sync=1, scope=lambda: keras.name_scope("scope")),
            stub.stream,
            stub,
            validate,
            progress=False,
            on_step=on_step,
        )

    run.checkpoints = lambda: sorted(int(path.stem[5:]) for path in (tmp_path / "checkpoints").glob("step-*.npz"))
    return run


def test_terms_and_variables_are_read_at_their_times_only(train):
    stub, seen = Stub(), []
    outcome = train(stub, log_every=8, checkpoint_steps=12, on_step=lambda step: seen.append(list(stub.reads)))
    assert outcome.complete and outcome.steps == 20
    counts = [len(reads) for reads in seen]
    # By the history's rows at 8 and 16, by the checkpoint after the 12th step, and at the end.
    assert counts == [0] * 7 + [8] * 4 + [8] + [12] * 3 + [16] * 4 + [16]
    assert stub.reads == list(range(1, 21))
    assert stub.written == [12, 20] and train.checkpoints() == [12, 20]
    assert float(stub.variables[0].value[0]) == sum(range(1, 21))


def test_validation_sees_the_newest_values(train):
    stub, seen = Stub(), {}

    def validate(step):
        seen[step] = float(stub.variables[0].value[0]), len(stub.reads)
        return {}

    train(stub, validate, epoch_size=3, max_steps=7, checkpoint_steps=1000)
    assert seen == {3: (6.0, 3), 6: (21.0, 6)}
    assert stub.written == [3, 6, 7]


@pytest.mark.parametrize(
    "read_by",
    [
        {"log_every": 8},
        {"checkpoint_steps": 8},
        {"epoch_size": 8, "checkpoint_steps": 1000, "validate": lambda step: pytest.fail("measured")},
        {"max_steps": 8},
        {"on_step": 8},
        {"unreadable_step": 9},
        {"checkpoint_minutes": 1e-9, "checkpoint_steps": 1000},
    ],
    ids=" ".join,
)
def test_a_bad_step_between_reads_is_named_and_nothing_after_it_is_saved(train, read_by):
    bad_step = 1 if "checkpoint_minutes" in read_by else 6
    stub = Stub(bad_step, read_by.pop("unreadable_step", None))
    if "on_step" in read_by:
        read_by = {"on_step": interrupt_after(read_by["on_step"])}
    with pytest.raises(TrainingDiverged, match=f"^step {bad_step}: the loss term classifier is nan; try a lower"):
        train(stub, **read_by)
    assert stub.reads[-1] == (1 if bad_step == 1 else 8) and not stub.written and not train.checkpoints()


def test_the_checkpoint_before_a_bad_step_stays(train):
    with pytest.raises(TrainingDiverged, match="^step 6:"):
        train(Stub(bad_step=6), checkpoint_steps=4)
    assert train.checkpoints() == [4]


def test_an_unreadable_face_saves_the_steps_before_it(train):
    stub = Stub(unreadable_step=6)
    with pytest.raises(UnreadableFace, match="face.png"):
        train(stub)
    assert train.checkpoints() == [5] and stub.reads == [1, 2, 3, 4, 5]
    assert float(stub.variables[0].value[0]) == 15.0


def test_a_signal_ends_the_run_after_its_step_and_saves_it(train):
    stub = Stub()
    outcome = train(stub, on_step=interrupt_after(3))
    assert outcome.interrupted and outcome.steps == 3 and train.checkpoints() == [3]
    assert stub.reads == [1, 2, 3]
