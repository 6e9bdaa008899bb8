"""The command `show_pairs.py`: a figure of what the LR network changes, on example pairs and on all."""

import functools
import sys
import textwrap
from pathlib import Path

from cshml_tf.cli.argument_types import positive, resolution
from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import start_backend

_MOST_PAIRS = 20
_CAPTION_WIDTH = 160


@one_line_errors
def main(argv=None):
    """Compare sharp with low-resolution faces before and after the LR network; draw it, print the path.

    Args:
        argv: the command line's words; None takes the process's own.

    Returns:
        Exit code: 0, or 2 on bad input.
    """
    arguments = _parse(argv)
    # Heavy imports come after the arguments, so that --help answers at once.
    start_backend()
    import tqdm

    from cshml_tf.data.protocols import read_pairs
    from cshml_tf.data.sources import find_images
    from cshml_tf.evaluation.examples import draw_pairs, example_pairs, score_before_and_after
    from cshml_tf.evaluation.lfw import evaluate, present_pairs
    from cshml_tf.plots import plot_pairs

    if not arguments.lfw_dir.is_dir():
        raise ValueError(f"LFW_DIR: expected a folder of aligned faces, {arguments.lfw_dir} is none")
    networks = _choose_networks(arguments)
    (resolution,) = networks.resolutions
    pairs = read_pairs(arguments.lfw_pairs)
    images = find_images(arguments.lfw_dir, pairs)
    compared, _ = present_pairs(pairs, images)
    drawn = draw_pairs([pair.same for pair in compared], arguments.pairs, arguments.seed)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    hr_recogniser, lr_recognisers = networks.load()
    evaluation = evaluate(
        pairs,
        images,
        hr_recogniser,
        lr_recognisers,
        networks.resolutions,
        networks.degradation,
        image_size=networks.image_size,
        # On a terminal a moving bar; nothing in a log file.
        progress=functools.partial(tqdm.tqdm, desc="embedding", unit="batch", disable=None),
    )
    scored = score_before_and_after(evaluation, resolution)
    examples = example_pairs(compared, images, scored, drawn, resolution, networks.degradation[resolution])
    warnings = _warnings(evaluation.report["protocol"], networks, compared)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    plot_pairs(
        arguments.output,
        examples,
        scored,
        *_headings(evaluation.report, resolution),
        _caption(arguments, evaluation.report["protocol"], warnings),
    )
    print(f"figure: {arguments.output}")
    return 0


def _parse(argv):
    parser = Parser(
        description="Draw one figure of what the LR network changes where the first picture of a pair is sharp "
        "and the second one of low resolution: example pairs drawn at random with their scores, and histograms of "
        "the scores of all pairs; before (the HR network embeds both pictures) and after (the LR network embeds "
        "the second one).",
    )
    inputs = parser.add_argument_group("input")
    inputs.add_argument("lfw_dir", metavar="LFW_DIR", type=Path, help="aligned faces, Name/Name_0001.png")
    inputs.add_argument("--lfw_pairs", metavar="FILE", required=True, help="list of pairs, such as pairs.txt")
    inputs.add_argument("--hr_model", metavar="DIR", required=True, help="model folder of the HR network")
    inputs.add_argument("--lr_model", metavar="DIR", required=True, help="model folder of the LR network")
    shown = parser.add_argument_group("what is shown")
    shown.add_argument(
        "--resolution",
        metavar="R",
        type=resolution,
        help="such as 12 or 14x12 (height x width); None: the LR network's, where it has one only",
    )
    shown.add_argument(
        "--pairs",
        metavar="N",
        type=positive,
        default=8,
        help=f"example pairs, half of one person; an even number up to {_MOST_PAIRS}",
    )
    shown.add_argument("--seed", type=int, default=0, help="another seed draws other example pairs")
    output = parser.add_argument_group("output")
    output.add_argument("--output", metavar="FIGURE.png", type=Path, required=True, help="figure to write")
    arguments = parser.parse_args(argv)
    if arguments.pairs % 2 or arguments.pairs > _MOST_PAIRS:
        parser.error(f"--pairs: expected an even number up to {_MOST_PAIRS}, got {arguments.pairs}")
    if arguments.output.suffix.lower() != ".png" or arguments.output.is_dir():
        parser.error(f"--output: expected a file that ends in .png, got {arguments.output}")
    return arguments


def _choose_networks(arguments):
    """Find the networks, and the one resolution that is shown."""
    from cshml_tf.degradation.resolution import format_resolution
    from cshml_tf.evaluation.networks import choose_networks

    asked = [arguments.resolution] if arguments.resolution else None
    networks = choose_networks(arguments.hr_model, [arguments.lr_model], asked)
    if len(networks.resolutions) != 1:
        known = ", ".join(map(format_resolution, networks.resolutions))
        raise ValueError(f"--resolution: expected one of those of {arguments.lr_model}: {known}")
    return networks


def _headings(report, resolution):
    """Give the figure's title, and the words above the pictures."""
    from cshml_tf.degradation.resolution import format_resolution, resolution_sides

    height, width = resolution_sides(resolution)
    size = f"{height} x {width}"
    part = report[format_resolution(resolution)]
    figures = (part["HL_hr_network"], part["HL"], report["HR"])
    before, after, sharp = (f"{100 * entry['accuracy']:.1f} %" for entry in figures)
    title = (
        f"Is the sharp face the person whom a camera shows in {size} pixels?\n"
        f"HR network alone: {before} of {report['protocol']['pairs']} pairs right; "
        f"with the LR network: {after} (both pictures sharp: {sharp})"
    )
    return title, ("sharp", size)


def _warnings(protocol, networks, compared):
    """Say what flatters or narrows the figures: people trained on, pairs left out."""
    from cshml_tf.evaluation.networks import people_trained_on

    lines = []
    if protocol["missing"]:
        lines.append(
            f"{len(protocol['missing'])} of {protocol['pairs_listed']} pairs left out, "
            f"for missing or unaligned images such as {protocol['missing'][0]['absent'][0]}"
        )
    people = {image.name for pair in compared for image in (pair.first, pair.second)}
    known = people_trained_on(networks.model_dirs(), people)
    if known:
        lines.append(
            f"the networks were trained on {len(known)} of the {len(people)} people compared: "
            "the figures flatter them"
        )
    return lines


def _caption(arguments, protocol, warnings):
    """Say how the examples, the thresholds and the accuracies came about."""
    folds = (
        "of one fold, judged by its own threshold (optimistic)"
        if protocol["folds"] == 1
        else f"mean of {protocol['folds']} folds, each judged by the threshold of the others"
    )
    sentences = [
        f"Example pairs: drawn at random (seed {arguments.seed}), not chosen by hand.",
        "Their numbers: cosine similarity; a bar starts at the threshold, before and after each at its own.",
        f"Threshold: the one of highest accuracy over all {protocol['pairs']} pairs.",
        f"Accuracy: {folds}.",
        *(f"{warning[0].upper()}{warning[1:]}." for warning in warnings),
    ]
    return textwrap.fill(" ".join(sentences), _CAPTION_WIDTH)
