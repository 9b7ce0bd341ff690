"""Which subgroup is named worst, and when chance is blamed."""

import pandas as pd

from gradewise.report import numbers
from gradewise.report.sections.subgroups import worst_sentence


def rows(*given: tuple[str, float, float, float]) -> pd.DataFrame:
    table = pd.DataFrame(given, columns=["value", "accuracy", "difference", "p_holm"])
    return table.assign(
        column="light_source", images=20, groups=10, low=table["accuracy"] - 0.1, high=table["accuracy"] + 0.1,
        p_value=table["p_holm"] / len(table),
    )  # fmt: skip


def plain(text: str) -> str:
    return text.replace(numbers.SPACE, " ")


def test_the_worst_is_named_with_its_interval_and_blamed_on_chance():
    assert plain(worst_sentence("net", rows(("lamp", 0.7, -0.12, 0.4), ("sun", 0.82, 0.12, 0.4)))) == (
        "net does worst where light source is lamp: 70.0 % (60.0 to 80.0) right, of 20 test images in 10 groups, 12.0 "
        "percentage points below all other test images. One of 2 subgroups is always the worst: p, "
        "adjusted for their number (Holm), is 0.40, so no subgroup is shown to be worse than the rest."
    )


def test_what_chance_does_not_explain_is_said():
    text = plain(worst_sentence("net", rows(("lamp", 0.5, -0.4, 0.004), ("sun", 0.9, 0.4, 0.004))))
    assert text.endswith("but chance does not make it this bad: p, adjusted for their number (Holm), is 0.004.")


def test_a_clear_subgroup_is_named_even_where_a_smaller_one_is_lower():
    text = plain(worst_sentence("net", rows(("lamp", 0.4, -0.4, 0.3), ("sun", 0.6, -0.2, 0.01))))
    assert text.endswith("beyond chance (Holm) it does worse at light source sun.")
