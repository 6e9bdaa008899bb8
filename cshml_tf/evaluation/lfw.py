"""The LFW protocol at high and low resolution: HR, HL and LL accuracy of the HR and of the LR networks.

HR compares two images as they are. At a resolution, HL compares the first image as it is with the second
one degraded, LL compares two degraded ones. Each is measured with the LR network for the degraded images,
and with the HR network for all. Source: the paper's section 4.1; the folds are LFW's own.

Images whose quality differs by itself, such as XQLFW's (Knoche et al., "Cross-Quality LFW", 2021), are compared
as they are: HL then is the HR network for the first image and the LR network for the second, LL the LR network
for both, HR the HR network for both, and nothing is degraded.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from cshml_tf.data.selection import Selection
from cshml_tf.degradation.resolution import format_resolution
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.evaluation.report import FARS, held_out_scores, verification_figures
from cshml_tf.metrics.confidence import gap_closed, paired_difference
from cshml_tf.metrics.verification import unit_rows


@dataclass(frozen=True)
class Options:
    """How the pairs are compared; every report says which.

    Attributes:
        flip: an embedding is the normalised sum of the image's and its mirror image's.
        subtract_mean: the mean embedding of the other folds, over both sides of their pairs, is subtracted
            before the cosine, as FaceNet's option does.
        average_orders: HL is measured with the second image degraded and with the first one degraded; the
            figures are those of both sets of trials together.
        as_they_are: nothing is degraded: a resolution says which LR network is shown the image.
        batch_size: images a forward pass.
        fars: false accept rates to state thresholds for.
    """

    flip: bool = False
    subtract_mean: bool = False
    average_orders: bool = False
    as_they_are: bool = False
    batch_size: int = 32
    fars: tuple[float, ...] = FARS


class Trials(NamedTuple):
    """Scored pairs, for curves and histograms.

    Attributes:
        scores: (trials,) float64, cosine similarity; of its own held-out fold where a mean is subtracted.
        same: (trials,) bool.
    """

    scores: np.ndarray
    same: np.ndarray


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation gives.

    Attributes:
        report: dict ready for JSON: "HR", one entry a resolution, and "protocol".
        trials: dict of `Trials` by ("HR",) or (resolution as in the report, "HL" ...).
    """

    report: dict
    trials: dict


class _Comparison(NamedTuple):
    """One kind of comparison: which view the first image is embedded in, which the second."""

    key: tuple
    first: View
    second: View


def evaluate(
    pairs,
    images,
    hr_recogniser,
    lr_recognisers=None,
    resolutions=None,
    degradation="antialias",
    options=None,
    image_size=None,
    progress=iter,
    hr_embeddings=None,
):
    """Measure networks on pairs of faces.

    Pairs with an image that is missing from `images` are left out of their fold's count and named in the
    report; a fold left without pairs is dropped, and named too.

    Args:
        pairs: list of `cshml_tf.data.protocols.Pair`.
        images: mapping of `FaceImage` to a path or to (H, W, 3) uint8 RGB pixels, as
            `cshml_tf.data.sources.find_images` gives.
        hr_recogniser: keras.Model, pixels 0..255 (batch, H, W, 3) -> (batch, E).
        lr_recognisers: dict of resolution, r or (h, w), to the keras.Model that serves it; a network of
            several resolutions stands under each. None measures the HR network alone.
        resolutions: those to measure; None for those of `lr_recognisers`. Where there are LR networks, each
            resolution needs one.
        degradation: "antialias" or "plain", or a dict of resolution to one of them; not used where images are
            compared as they are.
        options: `Options`.
        image_size: (height, width) that images must have; None for the first one's.
        progress: wraps the sequence of image batches, such as `tqdm`.
        hr_embeddings: an empty dict to keep the HR network's embeddings in. Given again with the same pairs,
            images, options and weights of the HR network, it saves embedding them anew: an LR network is
            measured many times beside an HR network that stays.

    Returns:
        An `Evaluation`.

    Raises:
        ValueError: no pair is left, pairs of one kind only, an image unreadable or of another size, or a
            resolution without a network.
    """
    started = time.monotonic()
    options = options or Options()
    lr_recognisers = lr_recognisers or {}
    resolutions = list(dict.fromkeys(lr_recognisers if resolutions is None else resolutions))
    modes = {r: None if options.as_they_are else _mode(degradation, r) for r in resolutions}
    present, protocol = present_pairs(pairs, images)
    comparisons = _comparisons(hr_recogniser, lr_recognisers, modes)
    names = sorted({image for pair in present for image in (pair.first, pair.second)})
    views = list(dict.fromkeys(view for item in comparisons for view in (item.first, item.second)))
    by_view = {} if hr_embeddings is None else dict(hr_embeddings)
    views = [view for view in views if view not in by_view]
    if views:
        embedded = embed(Selection(images, names), views, image_size, options.batch_size, options.flip, progress)
        by_view |= zip(views, embedded, strict=True)
    if hr_embeddings is not None:
        hr_embeddings |= {view: by_view[view] for view in by_view if view.recogniser is hr_recogniser}
    measured = {item.key: _measure(item, by_view, present, names, options) for item in comparisons}
    report = _report(measured)
    report["protocol"] = protocol | {
        "images": len(names),
        "score": "cosine similarity",
        "options": asdict(options) | {"fars": list(options.fars)},
        "degradation": {format_resolution(r): mode for r, mode in modes.items() if mode},
        "seconds": round(time.monotonic() - started, 1),
    }
    return Evaluation(report, {key: trials for key, (_, _, trials) in measured.items()})


