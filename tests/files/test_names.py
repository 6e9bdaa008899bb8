"""Names: hidden entries are passed over, one name in two Unicode forms is one, and any name can be printed."""

import os
import unicodedata

from cshml_tf.files import normalised, printable, visible_entries


def test_hidden_entries_are_passed_over(tmp_path):
    for name in ("b", "a", ".lock", "._a", ".partial-1"):
        (tmp_path / name).touch()
    (tmp_path / ".ipynb_checkpoints").mkdir()
    assert [path.name for path in visible_entries(tmp_path)] == ["a", "b"]


def test_the_composed_and_the_decomposed_form_are_one_name():
    composed = "Zo\u00eb_\u5f20\u4f1f_\ud55c"
    decomposed = unicodedata.normalize("NFD", composed)
    assert decomposed != composed and normalised(decomposed) == composed == normalised(composed)


def test_a_printable_name_takes_one_line_of_utf_8():
    assert printable("Zo\u00eb \u5f20.png") == "Zo\u00eb \u5f20.png"
    assert printable(os.fsdecode(b"a\xff.png")) == "a\\udcff.png"
    assert printable("a\nb\u2028c\x85d\x1b[0m") == "a\\nb\\u2028c\\x85d\\x1b[0m"
