"""Reduce faces to a low resolution and enlarge them again, beside PIL and PyTorch."""

import functools
from collections.abc import Callable, Iterator

import numpy as np

from cshml_tf.data.synthetic.photograph import draw_aligned
from cshml_tf.degradation.degrade import degrade
from rows.comparison import Peer, Plan, Row, compare

_SIZE = (112, 112)


def rows(plan: Plan, before: list[Row]) -> Iterator[Row]:
    """Measure the default degradation of drawn faces at two resolutions."""
    faces = np.stack([draw_aligned(number, 1, _SIZE) for number in range(4 if plan.quick else 64)])
    for side in (8, 20):
        ways = (("PIL, one by one", _pil), ("PyTorch, uint8, antialiased", _torch))
        peers = [Peer(name, functools.partial(build, faces, side)) for name, build in ways]
        row = Row("degradation", f"112 x 112 to {side} x {side} and back", "faces/s")
        yield compare(plan, row, len(faces), functools.partial(_ours, faces, side), peers, _agreement)


def _ours(faces: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(degrade(faces, side))


def _agreement(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    difference = np.abs(ours - theirs.astype(np.float32))
    return {"grey levels apart, mean": float(difference.mean()), "most": float(difference.max())}


def _pil(faces: np.ndarray, side: int) -> Callable[[], np.ndarray]:
    from PIL import Image

    bicubic = Image.Resampling.BICUBIC

    def run() -> np.ndarray:
        small = (Image.fromarray(face).resize((side, side), bicubic) for face in faces)
        return np.stack([np.asarray(each.resize(_SIZE[::-1], bicubic)) for each in small])

    return run


def _torch(faces: np.ndarray, side: int) -> Callable[[], np.ndarray]:
    import torch
    from torch.nn.functional import interpolate

    @torch.inference_mode()
    def run() -> np.ndarray:
        pixels = torch.from_numpy(faces).permute(0, 3, 1, 2)
        small = interpolate(pixels, (side, side), mode="bicubic", antialias=True)
        return interpolate(small, _SIZE, mode="bicubic", antialias=True).permute(0, 2, 3, 1).numpy()

    return run
