"""Align a folder of photographs into class folders of crops, here or on a cluster; interrupted runs resume."""

import collections
import errno
import functools
import itertools
import os
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import cv2
import numpy as np

from cshml_tf.alignment.crops import CENTER, NO_FACE, UNREADABLE, Alignment, align_image
from cshml_tf.alignment.detector import Detector, FaceDetector
from cshml_tf.alignment.record import AlignmentRecord, claim
from cshml_tf.alignment.rows import make_row
from cshml_tf.files import is_regular, normalised
from cshml_tf.images import UnreadableImage, image_names, read_image, write_image
from cshml_tf.settings.alignment import AlignmentSettings
from cshml_tf.workers import Cluster, Outcomes, in_this_process, in_workers, on_cluster

# Each process needs 100 MB and more, so a larger number is certainly a typing error.
MOST_WORKERS = 128
_REASON_NO_FACE = "no face detected"
_REASON_DIED = "the worker process died while aligning this image"
_REASON_MEMORY = "out of memory while aligning this image"
# What decides the pixels of a crop.
_PACKAGES = ("numpy", "scipy", "pillow", "opencv-python-headless", "mtcnn", "onnxruntime")
# What an operating system says of one name; any other error of writing concerns every crop.
_NAME_ERRORS = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)


class _Work(NamedTuple):
    """A way to apply the aligner to all photographs, and why one has no result."""

    apply: Callable[..., Outcomes]
    reason: str


def align_dataset(
    input_dir: str | Path,
    output_dir: str | Path,
    settings: AlignmentSettings,
    workers: int = 1,
    retry_failures: bool = False,
    make_detector: Callable[[], FaceDetector] | None = None,
    progress: Callable[..., Iterable] | None = None,
    cluster: Cluster | None = None,
) -> AlignmentRecord:
    """Align every image below a folder that is not yet in the output folder's record.

    An input is done if the record lists it and all its crops exist; a recorded failure is done too. Whatever is
    wrong with one file, its row says so and the others are aligned.
    Crops are PNG files in the same sub-folders under the names of the inputs. If two inputs of a folder differ
    only in their suffix, the crops keep it (`a.jpg.png`, `a.png.png`).

    Args:
        input_dir: folder of class folders of images; images are found at any depth.
        output_dir: new, empty, or written by an earlier run with the same settings; must not overlap `input_dir`.
        settings: an `AlignmentSettings`.
        workers: number of processes; 1 does the work in this process.
        retry_failures: whether to retry the inputs recorded as failures.
        make_detector: function that creates the object whose `detect` finds faces, picklable if `workers` is
            above 1 or a cluster is given; by default it creates an MTCNN `Detector` with the settings.
        progress: called as progress(iterable, total=number of inputs to align), returns an iterable over the
            same items; for example `tqdm.tqdm`.
        cluster: a Dask cluster whose workers read the photographs and write the crops, in place of `workers`
            processes here; both folders must have the same paths there. This process alone writes the record.

    Returns:
        The `AlignmentRecord`, finished.

    Raises:
        ValueError: a folder, its record or the settings cannot be used, or another process is writing to
            `output_dir`.
        OSError: crops cannot be written, for example because the disk is full, the worker processes do not start,
            or the cluster cannot be used.
    """
    input_dir, output_dir = Path(input_dir), Path(output_dir)
    _check_arguments(input_dir, output_dir, workers)
    paths = image_names(input_dir)
    if not paths:
        raise ValueError(f"{input_dir}: expected a folder with images, found none in it or below")
    if make_detector is None:
        is_shared = workers > 1 or cluster is not None
        make_detector = functools.partial(detector_on_cpu, settings, threads=1 if is_shared else None)
    try:
        with claim(output_dir):
            record = AlignmentRecord(output_dir, input_dir, settings)
            present = set(paths)
            record.forget_failures(lambda path: retry_failures or path not in present)
            work = _cluster_work(cluster, input_dir, output_dir, paths) if cluster else _local_work(workers)
            _align_missing(paths, record, input_dir, settings, work, make_detector, progress)
    except OSError as error:
        # A full disk does not say which file it refused.
        if error.errno is not None and error.filename is None:
            error.filename = str(output_dir)
        raise
    return record


def _align_missing(
    paths: list[str],
    record: AlignmentRecord,
    input_dir: Path,
    settings: AlignmentSettings,
    work: _Work,
    make_detector: Callable[[], FaceDetector],
    progress: Callable[..., Iterable] | None,
) -> None:
    missing = [path for path in paths if path not in record.rows]
    # Failures keep their name, so that a run that was interrupted chooses the same names as one that was not.
    unnamed = [path for path in paths if path not in record.rows or not record.rows[path][0].output]
    # Nothing to plan: passing over a folder that is done takes half the memory.
    names = plan_outputs(paths, unnamed, record.outputs(), settings.detect_multiple_faces) if unnamed else {}
    # A worker of a cluster has another current folder.
    folders = Path(os.path.abspath(input_dir)), Path(os.path.abspath(record.output_dir))
    make_aligner = functools.partial(_Aligner, *folders, settings, make_detector)
    results = work.apply([(path, names[path]) for path in missing], make_aligner)
    try:
        for (path, _), rows in progress(results, total=len(missing)) if progress else results:
            record.append(rows or [make_row(path, UNREADABLE, reason=work.reason)])
    finally:
        results.close()
        record.finish()


def _local_work(workers: int) -> _Work:
    if workers == 1:
        return _Work(in_this_process, _REASON_MEMORY)
    return _Work(functools.partial(in_workers, workers=workers), _REASON_DIED)


