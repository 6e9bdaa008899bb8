"""The toy's figures beside the paper's tables 1 and 2, and its scatters after figures 2 to 4."""

import numpy as np

from cshml_tf.toy.ways import WAYS


def format_table(outcomes, ceiling=None):
    """Write accuracies in % as a Markdown table, a column a seed.

    Args:
        outcomes: dict of a seed to `cshml_tf.toy.experiment.Outcome`.
        ceiling: accuracy of a classifier of the nine pixels trained with the first seed, 0..1; None leaves it out.

    Returns:
        str that ends with a line end.
    """
    rows = [["digits and network", *(f"seed {seed}" for seed in outcomes), "mean", "paper"]]
    rows.append(["---"] * len(rows[0]))
    rows.append(_row("28 x 28, HR network", [outcome.hr for outcome in outcomes.values()], None))
    rows.append(_row("3 x 3, HR network", [outcome.before for outcome in outcomes.values()], None))
    ways = list(dict.fromkeys(name for outcome in outcomes.values() for name in outcome.after))
    for name in ways:
        way = WAYS[name]
        accuracies = [outcome.after.get(name) for outcome in outcomes.values()]
        rows.append(_row(f"3 x 3, LR network, {way.words}", accuracies, way.published))
    if ceiling is not None:
        others = [None] * (len(outcomes) - 1)
        rows.append(_row("3 x 3, a classifier of the nine pixels", [ceiling, *others], None))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def project(features, others):
    """Project features to a plane: as they are where they have two coordinates, else on their two main axes.

    Args:
        features: (n, E) real, which the axes are taken from.
        others: list of (m, E) real, which are projected on the same axes.

    Returns:
        (n, 2), and a list of (m, 2).
    """
    if features.shape[1] == 2:
        return features, others
    mean = features.mean(axis=0)
    _, _, axes = np.linalg.svd(features - mean, full_matrices=False)
    plane = axes[:2].T
    return (features - mean) @ plane, [(other - mean) @ plane for other in others]


def _row(words, accuracies, published):
    known = [accuracy for accuracy in accuracies if accuracy is not None]
    shown = ["" if accuracy is None else f"{100 * accuracy:.2f}" for accuracy in accuracies]
    mean = f"{100 * np.mean(known):.2f}" + (f" ± {100 * np.std(known, ddof=1):.2f}" if len(known) > 1 else "")
    return [words, *shown, mean, "" if published is None else f"{published:.2f}"]
