"""The command `evaluate_lfw.py`: accuracy of model folders on LFW pairs at high and low resolution."""

import sys
from pathlib import Path

from cshml_tf.cli.argument_types import positive, rate, resolution
from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import start_backend


@one_line_errors
def main(argv=None):
    """Measure networks on pairs; print a table, and write a report and figures where asked.

    Args:
        argv: the command line's words; None takes the process's own.

    Returns:
        Exit code: 0, or 2 on bad input.
    """
    arguments = _parse(argv)
    _check_outputs(arguments)
    # Heavy imports come after the arguments, so that --help answers at once.
    start_backend()
    from cshml_tf.data.insightface.pair_sets import read_pair_set
    from cshml_tf.data.protocols import read_pairs
    from cshml_tf.data.sources import find_images
    from cshml_tf.evaluation.lfw import Options, evaluate, present_pairs
    from cshml_tf.evaluation.networks import choose_networks
    from cshml_tf.evaluation.report import format_table, remarks
    from cshml_tf.files import write_json

    networks = choose_networks(
        arguments.hr_model, arguments.lr_model, arguments.resolutions, arguments.degradation
    )
    if _is_pair_set(arguments.lfw_dir):
        pairs, images = read_pair_set(arguments.lfw_dir, networks.image_size)
    else:
        pairs = read_pairs(arguments.lfw_pairs)
        images = find_images(_existing_folder(arguments.lfw_dir), pairs)
    _warn_of_idle_models(arguments.lr_model, networks)
    figures_dir = _make_output_folders(arguments)
    present_pairs(pairs, images)
    hr_recogniser, lr_recognisers = networks.load()
    evaluation = evaluate(
        pairs,
        images,
        hr_recogniser,
        lr_recognisers,
        networks.resolutions,
        networks.degradation,
        Options(
            flip=arguments.use_flipped_images,
            subtract_mean=arguments.subtract_mean,
            average_orders=arguments.average_orders,
            batch_size=arguments.lfw_batch_size,
            fars=tuple(arguments.far),
        ),
        networks.image_size,
        _progress,
    )
    report = evaluation.report
    report["protocol"] |= _sources(arguments, networks, pairs, images)
    print(format_table(report))
    for line in remarks(report["protocol"]):
        print(line, file=sys.stderr)
    if arguments.report:
        write_json(arguments.report, report)
    if figures_dir:
        _draw(evaluation, figures_dir)
    return 0


def _check_outputs(arguments):
    """Refuse to write over what the command reads, and pairs that are missing or come twice."""
    if _is_pair_set(arguments.lfw_dir) != (arguments.lfw_pairs is None):
        raise ValueError(
            f"--lfw_pairs: expected a list of pairs beside a folder of faces, and none beside a pair set (.bin); "
            f"got {arguments.lfw_pairs} beside {arguments.lfw_dir}"
        )
    folders = [Path(folder).resolve() for folder in (arguments.hr_model, *arguments.lr_model, arguments.lfw_dir)]
    if arguments.report and arguments.report.is_file() and arguments.report.suffix != ".json":
        raise ValueError(f"--report: expected a new file or an earlier report (.json), got {arguments.report}")
    for option, path in (("--report", arguments.report), ("--figures", arguments.figures)):
        for folder in folders:
            if path and path.resolve().is_relative_to(folder):
                raise ValueError(f"{option}: expected a place outside {folder}, which is read, got {path}")
    pairs_file = Path(arguments.lfw_pairs or arguments.lfw_dir).resolve()
    if arguments.report and arguments.report.resolve() == pairs_file:
        raise ValueError(f"--report: expected another file than the pairs, got {arguments.report}")


def _parse(argv):
    parser = Parser(
        description="Measure an HR network, and LR networks at their resolutions, on pairs of aligned faces: "
        "HR (both images as they are), HL (the second image at low resolution) and LL (both). HL and LL are "
        "measured with the LR network and with the HR network used for both images. Figures in the report "
        "are fractions.",
    )
    inputs = parser.add_argument_group("input")
    inputs.add_argument(
        "lfw_dir",
        metavar="LFW_DIR",
        help="aligned faces, Name/Name_0001.png, or packed; or a pair set of InsightFace, such as lfw.bin",
    )
    inputs.add_argument(
        "--lfw_pairs", metavar="FILE", help="list of pairs, such as pairs.txt; a pair set has its own"
    )
    inputs.add_argument("--hr_model", metavar="DIR", required=True, help="model folder of the HR network")
    inputs.add_argument(
        "--lr_model",
        metavar="DIR",
        nargs="+",
        action="extend",
        default=[],
        help="model folders of LR networks; without any, the HR network alone is measured",
    )
    _add_protocol_options(parser)
    running = parser.add_argument_group("running")
    running.add_argument("--lfw_batch_size", type=positive, default=32, help="images a forward pass")
    output = parser.add_argument_group("output")
    output.add_argument("--report", metavar="FILE.json", type=Path, help="write all figures here")
    output.add_argument(
        "--figures",
        metavar="DIR",
        type=Path,
        help="write ROC curves and score histograms here; None: beside the report, in FILE_figures",
    )
    return parser.parse_args(argv)


