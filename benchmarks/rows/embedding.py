"""Embed faces in the runtime that commands choose, beside Keras, PyTorch and onnxruntime with the same weights."""

import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np

import cshml_tf
from cshml_tf.recogniser import clone
from cshml_tf.runtimes.choice import find_runtime
from rows.comparison import Peer, Plan, Row, compare
from rows.networks import Network, networks_to_embed, random_faces, random_recogniser

_BATCH = 32
NO_EXPORT = "exporting needs TensorFlow"


def rows(plan: Plan, before: list[Row]) -> Iterator[Row]:
    """Measure each network in float32 and in bfloat16, a batch of 32 faces per call."""
    for network in networks_to_embed(plan):
        recogniser = random_recogniser(network)
        faces = random_faces(network, 4 if plan.quick else _BATCH)
        for precision in ("float32", "bfloat16"):
            yield _row(network, recogniser, faces, precision, plan)


def _row(network: Network, recogniser: keras.Model, faces: np.ndarray, precision: str, plan: Plan) -> Row:
    is_half = precision == "bfloat16"
    embedder = cshml_tf.with_runtime(recogniser, "auto", "on" if is_half else "off")
    row = Row("embed", f"{network.title}, {precision}, in {find_runtime('auto')}", "faces/s")
    in_keras = clone(recogniser, "mixed_bfloat16") if is_half else recogniser
    ways = {
        "Keras": lambda: _embedding(in_keras, faces),
        "PyTorch, channels last": lambda: _torch_embed(network, recogniser, faces, precision),
    }
    if not is_half:
        ways["onnxruntime"] = lambda: _onnx_embed(recogniser, faces)
    peers = [Peer(name, build) for name, build in ways.items()]
    return compare(plan, row, len(faces), _embedding(embedder, faces), peers, likeness)


def _embedding(recogniser: keras.Model, faces: np.ndarray) -> Callable[[], np.ndarray]:
    """Return the library's own call, with which its commands embed."""
    return functools.partial(cshml_tf.embed, recogniser, list(faces))


def likeness(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """Compare two embeddings, of unit length, of the same faces."""
    return {
        "smallest cosine": float(np.min(np.sum(ours * theirs, axis=1))),
        "largest difference": float(np.max(np.abs(ours - theirs))),
    }


def _torch_embed(
    network: Network, recogniser: keras.Model, faces: np.ndarray, precision: str
) -> Callable[[], np.ndarray]:
    import torch

    from rows.torch_networks import standardise, torch_device, torch_network

    device = torch_device()
    model = torch_network(network.name, recogniser).eval().to(device, memory_format=torch.channels_last)
    is_half = precision == "bfloat16"

    @torch.inference_mode()
    def run() -> np.ndarray:
        # Converted layer by layer: whole networks in bfloat16 embed slower on CPUs.
        with torch.autocast(device.type, torch.bfloat16, is_half):
            _, embedding = model(standardise(torch.from_numpy(faces).to(device)))
        return torch.nn.functional.normalize(embedding.float()).cpu().numpy()

    return run


def _onnx_embed(recogniser: keras.Model, faces: np.ndarray) -> Callable[[], np.ndarray]:
    from cshml_tf.export.format import Source, load_format

    if keras.backend.backend() != "tensorflow":
        raise ValueError(NO_EXPORT)
    chosen = load_format("onnx")
    with tempfile.TemporaryDirectory() as folder:
        chosen.write(Source(recogniser, {}), Path(folder), "float32")
        embed = chosen.load(Path(folder), "float32")
    return lambda: embed(faces.astype(np.float32))
