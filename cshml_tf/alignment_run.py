"""Aligning a folder of photographs into class folders of crops, with worker processes, resumably."""

import collections
import concurrent.futures
import functools
import multiprocessing
import os
import signal
import threading
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from cshml_tf.alignment import CENTER, FALLBACKS, NO_FACE, UNREADABLE, align_image
from cshml_tf.alignment_record import AlignmentRecord, make_row
from cshml_tf.detector import Detector, keep_to_cpu
from cshml_tf.geometry import check_image_size
from cshml_tf.images import UnreadableImage, list_images, read_image, write_image

_TASKS_AT_A_TIME = 8
_REASON_NO_FACE = "no face detected"
_REASON_DIED = "the worker process died while aligning this image"


def align_dataset(
    input_dir,
    output_dir,
    settings,
    workers=1,
    retry_failures=False,
    make_detector=None,
    progress=None,
):
    """Align every image below a folder that the output folder's record does not have yet.

    An input counts as done when the record lists it and its crops exist. A listed failure is done too.
    Crops are PNG files in the same sub-folders under the inputs' names; where inputs of one folder differ
    in the suffix alone, their crops keep it (`a.jpg.png`, `a.png.png`).

    Args:
        input_dir: folder of class folders of images; images anywhere below are found.
        output_dir: new, empty, or of an earlier run with the same settings; apart from `input_dir`.
        settings: an `AlignmentSettings`.
        workers: number of processes; 1 works in this process.
        retry_failures: try the listed failures again.
        make_detector: a function, picklable for `workers` above 1, that makes the object whose `detect`
            finds faces; by default an MTCNN `Detector` with the settings.
        progress: called as progress(iterable, total=number of inputs to do), gives an iterable of the
            same; for example `tqdm.tqdm`.

    Returns:
        The `AlignmentRecord`, finished.

    Raises:
        ValueError: the folders or settings do not fit.
        OSError: a crop cannot be written.
    """
    input_dir, output_dir = Path(input_dir), Path(output_dir)
    _check_arguments(input_dir, output_dir, settings, workers)
    paths = [path.as_posix() for path in list_images(input_dir)]
    if not paths:
        raise ValueError(f"{input_dir}: expected a folder with images, found none in it or below")
    if make_detector is None:
        make_detector = functools.partial(
            Detector, min_face_size=settings.min_face_size, longest_side=settings.longest_side
        )
    record = AlignmentRecord(output_dir, input_dir, settings)
    if retry_failures:
        record.forget((NO_FACE, UNREADABLE))
    stems = plan_outputs(paths, record.outputs())
    tasks = [(path, stems[path]) for path in paths if path not in record.rows]
    make_aligner = functools.partial(_Aligner, input_dir, output_dir, settings, make_detector)
    workers = min(workers, -(-len(tasks) // _TASKS_AT_A_TIME))
    results = _in_workers(tasks, make_aligner, workers) if workers > 1 else _here(tasks, make_aligner)
    try:
        for rows in progress(results, total=len(tasks)) if progress else results:
            record.append(rows)
    finally:
        results.close()
        record.finish()
    return record


def plan_outputs(paths, taken=()):
    """Choose the crops' names, without `.png`, so that no two inputs share one.

    Args:
        paths: inputs relative to the input folder, with "/".
        taken: crops of earlier runs, relative to the output folder.

    Returns:
        Dictionary from path to the crop's path without `.png`. Letter case does not tell two names
        apart, because on some file systems it does not.
    """
    taken = {name.casefold() for name in taken}
    stems = {path: str(Path(path).with_suffix("")) for path in paths}
    uses = collections.Counter(stem.casefold() for stem in stems.values())
    plan = {}
    for path, stem in stems.items():
        alone = uses[stem.casefold()] == 1 and f"{stem}.png".casefold() not in taken
        plan[path] = stem if alone else path
    return plan


class _Aligner:
    """One process's share of the work: (path, stem) to the rows of the record."""

    def __init__(self, input_dir, output_dir, settings, make_detector):
        self.input_dir, self.output_dir = input_dir, output_dir
        self.settings = settings
        self.detector = make_detector()

    def __call__(self, path, stem):
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
        )
        if not alignment.faces:
            return [make_row(path, NO_FACE, faces=0, reason=_REASON_NO_FACE)]
        reason = _REASON_NO_FACE if alignment.status == CENTER else ""
        rows = []
        for number, aligned in enumerate(alignment.faces):
            suffix = f"_{number}.png" if self.settings.detect_multiple_faces else ".png"
            output = self.output_dir / (stem + suffix)
            output.parent.mkdir(parents=True, exist_ok=True)
            write_image(output, aligned.crop)
            relative = stem + suffix
            rows.append(make_row(path, alignment.status, relative, alignment.detected, aligned.face, reason))
        return rows


def _here(tasks, make_aligner):
    if tasks:
        aligner = make_aligner()
        for task in tasks:
            yield aligner(*task)


def _in_workers(tasks, make_aligner, workers):
    """Yield the rows of each task, as worker processes finish them.

    Where a process dies, each task that was under way is tried again alone, so that the one image at
    fault is listed and no other.
    """
    waiting = collections.deque(
        tasks[start : start + _TASKS_AT_A_TIME] for start in range(0, len(tasks), _TASKS_AT_A_TIME)
    )
    while waiting:
        under_way = {}
        try:
            yield from _drain(waiting, under_way, make_aligner, workers)
        except BrokenProcessPool:
            for task in [task for chunk in under_way.values() for task in chunk]:
                try:
                    yield from _drain(collections.deque([[task]]), {}, make_aligner, 1)
                except BrokenProcessPool:
                    yield [make_row(task[0], UNREADABLE, reason=_REASON_DIED)]


def _drain(waiting, under_way, make_aligner, workers):
    """Work off the chunks of tasks in `waiting`; `under_way` holds those a dead process leaves."""
    pool = concurrent.futures.ProcessPoolExecutor(
        workers,
        # TensorFlow does not survive a fork.
        multiprocessing.get_context("spawn"),
        _start_worker,
        (make_aligner,),
    )
    try:
        _check_start(pool)
        while waiting or under_way:
            while waiting and len(under_way) < 2 * workers:
                chunk = waiting.popleft()
                try:
                    under_way[pool.submit(_align_chunk, chunk)] = chunk
                except BrokenProcessPool:
                    waiting.appendleft(chunk)
                    raise
            done, _ = concurrent.futures.wait(under_way, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                results = future.result()
                del under_way[future]
                yield from results
    finally:
        pool.shutdown(cancel_futures=True)


def _check_start(pool):
    try:
        pool.submit(os.getpid).result()
    except BrokenProcessPool:
        raise RuntimeError("the worker processes do not start: try 1 worker to see why") from None


_aligner = None


def _start_worker(make_aligner):
    global _aligner
    # The parent process decides what an interrupt means, and tells its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    keep_to_cpu(threads=1)
    _aligner = make_aligner()


def _die_with_parent():
    """A killed parent cannot stop its workers, which would wait for tasks for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _align_chunk(chunk):
    return [_aligner(*task) for task in chunk]


def _check_arguments(input_dir, output_dir, settings, workers):
    check_image_size(settings.image_size)
    if settings.fallback not in FALLBACKS:
        raise ValueError(f"fallback: expected one of {FALLBACKS}, got {settings.fallback!r}")
    if workers < 1:
        raise ValueError(f"workers: expected 1 or more, got {workers}")
    if not input_dir.is_dir():
        raise ValueError(f"{input_dir}: expected a folder of images, found none of this name")
    if output_dir.exists() and not output_dir.is_dir():
        raise ValueError(f"{output_dir}: expected a folder to write to, got a file")
    real_input, real_output = input_dir.resolve(), output_dir.resolve()
    if real_output.is_relative_to(real_input) or real_input.is_relative_to(real_output):
        raise ValueError(f"{output_dir}: expected an output folder apart from the input folder")
