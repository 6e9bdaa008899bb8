"""Compute the HR network's outputs for `--cache_teacher`, block by block; what a killed process wrote is kept."""

import contextlib
import dataclasses
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from cshml_tf.data.carriers import Batch, on_threads
from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.teacher_values import UNREAD, changed_face, checksums_of
from cshml_tf.data.unreadable import ADVICE, Unreadable, UnreadableFace
from cshml_tf.files import (
    PARTIAL_PREFIX,
    GrowingArray,
    lock_folder,
    partial_of,
    printable,
    read_array,
    visible_entries,
)

CHECKSUMS = "checksums.npy"
# Faces per forward pass.
_BATCH = 64
# Faces between two flushes to the disk; a kill costs fewer than two such blocks.
_BLOCK = 16 * _BATCH


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is computed from what, and where it is written.

    Attributes:
        folder: the sub-folder of the cache.
        source: the training faces.
        unreadable: reads them.
        image_size: (height, width) of each.
        model: pixels (batch, H, W, 3), 0..255 -> dict of the HR network's outputs by name.
        files: the file of each output, by its name.
        shapes: the shape of each of these files, (images, views, ...): the face and, if wanted, its mirror image.
    """

    folder: Path
    source: FaceSource
    unreadable: Unreadable
    image_size: tuple[int, int]
    model: keras.Model
    files: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]


def build(plan: Plan, note_inputs: Callable[[], None], progress: bool) -> None:
    """Compute the outputs that a cache lacks.

    Args:
        plan: what to compute.
        note_inputs: writes what decides the outputs, or compares it with what the folder notes; called while the
            folder is locked.
        progress: whether to say on standard error what is written, and to show a progress bar.

    Raises:
        ValueError: the disk has too little space, another process is writing to the folder, a face cannot be read
            or has changed since other outputs were computed, or an output does not fit float16.
        OSError: the folder cannot be written.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(lock_folder(plan.folder))
        note_inputs()
        growing = _open_absent(plan, stack)
        rows = min((array.rows for array in growing.values()), default=len(plan.source))
        for array in growing.values():
            array.keep(rows)
        _check_space(plan, growing.values(), rows, progress)
        _append(plan, growing, rows, progress)
        # The checksums come first: if a kill prevents the others, their last block is compared with them.
        for array in growing.values():
            array.finish()


def _open_absent(plan: Plan, stack: contextlib.ExitStack) -> dict[str, GrowingArray]:
    """Open the arrays that are to be written, by their files, the checksums first."""
    shapes = {CHECKSUMS: (len(plan.source),), **plan.shapes}
    # Another process may have finished some of them, or all, since this one looked.
    absent = [file for file in shapes if not (plan.folder / file).exists()]
    if CHECKSUMS in absent:
        if any(path.suffix == ".npy" for path in visible_entries(plan.folder)):
            raise ValueError(
                f"{printable(plan.folder)}: expected {CHECKSUMS} beside the HR network's outputs, got a folder "
                "without; remove it to compute them anew"
            )
        # Beginnings of other arrays may belong to pixels that the checksums to come do not know.
        wanted = {partial_of(plan.folder / file) for file in absent}
        for path in plan.folder.glob(f"{PARTIAL_PREFIX}*"):
            if path not in wanted:
                path.unlink()
    growing: dict[str, GrowingArray] = {}
    for file in absent:
        dtype = np.int64 if file == CHECKSUMS else np.float16
        array = GrowingArray(plan.folder / file, shapes[file], dtype, _BLOCK)
        growing[file] = stack.enter_context(contextlib.closing(array))
    return growing


def _check_space(plan: Plan, growing: Iterable[GrowingArray], rows: int, progress: bool) -> None:
    needed = sum(array.bytes_left for array in growing)
    free = shutil.disk_usage(plan.folder).free
    if needed > free:
        raise ValueError(
            f"cache_teacher: expected {_size(needed)} of free space for the HR network's outputs, got "
            f"{_size(free)} in {printable(plan.folder)}"
        )
    if progress and needed:
        done = f", {rows} of them done" if rows else ""
        print(
            f"HR network's outputs for {len(plan.source)} faces{done}: {_size(needed)} to write to "
            f"{printable(plan.folder)}, {_size(free)} free",
            file=sys.stderr,
        )


