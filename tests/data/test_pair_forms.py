"""Lists of pairs as people have them: with and without headers, in several forms, encodings and separators."""

import pytest

from cshml_tf.data import protocols
from cshml_tf.data.named_faces import FaceImage, ListedFile
from cshml_tf.data.protocols import read_pairs

CALFW = "".join(
    f"P{fold}_0001.jpg {fold}\nP{fold}_0002.jpg {fold}\nQ{fold}_0001.jpg {fold}\nQ{fold}_0003.jpg {fold}\n"
    for fold in range(1, 11)
) + "".join(f"P{fold}_0001.jpg 0\nQ{fold}_0001.jpg 0\n" for fold in range(1, 11))
PATHS = "Ann/Ann_0001.jpg Ann/Ann_0002.jpg 1\nAnn/Ann_0001.jpg Bob/Bob_0001.jpg 0\n"


def write(folder, text, encoding="utf-8"):
    path = folder / "list.txt"
    path.write_bytes(text.encode(encoding))
    return path


def test_lfw_without_header(tmp_path):
    """40 pairs, two of each kind in turn, are ten folds of four: each holds both kinds."""
    lines = [f"P{k}\t1\t2\n" if k % 4 < 2 else f"P{k}\t1\tQ{k}\t3\n" for k in range(40)]
    pairs = read_pairs(write(tmp_path, "".join(lines)))
    assert [pair.fold for pair in pairs] == [k // 4 for k in range(40)]
    assert [pair.same for pair in pairs] == [k % 4 < 2 for k in range(40)]
    assert pairs[2].second == FaceImage("Q2", 3) and pairs.folds_by == protocols.CONTIGUOUS


def test_sizes_of_folds_differ_by_at_most_one(tmp_path):
    lines = [f"P{k} 1 2\n" if k % 2 else f"P{k} 1 Q{k} 3\n" for k in range(23)]
    folds = [pair.fold for pair in read_pairs(write(tmp_path, "".join(lines)))]
    assert [folds.count(fold) for fold in range(10)] == [3, 3, 3] + [2] * 7 and folds == sorted(folds)


def test_a_list_sorted_by_kind_gets_folds_of_both_kinds(tmp_path):
    lines = [f"a{k}.png b{k}.png 1\n" for k in range(20)] + [f"a{k}.png b{k + 1}.png 0\n" for k in range(20)]
    pairs = read_pairs(write(tmp_path, "".join(lines)))
    assert [pair.fold for pair in pairs] == [k // 2 for k in range(20)] * 2
    assert pairs.folds_by == protocols.OF_EACH_KIND


def test_few_pairs_are_one_fold(tmp_path):
    pairs = read_pairs(write(tmp_path, PATHS))
    assert [(pair.same, pair.fold) for pair in pairs] == [(True, 0), (False, 0)]
    assert pairs.folds_by == protocols.ONE


def test_a_header_states_the_folds(tmp_path):
    assert read_pairs(write(tmp_path, "1\t1\nAnn\t1\t2\nAnn\t1\tBob\t1\n")).folds_by == protocols.STATED


def test_the_form_of_calfw_numbers_the_folds_of_one_kind(tmp_path):
    pairs = read_pairs(write(tmp_path, CALFW))
    assert len(pairs) == 30 and [pair.same for pair in pairs] == [True] * 20 + [False] * 10
    assert [pair.fold for pair in pairs] == [k // 2 for k in range(20)] + list(range(10))
    assert pairs[0][:2] == (ListedFile("P1", "P1_0001.jpg"), ListedFile("P1", "P1_0002.jpg"))
    assert pairs.folds_by == protocols.PARTLY_STATED


def test_the_form_of_cplfw_has_flags_of_0_and_1(tmp_path):
    text = "".join(f"P{k}_1.jpg {k % 2}\n{'PQ'[k % 2 == 0]}{k}_2.jpg {k % 2}\n" for k in range(20))
    pairs = read_pairs(write(tmp_path, text))
    assert [pair.same for pair in pairs] == [k % 2 == 1 for k in range(20)]
    assert [pair.fold for pair in pairs] == [k // 2 for k in range(20)] and pairs.folds_by == protocols.CONTIGUOUS
    assert pairs[3].second.name == "P3" and pairs[2].second.name == "Q2"


@pytest.mark.parametrize(
    "text",
    [
        PATHS.replace(" ", "\t"),
        PATHS.replace(" ", ","),
        PATHS.replace(" ", ", "),
        PATHS.replace("\n", "\r\n"),
        "\ufeff" + PATHS,
        "# a comment\n\n" + PATHS.replace("\n", "\n\n"),
        PATHS.replace(" 1\n", " +1\n").replace(" 0\n", " -1\n"),
        PATHS.replace(" 1\n", " True\n").replace(" 0\n", " false\n"),
        PATHS.replace("/", "\\"),
        PATHS.rstrip("\n"),
        PATHS.replace("Ann/Ann_0001", "./Ann/Ann_0001"),
    ],
)
def test_lists_of_paths_that_mean_the_same(tmp_path, text):
    assert read_pairs(write(tmp_path, text)) == read_pairs(write(tmp_path, PATHS))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
@pytest.mark.parametrize("text", [PATHS, "1\t1\r\nÅsa\t1\t2\r\nÅsa\t1\tBob\t1\r\n"])
def test_what_windows_saves(tmp_path, text, encoding):
    assert read_pairs(write(tmp_path, text, encoding)) == read_pairs(write(tmp_path, text))


def test_names_with_blanks_and_commas(tmp_path):
    (first, *_) = read_pairs(write(tmp_path, "Ann Lee/1 a.jpg,Bo/2.jpg,1\na.jpg,b.jpg,0\n"))
    assert first.first == ListedFile("Ann Lee", "Ann Lee/1 a.jpg")
    (first, *_) = read_pairs(write(tmp_path, "Lee, Ann/1.jpg\tBo/2.jpg\t1\na.jpg\tb.jpg\t0\n"))
    assert first.first == ListedFile("Lee, Ann", "Lee, Ann/1.jpg")
    (first, *_) = read_pairs(write(tmp_path, "Lee,A/1.jpg Bo/2.jpg 1\na.jpg b.jpg 0\n"))
    assert first.first == ListedFile("Lee,A", "Lee,A/1.jpg")


def test_lfw_saved_by_a_spreadsheet(tmp_path):
    """A row of three fields ends with an empty fourth one."""
    pairs = read_pairs(write(tmp_path, "Ann,1,4,\nAnn Lee,1,Bob,4\n"))
    assert pairs[0][:3] == (FaceImage("Ann", 1), FaceImage("Ann", 4), True)
    assert pairs[1][:3] == (FaceImage("Ann Lee", 1), FaceImage("Bob", 4), False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path1 path2 label\n", r"line 1: expected a pair \('name i j' .* got 'path1 path2 label'"),
        (PATHS + "a.jpg b.jpg 2\n", r"line 3: expected a label, one of 1, \+1, true, 0, -1, false, got '2'"),
        (PATHS + "a a.jpg b.jpg 1\n", "line 3: expected 'path path label', got 4 fields; only tabs and commas"),
        (PATHS + "Ann 1 2\n", "line 3: expected a label"),
        (PATHS[: PATHS.index("\n") + 1], "line 1: expected the header .* or pairs of both kinds, got 1 pair"),
        ("a.jpg 1\nb.jpg 0\n", "line 2: expected the flag 1 of line 1, its pair's first line, got 0"),
        ("a.jpg 1\nb.jpg 1\nc.jpg 0\n", "line 3: expected two lines per pair, got 3 lines"),
        ("a.jpg 3\nb.jpg 3\nc.jpg 0\nd.jpg 0\n", "expected flags 1 to 1 .* got no pair with flag 1"),
        ("a.jpg 1\nb.jpg\n", "line 2: expected 'file flag', got 'b.jpg'"),
        ("/ a.jpg 1\na.jpg b.jpg 0\n", "line 1: expected the path of an image, got '/'"),
        ("Ann 1 2\nAnn 1 Bob\n", "line 2: expected the number of an image, got 'Bob'"),
        ("Ann 1 2\rAnn 1 Bob 1\n", "line 1: expected lines of text .* got a carriage return inside a line"),
        ("Ann 1 2\nAnn 1 Bo\0b 1\n", "line 2: expected lines of text .* got a NUL character inside a line"),
        ("Ann 1 2\nAnn 1 Bob 99999999999999999999\n", "line 2: expected the number of an image, got '9999"),
        ("Ann 1 ²\nAnn 1 Bob 1\n", "line 1: expected a pair"),
    ],
)
def test_other_lists_are_refused_by_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=f"list.txt(, |: ){message}"):
        read_pairs(write(tmp_path, text))


def test_utf_16_without_its_mark_is_refused(tmp_path):
    with pytest.raises(ValueError, match="list.txt, line 1: .* got a NUL character"):
        read_pairs(write(tmp_path, PATHS, "utf-16-le"))


@pytest.fixture
def cfp(tmp_path):
    """CFP's protocol: two people of two frontal and one profile photograph, in two folds."""
    protocol = tmp_path / "Protocol"
    images = "../Data/Images"
    frontal = [f"{images}/00{person}/frontal/0{number}.jpg" for person in (1, 2) for number in (1, 2)]
    profile = [f"{images}/00{person}/profile/01.jpg" for person in (1, 2)]
    for folder, same, diff in (("FP", ["1,1", "3,2"], ["2,2", "4,1"]), ("FF", ["1,2", "3,4"], ["2,3", "4,1"])):
        for fold in (0, 1):
            place = protocol / "Split" / folder / f"0{fold + 1}"
            place.mkdir(parents=True)
            (place / "same.txt").write_text(same[fold] + "\n")
            (place / "diff.txt").write_text(diff[fold] + "\n")
    for name, paths in (("Pair_list_F.txt", frontal), ("Pair_list_P.txt", profile)):
        (protocol / name).write_text("".join(f"{number} {path}\n" for number, path in enumerate(paths, 1)))
    return protocol / "Split"


def test_cfp_frontal_to_profile(cfp):
    pairs = read_pairs(cfp / "FP")
    paths = [(pair.first.path, pair.second.path, pair.same, pair.fold) for pair in pairs]
    assert paths == [
        ("001/frontal/01.jpg", "001/profile/01.jpg", True, 0),
        ("001/frontal/02.jpg", "002/profile/01.jpg", False, 0),
        ("002/frontal/01.jpg", "002/profile/01.jpg", True, 1),
        ("002/frontal/02.jpg", "001/profile/01.jpg", False, 1),
    ]
    assert pairs[1].second.name == "002" and pairs.folds_by == protocols.STATED


def test_cfp_frontal_to_frontal(cfp):
    assert read_pairs(cfp / "FF")[1][:2] == (
        ListedFile("001", "001/frontal/02.jpg"),
        ListedFile("002", "002/frontal/01.jpg"),
    )


def test_damaged_cfp_is_refused(cfp):
    with pytest.raises(ValueError, match="Split: expected a list of pairs, or CFP's folder Split/FF or Split/FP"):
        read_pairs(cfp)
    (cfp / "FP" / "02" / "diff.txt").write_text("1,1\n4,3\n")
    with pytest.raises(ValueError, match="diff.txt, line 2: expected two indices of CFP's lists, .* got '4,3'"):
        read_pairs(cfp / "FP")
    (cfp.parent / "Pair_list_P.txt").unlink()
    with pytest.raises(ValueError, match="FP: expected CFP's list Pair_list_P.txt in .*Protocol, found none"):
        read_pairs(cfp / "FP")
