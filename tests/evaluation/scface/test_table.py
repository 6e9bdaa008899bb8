"""Table 5: mean and sample deviation over the seeds, and the mean curves."""

import json

import numpy as np
import pytest

from cshml_tf.evaluation.scface.experiment import ScfaceRow
from cshml_tf.evaluation.scface.table import curves_by_distance, format_ranks, format_scface_table, rows_as_json

ROW = ScfaceRow(80, "ours", {distance: [np.array([0.5, 0.6]), np.array([0.7, 1.0])] for distance in (1, 2, 3)})
ALL = ScfaceRow(130, "ours", {distance: [np.array([0.25, 0.5])] for distance in (1, 2, 3)})


def test_several_seeds_are_a_mean_and_a_sample_deviation():
    """The mean of 50 and 70 % is 60, and the deviation is sqrt(100 + 100)."""
    lines = format_scface_table([ALL, ROW]).splitlines()
    assert lines[2] == "| ours | 130 | 650 |  | 25.00 | 25.00 | 25.00 |"
    assert lines[3] == "| ours | 80 | 400 | 2 | 60.00 ± 14.14 | 60.00 ± 14.14 | 60.00 ± 14.14 |"
    assert lines[4].startswith("| paper, MDS | 80 | 400 |  | 60.3 |")


def test_every_rank_of_every_distance():
    lines = format_ranks([ALL, ROW]).splitlines()
    assert lines[0] == "| method | people | distance | rank 1 | rank 2 |"
    assert lines[2] == "| ours | 130 | 1 | 25.00 | 50.00 |"
    assert lines[7] == "| ours | 80 | 3 | 60.00 | 80.00 |"


def test_curves_are_means_of_one_protocol():
    curves = curves_by_distance([ALL, ROW], 80)
    assert list(curves) == [1, 2, 3]
    assert np.abs(curves[2]["ours"] - [0.6, 0.8]).max() < 1e-12


def test_rows_in_the_report():
    all_people, some = json.loads(json.dumps(rows_as_json([ALL, ROW])))
    assert (all_people["probes"], some["probes"]) == (650, 400)
    assert some["curves"]["3"] == [[0.5, 0.6], [0.7, 1.0]]
    assert some["mean"]["3"] == pytest.approx([0.6, 0.8], abs=1e-12)
    assert some["deviation"]["3"] == pytest.approx([0.02**0.5, 0.08**0.5], abs=1e-12)
    assert (all_people["mean"]["1"], all_people["deviation"]["1"]) == ([0.25, 0.5], None)
