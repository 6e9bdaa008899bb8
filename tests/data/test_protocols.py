import pytest

from cshml_tf.data.protocols import FaceImage, find_image, read_pairs, read_people

PAIRS = "2\t1\nAnn\t1\t2\nAnn\t1\tBob_Ba\t3\nCid\t4\t2\nBob_Ba\t3\tCid\t1\n"


def write(folder, text, encoding="utf-8"):
    path = folder / "list.txt"
    path.write_bytes(text.encode(encoding))
    return path


class TestReadPairs:
    def test_folds_are_contiguous(self, tmp_path):
        pairs = read_pairs(write(tmp_path, PAIRS))
        assert pairs == [
            (("Ann", 1), ("Ann", 2), True, 0),
            (("Ann", 1), ("Bob_Ba", 3), False, 0),
            (("Cid", 4), ("Cid", 2), True, 1),
            (("Bob_Ba", 3), ("Cid", 1), False, 1),
        ]
        assert str(pairs[1].second) == "Bob_Ba_0003"

    @pytest.mark.parametrize(
        "text",
        [
            PAIRS.replace("\n", "\r\n"),
            "\ufeff" + PAIRS,
            PAIRS.replace("\n", "\n\n"),
            PAIRS.rstrip("\n"),
            PAIRS.replace("\t", " "),
        ],
        ids=["windows", "byte order mark", "blank lines", "no last line end", "blanks for tabs"],
    )
    def test_forms_that_mean_the_same(self, tmp_path, text):
        expected = read_pairs(write(tmp_path, PAIRS))
        assert read_pairs(write(tmp_path, text)) == expected

    def test_development_form_is_one_fold(self, tmp_path):
        text = "2\nAnn\t1\t2\nBob\t1\t2\nAnn\t1\tBob\t3\nCid\t1\tBob\t3\n"
        pairs = read_pairs(write(tmp_path, text))
        assert [(pair.same, pair.fold) for pair in pairs] == [(True, 0)] * 2 + [(False, 0)] * 2

    def test_names_with_blanks_and_numbers_for_names(self, tmp_path):
        pairs = read_pairs(write(tmp_path, "1\t1\nAnn Lee\t1\t2\n0000045\t1\tÅsa\t3\n"))
        assert [pair.first.name for pair in pairs] == ["Ann Lee", "0000045"]
        assert pairs[1].second.name == "Åsa"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "list.txt: expected a list of pairs, got an empty file"),
            ("Ann\t1\t2\n", "list.txt, line 1: expected the header"),
            ("0\t3\n", "list.txt, line 1: expected the header"),
            ("1\t1\t1\n", "list.txt, line 1: expected the header"),
            ("1\t1\nAnn\t1\t2\n", "expected 1 x 2 x 1 = 2 pairs, as the header states, got 1"),
            (PAIRS + "Ann\t1\t2\n", "expected 2 x 2 x 1 = 4 pairs, as the header states, got 5"),
            (PAIRS.replace("Cid\t4\t2", "Cid\t4"), "line 4: expected 'name i j' or .* got 2 fields"),
            (PAIRS.replace("\t4\t2", "\t4\t4"), "line 4: expected two photographs, got Cid_0004 twice"),
            (PAIRS.replace("\t4\t2", "\t4\tx"), "line 4: expected the number of an image, got 'x'"),
            (PAIRS.replace("\t4\t2", "\t4\t-2"), "line 4: expected the number of an image, got '-2'"),
            (PAIRS.replace("Bob_Ba\t3\tCid", "Cid\t3\tCid"), "line 5: expected two people, got Cid twice"),
            (
                PAIRS.replace("Cid\t4\t2", "Cid\t4\tAnn\t2"),
                r"lines 4 to 5 \(fold 2\): expected 1 pairs of each kind, got 0 of one person and 2",
            ),
        ],
    )
    def test_errors_name_file_and_line(self, tmp_path, text, message):
        with pytest.raises(ValueError, match=message):
            read_pairs(write(tmp_path, text))

    def test_line_numbers_count_blank_lines(self, tmp_path):
        with pytest.raises(ValueError, match="line 3: "):
            read_pairs(write(tmp_path, "1\t1\n\nAnn\t1\n\nAnn\t1\tBob\t1\n"))

    def test_a_file_that_is_not_text(self, tmp_path):
        with pytest.raises(ValueError, match="list.txt: expected a text file in UTF-8"):
            read_pairs(write(tmp_path, PAIRS.replace("Ann", "Åsa"), "latin-1"))

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            read_pairs(tmp_path / "absent.txt")

    def test_the_form_of_xqlfw(self, tmp_path):
        """Ten folds of 300 pairs of each kind, like LFW's own list."""
        lines = ["10\t300"]
        for fold in range(10):
            people = [f"Person_{fold}_{number}" for number in range(300)]
            lines += [f"{name}\t1\t2" for name in people]
            lines += [f"{name}\t1\t{other}\t3" for name, other in zip(people, people[::-1], strict=True)]
        (tmp_path / "xqlfw_pairs.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        pairs = read_pairs(tmp_path / "xqlfw_pairs.txt")
        assert len(pairs) == 6000
        for fold in range(10):
            kinds = [pair.same for pair in pairs if pair.fold == fold]
            assert kinds == [True] * 300 + [False] * 300
        assert pairs[-1].first == ("Person_9_299", 1) and pairs[-1].second == ("Person_9_0", 3)


class TestReadPeople:
    @pytest.mark.parametrize(
        "text",
        [
            "2\n2\nAnn\t4\nBob\t1\n1\nCid\t2\n",
            "2\r\n2\r\nAnn\t4\r\nBob\t1\r\n1\r\nCid\t2\r\n",
            "1\n3\nAnn\t4\nBob\t1\nCid\t2\n",
            "3\nAnn\t4\nBob\t1\nCid\t2\n",
            "Ann\nBob\nCid\n",
            "# to train on\n\n  Ann\nBob\n# Dee\nCid",
            "Ann\nBob\nAnn\nCid\n",
        ],
        ids=["people.txt", "windows", "one fold", "development", "names", "comments", "twice"],
    )
    def test_forms(self, tmp_path, text):
        assert read_people(write(tmp_path, text)) == ["Ann", "Bob", "Cid"]

    def test_numbers_are_names_in_a_file_without_tabs(self, tmp_path):
        assert read_people(write(tmp_path, "0000045\n0000099\n3\n")) == ["0000045", "0000099", "3"]

    def test_numbers_are_names_in_lfw_form_too(self, tmp_path):
        assert read_people(write(tmp_path, "1\n2\n0000045\t12\n0000099\t3\n")) == ["0000045", "0000099"]

    def test_names_with_blanks(self, tmp_path):
        assert read_people(write(tmp_path, "Ann Lee\nÅsa\n")) == ["Ann Lee", "Åsa"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("\n# nobody\n", "list.txt: expected a list of people, got no name"),
            ("Ann\t4\nBob\t1\n", "line 1: expected the number of folds or of people, got 'Ann"),
            ("3\nAnn\t4\nBob\t1\n", "line 1: expected 3 people, got 2"),
            ("1\nAnn\t4\nBob\t1\n", r"line 3: expected the end of the list, got 'Bob\\t1'"),
            ("2\n1\nAnn\t4\n", "line 1: expected 2 folds, got 1"),
            ("2\n1\nAnn\t4\nBob\t1\n", "line 4: expected the number of people of fold 2, got 'Bob"),
            ("2\n1\nAnn\t4\n2\nBob\t1\n", "line 4: expected 2 people, got 1"),
            ("2\nAnn\t4\nBob\n", "line 3: expected 'name<TAB>number of images', got 'Bob'"),
            ("1\nAnn\tfour\n", "line 2: expected 'name<TAB>number of images'"),
            ("1\n2\nAnn\t4\n7\nBob\t1\n", r"line 4: .* got '7' \(after 1 of the 2 people stated in line 2\)"),
        ],
    )
    def test_errors_name_file_and_line(self, tmp_path, text, message):
        with pytest.raises(ValueError, match=message):
            read_people(write(tmp_path, text))


class TestFindImage:
    def test_prefers_png(self, tmp_path):
        folder = tmp_path / "Ann"
        folder.mkdir()
        for name in ("Ann_0001.jpg", "Ann_0001.png", "Ann_0012.JPG"):
            (folder / name).touch()
        assert find_image(tmp_path, FaceImage("Ann", 1)) == folder / "Ann_0001.png"
        assert find_image(tmp_path, FaceImage("Ann", 12)) == folder / "Ann_0012.JPG"

    def test_names_may_contain_dots(self, tmp_path):
        folder = tmp_path / "J.R. Ewing"
        folder.mkdir()
        (folder / "J.R. Ewing_0001.jpg").touch()
        assert find_image(tmp_path, FaceImage("J.R. Ewing", 1)) == folder / "J.R. Ewing_0001.jpg"

    def test_absent(self, tmp_path):
        assert find_image(tmp_path, FaceImage("Ann", 1)) is None
