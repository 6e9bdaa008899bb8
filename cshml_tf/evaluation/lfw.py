"""The LFW protocol at high and low resolution: HR, HL and LL accuracy of the HR and the LR networks.

HR compares two undegraded images. At a given resolution, HL compares the first image with the second one degraded,
and LL compares both images degraded. HL and LL are measured with the LR network for the degraded images, and with
the HR network for all images. Source: section 4.1 of the paper; the folds are LFW's own.

With `Options.as_they_are`, nothing is degraded, for images that themselves differ in quality, as in XQLFW (Knoche
et al., "Cross-Quality LFW", 2021). HL then uses the HR network for the first image and the LR network for the
second, LL the LR network for both, and HR the HR network for both.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from cshml_tf.data.protocols import FaceImage, Pair
from cshml_tf.data.selection import Selection
from cshml_tf.degradation.resolution import Resolution, format_resolution
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.evaluation.report import FARS, held_out_scores, verification_figures
from cshml_tf.metrics.confidence import gap_closed, paired_difference
from cshml_tf.metrics.vectors import unit_rows


@dataclass(frozen=True)
class Options:
    """How the pairs are compared; every report includes these options.

    Attributes:
        flip: whether to add the embedding of the mirrored image and normalise the sum.
        subtract_mean: whether to subtract the mean embedding of the other folds, over both images of their pairs,
            before the cosine, as FaceNet's option does.
        average_orders: whether to measure HL both with the second image degraded and with the first, and report
            the two sets of trials together.
        as_they_are: whether to leave all images undegraded. A resolution then only selects the LR network.
        batch_size: number of images per forward pass.
        fars: false accept rates to report thresholds for.
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
        scores: (trials,) float64, cosine similarity, computed after subtracting the mean for the trial's fold if
            `subtract_mean` is set.
        same: (trials,) bool.
    """

    scores: np.ndarray
    same: np.ndarray


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        report: JSON-compatible dict: "HR", one entry per resolution, and "protocol".
        trials: dict of `Trials`; a key is ("HR",) or begins with (resolution as in the report, "HL" or "LL").
    """

    report: dict[str, Any]
    trials: dict[tuple[str, ...], Trials]


class _Comparison(NamedTuple):
    """One kind of comparison: the view of the first image and the view of the second."""

    key: tuple[str, ...]
    first: View
    second: View


class _Measured(NamedTuple):
    """The figures of a comparison, the share of each pair's trials judged correctly, and the trials."""

    figures: dict[str, Any]
    correct: np.ndarray
    trials: Trials


