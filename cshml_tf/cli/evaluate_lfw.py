"""The command `evaluate_lfw.py`: accuracy of model folders on LFW pairs at high and low resolution."""

import sys
from pathlib import Path

from cshml_tf.cli.argument_types import positive, rate, resolution
from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.evaluation_outputs import add_output_options, check_outputs, make_output_folders, progress_bar
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
    _check_paths(arguments)
    # Heavy imports come after the arguments, so that --help answers at once.
    start_backend()
    from cshml_tf.data.insightface.pair_sets import read_pair_set
    from cshml_tf.data.protocols import read_pairs
    from cshml_tf.data.sources import find_images
    from cshml_tf.evaluation.lfw import Options, evaluate, present_pairs
    from cshml_tf.evaluation.networks import choose_networks
    from cshml_tf.evaluation.report import format_lfw_table, remarks
    from cshml_tf.files import write_json

    networks = choose_networks(
        arguments.hr_model, arguments.lr_model, arguments.resolutions, arguments.degradation
    )
    if _is_pair_set(arguments.lfw_dir):
        pairs, images = read_pair_set(arguments.lfw_dir, networks.image_size)
        # Faces that do not suit the network are told of before the long work, as all are of one size.
        images[pairs[0].first]
    else:
        pairs = read_pairs(arguments.lfw_pairs)
        images = find_images(_existing_folder(arguments.lfw_dir), pairs)
    _warn_of_idle_models(arguments.lr_model, networks)
    figures_dir = make_output_folders(arguments)
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
            as_they_are=arguments.as_they_are,
            batch_size=arguments.lfw_batch_size,
            fars=tuple(arguments.far),
        ),
        networks.image_size,
        progress_bar("batch"),
    )
    report = evaluation.report
    report["protocol"] |= _sources(arguments, networks, pairs, images)
    print(format_lfw_table(report))
    for line in remarks(report["protocol"]):
        print(line, file=sys.stderr)
    if arguments.report:
        write_json(arguments.report, report)
    if figures_dir:
        _draw(evaluation, figures_dir)
    return 0


def _check_paths(arguments):
    """Refuse to write over what the command reads, and pairs that are missing or come twice."""
    if _is_pair_set(arguments.lfw_dir) != (arguments.lfw_pairs is None):
        raise ValueError(
            f"--lfw_pairs: expected a list of pairs beside a folder of faces, and none beside a pair set (.bin); "
            f"got {arguments.lfw_pairs} beside {arguments.lfw_dir}"
        )
    check_outputs(arguments, (arguments.hr_model, *arguments.lr_model, arguments.lfw_dir))
    pairs_file = Path(arguments.lfw_pairs or arguments.lfw_dir).resolve()
    if arguments.report and arguments.report.resolve() == pairs_file:
        raise ValueError(f"--report: expected another file than the pairs, got {arguments.report}")


def _parse(argv):
    parser = Parser(
        description="Measure an HR network, and LR networks at their resolutions, on pairs of aligned faces: "
        "HR (both images as they are), HL (the second image at low resolution) and LL (both). HL and LL are "
        "measured with the LR network and with the HR network used for both images. Images whose quality is low "
        "by itself are compared as they are (--as_they_are). Figures in the report are fractions.",
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
    add_output_options(parser, "ROC curves and score histograms")
    arguments = parser.parse_args(argv)
    if arguments.as_they_are and arguments.degradation:
        parser.error("--degradation: expected none with --as_they_are, which degrades nothing")
    if arguments.as_they_are and arguments.resolutions and not arguments.lr_model:
        parser.error(
            "--resolutions: expected LR networks (--lr_model) to choose from with --as_they_are, got none"
        )
    return arguments


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
        "--average_orders",
        action="store_true",
        help="try each pair of HL with either image degraded; with --as_they_are, by the LR network",
    )
    protocol.add_argument(
        "--as_they_are",
        action="store_true",
        help="for images of low quality, such as XQLFW's: degrade nothing; HL is the HR network for the first "
        "image and the LR network for the second, LL the LR network for both, HR the HR network for both",
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


def _warn_of_idle_models(lr_dirs, networks):
    for folder in lr_dirs:
        if Path(folder) not in networks.lr_dirs.values():
            print(f"warning: {folder} serves none of the resolutions asked for", file=sys.stderr)


def _sources(arguments, networks, pairs, images):
    """Give what the report says of files, models, and people that the networks know already."""
    from cshml_tf.degradation.resolution import format_resolution
    from cshml_tf.evaluation.networks import trained_on

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
    as_they_are = evaluation.report["protocol"]["options"]["as_they_are"]
    for key in resolution_keys(evaluation.report) or [None]:
        curves = {"HR": evaluation.trials["HR",]}
        for mode, label in labels.items():
            if (key, mode) in evaluation.trials:
                curves[label] = evaluation.trials[key, mode]
        title, suffix = ("high resolution", "") if key is None else (f"low resolution {key}", f"_{key}")
        if as_they_are:
            title = "the images' own quality" + (f", LR network of {key}" if key else "")
        plot_roc(folder / f"roc{suffix}.png", curves, f"Verification at {title}")
        plot_score_histograms(folder / f"scores{suffix}.png", curves, f"Scores of pairs at {title}")
