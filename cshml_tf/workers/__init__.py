"""Apply a function to tasks: in this process, in worker processes, or on a Dask cluster."""

from cshml_tf.workers.cluster import Cluster, on_cluster
from cshml_tf.workers.processes import Outcomes, in_this_process, in_workers
from cshml_tf.workers.worker import threads_of_this_worker

__all__ = ["Cluster", "Outcomes", "in_this_process", "in_workers", "on_cluster", "threads_of_this_worker"]
