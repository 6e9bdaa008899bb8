"""The command `evaluate_scface.py`: identification on SCface by both protocols, beside table 5."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from cshml_tf.cli.argument_types import positive, resolution
from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.evaluation_outputs import (
    add_output_options,
    check_outputs,
    check_writable,
    make_output_folders,
    progress_bar,
)
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import start_backend

_ALL, _SPLIT = "130", "80"


@one_line_errors
def main(argv=None):
    """Align, embed, learn from 50 people and identify; print table 5 with our rows above the paper's.

    Args:
        argv: the command line's words; None takes the process's own.

    Returns:
        Exit code: 0, or 2 on bad input.
    """
    arguments = make_parser().parse_args(argv)
    _check(arguments)
    # Heavy imports come after the arguments, so that --help answers at once.
    start_backend()
    from cshml_tf.degradation.resolution import check_reductions
    from cshml_tf.evaluation.scface.experiment import ScfaceExperiment
    from cshml_tf.evaluation.scface.networks import load_scface_networks
    from cshml_tf.evaluation.scface.table import format_ranks, format_scface_table, rows_as_json
    from cshml_tf.files import write_json

    fine_tuning = _fine_tuning(arguments)
    networks = load_scface_networks(arguments.hr_model, dict(arguments.serve))
    for distance, to in arguments.reduce:
        check_reductions([to], networks.image_size, f"--reduce of distance {distance}: ")
    if all(served.is_hr for served in networks.served.values()):
        # The report speaks of fine-tuning only where something is fine-tuned.
        fine_tuning = None
    data = _read(arguments)
    figures_dir = make_output_folders(arguments)
    if arguments.crops:
        arguments.crops.mkdir(parents=True, exist_ok=True)
        check_writable("--crops", arguments.crops)
    mugshots, probes = _align(arguments, data, networks.image_size)
    experiment = ScfaceExperiment(
        mugshots,
        probes,
        _reduced(arguments, probes, networks),
        networks.hr_recogniser,
        networks.served,
        arguments.use_flipped_images,
        arguments.batch_size,
        progress_bar("batch"),
    )
    protocol = _protocol(arguments, networks, fine_tuning, data, mugshots, probes)
    rows = []
    try:
        for row in _measured(experiment, arguments, fine_tuning):
            rows.append(row)
            if arguments.report:
                write_json(arguments.report, {"rows": rows_as_json(rows), "protocol": protocol})
    finally:
        # Where a later row fails, those before it are not lost.
        if rows:
            print(format_scface_table(rows))
            print(format_ranks(rows))
            print("\n".join(_protocol_lines(protocol)))
    if figures_dir:
        _draw(rows, figures_dir)
    return 0


def make_parser():
    """Describe the command line."""
    parser = Parser(
        description="Identify SCface's surveillance images among the mugshots. All 130 people are measured with "
        "the networks as given (650 probes a distance); then, for every seed, 50 random people are learned from, "
        "by fine-tuning the LR networks with equation 3 and by the linear maps of the classical methods, and the "
        "other 80 are measured (400 probes a distance). Rates in the report are fractions.",
    )
    inputs = parser.add_argument_group("input")
    inputs.add_argument("scface_dir", metavar="SCFACE_DIR", help="the data set's folder as distributed")
    inputs.add_argument("--hr_model", metavar="DIR", required=True, help="model folder of the HR network")
    inputs.add_argument(
        "--serve",
        metavar="DISTANCE=DIR",
        nargs="+",
        type=_at_distance(Path),
        default=[],
        help="the network that serves the probes of distance 1 (4.20 m), 2 (2.60 m) or 3 (1.00 m); the paper has "
        "an LR network of 20 x 20 for 1 and of 30 x 30 for 2 (default: the HR network)",
    )
    inputs.add_argument(
        "--reduce",
        metavar="DISTANCE=R",
        nargs="+",
        type=_at_distance(resolution),
        default=[],
        help="reduce the aligned probes of a distance to a resolution first, in the way its network was trained "
        "(default: as the camera gave them)",
    )
    alignment = parser.add_argument_group("alignment; whatever is tried first, the other way is the fall-back")
    alignment.add_argument(
        "--alignment",
        choices=("landmarks", "mtcnn", "none"),
        default="landmarks",
        help="surveillance images by the data set's four points or by MTCNN; none: all images are aligned crops",
    )
    alignment.add_argument(
        "--mugshot_alignment", choices=("mtcnn", "landmarks"), default="mtcnn", help="the same of the mugshots"
    )
    alignment.add_argument("--landmarks", metavar="FILE", default="all.txt", help="its file, in SCFACE_DIR")
    alignment.add_argument(
        "--crops",
        metavar="DIR",
        type=Path,
        help="write the aligned faces here, for a look or for --alignment none",
    )
    _add_protocol_options(parser)
    running = parser.add_argument_group("running")
    running.add_argument("--batch_size", type=positive, default=32, help="images a forward pass")
    add_output_options(parser, "cumulative match curves")
    return parser


def _add_protocol_options(parser):
    group = parser.add_argument_group("protocol")
    group.add_argument(
        "--protocols", nargs="+", choices=(_ALL, _SPLIT), default=[_ALL, _SPLIT], help="how many people are tested"
    )
    group.add_argument(
        "--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="each parts the people anew into 50 and 80"
    )
    group.add_argument(
        "--mappings",
        nargs="*",
        choices=("MDS", "DMDS", "LDMDS"),
        default=["MDS", "DMDS", "LDMDS"],
        help="linear maps to learn from the embeddings of the 50",
    )
    group.add_argument(
        "--use_flipped_images", action="store_true", help="average embeddings with the mirror image's"
    )
    tuning = parser.add_argument_group("fine-tuning with equation 3; the paper gives no numbers")
    tuning.add_argument("--fine_tune_steps", type=int, default=100, help="0 fine-tunes nothing")
    tuning.add_argument("--fine_tune_batch_size", type=positive, default=32, help="pairs a step")
    tuning.add_argument(
        "--fine_tune_learning_rate", type=float, default=0.01, help="falls to 0 along half a cosine"
    )
    tuning.add_argument("--negative_share", type=float, default=0.0, help="share of pairs of two people, 0 to 1")
    tuning.add_argument("--alpha", type=float, default=1.0, help="least squared distance of two people, 0 to 4")


def _at_distance(kind):
    """Make the type of a word such as 1=models/lr20: a pair of a distance and a value."""

    def read(text):
        distance, _, value = text.partition("=")
        if distance not in ("1", "2", "3") or not value:
            raise argparse.ArgumentTypeError(f"expected 1=, 2= or 3= and a value, got {text!r}")
        return int(distance), kind(value)

    return read


def _check(arguments):
    """Refuse what argparse cannot: distances and seeds that come twice, outputs over inputs."""
    for option in ("serve", "reduce"):
        distances = [distance for distance, _ in getattr(arguments, option)]
        if len(set(distances)) < len(distances):
            raise ValueError(f"--{option}: expected each distance once, got {' '.join(map(str, distances))}")
    if len(set(arguments.seeds)) < len(arguments.seeds):
        raise ValueError(f"--seeds: expected each once, got {' '.join(map(str, arguments.seeds))}")
    wrong = [seed for seed in arguments.seeds if not 0 <= seed < 2**32]
    if wrong:
        raise ValueError(f"--seeds: expected whole numbers from 0 to {2**32 - 1}, got {wrong[0]}")
    if arguments.fine_tune_steps < 0:
        raise ValueError(f"--fine_tune_steps: expected 0 or more, got {arguments.fine_tune_steps}")
    folders = [arguments.scface_dir, arguments.hr_model, *(folder for _, folder in arguments.serve)]
    check_outputs(arguments, folders)
    for folder in map(Path, folders):
        if arguments.crops and arguments.crops.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"--crops: expected a place outside {folder}, which is read, got {arguments.crops}")


def _fine_tuning(arguments):
    """Give how to fine-tune, or None."""
    from cshml_tf.evaluation.scface.fine_tuning import FineTuning

    if not arguments.fine_tune_steps or _SPLIT not in arguments.protocols:
        return None
    return FineTuning(
        arguments.fine_tune_steps,
        arguments.fine_tune_batch_size,
        arguments.fine_tune_learning_rate,
        arguments.negative_share,
        arguments.alpha,
    )


def _read(arguments):
    """Find the data set's images, and warn of what is not there."""
    from cshml_tf.data.scface import read_scface

    if not Path(arguments.scface_dir).is_dir():
        raise ValueError(f"SCFACE_DIR: expected the data set's folder, {arguments.scface_dir} is none")
    data = read_scface(arguments.scface_dir, None if arguments.alignment == "none" else arguments.landmarks)
    for what in ("image", "landmarks"):
        names = [missing.name for missing in data.missing if missing.what == what]
        if names:
            print(f"warning: {what} missing of {_some(names)}", file=sys.stderr)
    if data.unexpected:
        paths = [path.name for path in data.unexpected]
        print(f"warning: not the data set's, left alone: {_some(paths)}", file=sys.stderr)
    return data