def present_pairs(pairs, images):
    """Part the pairs whose images are there from the rest.

    Args:
        pairs: list of `cshml_tf.data.protocols.Pair`.
        images: mapping of `FaceImage`, as `cshml_tf.data.sources.find_images` gives.

    Returns:
        (present, protocol): list of the pairs that can be compared, and what a report's "protocol" says of
        all: folds counted from 1, the missing named.

    Raises:
        ValueError: no pair has both its images.
    """
    missing, present = [], []
    for pair in pairs:
        absent = [str(image) for image in (pair.first, pair.second) if image not in images]
        if absent:
            missing.append({"fold": pair.fold + 1, "pair": [str(pair.first), str(pair.second)], "absent": absent})
        else:
            present.append(pair)
    if not present:
        first = f", such as {missing[0]['absent'][0]}" if missing else ""
        raise ValueError(f"pairs: none of the {len(pairs)} has both its images{first}")
    folds = {pair.fold for pair in present}
    return present, {
        "folds": len(folds),
        "dropped_folds": sorted({pair.fold + 1 for pair in pairs} - {fold + 1 for fold in folds}),
        "pairs_listed": len(pairs),
        "pairs": len(present),
        "same": sum(pair.same for pair in present),
        "missing": missing,
        "threshold": "chosen on the same fold" if len(folds) == 1 else "chosen on the other folds",
        "intervals": "95 %; accuracy: Wilson, all pairs together; gain: Agresti and Min, paired",
    }


def _comparisons(hr_recogniser, lr_recognisers, modes):
    """List every comparison, HR first; `modes` says how images are degraded to each resolution, None for not."""
    hr_view = View(hr_recogniser)
    comparisons = [_Comparison(("HR",), hr_view, hr_view)]
    for resolution, mode in modes.items():
        if lr_recognisers:
            if resolution not in lr_recognisers:
                known = ", ".join(format_resolution(r) for r in lr_recognisers)
                raise ValueError(f"resolutions: no LR network for {resolution}, there is one for {known}")
            lr_view = _view(lr_recognisers[resolution], resolution, mode)
            comparisons += _two_comparisons(resolution, "", hr_view, lr_view)
        # As images are, the HR network for both is HR itself.
        if mode:
            degraded = _view(hr_recogniser, resolution, mode)
            comparisons += _two_comparisons(resolution, "_hr_network", hr_view, degraded)
    return comparisons


def _view(recogniser, resolution, mode):
    return View(recogniser, resolution, mode) if mode else View(recogniser)


def _two_comparisons(resolution, suffix, hr_view, lr_view):
    key = format_resolution(resolution)
    return [
        _Comparison((key, f"HL{suffix}"), hr_view, lr_view),
        _Comparison((key, f"LL{suffix}"), lr_view, lr_view),
    ]


def _mode(degradation, resolution):
    return degradation[resolution] if isinstance(degradation, Mapping) else degradation


def _measure(comparison, by_view, pairs, names, options):
    """Give a comparison's figures, the share of each pair's trials judged right, and its `Trials`."""
    position = {name: index for index, name in enumerate(names)}
    first = np.array([position[pair.first] for pair in pairs])
    second = np.array([position[pair.second] for pair in pairs])
    left, right = by_view[comparison.first], by_view[comparison.second]
    # Where both sides are embedded alike, the other order is the same trial again.
    orders = 2 if options.average_orders and left is not right else 1
    sides = [(left[first], right[second]), (left[second], right[first])][:orders]
    left, right = (np.concatenate(side) for side in zip(*sides, strict=True))
    same = np.tile([pair.same for pair in pairs], orders)
    folds = np.tile([pair.fold for pair in pairs], orders)
    scores = _scores(left, right, folds, options.subtract_mean)
    figures, correct = verification_figures(scores, same, folds, orders, options.fars)
    return figures, correct, Trials(held_out_scores(scores, folds), same)


def _scores(left, right, folds, subtract_mean):
    """Score trials by cosine similarity: (trials,), or (folds, trials) where each fold has its own mean."""
    left, right = left.astype(np.float64), right.astype(np.float64)
    if not subtract_mean:
        return np.sum(unit_rows(left) * unit_rows(right), axis=1)
    rows = []
    numbers = np.unique(folds)
    for fold in numbers:
        training = folds != fold if len(numbers) > 1 else folds == fold
        mean = np.concatenate([left[training], right[training]]).mean(axis=0)
        rows.append(np.sum(unit_rows(left - mean) * unit_rows(right - mean), axis=1))
    return np.stack(rows)


def _report(measured):
    report = {}
    for key, (figures, _, _) in measured.items():
        if key == ("HR",):
            report["HR"] = figures
        else:
            report.setdefault(key[0], {})[key[1]] = figures
    for key, part in report.items():
        if key == "HR" or "HL" not in part:
            continue
        if "HL_hr_network" in part:
            part["gap_closed"] = gap_closed(
                report["HR"]["accuracy"], part["HL_hr_network"]["accuracy"], part["HL"]["accuracy"]
            )
        for mode in ("HL", "LL"):
            _, reference, _ = measured.get((key, f"{mode}_hr_network"), measured["HR",])
            difference, interval = paired_difference(measured[key, mode][1], reference)
            part[f"{mode}_gain"] = {"difference": difference, "interval": list(interval)}
    return report
