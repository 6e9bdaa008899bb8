"""Which worker this process is, from the variables of TensorFlow, JAX and Slurm; wrong ones are refused."""

import json

import pytest

from cshml_tf.training.cluster import Place, read_place

WORKERS = ["a.example:2222", "b.example:2222"]


def tf_config(cluster, task):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


def worker(index):
    return {"type": "worker", "index": index}


def test_tf_config_names_the_workers():
    place = read_place(tf_config({"worker": WORKERS}, worker(1)))
    assert place == Place(1, 2, ("a.example", 2223), tuple(WORKERS))


def test_a_chief_comes_before_the_workers():
    cluster = {"chief": ["c:1"], "worker": WORKERS}
    assert read_place(tf_config(cluster, worker(1))).index == 2
    chief = read_place(tf_config(cluster, {"type": "chief", "index": 0}))
    assert chief.index == 0 and chief.addresses == ("c:1", *WORKERS) and chief.meeting == ("c", 2)


def test_the_meeting_comes_after_every_port_of_the_chiefs_host():
    place = read_place(tf_config({"worker": ["localhost:7", "other:99", "localhost:9"]}, worker(0)))
    assert place.meeting == ("localhost", 10)


def test_an_ipv6_host_loses_its_brackets():
    assert read_place(tf_config({"worker": ["[::1]:5000", "[::1]:5001"]}, worker(0))).meeting == ("::1", 5002)


def test_jax_names_the_chief_only():
    environment = {"JAX_COORDINATOR_ADDRESS": "head:99", "JAX_NUM_PROCESSES": "4", "JAX_PROCESS_ID": "3"}
    assert read_place(environment) == Place(3, 4, ("head", 99))


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("node7", "node7"),
        ("login,node[1-3]", "login"),
        ("node[007-012,015],login", "node007"),
        ("rack1-node[3,5]", "rack1-node3"),
        ("n[01-02]-ib", "n01-ib"),
    ],
)
def test_slurm_names_the_first_host(nodes, first):
    environment = {"SLURM_STEP_NODELIST": nodes, "SLURM_STEP_NUM_TASKS": "6", "SLURM_PROCID": "5"}
    place = read_place(environment | {"SLURM_JOB_ID": "12007"})
    assert place == Place(5, 6, (first, 20_007))


def test_two_slurm_jobs_on_one_host_meet_at_two_ports():
    environment = {"SLURM_STEP_NODELIST": "n1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0"}
    ports = {read_place(environment | {"SLURM_JOB_ID": str(job)}).meeting[1] for job in (41, 42)}
    assert len(ports) == 2


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "strategy: expected TF_CONFIG, JAX_COORDINATOR_ADDRESS, .* got none"),
        ({"TF_CONFIG": "{"}, "TF_CONFIG: expected JSON, got '{'"),
        ({"TF_CONFIG": "[]"}, "TF_CONFIG: .* got no cluster"),
        ({"TF_CONFIG": "{}"}, "TF_CONFIG: .* got no cluster"),
        (tf_config({"worker": []}, worker(0)), "TF_CONFIG: expected 1 to 4096 workers, got 0"),
        (tf_config({"worker": "a:1"}, worker(0)), "TF_CONFIG: expected a list of addresses as worker, got 'a:1'"),
        (tf_config({"worker": ["a"]}, worker(0)), "TF_CONFIG: expected addresses of the form host:port, got 'a'"),
        (tf_config({"worker": ["a:70000"]}, worker(0)), "TF_CONFIG: expected addresses .* got 'a:70000'"),
        (tf_config({"worker": ["a:1", "a:1"]}, worker(0)), "TF_CONFIG: expected each address once"),
        (
            tf_config({"worker": WORKERS, "ps": ["p:1"]}, worker(0)),
            "expected a cluster of chief and worker alone, got 'ps'",
        ),
        (tf_config({"worker": WORKERS}, worker(2)), "TF_CONFIG: expected a task of index 0 to 1, got 2"),
        (tf_config({"worker": WORKERS}, worker("0")), "TF_CONFIG: expected a task of index 0 to 1, got '0'"),
        (
            tf_config({"worker": WORKERS}, {"type": "chief", "index": 0}),
            "TF_CONFIG: expected a task of type worker",
        ),
        (tf_config({"worker": WORKERS}, None), "TF_CONFIG: expected a task of type worker"),
        (
            tf_config({"worker": WORKERS}, {"type": ["worker"], "index": 0}),
            "TF_CONFIG: expected a task of type worker",
        ),
        ({"TF_CONFIG": "[" * 100_000}, "TF_CONFIG: expected JSON"),
        (
            {"JAX_COORDINATOR_ADDRESS": "a:1", "JAX_PROCESS_ID": "0"},
            "JAX_NUM_PROCESSES: expected the variable beside",
        ),
        (
            {"JAX_COORDINATOR_ADDRESS": "a:1", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "2"},
            "JAX_PROCESS_ID: expected 0 to 1, got 2",
        ),
        (
            {"JAX_COORDINATOR_ADDRESS": "a:1", "JAX_NUM_PROCESSES": "two", "JAX_PROCESS_ID": "0"},
            "JAX_NUM_PROCESSES: expected a whole number, got 'two'",
        ),
        ({"SLURM_JOB_ID": "7"}, "to be started by srun, got a Slurm job without a step"),
        (
            {"SLURM_STEP_NODELIST": "[", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"},
            r"SLURM_STEP_NODELIST: expected a list of hosts",
        ),
    ],
)
def test_wrong_variables_are_refused_by_name(environment, message):
    with pytest.raises(ValueError, match=message):
        read_place(environment)
