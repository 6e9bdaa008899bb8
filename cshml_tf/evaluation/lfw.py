"""The LFW protocol at high and low resolution: HR, HL and LL accuracy of the HR and the LR networks.

HR compares two undegraded images. At a given resolution, HL compares the first image with the second one degraded,
and LL compares both images degraded. HL and LL are measured with the LR network for the degraded images, and with
the HR network for all images. Source: section 4.1 of the paper; the folds are LFW's own.

With `Options.second_score`, HL joined by LL is measured as well, see `cshml_tf.evaluation.second_score`; with
joint Bayesian classifiers too, HL and LL by each.

With `Options.as_they_are`, nothing is degraded, for images that themselves differ in quality, as in XQLFW (Knoche
et al., "Cross-Quality LFW", 2021). HL then uses the HR network for the first image and the LR network for the
second, LL the LR network for both, and HR the HR network for both.
"""

import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from cshml_tf.data.protocols import FaceImage, ListedFile, Pair, PairList
from cshml_tf.data.selection import Selection
from cshml_tf.degradation.degrade import check_mode
from cshml_tf.degradation.resolution import Resolution, format_resolution
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.evaluation.lfw_figures import Scored, Trials, measure, report_of
from cshml_tf.evaluation.report import FARS, JOINT_BAYESIAN, SECOND_SCORES
from cshml_tf.evaluation.second_score import choose_weights, join_scores
from cshml_tf.metrics.joint_bayesian import HR, LR, JointBayesian
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
        second_score: weights of the second score by resolution, such as {"8": 1.0}, to measure it too; others have
            the default weight. None leaves it out.
    """

    flip: bool = False
    subtract_mean: bool = False
    average_orders: bool = False
    as_they_are: bool = False
    batch_size: int = 32
    fars: tuple[float, ...] = FARS
    second_score: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        report: JSON-compatible dict: "HR", one entry per resolution, and "protocol".
        trials: dict of `Trials`; a key is ("HR",) or (resolution as in the report, condition as in the report).
    """

    report: dict[str, Any]
    trials: dict[tuple[str, ...], Trials]


class _Comparison(NamedTuple):
    """One kind of comparison: the view of each image, and what scores pairs of embeddings; None for the cosine."""

    key: tuple[str, ...]
    first: View
    second: View
    score: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None