def _add_protocol_options(parser):
    protocol = parser.add_argument_group("protocol")
    protocol.add_argument(
        "--resolutions",
        metavar="R",
        nargs="+",
        type=resolution,
        help="such as 12 or 14x12 (height x width); None: all those of the LR networks",
    )
    protocol.add_argument(
        "--degradation",
        choices=("antialias", "plain"),
        help="how images are degraded; None: as each LR network's were in training, else antialias",
    )
    protocol.add_argument(
        "--average_orders", action="store_true", help="try each pair of HL with either image degraded"
    )
    protocol.add_argument(
        "--use_flipped_images", action="store_true", help="average embeddings with the mirror image's"
    )
    protocol.add_argument("--subtract_mean", action="store_true", help="subtract the other folds' mean embedding")
    protocol.add_argument(
        "--far",
        metavar="RATE",
        nargs="+",
        type=rate,
        default=[0.1, 0.01, 0.001],
        help="false accept rates to state thresholds for",
    )


def _is_pair_set(path):
    return Path(path).suffix == ".bin" and not Path(path).is_dir()


def _existing_folder(folder):
    if not Path(folder).is_dir():
        raise ValueError(f"LFW_DIR: expected a folder of aligned faces, {folder} is none")
    return folder


def _make_output_folders(arguments):
    """Make the folders to write to before the long work, and give the figures' one, or None."""
    figures_dir = arguments.figures
    if arguments.report:
        if arguments.report.is_dir():
            raise ValueError(f"--report: expected a file, {arguments.report} is a folder")
        arguments.report.parent.mkdir(parents=True, exist_ok=True)
        figures_dir = figures_dir or arguments.report.with_name(f"{arguments.report.stem}_figures")
    if figures_dir:
        figures_dir.mkdir(parents=True, exist_ok=True)
    return figures_dir


def _warn_of_idle_models(lr_dirs, networks):
    for folder in lr_dirs:
        if Path(folder) not in networks.lr_dirs.values():
            print(f"warning: {folder} serves none of the resolutions asked for", file=sys.stderr)


def _progress(batches):
    import tqdm

    # On a terminal a moving bar; nothing in a log file.
    return tqdm.tqdm(batches, desc="embedding", unit="batch", disable=None)


def _sources(arguments, networks, pairs, images):
    """Give what the report says of files, models, and people that the networks know already."""
    from cshml_tf.evaluation.networks import trained_on
    from cshml_tf.resolution import format_resolution

    models = {format_resolution(resolution): str(folder) for resolution, folder in networks.lr_dirs.items()}
    return {
        "images_folder": str(arguments.lfw_dir),
        "pairs_file": str(arguments.lfw_pairs or arguments.lfw_dir),
        "models": {"HR": str(networks.hr_dir)} | models,
        "trained_people": trained_on(networks.model_dirs(), pairs, images),
    }


def _draw(evaluation, folder):
    """Draw, for each resolution, the ROC curves and the scores, before and after the LR network."""
    from cshml_tf.evaluation.report import resolution_keys
    from cshml_tf.plots import plot_roc, plot_score_histograms

    labels = {
        "HL_hr_network": "HL before: HR network for both",
        "HL": "HL after: LR network",
        "LL_hr_network": "LL before: HR network for both",
        "LL": "LL after: LR network",
    }
    for key in resolution_keys(evaluation.report) or [None]:
        curves = {"HR": evaluation.trials["HR",]}
        for mode, label in labels.items():
            if (key, mode) in evaluation.trials:
                curves[label] = evaluation.trials[key, mode]
        title, suffix = ("high resolution", "") if key is None else (f"low resolution {key}", f"_{key}")
        plot_roc(folder / f"roc{suffix}.png", curves, f"Verification at {title}")
        plot_score_histograms(folder / f"scores{suffix}.png", curves, f"Scores of pairs at {title}")
