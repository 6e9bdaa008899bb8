"""`cshml-evaluate-lfw`: accuracy of model folders on LFW pairs at high and low resolution."""

import sys
from collections.abc import Sequence
from pathlib import Path

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.evaluation_outputs import make_output_folders, progress_bar
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.evaluation import LfwSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Measure networks on pairs of aligned faces in three conditions: HR compares both images at high resolution, "
    "HL reduces the second image to a low resolution, LL reduces both. HL and LL are each measured twice: with "
    "the LR (low-resolution) network of that resolution for the reduced images, and with the HR (high-resolution) "
    "network for all images. "
    "Rates in the report are fractions."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Measure networks on pairs; print a table, and write a report and plots on request.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(LfwSettings, argv, DESCRIPTION)
    start_backend()
    from cshml_tf.evaluation.lfw import Options, evaluate, present_pairs
    from cshml_tf.evaluation.networks import choose_networks
    from cshml_tf.evaluation.report import format_lfw_table, remarks
    from cshml_tf.files import write_json

    networks = choose_networks(settings.hr_model, settings.lr_model, settings.resolutions, settings.degradation)
    pairs, images = _read(settings, networks.image_size)
    _warn_of_idle_models(settings.lr_model, networks)
    figures_dir = make_output_folders(settings)
    present_pairs(pairs, images)
    hr_recogniser, lr_recognisers = networks.load()
    options = Options(
        flip=settings.use_flipped_images,
        subtract_mean=settings.subtract_mean,
        average_orders=settings.average_orders,
        as_they_are=settings.as_they_are,
        batch_size=settings.embedding_batch_size,
        fars=settings.far,
    )
    evaluation = evaluate(
        pairs,
        images,
        hr_recogniser,
        lr_recognisers,
        networks.resolutions,
        networks.degradation,
        options,
        networks.image_size,
        progress_bar("batch"),
    )
    report = evaluation.report
    report["protocol"] |= _sources(settings, networks, pairs, images)
    print(format_lfw_table(report))
    for line in remarks(report["protocol"]):
        print(line, file=sys.stderr)
    if settings.report:
        write_json(settings.report, report)
    if figures_dir:
        _draw(evaluation, figures_dir)


def _read(settings, image_size):
    """Read the pairs and find their images: a list of `Pair`, and a mapping of `FaceImage`."""
    from cshml_tf.data.insightface.pair_sets import read_pair_set
    from cshml_tf.data.protocols import read_pairs
    from cshml_tf.data.sources import find_images

    if not settings.is_pair_set:
        pairs = read_pairs(settings.lfw_pairs)
        return pairs, find_images(settings.lfw_dir, pairs)
    pairs, images = read_pair_set(settings.lfw_dir, image_size)
    # All faces have one size: reading the first one refuses an unsuitable size before the long work.
    images[pairs[0].first]
    return pairs, images


def _warn_of_idle_models(lr_dirs, networks):
    for folder in lr_dirs:
        if Path(folder) not in networks.lr_dirs.values():
            print(f"warning: {folder} was not trained for any of the resolutions to measure", file=sys.stderr)


def _sources(settings, networks, pairs, images):
    """Return the report's entries on files and models, and on people whom the networks were trained on."""
    from cshml_tf.degradation.resolution import format_resolution
    from cshml_tf.evaluation.networks import trained_on

    models = {format_resolution(resolution): str(folder) for resolution, folder in networks.lr_dirs.items()}
    return {
        "images_folder": str(settings.lfw_dir),
        "pairs_file": str(settings.lfw_pairs or settings.lfw_dir),
        "models": {"HR": str(networks.hr_dir)} | models,
        "trained_people": trained_on(networks.model_dirs(), pairs, images),
    }


def _draw(evaluation, folder):
    """Draw the ROC curves and the scores of each resolution, before and after the LR network."""
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
