"""history.csv: continued where a run continues, whatever a killed process or somebody else left there."""

import pytest

from cshml_tf.training.history import History
from cshml_tf.training.history_file import HistoryFile

TEXT = "step,total,pairs_per_second\n2,0.5,10\n4,0.25,11\n6,0.125,12\n"


def opened(folder, first_step=4):
    return HistoryFile(folder, first_step, 2)


def test_rows_after_the_checkpoint_are_dropped(tmp_path):
    path = tmp_path / "history.csv"
    # The row of step 5 is that of a call that was stopped there.
    path.write_text(TEXT.replace("6,0", "5,0.2,9\n6,0"))
    file = opened(tmp_path, 5)
    file.append({"step": 6, "total": 0.0625, "pairs_per_second": 1.5})
    assert path.read_text() == "step,total,pairs_per_second\n2,0.5,10\n4,0.25,11\n6,0.0625,1.5\n"


def test_a_new_column_is_empty_in_earlier_rows(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(TEXT)
    file = opened(tmp_path)
    file.append({"step": 6, "total": 0.5, "pairs_per_second": 1.0, "unreadable": 3})
    assert path.read_text().splitlines() == [
        *("step,total,pairs_per_second,unreadable", "2,0.5,10,", "4,0.25,11,", "6,0.5,1,3")
    ]
    assert opened(tmp_path, 6) and path.read_text().count("\n") == 4


def test_the_file_of_an_earlier_version_and_a_cut_end_are_read_without_a_warning(tmp_path, capsys):
    (tmp_path / "history.csv").write_bytes(TEXT.replace("\n", "\r\n").encode() + b"8,0.0")
    opened(tmp_path, 8)
    assert (tmp_path / "history.csv").read_text() == TEXT
    assert capsys.readouterr().err == "" and [path.name for path in tmp_path.iterdir()] == ["history.csv"]


@pytest.mark.parametrize(
    "content, rows",
    [
        (b"\n", 0),
        (b"a,b\n1,2\n", 0),
        (b"step,step\n1,2\n", 0),
        (b"2,0.5,10\n", 0),
        (b"\xff\xfe\x00step\n", 0),
        (TEXT.encode().replace(b"4,0.25,11", b"4,0.25"), 1),
        (TEXT.encode().replace(b"4,0.25", b"four,0.25"), 1),
        (TEXT.encode().replace(b"0.25", b"x"), 1),
        (TEXT.encode().replace(b"4,", b"-4,"), 1),
        (TEXT.encode().replace(b"4,", "\u0664,".encode()), 1),
        (TEXT.encode().replace(b"\n4,", b"\n2,"), 1),
        (TEXT.encode().replace(b"0.25", b"\x00"), 1),
        (TEXT.encode().replace(b"4,", b"9" * 5000 + b","), 1),
    ],
)
def test_other_content_is_kept_apart_with_one_warning(tmp_path, capsys, content, rows):
    (tmp_path / "history.csv").write_bytes(content)
    opened(tmp_path)
    said = capsys.readouterr().err
    assert said.startswith(f"warning: {tmp_path / 'history.csv'}: expected rows of numbers, got ")
    assert said.count("\n") == 1
    assert (tmp_path / "history-damaged.csv").read_bytes() == content
    assert (tmp_path / "history.csv").read_text().count("\n") == (rows + 1 if rows else 0) or b"step," in content
    opened(tmp_path)
    assert capsys.readouterr().err == ""


def test_a_link_is_not_followed(tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(TEXT)
    (tmp_path / "history.csv").symlink_to(other)
    opened(tmp_path).append({"step": 6, "total": 0.5, "pairs_per_second": 1.0})
    assert other.read_text() == TEXT and not (tmp_path / "history.csv").is_symlink()
    (tmp_path / "history.csv").unlink()
    (tmp_path / "history.csv").mkdir()
    with pytest.raises(ValueError, match="history.csv: expected a file, got a folder"):
        opened(tmp_path)


def test_a_resumed_window_gives_the_same_row(tmp_path):
    def record(history, steps):
        for step in steps:
            history.record(step, 0.5 / step, {"total": 0.1 * step, "classifier": 1e-9 / step}, 0.25)

    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    whole = History(tmp_path / "whole", 0, 10, 5, 8, False)
    record(whole, range(1, 11))
    whole.close()
    broken = History(tmp_path / "broken", 0, 10, 5, 8, False)
    record(broken, range(1, 4))
    window = {name: value.copy() if name == "sums" else value for name, value in broken.window.items()}
    broken.close()
    resumed = History(tmp_path / "broken", 3, 10, 5, 8, False, window)
    record(resumed, range(4, 11))
    resumed.close()
    texts = [(tmp_path / name / "history.csv").read_text() for name in ("whole", "broken")]
    assert texts[0] == texts[1] and texts[0].count("\n") == 3
