"""Plots of evaluations as PNG files."""

from cshml_tf.plots.curves import plot_cumulative_matches, plot_error_reject, plot_roc
from cshml_tf.plots.experiments import plot_by_resolution, plot_scatters
from cshml_tf.plots.scores import plot_pairs, plot_score_histograms

__all__ = [
    "plot_by_resolution",
    "plot_cumulative_matches",
    "plot_error_reject",
    "plot_pairs",
    "plot_roc",
    "plot_scatters",
    "plot_score_histograms",
]
