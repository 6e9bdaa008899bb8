"""A data set embedded by processes and by a Dask cluster is the one that one process embeds, bit for bit."""

import os
import signal

import numpy as np
import pytest
from distributed import LocalCluster

from cshml_tf.cli.embed_faces import main
from cshml_tf.embedding.dataset import embed_dataset
from cshml_tf.workers import Cluster

pytestmark = pytest.mark.slow


def test_two_processes_and_two_workers_of_which_one_is_killed(hr_model_dir, texture_folder, tmp_path):
    def content(name):
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}

    embed_dataset(texture_folder, tmp_path / "alone", hr_model_dir, batch_size=1)
    assert np.load(tmp_path / "alone/embeddings.npy").shape == (30, 16)
    embed_dataset(texture_folder, tmp_path / "two", hr_model_dir, batch_size=1, workers=2)
    assert content("two") == content("alone")
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as dask:
        killed = []

        def progress(results, total):
            for count, result in enumerate(results):
                if count == total // 2:
                    killed.append(next(iter(dask.workers.values())).pid)
                    os.kill(killed[0], signal.SIGKILL)
                yield result

        cluster = Cluster(dask.scheduler_address, 60)
        embed_dataset(texture_folder, tmp_path / "shared", hr_model_dir, 1, cluster=cluster, progress=progress)
        assert killed and content("shared") == content("alone")
        words = [str(texture_folder), str(tmp_path / "command"), "--model", str(hr_model_dir)]
        assert main([*words, "--embedding_batch_size", "1", "--scheduler", dask.scheduler_address]) == 0
        assert content("command") == content("alone")
