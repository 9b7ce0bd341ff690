"""Which subgroup is named worst, and when chance is blamed."""

import pandas as pd

from gradewise import tables
from gradewise.report import numbers
from gradewise.report.evidence import read
from gradewise.report.sections.subgroups import drawn_rows, section, worst_sentence


def rows(*values: tuple[str, float, float, float]) -> pd.DataFrame:
    table = pd.DataFrame(values, columns=["value", "accuracy", "difference", "p_value"])
    return table.assign(
        column="light source",
        images=20,
        groups=10,
        low=table["accuracy"] - 0.1,
        high=table["accuracy"] + 0.1,
        expected=0.5 * table["accuracy"] + 0.4,
        detectable=0.25,
        p_column=table["p_value"].min(),
    )


def plain(text: str) -> str:
    return text.replace(numbers.SPACE, " ")


def test_the_worst_is_named_with_its_interval_and_with_what_would_have_been_detected():
    assert plain(worst_sentence("net", rows(("lamp", 0.7, -0.12, 0.4), ("sun", 0.82, 0.12, 0.4)))) == (
        "net does worst where light source is lamp: 70.0 % (95 % CI 60.0 to 80.0 %) correct, of 20 test images in 10 "
        "groups, 12.0 percentage points below all other test images. No column is shown to make a difference (p, "
        "adjusted for their number: light source 0.40). Shrunk towards the others, the accuracy to expect there is "
        "75.0 %. A difference of 25.0 points from all images would have been detected."
    )


def test_what_chance_does_not_explain_is_said():
    text = plain(worst_sentence("net", rows(("lamp", 0.5, -0.4, 0.004), ("sun", 0.9, 0.4, 0.004))))
    assert text.endswith(
        "That is more than chance explains for the worst of 2 subgroups: p, adjusted for their number, is 0.004. "
        "Shrunk towards the others, the accuracy to expect there is 65.0 %."
    )


def test_a_clear_subgroup_is_named_even_where_a_smaller_one_is_lower():
    text = plain(worst_sentence("net", rows(("lamp", 0.4, -0.4, 0.3), ("sun", 0.6, -0.2, 0.01))))
    assert "Chance may explain that, but not that it does worse at light source sun." in text


def test_the_figure_has_the_worst_and_best_of_many_subgroups_in_their_order():
    few = pd.DataFrame({"expected": [0.1 * place for place in range(12)]})
    assert len(drawn_rows(few)) == 12
    many = pd.DataFrame({"expected": [0.9, *(0.01 * place for place in range(30))]})
    assert list(drawn_rows(many).index) == [0, 1, 2, 3, 4, 5, 6, 26, 27, 28, 29, 30]


def test_columns_are_called_as_the_configuration_says_with_their_units(make_grades):
    made = make_grades(changed_settings={"labels": {"camera": "distance of the camera [m]"}})
    shown = section(read(**made.known))
    figure, table = shown.contents["shown"]
    assert "distance of the camera [m] old" in figure.alt
    assert {row[0] for row in table.rows} == {"distance of the camera [m]"}
    assert "where distance of the camera [m] is" in shown.contents["worst"]


def test_columns_that_name_groups_or_images_are_said_to_be_left_out(make_grades):
    made = make_grades()
    manifest = tables.read(made.results.table("manifest"))
    group = manifest["group"]
    manifest = manifest.assign(specimen_id="s" + group, photo=1 + group.groupby(group).cumcount())
    made.write(manifest=manifest)
    said = section(read(**made.known)).contents["left_out"]
    assert said == (
        "Not among them: specimen id, the name of the group; photo, the number of an image within its group."
    )
