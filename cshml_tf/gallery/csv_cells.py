"""Text in CSV files for spreadsheets, where a cell that begins with = + - or @ is a formula.

An apostrophe is put before such a cell, which a spreadsheet then shows as text. A cell that looks escaped already
gets one more, so that reading restores every text exactly: "=A1" becomes "'=A1", "'=A1" becomes "''=A1", and
"'t Hooft" stays as it is.
"""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def escaped(text: str) -> str:
    """Return a text as a cell that no spreadsheet runs."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescaped(cell: str) -> str:
    """Return the text that `escaped` made a cell of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
