"""Tables of the report as CSV files, which people open in spreadsheets."""

from __future__ import annotations

import pandas as pd
import pytest

from gradewise.report.page import to_csv


@pytest.mark.parametrize("text", ["=1+2", "+cmd", "-2+3", "@SUM(A1)", "\t=1"])
def test_a_text_that_begins_like_a_formula_is_marked(text):
    assert to_csv(pd.DataFrame({"image": [text]})).decode() == f"image\n'{text}\n"


def test_names_of_columns_are_marked_too():
    assert to_csv(pd.DataFrame({"=A1": [1]})) == b"'=A1\n1\n"


def test_numbers_and_other_texts_stay_as_they_are():
    data = pd.DataFrame({"gap": [-0.3, None], "text": ["-0.3", "a=b"], "mixed": [-1, "x"], "none": [None, None]})
    assert to_csv(data) == data.to_csv(index=False).encode()
