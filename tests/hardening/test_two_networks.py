"""Two workers in two networks, 20 ms apart, learn what one device learns."""

import contextlib
import importlib.util
import os

import pytest
from hardening.two_networks import NAMES, Unavailable, two_networks, within
from worker_processes import (
    end_all,
    environment_of,
    folders_of,
    largest_difference,
    learned,
    start_worker,
    tf_config,
)

# A step of many sums between the networks takes seconds: only `make fuzz` takes that time.
pytestmark = [pytest.mark.slow, pytest.mark.skipif("KILLS" not in os.environ, reason="minutes; make fuzz")]
STEPS = "20"


@pytest.fixture
def networks():
    """Make the networks; skip the test where that cannot be done."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(two_networks())
        except Unavailable as reason:
            pytest.skip(str(reason))
        yield


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_workers_far_apart_learn_what_one_device_learns(networks, texture_folder, hr_model_dir, tmp_path, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    words = ["--data_dir", texture_folder, "--pretrained_model", hr_model_dir, "--resolution", "8", "12"]
    words += ["--batch_size", "12", "--learning_rate", "0.001", "--negative_share", "0.25", "--max_steps", STEPS]
    words += ["--run_name", "run"]
    apart, one = tmp_path / "apart", tmp_path / "one"
    hosts = [f"{name}:2222" for name in NAMES]
    workers = []
    for index in range(2):
        own = [*words, "--strategy", "multi_worker", *folders_of(apart, index)]
        environment = environment_of(backend, TF_CONFIG=tf_config(hosts, index))
        workers.append(start_worker(own, environment, before=within(index)))
    ended = end_all(workers, seconds=400)
    assert [each.code for each in ended] == [0, 0], ended
    assert [
        each.code for each in end_all([start_worker([*words, *folders_of(one)], environment_of(backend))])
    ] == [0]
    assert largest_difference(learned(apart), learned(one)) < 1e-5
