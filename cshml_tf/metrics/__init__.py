"""Metrics of scored pairs and of searches, with their confidence intervals; NumPy only."""

from cshml_tf.metrics.confidence import accuracy_interval, gap_closed, paired_difference
from cshml_tf.metrics.identification import (
    cumulative_match_curve,
    mean_average_precision,
    rank_rates,
    tpir_at_fpir,
)
from cshml_tf.metrics.rejection import error_reject_curve, predict_errors
from cshml_tf.metrics.verification import (
    area_under_curve,
    best_threshold,
    equal_error_rate,
    kfold_accuracy,
    kfold_val,
    roc,
    tar_at_far,
    threshold_at_far,
)

__all__ = [
    "accuracy_interval",
    "area_under_curve",
    "best_threshold",
    "cumulative_match_curve",
    "equal_error_rate",
    "error_reject_curve",
    "gap_closed",
    "kfold_accuracy",
    "kfold_val",
    "mean_average_precision",
    "paired_difference",
    "predict_errors",
    "rank_rates",
    "roc",
    "tar_at_far",
    "threshold_at_far",
    "tpir_at_fpir",
]
