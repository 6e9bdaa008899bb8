"""`cshml-compare`: photographs or face crops to a matrix of scores, and same/different decisions."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.comparison import CompareSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Compare the faces in two or more pictures. In a photograph, the largest, most central face is found and "
    "aligned; a picture without a face, or too small for the detector, is taken as a face crop, and a note says "
    "so. Each face is embedded by the network that suits its width, measured on its crop in pixels of the "
    "picture: the HR (high-resolution) network embeds faces at least --hr_width wide, and the LR (low-resolution) "
    "network with the nearest resolution, by ratio, embeds narrower ones."
)
HOW_TO_DECIDE = (
    "no decisions: pass --report, a report of evaluate_lfw.py on these networks, to use its thresholds at --far; "
    "or choose a --threshold"
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Compare faces with each other; print the network of each, the scores, and the decisions.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(CompareSettings, argv, DESCRIPTION)
    report = _read_report(settings.report) if settings.report else None
    start_backend()
    from cshml_tf.evaluation.comparison import decision_lines, face_lines, pair_line, score_lines
    from cshml_tf.evaluation.serving import load_serving_networks
    from cshml_tf.gallery import decide, embed_faces, score_matrix

    networks, folders = load_serving_networks(settings.hr_model, settings.lr_model, settings.hr_width)
    if report is not None:
        _check_report(settings.report, report, folders)
    faces = _find_faces(settings, folders.image_size)
    embeddings, resolutions = embed_faces(faces, networks)
    scores = score_matrix(embeddings)
    for line in _notes(settings.images, faces, networks, resolutions):
        print(line, file=sys.stderr)
    print("\n".join(face_lines(settings.images, faces, resolutions, folders, settings.detail)))
    print("\ncosine similarity")
    print("\n".join(score_lines(scores)))
    # The scores are printed even if the report has no threshold at the chosen rate.
    threshold = _threshold(settings, report)
    decisions = decide(scores, resolutions, threshold) if threshold else []
    print("\n" + _heading(settings))
    if decisions:
        print("\n".join(decision_lines(decisions, len(faces))))
        if settings.detail:
            print("\n" + "\n".join(map(pair_line, decisions)))


def _read_report(path):
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: expected a report in JSON: {error}") from error
    if not isinstance(report, dict) or "HR" not in report:
        raise ValueError(f"{path}: expected a report of evaluate_lfw.py, got one without the entry HR")
    return report


def _find_faces(settings, image_size):
    from cshml_tf.alignment.detector import Detector
    from cshml_tf.gallery import find_face
    from cshml_tf.images import read_named

    detector = None if settings.aligned else Detector()
    return [find_face(read_named(path), image_size, detector) for path in settings.images]


def _threshold(settings: CompareSettings, report: dict | None) -> Callable[[Any, Any], float] | None:
    """Return the function of two faces' resolutions that returns their threshold; None for no decisions."""
    from cshml_tf.gallery import threshold_for

    if report is not None:
        return lambda first, second: threshold_for(report, first, second, settings.far)
    if (threshold := settings.threshold) is not None:
        return lambda first, second: threshold
    return None


def _notes(paths, faces, networks, resolutions):
    """Return notes on faces whose detection is doubtful, or that are too narrow for the HR network."""
    lines = [f"note: {path}: {face.note}" for path, face in zip(paths, faces, strict=True) if face.note]
    lines += [
        f"note: {path}: {face.width:.0f} pixels wide, but there is no LR network: embedded by the HR network"
        for path, face, resolution in zip(paths, faces, resolutions, strict=True)
        if resolution is None and face.width < networks.hr_width
    ]
    return lines


def _check_report(path, report, folders):
    """Refuse a report that measured other networks."""
    measured = report.get("protocol", {}).get("models", {})
    for name, folder in _named_folders(folders).items():
        if name in measured and Path(measured[name]).resolve() != folder.resolve():
            raise ValueError(
                f"{path}: expected a report on {folder} as {name}, got one on {measured[name]}; evaluate these "
                "networks, or choose a --threshold"
            )


def _named_folders(folders):
    """Return the model folders by their names in reports: "HR", "12" ..."""
    from cshml_tf.degradation.resolution import format_resolution

    return {"HR": folders.hr_dir} | {format_resolution(r): folder for r, folder in folders.lr_dirs.items()}


def _heading(settings):
    if settings.report:
        return f"decisions at a false accept rate of {settings.far:g}, thresholds of {settings.report}"
    if settings.threshold is not None:
        return f"decisions at a threshold of {settings.threshold:g}"
    return HOW_TO_DECIDE
