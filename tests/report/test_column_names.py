"""What columns of the label table are called."""

import pytest

from gradewise.report.column_names import in_words


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("flow_rate_ul_min", "flow rate [µL/min]"),
        ("voltage_kV", "voltage [kV]"),
        ("distance_cm", "distance [cm]"),
        ("light_source", "light source"),
        ("table_width_mm", "width [mm]"),
        ("scum", "scum"),
        ("cm", "cm"),
        ("value_min", "value min"),
    ],
)
def test_names_are_read_as_words_and_units(column, words):
    assert in_words(column, {}) == words


@pytest.mark.parametrize("column", ["width_mm", "table_width_mm"])
def test_a_label_of_the_configuration_comes_first(column):
    assert in_words(column, {"width_mm": "slit [µm]"}) == "slit [µm]"