def evaluate(
    pairs: Sequence[Pair],
    images: Mapping[FaceImage, str | Path | np.ndarray],
    hr_recogniser: keras.Model,
    lr_recognisers: Mapping[Resolution, keras.Model] | None = None,
    resolutions: Iterable[Resolution] | None = None,
    degradation: str | Mapping[Resolution, str] = "antialias",
    options: Options | None = None,
    image_size: tuple[int, int] | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
    hr_embeddings: dict[View, np.ndarray] | None = None,
) -> Evaluation:
    """Evaluate networks on pairs of faces.

    Pairs with an image missing from `images` are left out of their fold and listed in the report. A fold that
    loses all its pairs is dropped and listed too.

    Args:
        pairs: the pairs to compare.
        images: path or (H, W, 3) uint8 RGB pixels of each image, as returned by
            `cshml_tf.data.sources.find_images`.
        hr_recogniser: the HR network, pixels 0..255 (batch, H, W, 3) -> (batch, E).
        lr_recognisers: the LR network of each resolution, r or (h, w). A network for several resolutions is listed
            under each of them. None measures only the HR network.
        resolutions: the resolutions to measure; None for those of `lr_recognisers`. If there are LR networks, each
            resolution needs one.
        degradation: "antialias" or "plain", or a dict of resolution to one of them; not used if
            `options.as_they_are` is set.
        options: how the pairs are compared; None for the defaults.
        image_size: (height, width) that images must have; None for the size of the first one.
        progress: function that wraps the iterable of image batches, for example `tqdm`.
        hr_embeddings: a dict, empty at first, that caches the HR network's embeddings between calls, for measuring
            many LR networks against one HR network. Pass it again only with the same pairs, images, options and HR
            weights.

    Returns:
        An `Evaluation`.

    Raises:
        ValueError: no pair is left, all pairs are of one kind, an image is unreadable or of another size, or a
            resolution has no network.
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
    return Evaluation(report, {key: of_one.trials for key, of_one in measured.items()})


def present_pairs(pairs: Sequence[Pair], images: Mapping[FaceImage, Any]) -> tuple[list[Pair], dict[str, Any]]:
    """Separate the pairs whose images are available from the rest.

    Args:
        pairs: the listed pairs.
        images: mapping whose keys are the available images, as returned by `cshml_tf.data.sources.find_images`.

    Returns:
        (present, protocol): the pairs that can be compared, and the entries of a report's "protocol" about all
        pairs, with folds counted from 1 and the missing images by name.

    Raises:
        ValueError: no pair has both of its images.
    """
    missing, present = [], []
    for pair in pairs:
        absent = [str(image) for image in (pair.first, pair.second) if image not in images]
        if absent:
            missing.append({"fold": pair.fold + 1, "pair": [str(pair.first), str(pair.second)], "absent": absent})
        else:
            present.append(pair)
    if not present:
        first = f"; {missing[0]['absent'][0]} is missing, for example" if missing else ""
        raise ValueError(f"pairs: expected at least one with both images, got none of {len(pairs)}{first}")
    folds = {pair.fold for pair in present}
    return present, {
        "folds": len(folds),
        "dropped_folds": sorted({pair.fold + 1 for pair in pairs} - {fold + 1 for fold in folds}),
        "pairs_listed": len(pairs),
        "pairs": len(present),
        "same": sum(pair.same for pair in present),
        "missing": missing,
        "threshold": "chosen on the same fold" if len(folds) == 1 else "chosen on the other folds",
        "intervals": "95 %; accuracy: Wilson, all pairs pooled; gain: Agresti and Min, paired",
    }


def _comparisons(
    hr_recogniser: keras.Model,
    lr_recognisers: Mapping[Resolution, keras.Model],
    modes: Mapping[Resolution, str | None],
) -> list[_Comparison]:
    """List every comparison, HR first; `modes` maps each resolution to its degradation, None for none."""
    hr_view = View(hr_recogniser)
    comparisons = [_Comparison(("HR",), hr_view, hr_view)]
    for resolution, mode in modes.items():
        if lr_recognisers:
            if resolution not in lr_recognisers:
                known = ", ".join(format_resolution(r) for r in lr_recognisers)
                raise ValueError(f"resolutions: expected ones with an LR network ({known}), got {resolution}")
            lr_view = _view(lr_recognisers[resolution], resolution, mode)
            comparisons += _two_comparisons(resolution, "", hr_view, lr_view)
        # Without degradation, the HR network for both images is the HR comparison itself.
        if mode:
            degraded = _view(hr_recogniser, resolution, mode)
            comparisons += _two_comparisons(resolution, "_hr_network", hr_view, degraded)
    return comparisons


def _view(recogniser: keras.Model, resolution: Resolution, mode: str | None) -> View:
    return View(recogniser, resolution, mode) if mode else View(recogniser)


def _two_comparisons(resolution: Resolution, suffix: str, hr_view: View, lr_view: View) -> list[_Comparison]:
    key = format_resolution(resolution)
    return [
        _Comparison((key, f"HL{suffix}"), hr_view, lr_view),
        _Comparison((key, f"LL{suffix}"), lr_view, lr_view),
    ]


def _mode(degradation: str | Mapping[Resolution, str], resolution: Resolution) -> str:
    return degradation if isinstance(degradation, str) else degradation[resolution]


def _measure(
    comparison: _Comparison,
    by_view: Mapping[View, np.ndarray],
    pairs: Sequence[Pair],
    names: Sequence[FaceImage],
    options: Options,
) -> _Measured:
    """Score the trials of one comparison and measure them."""
    position = {name: index for index, name in enumerate(names)}
    first = np.array([position[pair.first] for pair in pairs])
    second = np.array([position[pair.second] for pair in pairs])
    left, right = by_view[comparison.first], by_view[comparison.second]
    # If both images are embedded alike, the reverse order repeats the same trial.
    orders = 2 if options.average_orders and left is not right else 1
    sides = [(left[first], right[second]), (left[second], right[first])][:orders]
    left, right = (np.concatenate(side) for side in zip(*sides, strict=True))
    same = np.tile([pair.same for pair in pairs], orders)
    folds = np.tile([pair.fold for pair in pairs], orders)
    scores = _scores(left, right, folds, options.subtract_mean)
    figures, correct = verification_figures(scores, same, folds, orders, options.fars)
    return _Measured(figures, correct, Trials(held_out_scores(scores, folds), same))


def _scores(left: np.ndarray, right: np.ndarray, folds: np.ndarray, subtract_mean: bool) -> np.ndarray:
    """Score trials by cosine similarity: (trials,), or (folds, trials) if each fold subtracts its own mean."""
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


def _report(measured: Mapping[tuple[str, ...], _Measured]) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for key, of_one in measured.items():
        if key == ("HR",):
            report["HR"] = of_one.figures
        else:
            report.setdefault(key[0], {})[key[1]] = of_one.figures
    for key, part in report.items():
        if key == "HR" or "HL" not in part:
            continue
        if "HL_hr_network" in part:
            part["gap_closed"] = gap_closed(
                report["HR"]["accuracy"], part["HL_hr_network"]["accuracy"], part["HL"]["accuracy"]
            )
        for condition in ("HL", "LL"):
            reference = measured.get((key, f"{condition}_hr_network"), measured[("HR",)])
            difference, interval = paired_difference(measured[key, condition].correct, reference.correct)
            part[f"{condition}_gain"] = {"difference": difference, "interval": list(interval)}
    return report