def _align(arguments, data, image_size):
    """Align mugshots and probes, by distance; write them where asked, and say what fell back."""
    from cshml_tf.alignment.detector import Detector
    from cshml_tf.data.scface import DISTANCES
    from cshml_tf.evaluation.scface.faces import align_images, write_faces

    is_aligned = arguments.alignment == "none"
    detector = None if is_aligned else Detector()
    progress = progress_bar("image", "aligning")
    mugshots = align_images(
        data.mugshots, image_size, "none" if is_aligned else arguments.mugshot_alignment, detector, progress
    )
    probes = {
        distance: align_images(data.probes(distance), image_size, arguments.alignment, detector, progress)
        for distance in DISTANCES
    }
    sets = {"mugshots": (mugshots, arguments.mugshot_alignment)}
    sets |= {f"distance {distance}": (faces, arguments.alignment) for distance, faces in probes.items()}
    for words, (faces, first) in sets.items():
        for how in dict.fromkeys(faces.found.values()):
            if how not in (first, "none"):
                names = [name for name, way in faces.found.items() if way == how]
                print(f"warning: {words}: {how}: {_some(names)}", file=sys.stderr)
        if arguments.crops:
            write_faces(faces, arguments.scface_dir, arguments.crops)
    return mugshots, probes


def _reduced(arguments, probes, networks):
    """Give what each distance's network is shown: the probes, or copies reduced to a resolution."""
    import numpy as np

    from cshml_tf.degradation.degrade import degrade

    shown = {distance: faces.pixels for distance, faces in probes.items()}
    for distance, to in arguments.reduce:
        mode = networks.served[distance].degradation
        reduced = [np.asarray(degrade(face[None], to, mode))[0] for face in shown[distance]]
        shown[distance] = np.array(reduced, np.uint8).reshape(shown[distance].shape)
    return shown


