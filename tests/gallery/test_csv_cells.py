"""Cells that spreadsheets do not run, and that give every text back."""

import pytest

from cshml_tf.gallery.csv_cells import escaped, unescaped


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("'=1", "''=1"),
        ("''=1", "'''=1"),
        ("Ann", "Ann"),
        ("'t Hooft", "'t Hooft"),
        ("", ""),
        ("a=b", "a=b"),
    ],
)
def test_escaping_and_back(text, cell):
    assert escaped(text) == cell
    assert unescaped(cell) == text


def test_a_cell_that_was_never_escaped_is_kept():
    assert (unescaped("=1"), unescaped("'"), unescaped("'Ann'")) == ("=1", "'", "'Ann'")
