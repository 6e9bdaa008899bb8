"""Write a synthetic clip: the video, and the list of who is where in it."""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from cshml_tf.data.clip_truth import KnownFace, write_truth
from cshml_tf.data.synthetic.clip import FRAMES_PER_SECOND, draw_frames
from cshml_tf.data.synthetic.dataset import identity_seed_of, person_name
from cshml_tf.data.synthetic.street import FRAME_SIZE
from cshml_tf.data.synthetic.walkers import walkers
from cshml_tf.files import replacing

VIDEO_NAME, TRUTH_NAME = "clip.mp4", "clip.csv"
# Constant rate factor of H.264: no loss that an eye could see.
_QUALITY = "17"


def check_video_runs() -> None:
    """Check that PyAV is installed, which encodes the clip.

    Raises:
        ValueError: it is not.
    """
    if importlib.util.find_spec("av") is None:
        raise ValueError("clip: drawing a clip needs PyAV: pip install 'cshml_tf[video]'")


def write_clip(
    folder: str | Path,
    approaching: int,
    passing: Sequence[int],
    seconds: float,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> int:
    """Draw a clip of people who walk past a camera: `clip.mp4`, and `clip.csv`, see `cshml_tf.data.clip_truth`.

    One person walks towards the camera until the face, 8 pixels wide at first, is 60 pixels wide. The others pass
    to the left and to the right, one after another. If both files exist, nothing is drawn.

    Args:
        folder: where to write; it must exist.
        approaching: number of the person who approaches, as in `write_dataset`.
        passing: numbers of the others.
        seconds: length of the clip, at 10 frames of 640 x 360 per second.
        seed: a different seed draws other people and another place.
        progress: if given, called with 1 after each frame.

    Returns:
        The number of frames drawn by this call.

    Raises:
        ValueError: PyAV is not installed.
        OSError: a file cannot be written.
    """
    check_video_runs()
    folder = Path(folder)
    if (folder / VIDEO_NAME).is_file() and (folder / TRUTH_NAME).is_file():
        return 0
    people = [(person_name(number), identity_seed_of(seed, number)) for number in (approaching, *passing)]
    cast = walkers(people[0], people[1:], seconds, seed)
    faces: list[KnownFace] = []
    frames = 0

    def pixels() -> Iterator[np.ndarray]:
        nonlocal frames
        for frame in draw_frames(cast, seconds, seed):
            faces.extend(frame.faces)
            frames += 1
            if progress:
                progress(1)
            yield frame.pixels

    with replacing(folder / VIDEO_NAME, ".mp4") as partial:
        _encode(partial, pixels())
        # A clip is of no use without its list, so the list comes first.
        write_truth(folder / TRUTH_NAME, faces)
    return frames


def _encode(path: Path, frames: Iterator[np.ndarray]) -> None:
    import av

    with av.open(str(path), "w", format="mp4") as container:
        # One thread, because several may divide a frame in another way on another machine.
        options = {"crf": _QUALITY, "preset": "fast", "threads": "1"}
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=options)
        stream.height, stream.width = FRAME_SIZE
        stream.pix_fmt = "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
