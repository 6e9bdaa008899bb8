"""The whole life of a gallery on the command line: create, enrol, calibrate, identify, change, export, remove."""

import contextlib
import csv
import io
import json
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from drawn import SIZE, save_colour_network
from sqlalchemy import text

from cshml_tf.cli import gallery, identify
from cshml_tf.gallery.creation import open_gallery

RED, GREEN, BLUE, ORANGE = (230, 20, 20), (20, 230, 20), (20, 20, 230), (230, 60, 20)


def paint(path, colour, size=SIZE, number=0):
    """Write a crop of one colour; its number makes the file differ from others of that colour."""
    pixels = np.tile(np.uint8(colour), (*size, 1))
    pixels[0, 0] = number
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels[..., ::-1])
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Networks, portraits of two people, twelve strangers, and pictures to identify."""
    folder = tmp_path_factory.mktemp("cli_gallery")
    save_colour_network(folder / "hr", "hr", [])
    save_colour_network(folder / "lr", "lr", [8, 12], factor=2.0)
    paint(folder / "portraits" / "Ann" / "1.png", RED)
    paint(folder / "portraits" / "Bo" / "1.png", GREEN)
    paint(folder / "portraits" / "Bo" / "small.png", GREEN, (14, 12))
    for number in range(12):
        paint(folder / "strangers" / f"Stranger {number}" / "1.png", (120 + 9 * number, 120, 190))
    paint(folder / "pictures" / "a.png", RED, number=1)
    paint(folder / "pictures" / "b.png", GREEN, (14, 12))
    paint(folder / "pictures" / "c.png", BLUE)
    paint(folder / "pictures" / "d.png", GREEN, (7, 6))
    (folder / "pictures" / "e.png").write_text("no picture")
    return folder


@pytest.fixture
def place(data, tmp_path, capsys):
    """A gallery of Ann and Bo, calibrated at 10 %."""
    where = tmp_path / "people.gallery"
    run("create", where, "--hr_model", data / "hr", "--lr_model", data / "lr", "--ll_weight", "8=1", "12=0.5")
    run("enrol", where, data / "portraits", "--aligned")
    run("calibrate", where, data / "strangers", "--aligned", "--fpir", 0.1)
    capsys.readouterr()
    return where


def run(action, where, *words, code=0):
    assert gallery.main([action, *map(str, words), "--gallery", str(where)]) == code


def failure(capsys, action, where, *words):
    run(action, where, *words, code=2)
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    return captured.err


def test_create_enrol_and_calibrate(data, tmp_path, capsys):
    where = tmp_path / "people.gallery"
    run("create", where, "--hr_model", data / "hr", "--lr_model", data / "lr")
    assert capsys.readouterr().out == f"{where}: an empty gallery with views HR, 8, 12\n"
    run("enrol", where, data / "portraits", "--aligned")
    captured = capsys.readouterr()
    assert captured.out == f"{where}: 2 enrolled, 0 already enrolled, 1 refused; now 2 people, 2 faces\n"
    assert captured.err.splitlines() == [
        f"refused: {data / 'portraits' / 'Bo' / 'small.png'}: the face is 12.0 pixels wide, expected 20 or more",
        "note: no threshold yet: the portraits were not compared with other people's",
    ]
    run("calibrate", where, data / "strangers", "--aligned", "--fpir", 0.1)
    lines = capsys.readouterr().out.splitlines()
    # First the thresholds, then how good the photographs are.
    assert [line.partition(":")[0] for line in lines] == ["HR", "8", "12"] * 2
    told = r": quality of these faces: 5 % below 0\.\d+, half of them below (0\.\d+|1\.\d+)"
    assert all(re.fullmatch(r"\w+" + told, line) for line in lines[3:])
    lines = lines[:3]
    told = (
        "asked for a false-positive rate of 10.00%, achieved 8.33%: 1 of 12 probes of 12 strangers pass, "
        "95 % interval 0.21% to 38.48%; "
    )
    assert all(told in line and line.endswith("least rate that they support: 8.33%") for line in lines)


def test_a_portrait_near_another_person_is_reported(place, data, tmp_path, capsys):
    path = paint(tmp_path / "more" / "Cem" / "1.png", ORANGE)
    run("enrol", place, tmp_path / "more", "--aligned")
    told = capsys.readouterr().err
    assert told.startswith(f"warning: {path}: enrolled as Cem, but like Ann (0.9")
    assert ", threshold 0." in told and f"with {data / 'portraits' / 'Ann' / '1.png'}): if both are" in told
    assert "cshml-gallery merge Cem Ann;" in told and told.count("\n") == 1


def test_what_was_refused_before_is_counted_not_listed(place, data, tmp_path, capsys):
    run("enrol", place, data / "portraits", "--aligned")
    captured = capsys.readouterr()
    assert captured.err == "note: 1 was refused before, for the same reason as then\n"
    assert "0 enrolled, 2 already enrolled, 1 refused;" in captured.out
    # Another reason is told; so is everything once somebody has been removed.
    run("enrol", place, data / "portraits", "--aligned", "--min_width", 13)
    assert capsys.readouterr().err.endswith("the face is 12.0 pixels wide, expected 13 or more\n")
    run("remove", place, "Ann")
    run("enrol", place, data / "portraits", "--aligned")
    assert "small.png: the face is 12.0 pixels wide, expected 20 or more" in capsys.readouterr().err


def test_strangers_that_are_small_already(place, data, tmp_path, capsys):
    """Eleven faces of 12 pixels support 10 %, three sharp ones and none of 8 do not."""
    for number in range(11):
        paint(tmp_path / "camera" / f"{number}.png", (120 + 9 * number, 120, 190), (14, 12))
    for number in range(3):
        paint(tmp_path / "camera" / f"sharp{number}.png", (120 + 9 * number, 120, 190), number=number)
    run("calibrate", place, tmp_path / "camera", "--aligned", "--native", "--fpir", 0.1)
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "note: HR: not calibrated: 3 faces support no rate below 33.33%",
        "note: 8: not calibrated: no face of the width of this view",
    ]
    assert captured.out.startswith("12 (faces of this width in their pictures): threshold ")
    # The threshold, and how good the faces are.
    assert captured.out.count("\n") == 2 and "1 of 11 probes of 11 strangers pass" in captured.out
    run("list", place)
    lines = [line for line in capsys.readouterr().out.splitlines() if "threshold" in line]
    assert [line.partition(": threshold")[0] for line in lines] == [
        "HR",
        "8",
        "12 (faces of this width in their pictures)",
    ]
    assert "expected a rate that the strangers' faces support, got 0.08; HR: not calibrated: 3 faces" in failure(
        capsys, "calibrate", place, tmp_path / "camera", "--aligned", "--native", "--fpir", 0.08
    )


def test_names_that_a_spreadsheet_would_run(place, data, tmp_path, capsys):
    (tmp_path / "list.csv").write_text("name,file\n'=HYPERLINK(1),blue.png\n")
    paint(tmp_path / "blue.png", BLUE)
    run("enrol", place, tmp_path / "list.csv", "--aligned")
    run("list", place)
    assert "\n=HYPERLINK(1) " in capsys.readouterr().out
    words = [str(data / "pictures" / "c.png"), "--gallery", str(place), "--aligned", "--format", "csv"]
    assert identify.main(words) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["name"] == "'=HYPERLINK(1)" and row["candidates"].startswith("'=HYPERLINK(1) 1.0")
    assert float(row["x"]) == 0


def test_nobody_is_enrolled(data, tmp_path, capsys):
    where = tmp_path / "people.gallery"
    run("create", where, "--hr_model", data / "hr")
    capsys.readouterr()
    assert identify.main([str(data / "pictures" / "a.png"), "--gallery", str(where), "--aligned"]) == 0
    assert capsys.readouterr().err == (
        f"note: {where}: nobody is enrolled, so nobody can be named; see cshml-gallery enrol\n"
        "note: HR: not calibrated: candidates only, no names; see cshml-gallery calibrate\n"
    )
    assert "expected enrolled people, whom strangers are compared with, got none" in failure(
        capsys, "calibrate", where, data / "strangers", "--aligned", "--fpir", 0.1
    )


def test_odd_names_and_loose_photographs_do_not_stop_the_run(place, tmp_path, capsys):
    paint(tmp_path / "more" / "new\nline" / "1.png", ORANGE)
    paint(tmp_path / "more" / "Dora" / "1.png", BLUE)
    paint(tmp_path / "more" / "loose.png", GREEN)
    run("enrol", place, tmp_path / "more", "--aligned")
    captured = capsys.readouterr()
    assert "1 photograph(s) passed over, which lie in no person's folder: loose.png, for example" in captured.err
    assert "expected 1 to 200 printable characters" in captured.out + captured.err
    run("list", place)
    assert "Dora" in capsys.readouterr().out


def test_identify_in_three_forms(place, data, capsys):
    """Red is Ann, green at 12 pixels Bo, blue nobody, 6 pixels too few; a damaged file does not stop the run."""
    words = [str(data / "pictures"), "--gallery", str(place), "--aligned", "--min_width", "7"]
    assert identify.main([*words, "--format", "csv"]) == 0
    captured = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(captured.out)))
    assert [(row["file"][-5:], row["status"], row["name"], row["network"]) for row in rows] == [
        ("a.png", "identified", "Ann", "HR"),
        ("b.png", "identified", "Bo", "12"),
        ("c.png", "unknown", "", "HR"),
        ("d.png", "rejected", "", "8"),
        ("e.png", "unreadable", "", ""),
    ]
    assert rows[3]["reason"] == "6.0 pixels wide, expected 7 or more" and captured.err == ""
    assert identify.main([*words, "--format", "json", "--top", "1"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["notes"] == [] and len(content["pictures"]) == 5
    assert content["pictures"][4]["problem"].startswith("not a JPEG")
    (face,) = content["pictures"][0]["faces"]
    assert [each["name"] for each in face["candidates"]] == ["Ann"] and face["box"] == [0.0, 0.0, 40.0, 48.0]
    assert identify.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["file", "face", "width", "network", "decision", "score", "threshold", "candidates"]
    assert " Ann " in lines[1] and " Bo " in lines[2] and " unknown " in lines[3] and "rejected: 6.0" in lines[4]
    assert identify.main([content["pictures"][4]["file"], "--gallery", str(place), "--aligned"]) == 1


def test_a_face_of_low_quality_is_rejected(place, data, capsys):
    words = [str(data / "pictures"), "--gallery", str(place), "--aligned", "--min_width", "7", "--format", "json"]
    assert identify.main([*words, "--min_quality", "2"]) == 0
    content = json.loads(capsys.readouterr().out)
    faces = {picture["file"][-5:]: picture["faces"][0] for picture in content["pictures"] if picture["faces"]}
    # The LR network's embeddings are twice as long.
    statuses = [faces[name]["status"] for name in ("a.png", "b.png", "c.png", "d.png")]
    assert statuses == ["rejected", "identified", "rejected", "rejected"]
    assert faces["a.png"]["reason"] == f"quality {faces['a.png']['quality']:.4g}, expected 2 or more"
    assert faces["a.png"]["name"] is None and faces["a.png"]["candidates"] == []
    assert faces["d.png"]["quality"] is None and faces["b.png"]["quality"] > 2


def test_a_grown_gallery_says_so(place, data, tmp_path, capsys):
    paint(tmp_path / "more" / "Cem" / "1.png", BLUE)
    run("enrol", place, tmp_path / "more", "--aligned")
    capsys.readouterr()
    assert identify.main([str(data / "pictures" / "a.png"), "--gallery", str(place), "--aligned"]) == 0
    note = "note: HR: calibrated with 2 people and 2 faces, now 3 and 3: expect a false-positive rate of at most"
    assert note in capsys.readouterr().err
    run("list", place)
    assert "HR: calibrated with 2 people and 2 faces, now 3 and 3" in capsys.readouterr().out


def test_candidates_only_without_calibration(data, tmp_path, capsys):
    where = tmp_path / "people.gallery"
    run("create", where, "--hr_model", data / "hr")
    run("enrol", where, data / "portraits", "--aligned")
    capsys.readouterr()
    assert identify.main([str(data / "pictures" / "a.png"), "--gallery", str(where), "--aligned"]) == 0
    captured = capsys.readouterr()
    assert " uncalibrated " in captured.out and "Ann 1.000" in captured.out
    assert captured.err == "note: HR: not calibrated: candidates only, no names; see cshml-gallery calibrate\n"


def test_list_show_and_log(place, tmp_path, capsys):
    run("list", place)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:3]] == [["person", "faces"], ["Ann", "1"], ["Bo", "1"]]
    assert any(line.startswith("8: ") and line.endswith("second score with weight 1") for line in lines)
    run("show", place, "Ann", "--crops", tmp_path / "crops")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].split()[:3] == ["1", "40.0", "-"]
    assert [path.name for path in (tmp_path / "crops").iterdir()] == ["1.png"]
    run("list", place, "--log")
    actions = [line.split("\t")[1] for line in capsys.readouterr().out.splitlines()]
    assert actions == ["created", "enrolled", "enrolled", "calibrated HR", "calibrated 8", "calibrated 12"]


def test_rename_merge_remove_export_import(place, tmp_path, capsys):
    run("rename", place, "Bo", "Bo Ek")
    run("export", place, tmp_path / "export")
    run("import", tmp_path / "copy.gallery", tmp_path / "export")
    run("merge", place, "Ann", "Bo Ek")
    run("remove", place, "Bo Ek")
    assert capsys.readouterr().out.splitlines() == [
        f"{place}: Bo is now Bo Ek",
        f"{tmp_path / 'export'}: 2 people, 2 faces",
        f"{tmp_path / 'copy.gallery'}: 2 people, 2 faces",
        f"{place}: 1 face moved from Ann to Bo Ek",
        f"{place}: removed Bo Ek, 2 faces",
    ]
    content = b"".join(path.read_bytes() for path in tmp_path.glob("people.gallery*"))
    assert b"Bo Ek" not in content and b"\x89PNG" not in content


def test_removing_beside_a_reader_succeeds_and_says_what_remains(place, data, capsys, monkeypatch):
    monkeypatch.setattr("cshml_tf.gallery.database._PATIENCE_TO_ERASE", 0.1)
    reader = open_gallery(place)
    with contextlib.closing(reader.database), reader.database.reading() as connection:
        connection.execute(text("SELECT count(*) FROM faces")).one()
        run("remove", place, "Ann")
        captured = capsys.readouterr()
        assert captured.out == f"{place}: removed Ann, 1 face\n"
        assert captured.err.startswith("note: removed people and names are in no answer any more, but old bytes")
    run("list", place)
    assert capsys.readouterr().err == ""
    run("remove", place, "Bo")
    assert identify.main([str(data / "pictures" / "a.png"), "--gallery", str(place), "--aligned"]) == 0
    note = f"note: {place}: nobody is enrolled, so nobody can be named; see cshml-gallery enrol\n"
    assert capsys.readouterr().err == note
    assert b"Ann" not in b"".join(path.read_bytes() for path in place.parent.glob("people.gallery*"))


def test_rebuild(place, data, tmp_path, capsys):
    save_colour_network(tmp_path / "other", "hr", [], factor=3.0)
    run("rebuild", place, "--hr_model", tmp_path / "other")
    assert capsys.readouterr().out == f"{place}: 2 faces embedded anew; calibrate again\n"
    picture = str(data / "pictures" / "a.png")
    assert identify.main([picture, "--gallery", str(place), "--aligned", "--hr_model", str(data / "hr")]) == 2
    assert "rebuild embeds the faces with other networks" in capsys.readouterr().err
    save_colour_network(tmp_path / "larger", "hr", [], size=(64, 64))
    assert identify.main([picture, "--gallery", str(place), "--hr_model", str(tmp_path / "larger")]) == 2
    assert "crops' 48 x 40 (height x width), got 64 x 64; rebuild needs that size too" in capsys.readouterr().err
    assert identify.main([picture, "--gallery", str(place), "--aligned"]) == 0


def test_bad_input_is_one_line(place, data, tmp_path, capsys):
    models = ("--hr_model", data / "hr")
    assert "expected a new file, got one that exists" in failure(capsys, "create", place, *models)
    assert "expected weights for no resolution, got one for 8" in failure(
        capsys, "create", tmp_path / "new", *models, "--ll_weight", "8=1"
    )
    assert "hnsw needs a gallery in PostgreSQL" in failure(
        capsys, "create", tmp_path / "new", *models, "--search", "hnsw"
    )
    assert "NEW_NAME: expected 1 to 200 printable characters, got 201, 'xxx" in failure(
        capsys, "rename", place, "Ann", "x" * 201
    )
    picture = str(data / "pictures" / "a.png")
    assert identify.main([picture, "--gallery", str(place), "--aligned", "--fpir", "0.01"]) == 2
    assert capsys.readouterr().err.startswith("error: --fpir: expected 0.0833 or more for HR")
    assert "expected a gallery, but it does not exist" in failure(capsys, "list", tmp_path / "new")
    assert "expected the name of an enrolled person, got Cem" in failure(capsys, "remove", place, "Cem")
    message = (
        "--fpir: expected 0.0833 or more, the least rate that 12 photographs of strangers can support, got 0.01; "
        "for 0.01, 100 are needed"
    )
    assert message in failure(capsys, "calibrate", place, data / "strangers", "--aligned")
    message = "got none; the first was left out: this person is enrolled"
    assert message in failure(capsys, "calibrate", place, data / "portraits", "--aligned")
    assert "with a folder per person, or a CSV with the heading name,file" in failure(
        capsys, "enrol", place, picture
    )
    assert identify.main([str(tmp_path), "--gallery", str(place)]) == 2
    assert "IMAGE: expected pictures in the folder" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_looking_after_a_gallery_needs_no_keras(place):
    code = (
        "import sys; from cshml_tf.cli.gallery import main\n"
        f"assert main(['rename', 'Ann', 'Anna', '--gallery', {str(place)!r}]) == 0\n"
        f"assert main(['list', '--gallery', {str(place)!r}]) == 0\n"
        f"assert main(['remove', 'Anna', '--gallery', {str(place)!r}]) == 0\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
