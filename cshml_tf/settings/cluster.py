"""The options of the commands that share their work among processes or the workers of a Dask cluster."""

import dataclasses
import re
from typing import Any

from cshml_tf.settings.checks import Check, between
from cshml_tf.settings.groups import WorkerOptions
from cshml_tf.settings.option import option, varied

_ADDRESS = Check(
    "an address such as tcp://host:8786",
    lambda value: re.fullmatch(r"(tcp|tls)://(\[[0-9a-fA-F:.]+\]|[^\s/:\[\]]+):[0-9]{1,5}", value) is not None,
)


def _idle_on_a_cluster(settings: Any) -> str | None:
    return "has no effect with --scheduler" if settings.scheduler else None


def _idle_without_a_cluster(settings: Any) -> str | None:
    return None if settings.scheduler else "has no effect without --scheduler"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClusterOptions(WorkerOptions):
    """Where the work is done: in processes on this machine, or by the workers of a Dask cluster."""

    workers: int = varied(WorkerOptions, "workers", idle=_idle_on_a_cluster)
    scheduler: str | None = option(
        None,
        "address of a Dask scheduler, such as tcp://host:8786; its workers, which must see the same folders, do "
        "the work (default: processes on this machine)",
        metavar="ADDRESS",
        check=_ADDRESS,
    )
    scheduler_timeout: float = option(
        60.0,
        "seconds to wait for the scheduler, and for a worker whenever the cluster has none",
        metavar="SECONDS",
        check=between(0.1, 86_400, "a day"),
        idle=_idle_without_a_cluster,
    )
