"""`cshml-show-pairs`: a figure of the effect of the LR network, on example pairs and on all pairs."""

import sys
import textwrap
from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.evaluation_outputs import check_writable_place, progress_bar
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.comparison import ShowPairsSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Draw one figure of the effect of an LR (low-resolution) network when the first picture of a pair is sharp "
    "and the second one has a low resolution: example pairs drawn at random with their scores, and histograms of "
    "the scores of all pairs. Before: the HR (high-resolution) network embeds both pictures. After: the LR "
    "network embeds the second one."
)
_CAPTION_WIDTH = 160


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Compare sharp with low-resolution faces before and after the LR network; draw them, and print the path.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(ShowPairsSettings, argv, DESCRIPTION)
    check_writable_place("--output", settings.output.parent)
    from cshml_tf.data.protocols import read_pairs

    pairs = read_pairs(settings.lfw_pairs)
    start_backend()
    from cshml_tf.data.sources import find_images
    from cshml_tf.evaluation.examples import draw_pairs, example_pairs, score_before_and_after
    from cshml_tf.evaluation.lfw import evaluate, present_pairs
    from cshml_tf.plots import plot_pairs

    networks = _choose_networks(settings)
    (resolution,) = networks.resolutions
    images = find_images(settings.lfw_dir, pairs)
    compared, _ = present_pairs(pairs, images)
    drawn = draw_pairs([pair.same for pair in compared], settings.pairs, settings.seed)
    settings.output.parent.mkdir(parents=True, exist_ok=True)
    hr_recogniser, lr_recognisers = networks.load()
    evaluation = evaluate(
        pairs,
        images,
        hr_recogniser,
        lr_recognisers,
        networks.resolutions,
        networks.degradation,
        image_size=networks.image_size,
        progress=progress_bar("batch"),
    )
    scored = score_before_and_after(evaluation, resolution)
    examples = example_pairs(compared, images, scored, drawn, resolution, networks.degradation[resolution])
    warnings = _warnings(evaluation.report["protocol"], networks, compared)
    plot_pairs(
        settings.output,
        examples,
        scored,
        *_headings(evaluation.report, resolution),
        _caption(settings, evaluation.report["protocol"], warnings),
    )
    print(f"figure: {settings.output}")
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _choose_networks(settings):
    """Find the networks, and the one resolution that is shown."""
    from cshml_tf.degradation.resolution import format_resolution
    from cshml_tf.evaluation.networks import choose_networks

    asked = [settings.resolution] if settings.resolution else None
    networks = choose_networks(settings.hr_model, [settings.lr_model], asked)
    if len(networks.resolutions) != 1:
        known = ", ".join(map(format_resolution, networks.resolutions))
        raise ValueError(f"--resolution: expected one of the resolutions of {settings.lr_model}: {known}")
    return networks


def _headings(report, resolution):
    """Return the figure's title, and the words above the pictures."""
    from cshml_tf.degradation.resolution import format_resolution, resolution_sides

    height, width = resolution_sides(resolution)
    size = f"{height} x {width}"
    part = report[format_resolution(resolution)]
    figures = (part["HL_hr_network"], part["HL"], report["HR"])
    before, after, sharp = (f"{100 * entry['accuracy']:.1f} %" for entry in figures)
    title = (
        f"Same person? A sharp face against one in {size} pixels\n"
        f"HR network alone: {before} of {report['protocol']['pairs']} pairs correct; "
        f"with the LR network: {after} (both pictures sharp: {sharp})"
    )
    return title, ("sharp", size)


def _warnings(protocol, networks, compared):
    """Return warnings of optimistic or partial results: people trained on, pairs left out."""
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
            "their accuracy is optimistic"
        )
    return lines


def _caption(settings, protocol, warnings):
    """Return how the examples were chosen, and how the thresholds and accuracies were computed."""
    folds = (
        "of one fold, decided by its own threshold (optimistic)"
        if protocol["folds"] == 1
        else f"mean of {protocol['folds']} folds, each decided by the threshold of the others"
    )
    sentences = [
        f"Example pairs: drawn at random (seed {settings.seed}), not chosen by hand.",
        "Numbers: cosine similarities. Each bar starts at its threshold; before and after have their own.",
        f"Threshold: the one with the highest accuracy over all {protocol['pairs']} pairs.",
        f"Accuracy: {folds}.",
        *(f"{warning[0].upper()}{warning[1:]}." for warning in warnings),
    ]
    return textwrap.fill(" ".join(sentences), _CAPTION_WIDTH)
