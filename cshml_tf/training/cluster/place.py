"""Which of several workers this process is, from TF_CONFIG, JAX's or Slurm's environment variables.

Nothing here needs a backend, so that wrong variables are refused before one starts.
"""

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from typing import Any

_TF_CONFIG = "TF_CONFIG"
_JAX = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
_SLURM = ("SLURM_STEP_NODELIST", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_JOB_ID")
_MOST_WORKERS = 4096
_MOST_PORT = 65535
# Ports of Slurm jobs lie below those that Linux hands out to outgoing connections.
_SLURM_PORTS = range(20_000, 32_000)


@dataclasses.dataclass(frozen=True)
class Place:
    """One worker's place among all of them.

    Attributes:
        index: from 0; worker 0 is the chief.
        count: the number of workers.
        meeting: the host and port at which the chief waits for the others.
        addresses: "host:port" of each worker for the backend's own connections; empty if the workers choose ports.
    """

    index: int
    count: int
    meeting: tuple[str, int] = ("", 0)
    addresses: tuple[str, ...] = ()


def read_place(environment: Mapping[str, str] = os.environ) -> Place:
    """Read the variables of the first of TF_CONFIG, JAX and Slurm that are set.

    Args:
        environment: environment variables.

    Returns:
        Place. Where TF_CONFIG lists addresses, the workers meet at the port after the highest one on the chief's
        host.

    Raises:
        ValueError: no variables are set, or they do not describe a worker; the message names the variable.
    """
    if _TF_CONFIG in environment:
        return _of_tf_config(environment[_TF_CONFIG])
    for names, read in ((_JAX, _of_jax), (_SLURM, _of_slurm)):
        if names[0] in environment:
            absent = [name for name in names if name not in environment]
            if absent:
                raise ValueError(f"{absent[0]}: expected the variable beside {names[0]}, got none")
            return read(*(environment[name] for name in names))
    if "SLURM_JOB_ID" in environment:
        raise ValueError(
            "strategy: expected each worker of multi_worker to be started by srun, got a Slurm job without a step"
        )
    raise ValueError(
        f"strategy: expected {_TF_CONFIG}, {', '.join(_JAX)} or Slurm's variables for multi_worker, got none"
    )


def _of_tf_config(text: str) -> Place:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{_TF_CONFIG}: expected JSON, got {_cut(text)!r} ({error})") from None
    workers = _addresses_in(content)
    task = content.get("task")
    kind, index = (task.get("type"), task.get("index")) if isinstance(task, dict) else (None, None)
    listed = {name: content["cluster"].get(name, []) for name in ("chief", "worker")}
    if not isinstance(kind, str) or kind not in listed or not listed[kind]:
        raise ValueError(
            f"{_TF_CONFIG}: expected a task of type worker, or chief where one is listed, got {kind!r}"
        )
    most = len(listed[kind]) - 1
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index <= most:
        raise ValueError(f"{_TF_CONFIG}: expected a task of index 0 to {most}, got {index!r}")
    place = index + (len(listed["chief"]) if kind == "worker" else 0)
    host = _split(workers[0], _TF_CONFIG)[0]
    port = max(port for other, port in (_split(address, _TF_CONFIG) for address in workers) if other == host) + 1
    if port > _MOST_PORT:
        raise ValueError(f"{_TF_CONFIG}: expected ports below {_MOST_PORT}, the workers' meeting comes after them")
    return Place(place, len(workers), (host, port), tuple(workers))


def _addresses_in(content: Any) -> list[str]:
    """Return the addresses of the chief, if one is listed, and of the workers."""
    cluster = content.get("cluster") if isinstance(content, dict) else None
    if not isinstance(cluster, dict):
        raise ValueError(
            f'{_TF_CONFIG}: expected {{"cluster": {{"worker": [...]}}, "task": {{...}}}}, got no cluster'
        )
    others = sorted(set(cluster) - {"chief", "worker"})
    if others:
        raise ValueError(f"{_TF_CONFIG}: expected a cluster of chief and worker alone, got {others[0]!r}")
    addresses = []
    for name in ("chief", "worker"):
        own = cluster.get(name, [])
        if not isinstance(own, list) or not all(isinstance(address, str) for address in own):
            raise ValueError(f"{_TF_CONFIG}: expected a list of addresses as {name}, got {_cut(own)!r}")
        addresses += own
    if len(cluster.get("chief", [])) > 1:
        raise ValueError(f"{_TF_CONFIG}: expected at most one chief, got {len(cluster['chief'])}")
    if not 1 <= len(addresses) <= _MOST_WORKERS:
        raise ValueError(f"{_TF_CONFIG}: expected 1 to {_MOST_WORKERS} workers, got {len(addresses)}")
    for address in addresses:
        _split(address, _TF_CONFIG)
    if len(set(addresses)) < len(addresses):
        raise ValueError(f"{_TF_CONFIG}: expected each address once, got {', '.join(addresses)}")
    return addresses


def _of_jax(address: str, count: str, index: str) -> Place:
    return _numbered(index, count, _split(address, _JAX[0]), _JAX[1:])


def _of_slurm(nodes: str, count: str, index: str, job: str) -> Place:
    host = re.match(r"([A-Za-z0-9._-]+)(?:\[([0-9]+)[-,0-9]*\])?([A-Za-z0-9._-]*)(?:,|$)", nodes)
    if host is None:
        raise ValueError(f"{_SLURM[0]}: expected a list of hosts such as node[01-04], got {_cut(nodes)!r}")
    name = "".join(part or "" for part in host.groups())
    port = _SLURM_PORTS[_whole(job, _SLURM[3]) % len(_SLURM_PORTS)]
    return _numbered(index, count, (name, port), _SLURM[1:3])


def _numbered(index: str, count: str, meeting: tuple[str, int], names: tuple[str, ...]) -> Place:
    workers = _whole(count, names[0])
    if not 1 <= workers <= _MOST_WORKERS:
        raise ValueError(f"{names[0]}: expected 1 to {_MOST_WORKERS}, got {workers}")
    own = _whole(index, names[1])
    if own >= workers:
        raise ValueError(f"{names[1]}: expected 0 to {workers - 1}, got {own}")
    return Place(own, workers, meeting)


def _whole(word: str, name: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", word):
        raise ValueError(f"{name}: expected a whole number, got {_cut(word)!r}")
    return int(word)


def _split(address: str, name: str) -> tuple[str, int]:
    """Split "host:port"; an IPv6 host stands in brackets."""
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", address)
    if match is None or not 0 < int(match[2]) <= _MOST_PORT:
        raise ValueError(f"{name}: expected addresses of the form host:port, got {_cut(address)!r}")
    return match[1].strip("[]"), int(match[2])


def _cut(value: Any) -> str:
    """Return the beginning of a value, for messages."""
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
