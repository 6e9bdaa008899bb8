"""The machine and the versions behind a table."""

import datetime
import os
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cshml_tf.model_folder import commit, versions

_PACKAGES = (
    *(
        "tensorflow",
        "jax",
        "onnxruntime",
        "openvino",
        "ai-edge-litert",
        "mtcnn",
        "opencv-python-headless",
        "pillow",
    ),
    *("torch", "torchvision", "facenet-pytorch", "faiss-cpu"),
)


def describe_machine() -> dict[str, Any]:
    """Return the processor, its cores and memory, the system, and the versions of all that is compared."""
    found = {name: _version(name) for name in _PACKAGES}
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory in GiB": _memory(),
        "GPUs": ", ".join(gpus()) or "none",
        "system": platform.platform(),
        "load before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "backend": keras.backend.backend(),
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "versions": versions() | {name: version for name, version in found.items() if version},
    }


def gpus() -> list[str]:
    """Return the GPUs that the backend computes on."""
    return [device for device in keras.distribution.list_devices() if not device.startswith("cpu")]


def peak_operations(size: int, calls: int = 5) -> float:
    """Measure what the machine can do: floating-point operations per second of a square matrix product in float32.

    Args:
        size: rows and columns; 2 size^3 operations.
        calls: products of each library, of which the fastest counts.

    Returns:
        Operations per second, of the faster one of the backend and NumPy.
    """
    one = np.random.default_rng(0).standard_normal((size, size), np.float32)
    tensor = keras.ops.convert_to_tensor(one)
    ways = (lambda: one @ one, lambda: keras.ops.convert_to_numpy(keras.ops.matmul(tensor, tensor)[:1]))
    fastest = float("inf")
    for way in ways:
        way()
        for _ in range(calls):
            started = time.perf_counter()
            way()
            fastest = min(fastest, time.perf_counter() - started)
    return 2 * size**3 / fastest


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None
