"""Align a folder of photographs into class folders of crops; worker processes share the work, runs can resume."""

import collections
import functools
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from cshml_tf.alignment.crops import CENTER, NO_FACE, UNREADABLE, align_image
from cshml_tf.alignment.detector import Detector, FaceDetector, keep_to_cpu
from cshml_tf.alignment.record import AlignmentRecord, AlignmentSettings, make_row
from cshml_tf.alignment.workers import in_this_process, in_workers
from cshml_tf.images import UnreadableImage, list_images, read_image, write_image

# Each process needs about 500 MB, so a larger number is certainly a typing error.
MOST_WORKERS = 128
_REASON_NO_FACE = "no face detected"
_REASON_DIED = "the worker process died while aligning this image"


def align_dataset(
    input_dir: str | Path,
    output_dir: str | Path,
    settings: AlignmentSettings,
    workers: int = 1,
    retry_failures: bool = False,
    make_detector: Callable[[], FaceDetector] | None = None,
    progress: Callable[..., Iterable] | None = None,
) -> AlignmentRecord:
    """Align every image below a folder that is not yet in the output folder's record.

    An input is done if the record lists it and all its crops exist; a recorded failure is done too.
    Crops are PNG files in the same sub-folders under the names of the inputs. If two inputs of a folder differ
    only in their suffix, the crops keep it (`a.jpg.png`, `a.png.png`).

    Args:
        input_dir: folder of class folders of images; images are found at any depth.
        output_dir: new, empty, or written by an earlier run with the same settings; must not overlap `input_dir`.
        settings: an `AlignmentSettings`.
        workers: number of processes; 1 does the work in this process.
        retry_failures: whether to retry the inputs recorded as failures.
        make_detector: function that creates the object whose `detect` finds faces, picklable if `workers` is
            above 1; by default it creates an MTCNN `Detector` with the settings.
        progress: called as progress(iterable, total=number of inputs to align), returns an iterable over the
            same items; for example `tqdm.tqdm`.

    Returns:
        The `AlignmentRecord`, finished.

    Raises:
        ValueError: a folder or the settings cannot be used.
        OSError: a crop cannot be written.
    """
    input_dir, output_dir = Path(input_dir), Path(output_dir)
    _check_arguments(input_dir, output_dir, workers)
    paths = [path.as_posix() for path in list_images(input_dir)]
    if not paths:
        raise ValueError(f"{input_dir}: expected a folder with images, found none in it or below")
    if make_detector is None:
        make_detector = functools.partial(detector_on_cpu if workers > 1 else _detector, settings)
    record = AlignmentRecord(output_dir, input_dir, settings)
    present = set(paths)
    record.forget_failures(lambda path: retry_failures or path not in present)
    missing = [path for path in paths if path not in record.rows]
    names = plan_outputs(paths, missing, record.outputs(), settings.detect_multiple_faces)
    make_aligner = functools.partial(_Aligner, input_dir, output_dir, settings, make_detector)
    work = functools.partial(in_workers, workers=workers) if workers > 1 else in_this_process
    results = work([(path, names[path]) for path in missing], make_aligner)
    try:
        for (path, _), rows in progress(results, total=len(missing)) if progress else results:
            record.append(rows or [make_row(path, UNREADABLE, reason=_REASON_DIED)])
    finally:
        results.close()
        record.finish()
    return record


def detector_on_cpu(settings: AlignmentSettings, threads: int | None = 1) -> Detector:
    """Create the detector of a process that only detects faces, and keep it off the GPUs; picklable.

    Args:
        settings: an `AlignmentSettings`.
        threads: number of threads for TensorFlow and OpenCV; None uses all cores.

    Returns:
        A `Detector`.
    """
    keep_to_cpu(threads)
    return _detector(settings)


def plan_outputs(
    paths: Iterable[str], missing: Iterable[str], taken: Iterable[str], numbered: bool
) -> dict[str, str]:
    """Choose a name for each input's crops such that no two inputs share one.

    A name is the input's name without its suffix, or with it if another input of the folder differs only in the
    suffix. Names that differ only in letter case count as equal, as they do on some file systems.

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
    used = {name.casefold() for name in taken}
    stems = collections.Counter(_without_suffix(path).casefold() for path in paths)
    plan = {}
    for path in missing:
        stem = _without_suffix(path)
        numbers = (f"{path}-{number}" for number in itertools.count(2))
        candidates = itertools.chain([stem] if stems[stem.casefold()] == 1 else [], [path], numbers)
        plan[path] = next(name for name in candidates if (name + ending).casefold() not in used)
        used.add((plan[path] + ending).casefold())
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
            image = read_image(self.input_dir / path)
        except UnreadableImage as error:
            return [make_row(path, UNREADABLE, reason=str(error))]
        alignment = align_image(
            image,
            self.detector,
            self.settings.image_size,
            self.settings.detect_multiple_faces,
            self.settings.fallback,
            self.settings.box_margin,
        )
        if not alignment.faces:
            return [make_row(path, NO_FACE, faces=0, reason=_REASON_NO_FACE)]
        reason = _REASON_NO_FACE if alignment.status == CENTER else ""
        rows = []
        for number, aligned in enumerate(alignment.faces):
            suffix = f"_{number}.png" if self.settings.detect_multiple_faces else ".png"
            output = name + suffix
            (self.output_dir / output).parent.mkdir(parents=True, exist_ok=True)
            write_image(self.output_dir / output, aligned.crop)
            rows.append(make_row(path, alignment.status, output, alignment.detected, aligned.face, reason))
        return rows


def _detector(settings: AlignmentSettings) -> Detector:
    return Detector(longest_side=settings.longest_side)


def _without_suffix(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


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