def evaluate(
    pairs: Sequence[Pair],
    images: Mapping[Any, str | Path | np.ndarray],
    hr_recogniser: keras.Model,
    lr_recognisers: Mapping[Resolution, keras.Model] | None = None,
    resolutions: Iterable[Resolution] | None = None,
    degradation: str | Mapping[Resolution, str] = "antialias",
    options: Options | None = None,
    image_size: tuple[int, int] | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
    hr_embeddings: dict[View, np.ndarray] | None = None,
    classifiers: Mapping[str, JointBayesian] | None = None,
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
        classifiers: the joint Bayesian classifier for each resolution of `lr_recognisers`, such as {"8": ...}, to
            score HL and LL by them as well; None for the cosine alone.

    Returns:
        An `Evaluation`.

    Raises:
        ValueError: no pair is left, all pairs are of one kind, an image is unreadable or of another size, or a
            resolution has no network or an unknown degradation; or the second score is asked for without LR
            networks or without a degradation, or with the weight of another resolution.
    """
    started = time.monotonic()
    options = options or Options()
    lr_recognisers = lr_recognisers or {}
    resolutions = list(dict.fromkeys(lr_recognisers if resolutions is None else resolutions))
    own = {r: _mode(degradation, r) for r in resolutions}
    modes = {r: None if options.as_they_are else mode for r, mode in own.items()}
    weights = {} if options.second_score is None else choose_weights(options.second_score, resolutions)
    if weights and (not lr_recognisers or options.as_they_are):
        raise ValueError("second_score: expected LR networks, and images that are reduced, got neither or one")
    present, protocol = present_pairs(pairs, images)
    comparisons = _comparisons(hr_recogniser, lr_recognisers, modes)
    comparisons += _by_classifiers(comparisons, classifiers or {})
    names = sorted({image for pair in present for image in (pair.first, pair.second)})
    views = list(dict.fromkeys(view for item in comparisons for view in (item.first, item.second)))
    by_view = {} if hr_embeddings is None else dict(hr_embeddings)
    views = [view for view in views if view not in by_view]
    if views:
        embedded = embed(Selection(images, names), views, image_size, options.batch_size, options.flip, progress)
        by_view |= zip(views, embedded, strict=True)
    if hr_embeddings is not None:
        hr_embeddings |= {view: by_view[view] for view in by_view if view.recogniser is hr_recogniser}
    scored = {item.key: _score(item, by_view, present, names, options) for item in comparisons}
    joined = _second_scores(scored, weights)
    scored |= joined
    measured = {key: measure(trials, options.fars) for key, trials in scored.items()}
    report = report_of(measured)
    for key, name in joined:
        report[key][name]["weight"] = weights[key]
    report["protocol"] = protocol | {
        "images": len(names),
        "score": "cosine similarity",
        "options": asdict(options) | {"fars": list(options.fars)},
        "degradation": {format_resolution(r): mode for r, mode in modes.items() if mode},
        "seconds": round(time.monotonic() - started, 1),
    }
    return Evaluation(report, {key: of_one.trials for key, of_one in measured.items()})


def present_pairs(pairs: Sequence[Pair], images: Mapping[Any, Any]) -> tuple[list[Pair], dict[str, Any]]:
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
        **({"folds_by": pairs.folds_by} if isinstance(pairs, PairList) else {}),
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


def _by_classifiers(
    comparisons: Sequence[_Comparison], classifiers: Mapping[str, JointBayesian]
) -> list[_Comparison]:
    """Return the comparisons of HL and LL by the LR networks again, scored by their resolution's classifier."""
    kinds, again = {"HL": (HR, LR), "LL": (LR, LR)}, []
    for name, plain in JOINT_BAYESIAN.items():
        for item in comparisons:
            if item.key[0] in classifiers and item.key[1:] == (plain,):
                score = functools.partial(classifiers[item.key[0]].score_pairs, kinds=kinds[plain])
                again.append(item._replace(key=(item.key[0], name), score=score))
    return again


def _view(recogniser: keras.Model, resolution: Resolution, mode: str | None) -> View:
    return View(recogniser, resolution, mode) if mode else View(recogniser)


def _two_comparisons(resolution: Resolution, suffix: str, hr_view: View, lr_view: View) -> list[_Comparison]:
    key = format_resolution(resolution)
    return [
        _Comparison((key, f"HL{suffix}"), hr_view, lr_view),
        _Comparison((key, f"LL{suffix}"), lr_view, lr_view),
    ]


def _mode(degradation: str | Mapping[Resolution, str], resolution: Resolution) -> str:
    if isinstance(degradation, Mapping):
        if resolution not in degradation:
            raise ValueError(f"degradation: expected one for resolution {format_resolution(resolution)}, got none")
        degradation = degradation[resolution]
    return check_mode(degradation, "degradation")


def _score(
    comparison: _Comparison,
    by_view: Mapping[View, np.ndarray],
    pairs: Sequence[Pair],
    names: Sequence[FaceImage | ListedFile],
    options: Options,
) -> Scored:
    """Score the trials of one comparison."""
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
    if comparison.score is not None:
        return Scored(comparison.score(left, right), same, folds, orders)
    return Scored(_scores(left, right, folds, options.subtract_mean), same, folds, orders)


def _second_scores(
    scored: Mapping[tuple[str, ...], Scored], weights: Mapping[str, float]
) -> dict[tuple[str, str], Scored]:
    """Return the trials of each second score whose HL and LL are there, by resolution and condition."""
    return {
        (key, name): _joined(scored[key, hl], scored[key, ll], weight)
        for key, weight in weights.items()
        for name, (hl, ll) in SECOND_SCORES.items()
        if (key, hl) in scored
    }


def _joined(hl: Scored, ll: Scored, weight: float) -> Scored:
    """Return the trials of HL with the second score. LL is the same in both orders, and has only one."""
    both = np.concatenate([ll.scores] * (hl.orders // ll.orders), axis=-1)
    return hl._replace(scores=join_scores(hl.scores, both, weight))


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
