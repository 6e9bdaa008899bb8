"""`benchmarks/within_person.py`: the variance by hand, and one line of figures for each list."""

import numpy as np
import pytest
from within_person import main, within_person_variance


def test_the_variance_around_each_persons_mean():
    """Person 4 is 2 apart in one direction, so 1 squared from the mean each way; person 9 does not vary."""
    rows = np.array([[1.0, 0], [7, 7], [3, 0], [7, 7], [7, 7]])
    assert within_person_variance(rows, np.array([4, 9, 4, 9, 9])) == pytest.approx((1 + 1) / (1 + 2))


def test_each_list_is_measured_in_every_form(save_colour_network, texture_folder, tmp_path, capsys):
    save_colour_network(tmp_path / "hr", "hr", [])
    save_colour_network(tmp_path / "lr", "lr", [8, 12], factor=0.5)
    lists = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path, people in zip(lists, ((0, 1), (2, 3, 4)), strict=True):
        path.write_text("".join(f"person_{person}\n" for person in people))
    networks = ["--hr_model", str(tmp_path / "hr"), "--lr_model", str(tmp_path / "lr")]
    assert main([str(texture_folder), "--people", *map(str, lists), *networks]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "people; photographs; HR; 8; 12"
    for line, path, people in zip(lines, lists, (2, 3), strict=True):
        name, _, figures = line.partition(": ")
        found, photographs, *spread = figures.split("; ")
        assert (name, int(found), int(photographs)) == (str(path), people, 5 * people)
        assert len(spread) == 3 and all(0 < float(each) < 2 for each in spread)
