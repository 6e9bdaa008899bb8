"""The command `evaluate_scface.py`: identification on SCface by both protocols, beside table 5."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from cshml_tf.cli.argument_types import positive, resolution
from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import start_backend

_ALL, _SPLIT = "130", "80"


@one_line_errors
def main(argv=None):
    """Align, embed, fine-tune and identify; print table 5 with our rows above the paper's.

    Args:
        argv: the command line's words; None takes the process's own.

    Returns:
        Exit code: 0, or 2 on bad input.
    """
    arguments = make_parser().parse_args(argv)
    _check(arguments)
    # Heavy imports come after the arguments, so that --help answers at once.
    start_backend()
    from cshml_tf.files import write_json
    from cshml_tf.scface.experiment import Experiment
    from cshml_tf.scface.fine_tuning import FineTuning
    from cshml_tf.scface.table import format_table, rows_as_json

    fine_tuning = None
    if arguments.fine_tune_steps:
        fine_tuning = FineTuning(
            arguments.fine_tune_steps,
            arguments.fine_tune_batch_size,
            arguments.fine_tune_learning_rate,
            arguments.negative_share,
            arguments.alpha,
        )
    networks = _networks(arguments)
    data = _read(arguments)
    figures_dir = _make_output_folders(arguments)
    mugshots, probes = _align(arguments, data, networks.image_size)
    experiment = Experiment(
        mugshots,
        probes,
        _reduced(arguments, probes, networks),
        networks.hr_recogniser,
        networks.served,
        arguments.use_flipped_images,
        arguments.batch_size,
        _progress("embedding", "batch"),
    )
    rows = list(experiment.all_people()) if _ALL in arguments.protocols else []
    if _SPLIT in arguments.protocols:
        for row in experiment.split(arguments.seeds, fine_tuning, arguments.mappings):
            rows.append(row)
    print(format_table(rows), end="")
    print(_what_served(arguments, networks, fine_tuning))
    if arguments.report:
        protocol = _protocol(arguments, networks, fine_tuning, data, mugshots, probes)
        write_json(arguments.report, {"rows": rows_as_json(rows), "protocol": protocol})
    if figures_dir:
        _draw(rows, figures_dir)
    return 0


def make_parser():
    """Describe the command line."""
    parser = Parser(
        description="Identify SCface's surveillance images among the mugshots. All 130 people are measured with the "
        "networks as given (650 probes a distance); then, for every seed, 50 random people are learned from, by "
        "fine-tuning the LR networks with equation 3 and by the linear maps of the classical methods, and the other "
        "80 are measured (400 probes a distance). Rates in the report are fractions.",
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
        help="the network that serves the probes of distance 1 (4.20 m), 2 (2.60 m) or 3 (1.00 m); the paper has an "
        "LR network of 20 x 20 for 1 and of 30 x 30 for 2 (default: the HR network)",
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
        "--crops", metavar="DIR", type=Path, help="write the aligned faces here, for a look or for --alignment none"
    )
    _add_protocol_options(parser)
    running = parser.add_argument_group("running")
    running.add_argument("--batch_size", type=positive, default=32, help="images a forward pass")
    output = parser.add_argument_group("output")
    output.add_argument("--report", metavar="FILE.json", type=Path, help="write all figures here")
    output.add_argument(
        "--figures",
        metavar="DIR",
        type=Path,
        help="write cumulative match curves here (default: beside the report, in FILE_figures)",
    )
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
    if arguments.fine_tune_steps < 0:
        raise ValueError(f"--fine_tune_steps: expected 0 or more, got {arguments.fine_tune_steps}")
    folders = [arguments.scface_dir, arguments.hr_model, *(folder for _, folder in arguments.serve)]
    for option in ("report", "figures", "crops"):
        path = getattr(arguments, option)
        for folder in map(Path, folders):
            if path and path.resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"--{option}: expected a place outside {folder}, which is read, got {path}")
    if arguments.report and arguments.report.is_dir():
        raise ValueError(f"--report: expected a file, {arguments.report} is a folder")


class _Networks(NamedTuple):
    hr_recogniser: Any
    served: dict
    folders: dict
    image_size: tuple


def _networks(arguments):
    """Load the HR network and what serves each distance."""
    from cshml_tf.data.scface import DISTANCES
    from cshml_tf.model_folder import card_of_kind, load_recogniser, read_card
    from cshml_tf.scface.experiment import Served

    hr_dir = Path(arguments.hr_model)
    hr_card = card_of_kind(hr_dir, "hr")
    folders = dict.fromkeys(DISTANCES, hr_dir) | dict(arguments.serve)
    cards = {folder: read_card(folder) for folder in folders.values()}
    for folder, card in cards.items():
        if card["image_size"] != hr_card["image_size"]:
            raise ValueError(
                f"{folder}: expected the image size of {hr_dir}, {hr_card['image_size']}, got {card['image_size']}"
            )
    loaded = {folder: load_recogniser(folder) for folder in dict.fromkeys([hr_dir, *cards])}
    size = loaded[hr_dir].output_shape[-1]
    for folder, recogniser in loaded.items():
        if recogniser.output_shape[-1] != size:
            raise ValueError(
                f"{folder}: expected the embedding size of {hr_dir}, {size}, got {recogniser.output_shape[-1]}"
            )
    served = {
        distance: Served(folder.resolve().name, loaded[folder], cards[folder]["kind"] == "hr")
        for distance, folder in folders.items()
    }
    return _Networks(loaded[hr_dir], served, folders, tuple(hr_card["image_size"]))
