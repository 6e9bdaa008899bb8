"""Reports from disk: what this version and earlier ones wrote is read, every damaged entry is refused by its "
"name."""

import copy
import json
import math

import numpy as np
import pytest

from cshml_tf.ablation import reports as cell_reports
from cshml_tf.evaluation.report import read_threshold, verification_figures
from cshml_tf.evaluation.report_file import read_report
from cshml_tf.files import write_json


def figures():
    same = np.arange(40) % 2 == 0
    scores = np.random.default_rng(0).uniform(-0.5, 0.9, 40) + 0.1 * same
    return verification_figures(scores, same, np.arange(40) // 20)[0]


PART = {name: figures() for name in ("HL", "LL", "HL_hr_network", "LL_hr_network")} | {
    "gap_closed": 1.25,
    "HL_gain": {"difference": 0.1, "interval": [-0.1, 0.3]},
    "LL_gain": {"difference": -0.1, "interval": [-0.3, 0.1]},
}
# The entries of versions 0.1.0 and 0.2.0.
PROTOCOL = {
    "folds": 2,
    "dropped_folds": [],
    "pairs_listed": 41,
    "pairs": 40,
    "same": 20,
    "missing": [{"fold": 1, "pair": ["a_0001", "a_0002"], "absent": ["a_0002"]}],
    "threshold": "chosen on the other folds",
    "intervals": "95 %; accuracy: Wilson, all pairs together; gain: Agresti and Min, paired",
    "images": 21,
    "score": "cosine similarity",
    "options": {"flip": False, "subtract_mean": False, "average_orders": False, "batch_size": 32, "fars": [0.1]},
    "degradation": {"8": "antialias"},
    "seconds": 6.7,
    "images_folder": "faces",
    "pairs_file": "pairs.txt",
    "models": {"HR": "hr", "8": "lr"},
    "trained_people": {"people": 0, "pairs": 0, "names": []},
}
SECOND = {"HL_fused_gap_closed": 0.9} | {
    "HL_fused": figures() | {"weight": 0.5},
    "HL_fused_gain": {"difference": 0.1, "interval": [-0.1, 0.3]},
}
# Log-likelihood ratios are no cosines.
RATIO = {"HL_hjb": figures() | {"thresholds": {"0.1": 37.5}, "fold_thresholds": [-12.0]}}
RATIO |= {"HL_hjb_fused": figures() | {"thresholds": {"0.1": -9.5}, "weight": 0.5}, "HL_hjb_gap_closed": None}
RATIO |= {"LL_hjb": figures(), "HL_hjb_gain": {"difference": 0.03, "interval": [0.01, 0.05]}}
REPORT = {"HR": figures(), "8": PART | RATIO, "14x12": PART | SECOND, "protocol": PROTOCOL}


def write(folder, report):
    path = folder / "report.json"
    path.write_text(json.dumps(report))
    return path


def changed(path, value):
    """Return the report with another value at a path of keys; the value `None` of `del` removes the entry."""
    report = copy.deepcopy(REPORT)
    *parents, last = path
    place = report
    for key in parents:
        place = place[key]
    place[last] = value
    return report


def test_a_report_is_read_as_it_was_written(tmp_path):
    path = write(tmp_path, REPORT)
    assert read_report(path) == REPORT
    assert read_threshold(read_report(path), "HL", 8, 0.1) == PART["HL"]["thresholds"]["0.1"]


def test_an_entry_that_a_report_lacks_is_missed_by_its_file(tmp_path):
    path = write(tmp_path, {"HR": {"thresholds": {"0.1": 0.5}}})
    for mode, resolution, far in (("HL", 8, 0.1), ("HR", None, 0.01)):
        with pytest.raises(ValueError, match=f"^{path}: expected "):
            read_threshold(read_report(path), mode, resolution, far)


def test_the_smallest_report_has_thresholds(tmp_path):
    report = {"HR": {"thresholds": {"0.1": -1, "0.01": 1, "0.001": None}}}
    assert read_report(write(tmp_path, report)) == report


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 5, -1.01, "0.5", True, [0.5], 10**400])
@pytest.mark.parametrize("place", [("HR",), ("8", "LL")])
def test_a_threshold_is_a_cosine_similarity(tmp_path, place, value):
    path = write(tmp_path, changed((*place, "thresholds", "0.1"), value))
    with pytest.raises(ValueError, match="^[^\n]*report.json: [^\n]+$"):
        read_report(path)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 5, -1.01, "0.5", True])
def test_a_threshold_of_a_report_in_memory_is_checked_too(value):
    with pytest.raises(ValueError, match="report: expected a threshold for HR between -1 and 1, .* got"):
        read_threshold(changed(("HR", "thresholds", "0.1"), value), "HR", far=0.1)


