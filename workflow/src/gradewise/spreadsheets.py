"""What spreadsheets make of the cells of a CSV file."""

from __future__ import annotations


def without_formula(text: str) -> str:
    """A text that no spreadsheet takes for a formula.

    If it begins like one, an apostrophe is put before it, which spreadsheets do not show; also if it begins with an
    apostrophe, so that `original` can tell. Numbers stay as they are.
    """
    if not text.startswith(("=", "+", "-", "@", "\t", "\r", "'")):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def original(cell: str) -> str:
    """The text that `without_formula` made a cell of."""
    return cell.removeprefix("'")