def _protocol(arguments, networks, fine_tuning, data, mugshots, probes):
    """Give what the report says of how the rows came to be."""
    import dataclasses

    from cshml_tf.degradation.resolution import format_resolution

    found = {"mugshots": mugshots.found} | {str(distance): faces.found for distance, faces in probes.items()}
    return {
        "images_folder": str(arguments.scface_dir),
        "hr_model": str(arguments.hr_model),
        "serving": {str(distance): str(served.folder) for distance, served in networks.served.items()},
        "reduced_to": {str(distance): format_resolution(to) for distance, to in arguments.reduce},
        "options": {
            "alignment": arguments.alignment,
            "mugshot_alignment": arguments.mugshot_alignment,
            "landmarks": arguments.landmarks,
            "mappings": arguments.mappings,
        },
        "alignment": {name: dict(Counter(ways.values())) for name, ways in found.items()},
        "aligned_by": found,
        "missing": [missing._asdict() for missing in data.missing],
        "seeds": arguments.seeds,
        "fine_tuning": fine_tuning and dataclasses.asdict(fine_tuning),
        "flip": arguments.use_flipped_images,
    }


def _protocol_lines(protocol):
    """Say how the faces were aligned, which network served which distance, and how it was fine-tuned."""
    lines = []
    for name, counts in protocol["alignment"].items():
        words = "mugshots" if name == "mugshots" else f"distance {name}"
        ways = ", ".join(f"{count} {way}" for way, count in counts.items())
        served = f"; served by {protocol['serving'][name]}" if name in protocol["serving"] else ""
        reduced = f", reduced to {protocol['reduced_to'][name]}" if name in protocol["reduced_to"] else ""
        lines.append(f"{words}: {ways}{served}{reduced}")
    tuning = protocol["fine_tuning"]
    if tuning:
        lines.append("fine-tuning: " + ", ".join(f"{name} {value:g}" for name, value in tuning.items()))
    lines.append(f"flip averaging {'on' if protocol['flip'] else 'off'}; missing probes count as not identified")
    return lines


def _measured(experiment, arguments, fine_tuning):
    """Give the rows of the protocols that are asked for, as they are done."""
    if _ALL in arguments.protocols:
        yield from experiment.all_people()
    if _SPLIT in arguments.protocols:
        yield from experiment.split(arguments.seeds, fine_tuning, arguments.mappings)


def _draw(rows, folder):
    from cshml_tf.evaluation.scface.table import curves_by_distance
    from cshml_tf.plots import plot_cumulative_matches

    for people in dict.fromkeys(row.people for row in rows):
        for distance, curves in curves_by_distance(rows, people).items():
            path = folder / f"cmc_{people}_distance_{distance}.png"
            plot_cumulative_matches(path, curves, f"SCface, {people} people, distance {distance}")


def _some(names):
    shown = ", ".join(names[:5])
    return f"{len(names)}: {shown}" + (f" and {len(names) - 5} more" if len(names) > 5 else "")