def test_a_threshold_just_above_every_score_is_read(tmp_path):
    above = float(np.nextafter(1.0, 2))
    path = write(tmp_path, changed(("HR", "thresholds", "0.1"), above))
    assert read_threshold(read_report(path), "HR", far=0.1) == above


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("HR",), [], "HR: expected object, got array"),
        (("HR", "accuracy"), 1.5, "HR.accuracy: expected float <= 1"),
        (("HR", "interval"), [0.1], "HR.interval: expected array of length >= 2"),
        (("HR", "fold_thresholds"), [0.1, 7], r"HR.fold_thresholds\[1\]: expected float <= 1"),
        (("HR", "thresholds"), {"nan": 0.1}, "HR: expected a false accept rate between 0 and 1, got 'nan'"),
        (("HR", "thresholds"), {"often": 0.1}, "HR: expected a false accept rate between 0 and 1, got 'often'"),
        (("8", "HL", "thresholds"), {"2": 0.1}, "8.HL: expected a false accept rate between 0 and 1, got '2'"),
        (("8",), 3, "report.json: 8: expected object, got int"),
        (("8", "HL", "tar"), {"0.1": -0.1}, r"8: HL.tar\[\.\.\.\]: expected float >= 0"),
        (("14x12", "HL_fused", "weight"), -0.5, "14x12: HL_fused: weight: expected float >= 0"),
        (("14x12", "HL_fused"), figures(), "14x12: HL_fused: object missing required field weight"),
        (("14x12", "HL_fused", "thresholds"), {"2": 0.1}, "14x12.HL_fused: expected a false accept rate"),
        (("14x12", "HL_fused_gain", "difference"), 2, "14x12: HL_fused_gain.difference: expected float <= 1"),
        (("8", "LL_hjb", "accuracy"), 1.1, "8: LL_hjb.accuracy: expected float <= 1"),
        (("8", "HL_hjb", "thresholds"), {"0.1": "x"}, r"8: HL_hjb.thresholds\[\.\.\.\]: expected float | null"),
        (("8", "HL_hjb_fused", "weight"), "x", "8: HL_hjb_fused: weight: expected float, got str"),
        (("8", "HL_hjb_fused_gap_closed"), "x", "8: HL_hjb_fused_gap_closed: expected float | null"),
        (("8", "HL_hjb", "thresholds"), {"5": 3.0}, "8.HL_hjb: expected a false accept rate between 0 and 1"),
        (("8", "HL_hjb_gain", "interval"), [0.1], "8: HL_hjb_gain.interval: expected array of length >= 2"),
        (("eight",), PART, "expected the name of an entry, got .*'eight'"),
        (("protocol",), None, "protocol: expected object, got null"),
        (("protocol", "options"), {"flip": "no"}, "protocol.options.flip: expected bool, got str"),
        (("protocol", "models"), {"HR": 1}, r"protocol.models\[\.\.\.\]: expected str, got int"),
    ],
)
def test_damaged_entries_are_named(tmp_path, path, value, message):
    with pytest.raises(ValueError, match=message):
        read_report(write(tmp_path, changed(path, value)))


@pytest.mark.parametrize("text", ["", "[1", "[1]", "{}", "null", "[" * 100_000, '{"HR": 1, "HR": 2}', "\x00"])
def test_other_files_are_refused_in_one_line(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(ValueError, match="^[^\n]*report.json: expected a report [^\n]+$"):
        read_report(tmp_path / "report.json")


CELL = {"name": "hr_8_eq2_seed1", "network": "hr", "resolutions": ["8"], "losses": "2", "tap": None, "seed": 1}


def cell_report(folder, **changes):
    report = {"cell": CELL, "HR": figures(), "8": copy.deepcopy(PART), "protocol": PROTOCOL} | changes
    (folder / "reports").mkdir(exist_ok=True)
    path = folder / "reports" / "a.json"
    path.write_text(json.dumps({key: value for key, value in report.items() if value != "none"}))
    return path


def test_reports_of_cells_are_read(tmp_path):
    path = cell_report(tmp_path)
    (path.parent / ".b.json").write_text("what a killed process left")
    (path.parent / "._a.json").write_text("what macOS left")
    assert [report["cell"] for report in cell_reports.read_reports(tmp_path)] == [CELL]
    assert cell_reports.read_report(path.with_name("absent.json")) is None
    assert cell_reports.read_reports(tmp_path / "absent") == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": "none"}, "object missing required field cell"),
        ({"cell": CELL | {"seed": "1"}}, "cell.seed: expected int, got str"),
        ({"8": PART | {"LL": {"thresholds": {}}}}, "8.LL: expected the entry accuracy, found none"),
        ({"8": {"HL": PART["HL"]}}, "8: expected the entry HL_hr_network, found none"),
        ({"8": PART | {"gap_closed": "much"}}, "8: gap_closed: expected float | null, got str"),
        ({"8": "none"}, "expected the entry of a resolution, found none"),
        ({"protocol": "none"}, "object missing required field protocol"),
        ({"protocol": {"missing": []}}, "protocol: object missing required field"),
    ],
)
def test_damaged_reports_of_cells_are_refused(tmp_path, changes, message):
    cell_report(tmp_path, **changes)
    with pytest.raises(ValueError, match=f"a.json: {message}"):
        cell_reports.read_reports(tmp_path)


def test_names_that_are_not_utf_8_are_written_and_read(tmp_path):
    write_json(tmp_path / "a.json", changed(("protocol", "images_folder"), "f\udcffces"))
    assert read_report(tmp_path / "a.json")["protocol"]["images_folder"] == "f\udcffces"
    (tmp_path / "a.json").read_text(encoding="utf-8")
