"""Several processes train what one device trains; when one is lost, the others end and the run continues.

Each process takes half a minute of a core. `make fuzz` also runs three workers, and both victims on both backends.
"""

import importlib.util
import os
import signal

import pytest
from worker_processes import (
    end_all,
    environment_of,
    folders_of,
    largest_difference,
    learned,
    start_worker,
    train_together,
)

BACKENDS = [
    "tensorflow",
    pytest.param("jax", marks=pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="no JAX")),
]
ALL = "KILLS" in os.environ
pytestmark = pytest.mark.slow

LOST = "error: worker {} (127.0.0.1) is lost: it has ended; the same command, on every worker, continues the run"


@pytest.fixture(scope="module")
def words(texture_folder, hr_model_dir):
    """The options of a short run of the two branches with all terms, without those of folders."""
    words = ["--data_dir", texture_folder, "--pretrained_model", hr_model_dir, "--resolution", "8", "12"]
    words += ["--batch_size", "12", "--learning_rate", "0.001", "--negative_share", "0.25", "--mixup", "0"]
    return [*words, "--max_steps", "20", "--log_every", "4", "--checkpoint_steps", "5", "--run_name", "run"]


@pytest.fixture(scope="module")
def trained(words, tmp_path_factory):
    """Return a function of a backend and a number of workers that trains once; it returns what was learned."""
    known = {}

    def train(backend, count):
        if (backend, count) not in known:
            folder = tmp_path_factory.mktemp(f"{backend}_{count}")
            if count == 1:
                ended = end_all([start_worker([*words, *folders_of(folder)], environment_of(backend))])
            else:
                ended = train_together(backend, count, words, folder)
                # The chief alone writes.
                assert [path.name for path in sorted(folder.iterdir())] == ["logs_0", "models_0"]
            assert [each.code for each in ended] == [0] * count, ended
            assert count == 1 or all(each.lines == [] for each in ended), ended
            known[backend, count] = learned(folder)
        return known[backend, count]

    return train


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_workers_learn_what_one_device_learns(trained, backend):
    one, two = trained(backend, 1), trained(backend, 2)
    assert largest_difference(one, two) < 1e-5


@pytest.mark.skipif(not ALL, reason="half a minute more; make fuzz")
@pytest.mark.parametrize("backend", BACKENDS)
def test_three_workers_learn_what_two_learn(trained, backend):
    two, three = trained(backend, 2), trained(backend, 3)
    assert largest_difference(two, three) < 1e-5


@pytest.mark.parametrize("backend", BACKENDS if ALL else ["tensorflow"])
def test_a_killed_worker_ends_the_others_and_the_run_continues_bit_for_bit(trained, words, tmp_path, backend):
    kills = [(1, 7), (0, 13)] if ALL else [(1, 13)]
    for victim, step in kills:
        ended = train_together(backend, 2, words, tmp_path, victim, step)
        assert ended[victim].code == -signal.SIGKILL
        other = ended[1 - victim]
        assert other.code == 3 and other.lines == [LOST.format(victim)] and other.seconds < 60
    checkpoints = sorted(path.name for path in (tmp_path / "models_0" / "run" / "checkpoints").glob("*.npz"))
    assert checkpoints[-1] == "step-00000010.npz"
    assert [each.code for each in train_together(backend, 2, words, tmp_path)] == [0, 0]
    for undisturbed, continued in zip(trained(backend, 2), learned(tmp_path), strict=True):
        assert undisturbed.tobytes() == continued.tobytes()
