"""The table of an ablation, from reports written by hand."""

import pytest

from cshml_tf.ablation.table import (
    format_csv,
    format_markdown,
    make_rows,
    published_rows,
    published_rows_of_taps,
    resolutions_of,
    summary,
    write_tables,
)

# HL and LL with only the HR network; HR is always 0.99.
BEFORE = {"8": (0.55, 0.65), "12": (0.65, 0.70)}


def report(losses, seed, figures, tap=None):
    """Make a cell's report: `figures` is a dict of resolution to HL and LL."""
    made = {"cell": {"network": "hr", "losses": losses, "tap": tap, "seed": seed, "name": f"{losses}_{seed}"}}
    made |= {"HR": {"accuracy": 0.99}, "protocol": {}}
    for key, (hl, ll) in figures.items():
        modes = {"HL": hl, "LL": ll, "HL_hr_network": BEFORE[key][0], "LL_hr_network": BEFORE[key][1]}
        made[key] = {mode: {"accuracy": accuracy} for mode, accuracy in modes.items()}
        made[key]["gap_closed"] = (hl - BEFORE[key][0]) / (0.99 - BEFORE[key][0])
    return made


REPORTS = [
    report("2+3", 1, {"8": (0.77, 0.75), "12": (0.93, 0.92)}),
    report("2", 1, {"12": (0.82, 0.81)}),
    report("2", 2, {"12": (0.84, 0.83)}),
    report("2", 1, {"8": (0.66, 0.70)}),
]


def test_rows_gather_seeds_and_resolutions():
    alone, eq2, both = make_rows(REPORTS)
    assert (alone.label, alone.hr) == ("hr, HR network on both sides", 99.0)
    before = {("8", "HL"): [55], ("8", "LL"): [65], ("12", "HL"): [65], ("12", "LL"): [70]}
    assert alone.values == {key: pytest.approx(values) for key, values in before.items()}
    assert eq2.label == "hr + Eq. 2" and both.label == "hr + Eq. 2+3, one network for 8, 12"
    assert eq2.values["12", "HL"] == pytest.approx([82, 84]) and eq2.values["8", "HL"] == pytest.approx([66])
    # (0.82 - 0.65) / (0.99 - 0.65) is one half.
    assert abs(eq2.values["12", "gap"][0] - 50) < 1e-9
    assert abs(both.values["8", "gap"][0] - 50) < 1e-9


def test_markdown_shows_mean_and_deviation_of_seeds():
    lines = format_markdown(make_rows(REPORTS)).splitlines()
    assert lines[0] == "| network and losses | seeds | 8 HL | 8 LL | 8 gap | 12 HL | 12 LL | 12 gap | HR |"
    assert lines[2] == "| hr, HR network on both sides |  | 55.00 | 65.00 |  | 65.00 | 70.00 |  | 99.00 |"
    # The sample's deviation of 82 and 84 is the square root of 2.
    assert (
        "| hr + Eq. 2 | 1 to 2 | 66.00 | 70.00 | 25.00 | 83.00 ± 1.41 | 82.00 ± 1.41 | 52.94 ± 4.16 |  |"
        == lines[3]
    )


def test_the_papers_rows_have_the_papers_gap():
    rows = {row.losses: row for row in published_rows()}
    gaps = [rows["2+3+5"].values[key, "gap"][0] for key in ("8", "12", "16", "20")]
    assert [round(gap, 1) for gap in gaps] == [79.6, 88.2, 90.1, 89.0]
    assert rows[""].hr == 99.1 and rows[""].label == "paper, Inception-ResNet-v1, HR network on both sides"
    # Its columns are those of our own resolutions.
    assert resolutions_of(make_rows(REPORTS)) == ["8", "12"]
    assert "| 16 HL" not in format_markdown(make_rows(REPORTS) + published_rows())


def test_taps_have_rows_from_the_stem_on_with_the_papers_below(tmp_path):
    taps = ["block_c", "body/conv", "stem_pool"]
    reports = [report("2+5", 1, {"12": (0.82, 0.81)}, tap) for tap in taps]
    protocol = {"pairs": 6, "folds": 2, "threshold": "of the other folds", "degradation": {}}
    protocol["options"] = dict.fromkeys(("flip", "subtract_mean", "average_orders"), False)
    write_tables(tmp_path, [made | {"protocol": protocol} for made in reports])
    labels = [line.split(" | ")[0] for line in (tmp_path / "table.md").read_text().splitlines()]
    ours = [f"| hr + Eq. 2+5, tap {tap}" for tap in ("stem_pool", "block_c", "body/conv")]
    assert labels[3:6] == ours
    assert labels[-6:-2] == [
        f"| paper, Inception-ResNet-v1 + Eq. 2+5, tap {tap}"
        for tap in ("stem_pool", "block_a", "block_b", "block_c")
    ]
    assert "hr,2+5,body/conv,12,1" in format_csv(reports)
    # (94.583 - 63.467) / (99.1 - 63.467)
    assert abs(published_rows_of_taps()[0].values["12", "gap"][0] - 87.324) < 1e-3


def test_the_papers_rows_are_of_the_same_networks(tmp_path):
    protocol = {"pairs": 6, "folds": 2, "threshold": "of the other folds", "degradation": {}}
    protocol["options"] = dict.fromkeys(("flip", "subtract_mean", "average_orders"), False)
    for model_def, name in (("lightcnn", "LightCNN"), ("small_resnet", "Inception-ResNet-v1")):
        made = report("2+5", 1, {"12": (0.82, 0.81)}) | {"protocol": protocol | {"model_def": model_def}}
        write_tables(tmp_path, [made])
        papers = [line for line in (tmp_path / "table.md").read_text().splitlines() if "| paper" in line]
        assert papers and all(line.startswith(f"| paper, {name}") for line in papers)


def test_where_hr_is_not_above_hl_there_is_no_gap():
    without = report("2", 1, {"8": (0.66, 0.70)})
    without["8"]["gap_closed"] = None
    assert make_rows([without])[1].values["8", "gap"] == []
    assert summary(without) == "8: HL 66.00, LL 70.00 %"
    assert format_csv([without]).splitlines()[1].endswith("0.55000,0.65000,")


def test_csv_has_a_line_for_each_run_and_resolution():
    lines = format_csv(REPORTS).splitlines()
    assert lines[0].startswith("network,losses,tap,served,seed,resolution,HR,HL,LL,HL_hr_network")
    assert lines[1] == "hr,2,,12,1,12,0.99000,0.82000,0.81000,0.65000,0.70000,0.50000"
    assert len(lines) == 1 + 5
    assert summary(REPORTS[1]) == "12: HL 82.00, LL 81.00, gap closed 50.0 %"


def test_a_gap_of_more_than_the_whole_has_a_note(tmp_path):
    near_chance = report("2", 1, {"12": (0.995, 0.9)})
    assert near_chance["12"]["gap_closed"] > 1
    assert "above 100 %: HL is above HR itself" in summary(near_chance)
    assert "above 100 %" not in summary(REPORTS[0])


def test_names_of_folders_that_are_not_utf_8_are_escaped():
    odd = report("2", 1, {"12": (0.8, 0.8)})
    odd["cell"]["network"] = "h\udcffr"
    assert "| h\\udcffr + Eq. 2 |" in format_markdown(make_rows([odd]))
    assert "h\\udcffr,2," in format_csv([odd])
