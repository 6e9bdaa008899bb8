"""The command `compare.py`: photographs or face crops to a matrix of scores, and same/different decisions."""

import argparse
import json
import math
import sys
from pathlib import Path

from cshml_tf.cli.argument_types import pixels, rate
from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import start_backend

HOW_TO_DECIDE = (
    "no decisions: give --report, a report of evaluate_lfw.py on these networks, for its thresholds at --far; "
    "or a --threshold of your own"
)


@one_line_errors
def main(argv=None):
    """Compare faces with each other; print who served them, the scores, and the decisions.

    Args:
        argv: the command line's words; None takes the process's own.

    Returns:
        Exit code: 0, or 2 on bad input.
    """
    arguments = _parse(argv)
    # Heavy imports come after the arguments, so that --help answers at once.
    start_backend()
    from cshml_tf.evaluation.serving import load_serving_networks
    from cshml_tf.gallery import decide, embed_faces, score_matrix

    report = _read_report(arguments.report) if arguments.report else None
    networks, folders = load_serving_networks(arguments.hr_model, arguments.lr_model, arguments.hr_width)
    if report is not None:
        _check_report(arguments.report, report, folders)
    faces = _find_faces(arguments, folders.image_size)
    embeddings, resolutions = embed_faces(faces, networks)
    scores = score_matrix(embeddings)
    for line in _notes(arguments, faces, networks, resolutions):
        print(line, file=sys.stderr)
    print("\n".join(_face_table(arguments, faces, resolutions, folders)))
    print("\ncosine similarity")
    print("\n".join(_matrix(len(faces), lambda row, column: f"{scores[row, column]:.3f}")))
    # The scores stand even where the report has no threshold at the rate asked for.
    threshold = _threshold(arguments, report)
    decisions = decide(scores, resolutions, threshold) if threshold else []
    print("\n" + _heading(arguments))
    if decisions:
        print("\n".join(_decision_matrix(len(faces), decisions)))
        if arguments.detail:
            print("\n" + "\n".join(map(_decision_line, decisions)))
    return 0


def _parse(argv):
    parser = Parser(
        description="Compare the faces of two or more pictures, each embedded by the network that suits its "
        "width. Of a photograph, the large and central face is found and aligned at the networks' input size; a "
        "picture without a face, or too small for the detector, is taken as a crop, and a note says so. A face "
        "counts as wide as its crop is in pixels of the picture. At least --hr_width wide, it is the HR "
        "network's; else it goes to the LR network of the resolution nearest by ratio.",
    )
    inputs = parser.add_argument_group("input")
    inputs.add_argument("images", metavar="IMAGE", nargs="+", help="photographs or face crops, two or more")
    inputs.add_argument("--hr_model", metavar="DIR", required=True, help="model folder of the HR network")
    inputs.add_argument(
        "--lr_model",
        metavar="DIR",
        action="append",
        default=[],
        help="model folder of an LR network; once for each network (default: the HR network serves all)",
    )
    inputs.add_argument(
        "--aligned", action="store_true", help="the pictures are aligned crops: look for no faces in them"
    )
    inputs.add_argument(
        "--hr_width",
        metavar="PIXELS",
        type=pixels,
        help="faces at least this wide are the HR network's (default: half the width of the networks' input)",
    )
    decisions = parser.add_argument_group("decisions")
    source = decisions.add_mutually_exclusive_group()
    source.add_argument(
        "--report",
        metavar="FILE.json",
        type=Path,
        help="report of evaluate_lfw.py, for the thresholds: HR for two faces of the HR network, HL for one and "
        "LL for two of the LR network; of two LR networks, the stricter LL (default: scores alone)",
    )
    source.add_argument(
        "--threshold", metavar="T", type=_cosine, help="one threshold for all pairs (default: scores alone)"
    )
    decisions.add_argument(
        "--far",
        metavar="RATE",
        type=rate,
        default=0.001,
        help="false accept rate of the thresholds, one that the report states (default: %(default)s)",
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--detail", action="store_true", help="also print each face's box and score, and each pair's threshold"
    )
    arguments = parser.parse_args(argv)
    if len(arguments.images) < 2:
        parser.error(f"IMAGE: expected two or more, got {arguments.images[0]} alone")
    return arguments


def _cosine(text):
    try:
        threshold = float(text)
    except ValueError:
        threshold = math.nan
    if not -1 <= threshold <= 1:
        raise argparse.ArgumentTypeError(f"expected a cosine similarity, -1 to 1, got {text!r}")
    return threshold


