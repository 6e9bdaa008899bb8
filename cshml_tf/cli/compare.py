"""`cshml-compare`: photographs or face crops to a matrix of scores, and same/different decisions."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.files import printable
from cshml_tf.settings.comparison import CompareSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Compare the faces in two or more pictures. The largest, most central face of each is found, if need be in "
    "an enlarged copy, and aligned; a picture without a face has no score. With --aligned, the pictures are taken "
    "as face crops instead. Each face is embedded by the network that suits its width, measured on its crop in "
    "pixels of the picture: the HR (high-resolution) network embeds faces at least --hr_width wide, and the LR "
    "(low-resolution) network with the nearest resolution, by ratio, embeds narrower ones."
)
EPILOG = "Exit code: 0 if at least two faces were compared, 1 if fewer were found, 2 on bad arguments."
HOW_TO_DECIDE = (
    "no decisions: pass --report, a report of evaluate_lfw.py on these networks, to use its thresholds at --far; "
    "or choose a --threshold"
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Compare faces with each other; print the network of each, the scores, and the decisions.

    Args:
        argv: the words of the command line; None takes the process's own.

    Returns:
        Exit code: 0 if at least two faces were compared, 1 if fewer were found.
    """
    settings = read_settings(CompareSettings, argv, DESCRIPTION, EPILOG)
    report = _read_report(settings.report) if settings.report else None
    start_backend()
    import numpy as np

    from cshml_tf.comparing import decide, embed_found, score_matrix
    from cshml_tf.evaluation.comparison import decision_lines, face_lines, pair_line, score_lines
    from cshml_tf.evaluation.serving import load_serving_networks

    networks, folders = load_serving_networks(
        settings.hr_model, settings.lr_model, settings.hr_width, settings.runtime, settings.mixed_precision
    )
    if report is not None:
        _check_report(settings.report, report, folders)
    faces = _find_faces(settings, folders.image_size)
    # A rate that the report lacks is refused before anything is embedded or printed.
    far = None if report is None else _choose_far(settings, report, networks, faces)
    embeddings, resolutions = embed_found(faces, networks)
    scores = score_matrix(embeddings)
    for line in _notes(settings.images, faces, networks, resolutions):
        print(line, file=sys.stderr)
    print("\n".join(face_lines(settings.images, faces, resolutions, folders, settings.detail)))
    print("\ncosine similarity")
    print("\n".join(score_lines(scores)))
    if settings.fused:
        joined = _second_scores(faces, embeddings, resolutions, networks, folders, report)
        print("\nsecond score of a sharp face and a small one")
        print("\n".join(score_lines(joined)))
        scores = np.where(np.isnan(joined), scores, joined)
    threshold = _threshold(settings, report, far)
    decisions = decide(scores, resolutions, threshold, settings.fused) if threshold else []
    print("\n" + _heading(settings, far, decisions))
    if decisions:
        print("\n".join(decision_lines(decisions, len(faces))))
        if settings.detail:
            print("\n" + "\n".join(map(pair_line, decisions)))
    return 0 if sum(face is not None for face in faces) > 1 else 1


def _read_report(path):
    from cshml_tf.evaluation.report_file import read_report

    return read_report(path)


def _find_faces(settings, image_size):
    from cshml_tf.alignment.detector import Detector
    from cshml_tf.comparing import find_face
    from cshml_tf.images import read_named

    detector = None if settings.aligned else Detector()
    return [find_face(read_named(path), image_size, detector) for path in settings.images]


def _choose_far(settings, report, networks, faces):
    from cshml_tf.comparing import choose_far

    found = [networks.choose(face.width) for face in faces if face is not None]
    return choose_far(report, found, settings.far, settings.fused)


def _second_scores(faces, embeddings, resolutions, networks, folders, report):
    """Score sharp faces with small ones, with the report's weights, whose thresholds apply."""
    from cshml_tf.comparing import second_scores
    from cshml_tf.evaluation.second_score import weights_of

    weights = {} if report is None else weights_of(report)
    return second_scores(faces, embeddings, resolutions, networks, folders.degradation, weights)


def _threshold(
    settings: CompareSettings, report: dict | None, far: float | None
) -> Callable[[Any, Any], float] | None:
    """Return the function of two faces' resolutions that returns their threshold; None for no decisions."""
    from cshml_tf.comparing import threshold_for

    if report is not None and far is not None:
        return lambda first, second: threshold_for(report, first, second, far, settings.fused)
    if (threshold := settings.threshold) is not None:
        return lambda first, second: threshold
    return None


def _notes(paths, faces, networks, resolutions):
    """Return notes on pictures without a face, on doubtful ones, and on faces too narrow for the HR network."""
    lines = []
    for path, face, resolution in zip(paths, faces, resolutions, strict=True):
        if face is None:
            note = "no face found, not even in an enlarged copy: no score; --aligned takes pictures as face crops"
            lines.append(f"note: {printable(path)}: {note}")
            continue
        if face.note:
            lines.append(f"note: {printable(path)}: {face.note}")
        if resolution is None and face.width < networks.hr_width:
            note = f"{face.width:.0f} pixels wide, but there is no LR network: embedded by the HR network"
            lines.append(f"note: {printable(path)}: {note}")
    return lines


def _check_report(path, report, folders):
    """Refuse a report that measured other networks: known by their content, by their folders in older reports."""
    from cshml_tf.model_folder import digest_of_network

    protocol = report.get("protocol", {})
    measured, digests = protocol.get("models", {}), protocol.get("digests", {})
    for name, folder in _named_folders(folders).items():
        if name in digests:
            is_other = digests[name] != digest_of_network(folder)
        else:
            is_other = name in measured and Path(measured[name]).resolve() != folder.resolve()
        if is_other:
            # The same folder may have got another network since.
            what = f"the network that was in {measured.get(name)}" if name in digests else measured[name]
            raise ValueError(
                f"{path}: expected a report on {folder} as {name}, got one on {what}; evaluate these "
                "networks, or choose a --threshold"
            )


def _named_folders(folders):
    """Return the model folders by their names in reports: "HR", "12" ..."""
    from cshml_tf.degradation.resolution import format_resolution

    return {"HR": folders.hr_dir} | {format_resolution(r): folder for r, folder in folders.lr_dirs.items()}


def _heading(settings, far, decisions):
    second = ", by the second score where there is one" if settings.fused else ""
    if not decisions and (settings.report or settings.threshold is not None):
        return "no decisions: fewer than two faces found"
    if settings.report:
        strictest = "" if settings.far is not None else ", the strictest that the report supports"
        thresholds = f"thresholds of {printable(settings.report)}"
        return f"decisions at a false accept rate of {far:g}{strictest}, {thresholds}{second}"
    if settings.threshold is not None:
        return f"decisions at a threshold of {settings.threshold:g}{second}"
    return HOW_TO_DECIDE