def _append(plan: Plan, growing: Mapping[str, GrowingArray], rows: int, progress: bool) -> None:
    """Compute and write all rows after the first `rows`."""
    starts = range(rows, len(plan.source), _BATCH)
    # Outputs that exist were computed from these pixels; those to come must be too.
    known = None if CHECKSUMS in growing else read_array(plan.folder / CHECKSUMS, np.int64, 1)
    reader = _Reader(plan)
    with contextlib.closing(on_threads(lambda step: reader.read(rows + step * _BATCH), 0)) as batches:
        for start in tqdm(starts, desc="HR network's outputs", unit="batch", disable=not progress):
            batch = next(batches)
            images = np.arange(start, start + len(batch["faces"]))
            if known is not None and (known[images] != batch["checksums"]).any():
                changed = images[(known[images] != batch["checksums"]).argmax()]
                raise UnreadableFace(changed_face(plan.folder, plan.source, int(changed)))
            made = _outputs(plan, images, batch["faces"]) | {CHECKSUMS: batch["checksums"]}
            for file, array in growing.items():
                array.append(made[file])


class _Reader:
    """Reads faces in batches, on several threads, and passes over as many unreadable ones as a run may."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._bad: dict[int, str] = {}

    def read(self, start: int) -> Batch:
        """Return "faces" (n, H, W, 3) and "checksums" (n,) of a batch; a face that cannot be read is black."""
        plan = self._plan
        images = np.arange(start, min(start + _BATCH, len(plan.source)))
        faces = np.zeros((len(images), *plan.image_size, 3), np.uint8)
        # The threads read ahead, in the end beyond the last face.
        if not len(images):
            return {"faces": faces}
        try:
            faces = plan.source.read(images, plan.image_size)
            return {"faces": faces, "checksums": checksums_of(faces)}
        except ValueError as error:
            if not plan.unreadable.limit:
                raise UnreadableFace(f"{error}; {ADVICE}") from error
        readable = [self._read_one(int(image), faces[row]) for row, image in enumerate(images)]
        return {"faces": faces, "checksums": np.where(readable, checksums_of(faces), UNREAD)}

    def _read_one(self, image: int, place: np.ndarray) -> bool:
        """Read a face into its place; return whether it can be read."""
        try:
            place[:] = self._plan.unreadable.read_one(image)
            return True
        except UnreadableFace as error:
            self._bad[image] = str(error)
            limit = self._plan.unreadable.limit
            if len(self._bad) > limit:
                raise UnreadableFace(
                    f"skip_unreadable: expected at most {limit} images, got {len(self._bad)}, such as {error}"
                ) from error
            return False


def _outputs(plan: Plan, images: np.ndarray, faces: np.ndarray) -> dict[str, np.ndarray]:
    """Return the outputs for faces and, if wanted, their mirror images by file: (n, views, ...) float16."""
    # All batches have one size, so that the network is compiled once.
    filled = np.concatenate([faces, np.repeat(faces[-1:], _BATCH - len(faces), axis=0)])
    views = next(iter(plan.shapes.values()))[1]
    shown = [filled, np.ascontiguousarray(filled[:, :, ::-1])][:views]
    seen = [plan.model.predict_on_batch(pixels) for pixels in shown]
    made = {}
    for name, file in plan.files.items():
        with np.errstate(over="ignore"):  # What does not fit is refused below.
            values = [np.asarray(each[name], np.float32)[: len(faces)].astype(np.float16) for each in seen]
        made[file] = np.stack(values, axis=1)
        finite = np.isfinite(made[file]).reshape(len(faces), -1).all(axis=1)
        if not finite.all():
            face = printable(plan.source.name_of(int(images[finite.argmin()])))
            raise ValueError(
                f"cache_teacher: expected outputs of the HR network that float16 can hold, got a value in the "
                f"{name} of {face} that is too large or not a number; train without the cache"
            )
    return made


def _size(count: float) -> str:
    """Return a number of bytes in decimal units, as disks are sold."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