def _read_report(path):
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: expected a report in JSON: {error}") from error
    if not isinstance(report, dict) or "HR" not in report:
        raise ValueError(f"{path}: expected a report of evaluate_lfw.py, it has no entry HR")
    return report


def _find_faces(arguments, image_size):
    from cshml_tf.alignment.detector import Detector
    from cshml_tf.gallery import find_face
    from cshml_tf.images import read_named

    detector = None if arguments.aligned else Detector()
    return [find_face(read_named(path), image_size, detector) for path in arguments.images]


def _threshold(arguments, report):
    """Give the function of two faces' resolutions that tells their threshold; None for no decisions."""
    from cshml_tf.gallery import threshold_for

    if report is not None:
        return lambda first, second: threshold_for(report, first, second, arguments.far)
    if arguments.threshold is not None:
        return lambda first, second: arguments.threshold
    return None


def _notes(arguments, faces, networks, resolutions):
    """Give the lines to warn with: faces found in doubt, or served for want of better."""
    lines = [f"note: {path}: {face.note}" for path, face in zip(arguments.images, faces, strict=True) if face.note]
    lines += [
        f"note: {path}: {face.width:.0f} pixels wide, but there is no LR network: judged as a sharp face"
        for path, face, resolution in zip(arguments.images, faces, resolutions, strict=True)
        if resolution is None and face.width < networks.hr_width
    ]
    return lines


def _check_report(path, report, folders):
    """Refuse another network's thresholds."""
    measured = report.get("protocol", {}).get("models", {})
    for name, folder in _named_folders(folders).items():
        if name in measured and Path(measured[name]).resolve() != folder.resolve():
            raise ValueError(
                f"{path}: expected a report on {folder}, it measured {measured[name]} as {name}; evaluate these "
                "networks, or give a --threshold"
            )


def _named_folders(folders):
    """Give the model folders by the names they have in reports: "HR", "12" ..."""
    from cshml_tf.degradation.resolution import format_resolution

    return {"HR": folders.hr_dir} | {format_resolution(r): folder for r, folder in folders.lr_dirs.items()}


def _face_table(arguments, faces, resolutions, folders):
    """Give a line a face: its number, file, width and network; with --detail the detector's box and score."""
    rows = [("", "face", "width", "network", "folder")]
    for number, (path, face, resolution) in enumerate(zip(arguments.images, faces, resolutions, strict=True), 1):
        folder = folders.hr_dir if resolution is None else folders.lr_dirs[resolution]
        row = (str(number), path, f"{face.width:.1f} px", _network_name(resolution), str(folder))
        rows.append(row + ((_box(face),) if arguments.detail else ()))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), *row[4:]]).rstrip()
        for row in rows
    ]


def _network_name(resolution):
    from cshml_tf.degradation.resolution import format_resolution

    return "HR" if resolution is None else f"LR {format_resolution(resolution)}"


def _box(face):
    if face.face is None:
        return "crop"
    box = face.face
    return f"box {box.width:.0f} x {box.height:.0f} at ({box.x:.0f}, {box.y:.0f}), score {box.score:.3f}"


def _heading(arguments):
    if arguments.report:
        return f"decisions at a false accept rate of {arguments.far:g}, thresholds of {arguments.report}"
    if arguments.threshold is not None:
        return f"decisions at a threshold of {arguments.threshold:g}"
    return HOW_TO_DECIDE


def _matrix(size, cell):
    """Lay out a square matrix with numbered rows and columns, `cell` of row and column its words."""
    cells = [[cell(row, column) for column in range(size)] for row in range(size)]
    width = max(len(word) for line in cells for word in line)
    margin = len(str(size))
    lines = ["  ".join([" " * margin, *(str(number).rjust(width) for number in range(1, size + 1))])]
    for number, line in enumerate(cells, 1):
        lines.append("  ".join([str(number).rjust(margin), *(word.rjust(width) for word in line)]))
    return lines


def _decision_matrix(size, decisions):
    words = {(d.first, d.second): "same" if d.same else "different" for d in decisions}
    return _matrix(size, lambda row, column: words.get((min(row, column), max(row, column)), "-"))


def _decision_line(decision):
    word, sign = ("same     ", ">=") if decision.same else ("different", "< ")
    pair = f"{decision.first + 1} and {decision.second + 1}"
    return f"{pair:9}  {word}  {decision.score:.4f} {sign} {decision.threshold:.4f}  ({decision.kind})"
