"""What spreadsheets make of the cells of a CSV file."""

from __future__ import annotations


def without_formula(text: str) -> str:
    """A text that no spreadsheet takes for a formula.

    If it begins like one, an apostrophe is put before it, which spreadsheets do not show. Numbers stay as they are.
    """
    if not text.startswith(("=", "+", "-", "@", "\t", "\r")):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
