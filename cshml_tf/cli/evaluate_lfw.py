"""`cshml-evaluate-lfw`: accuracy of model folders on LFW pairs at high and low resolution."""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.evaluation_outputs import check_outputs, deliver, make_output_folders, progress_bar, writers_of
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.degradation.resolution import check_reductions
from cshml_tf.settings.evaluation import LfwSettings
from cshml_tf.settings.parser import flags_in_errors, read_settings
from cshml_tf.settings.places import size_in_card

DESCRIPTION = (
    "Measure networks on pairs of aligned faces in three conditions: HR compares both images at high resolution, "
    "HL reduces the second image to a low resolution, LL reduces both. HL and LL are each measured twice: with "
    "the LR (low-resolution) network of that resolution for the reduced images, and with the HR (high-resolution) "
    "network for all images. --fused adds the second score: HL joined by LL, for portraits that are sharp. "
    "--scorer hjb adds HL and LL by a joint Bayesian classifier, and with --fused their second score. Rates in "
    "the report are fractions."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Measure networks on pairs; print a table, and write a report and plots on request.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(LfwSettings, argv, DESCRIPTION)
    check_outputs(settings)
    pairs = None if settings.is_pair_set else _read_pairs(settings)
    check_reductions(settings.resolutions or (), size_in_card(settings.hr_model), "--resolutions: ")
    start_backend()
    from cshml_tf.evaluation.lfw import Options, evaluate, present_pairs
    from cshml_tf.evaluation.networks import choose_networks
    from cshml_tf.evaluation.report import format_lfw_table, remarks

    networks = choose_networks(settings.hr_model, settings.lr_model, settings.resolutions, settings.reduction)
    pairs, images = _find(settings, pairs, networks.image_size)
    _warn_of_idle_models(settings.lr_model, networks)
    figures_dir = make_output_folders(settings)
    present_pairs(pairs, images)
    classifiers = _classifiers(settings, networks, pairs, images)
    hr_recogniser, lr_recognisers = networks.load(settings.runtime, settings.mixed_precision)
    options = Options(
        flip=settings.use_flipped_images,
        subtract_mean=settings.subtract_mean,
        average_orders=settings.average_orders,
        as_they_are=settings.as_they_are,
        batch_size=settings.embedding_batch_size,
        fars=settings.far,
        second_score=settings.weights if settings.fused else None,
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
        classifiers=classifiers,
    )
    report = evaluation.report
    report["protocol"] |= _sources(settings, networks, pairs, images)
    writers = writers_of(settings.report, report, figures_dir, functools.partial(_draw, evaluation))
    deliver(format_lfw_table(report), remarks(report["protocol"]), writers)


def _read_pairs(settings):
    from cshml_tf.data.protocols import read_pairs

    return read_pairs(settings.lfw_pairs)


def _find(settings, pairs, image_size):
    """Find the images of the pairs, or read a pair set: a list of `Pair`, and a mapping of their images."""
    from cshml_tf.data.insightface.pair_sets import read_pair_set
    from cshml_tf.data.sources import find_images

    if pairs is not None:
        return pairs, find_images(settings.lfw_dir, pairs)
    pairs, images = read_pair_set(settings.lfw_dir, image_size)
    # All faces have one size: reading the first one refuses an unsuitable size before the long work.
    images[pairs[0].first]
    return pairs, images


def _classifiers(settings, networks, pairs, images):
    """Read the joint Bayesian classifiers, and refuse those of other networks, or of people who are compared."""
    if settings.hjb is None:
        return None
    from cshml_tf.evaluation.joint_bayesian.scorers import check_scorers, read_scorers

    compared = [pair for pair in pairs if pair.first in images and pair.second in images]
    people = {image.name for pair in compared for image in (pair.first, pair.second)}
    scorers = read_scorers(settings.hjb)
    with flags_in_errors(LfwSettings):
        check_scorers(scorers, networks, settings.use_flipped_images, people)
    return scorers.classifiers


def _warn_of_idle_models(lr_dirs, networks):
    for folder in lr_dirs:
        if Path(folder) not in networks.lr_dirs.values():
            print(f"warning: {folder} was not trained for any of the resolutions to measure", file=sys.stderr)


def _sources(settings, networks, pairs, images):
    """Return the report's entries on files and models, and on people whom the networks were trained on."""
    from cshml_tf.degradation.resolution import format_resolution
    from cshml_tf.evaluation.networks import trained_on
    from cshml_tf.model_folder import digest_of_network

    lr_dirs = {format_resolution(resolution): folder for resolution, folder in networks.lr_dirs.items()}
    models = {"HR": networks.hr_dir} | lr_dirs
    return {
        "images_folder": str(settings.lfw_dir),
        "pairs_file": str(settings.lfw_pairs or settings.lfw_dir),
        "models": {name: str(folder) for name, folder in models.items()},
        "digests": {name: digest_of_network(folder) for name, folder in models.items()},
        **({} if settings.hjb is None else {"hjb": str(settings.hjb)}),
        "trained_people": trained_on(networks.model_dirs(), pairs, images),
    }


def _draw(evaluation, folder):
    """Draw the ROC curves and the scores of each resolution, before and after the LR network."""
    from cshml_tf.evaluation.report import marked_thresholds, resolution_keys
    from cshml_tf.plots import plot_roc, plot_score_histograms

    labels = {
        "HL_hr_network": "HL before: HR network for both",
        "HL": "HL after: LR network",
        "HL_fused": "HL second score",
        "HL_hjb": "HL joint Bayesian",
        "HL_hjb_fused": "HL second score, joint Bayesian",
        "LL_hr_network": "LL before: HR network for both",
        "LL": "LL after: LR network",
        "LL_hjb": "LL joint Bayesian",
    }
    as_they_are = evaluation.report["protocol"]["options"]["as_they_are"]
    for key in resolution_keys(evaluation.report) or [None]:
        curves = {"HR": evaluation.trials["HR",]}
        thresholds = {"HR": marked_thresholds(evaluation.report["HR"])}
        for mode, label in labels.items():
            if (key, mode) in evaluation.trials:
                curves[label] = evaluation.trials[key, mode]
                thresholds[label] = marked_thresholds(evaluation.report[key][mode])
        title, suffix = ("high resolution", "") if key is None else (f"low resolution {key}", f"_{key}")
        if as_they_are:
            title = "the images' own quality" + (f", LR network of {key}" if key else "")
        plot_roc(folder / f"roc{suffix}.png", curves, f"Verification at {title}")
        # Log-likelihood ratios would stretch the axis of the cosines beyond recognition.
        cosines = {name: curve for name, curve in curves.items() if "joint Bayesian" not in name}
        plot_score_histograms(folder / f"scores{suffix}.png", cosines, f"Scores of pairs at {title}", thresholds)
