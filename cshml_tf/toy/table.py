"""The toy's accuracies next to tables 1 and 2 of the paper, and the projection for its scatter plots."""

from collections.abc import Mapping, Sequence

import numpy as np

from cshml_tf.toy.experiment import Outcome
from cshml_tf.toy.ways import WAYS


def format_toy_table(outcomes: Mapping[int, Outcome], ceiling: float | None = None) -> str:
    """Format accuracies in % as a Markdown table, one column per seed.

    Args:
        outcomes: the accuracies by seed.
        ceiling: accuracy of the classifier of nine pixels, trained with the first seed, 0..1; None omits its row.

    Returns:
        The table, ending with a line break.
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


def project(features: np.ndarray, others: Sequence[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Project features onto a plane: unchanged if they have two dimensions, else onto their principal components.

    Args:
        features: (n, E) real, which define the components.
        others: (m, E) real each, projected onto the same components.

    Returns:
        (n, 2), and one (m, 2) per entry of `others`.
    """
    if features.shape[1] == 2:
        return features, list(others)
    mean = features.mean(axis=0)
    _, _, axes = np.linalg.svd(features - mean, full_matrices=False)
    plane = axes[:2].T
    return (features - mean) @ plane, [(other - mean) @ plane for other in others]


def _row(words: str, accuracies: Sequence[float | None], published: float | None) -> list[str]:
    known = [accuracy for accuracy in accuracies if accuracy is not None]
    shown = ["" if accuracy is None else f"{100 * accuracy:.2f}" for accuracy in accuracies]
    mean = f"{100 * np.mean(known):.2f}" + (f" ± {100 * np.std(known, ddof=1):.2f}" if len(known) > 1 else "")
    return [words, *shown, mean, "" if published is None else f"{published:.2f}"]