def _cluster_work(cluster: Cluster, input_dir: Path, output_dir: Path, paths: list[str]) -> _Work:
    # Two folders of one path on different machines hardly have the same first photograph.
    photographs = (Path(os.path.abspath(input_dir)) / path for path in paths)
    readable = (path for path in photographs if is_regular(path) and os.access(path, os.R_OK))
    apply = functools.partial(
        on_cluster,
        cluster=cluster,
        packages=_PACKAGES,
        files=list(itertools.islice(readable, 1)),
        output_dir=Path(os.path.abspath(output_dir)),
    )
    return _Work(apply, _REASON_DIED)


def detector_on_cpu(settings: AlignmentSettings, threads: int | None = 1) -> Detector:
    """Create the detector of a process that only aligns faces; picklable.

    Args:
        settings: an `AlignmentSettings`.
        threads: number of threads for the detector and OpenCV; None uses all cores.

    Returns:
        A `Detector`.
    """
    if threads:
        cv2.setNumThreads(threads)
    return Detector(longest_side=settings.longest_side, min_face=settings.min_face, threads=threads)


def plan_outputs(
    paths: Iterable[str], missing: Iterable[str], taken: Iterable[str], numbered: bool
) -> dict[str, str]:
    """Choose a name for each input's crops such that no two inputs share one.

    A name is the input's name without its suffix, or with it if another input of the folder differs only in the
    suffix, or a folder is called like the crop. Names that differ only in letter case or in Unicode's form count
    as equal, as they do on some file systems.

    Args:
        paths: all inputs relative to the input folder, with "/".
        missing: the inputs among them that need a name.
        taken: existing crops, relative to the output folder.
        numbered: whether an input can have several crops, NAME_0.png, NAME_1.png ...

    Returns:
        Dictionary from each input in `missing` to a path relative to the output folder, without the number
        and without ".png".
    """
    ending = "_0.png" if numbered else ".png"
    used = {_folded(name) for name in taken}
    used |= {_folded(str(folder)) for path in paths for folder in PurePosixPath(path).parents}
    stems = collections.Counter(_folded(_without_suffix(path)) for path in paths)
    plan = {}
    for path in missing:
        stem = _without_suffix(path)
        numbers = (f"{path}-{number}" for number in itertools.count(2))
        candidates = itertools.chain([stem] if stems[_folded(stem)] == 1 else [], [path], numbers)
        plan[path] = next(name for name in candidates if _folded(name + ending) not in used)
        used.add(_folded(plan[path] + ending))
    return plan


class _Aligner:
    """The function that each process applies: (path, name of the crop) to rows of the record."""

    def __init__(
        self,
        input_dir: Path,
        output_dir: Path,
        settings: AlignmentSettings,
        make_detector: Callable[[], FaceDetector],
    ) -> None:
        self.input_dir, self.output_dir = input_dir, output_dir
        self.settings = settings
        self.detector = make_detector()

    def __call__(self, task: tuple[str, str]) -> list[dict[str, str]]:
        path, name = task
        try:
            alignment = self._align(path)
            if not alignment.faces:
                return [make_row(path, NO_FACE, faces=0, reason=_REASON_NO_FACE)]
            return self._write(path, name, alignment)
        except UnreadableImage as error:
            return [make_row(path, UNREADABLE, reason=str(error))]

    def _align(self, path: str) -> Alignment:
        try:
            return align_image(
                read_image(self.input_dir / path),
                self.detector,
                self.settings.image_size,
                self.settings.detect_multiple_faces,
                self.settings.fallback,
                self.settings.box_margin,
            )
        except (UnreadableImage, MemoryError):
            raise
        except Exception as error:
            # If the detector fails at any picture, this photograph is not to blame.
            self.detector.detect(np.zeros((64, 64, 3), np.uint8))
            raise UnreadableImage(f"cannot be aligned: {_first_line(error)}") from error

    def _write(self, path: str, name: str, alignment: Alignment) -> list[dict[str, str]]:
        reason = _REASON_NO_FACE if alignment.status == CENTER else ""
        rows: list[dict[str, str]] = []
        try:
            for number, aligned in enumerate(alignment.faces):
                output = name + (f"_{number}.png" if self.settings.detect_multiple_faces else ".png")
                row = make_row(path, alignment.status, output, alignment.detected, aligned.face, reason)
                (self.output_dir / output).parent.mkdir(parents=True, exist_ok=True)
                write_image(self.output_dir / output, aligned.crop)
                rows.append(row)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno not in _NAME_ERRORS:
                raise
            for row in rows:
                (self.output_dir / row["output"]).unlink(missing_ok=True)
            problem = error.strerror if isinstance(error, OSError) else _first_line(error)
            raise UnreadableImage(f"its crop {name}... cannot be written: {problem}") from error
        return rows


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _without_suffix(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


def _folded(name: str) -> str:
    """Return a name by which two names are compared; folding case can undo the composed form."""
    return normalised(normalised(name).casefold())


def _check_arguments(input_dir: Path, output_dir: Path, workers: int) -> None:
    if not 1 <= workers <= MOST_WORKERS:
        raise ValueError(f"workers: expected 1 to {MOST_WORKERS}, got {workers}")
    if not input_dir.is_dir():
        problem = "got a file" if input_dir.exists() else "but it does not exist"
        raise ValueError(f"{input_dir}: expected a folder of images, {problem}")
    if output_dir.exists() and not output_dir.is_dir():
        raise ValueError(f"{output_dir}: expected a folder to write to, got a file")
    real_input, real_output = input_dir.resolve(), output_dir.resolve()
    if real_output.is_relative_to(real_input) or real_input.is_relative_to(real_output):
        raise ValueError(f"{output_dir}: expected an output folder that does not overlap the input folder")
