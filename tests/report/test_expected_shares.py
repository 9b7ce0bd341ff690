"""What the report says of another mix of classes."""

from gradewise.judgement.expected_shares import expected_shares
from gradewise.report.evidence import read
from gradewise.report.sections import expected_shares as shares_section

EXPECTED = {"A": 0.9, "B": 0.08, "C": 0.02}


def measured(written, adjustable=True, **settings):
    """The blocks of the section, with settings of the dataset."""
    written.change(expected_shares=EXPECTED, **settings)
    results = written.results.folder
    facts = {"classes": list(EXPECTED), "shares": list(EXPECTED.values()), "least_cost": False}
    output = results / "expected_shares.parquet"
    expected_shares(dataset="grades", results=results, adjustable=adjustable, output=output, **facts)
    return shares_section.section(read(**written.known)).blocks


def test_both_mixes_stand_side_by_side_and_the_assumption_is_told(make_grades):
    written = make_grades()
    assert shares_section.section(read(**written.known)) is None
    mixes, adjustment, table = measured(written)
    assert "90.0\u00a0% A, 8.0\u00a0% B and 2.0\u00a0% C are expected" in mixes.text
    assert "set deploy: {adjust_probabilities: true}" in adjustment.text
    assert [column.heading for column in table.columns][-1] == "In use, adjusted"
    rows = table.data.set_index("of")
    assert list(rows.index)[:2] == ["Accuracy", "Precision of A"]
    assert (rows["tested"] != rows["in_use"]).all()
    assert rows["in_use"].str.contains(" to ").all()


def test_a_model_that_adjusts_its_probabilities_is_told_with_its_accuracy_in_use(make_grades):
    _, adjustment, table = measured(make_grades(), deploy={"adjust_probabilities": True})
    accuracy = table.data.set_index("of").loc["Accuracy"]
    adjusted, in_use = (
        accuracy[name].replace("(", "(95\u00a0% CI ").replace(")", "\u00a0%)") for name in ("adjusted", "in_use")
    )
    assert f"In use, they have an accuracy of {adjusted}, compared with {in_use}" in adjustment.text


def test_where_probabilities_cannot_be_adjusted_the_reason_is_told(make_grades):
    _, adjustment, table = measured(make_grades(), adjustable=False, aggregate="vote")
    assert "are not adjusted to the expected mix, since only means" in adjustment.text
    assert [column.heading for column in table.columns][-1] == "Mix expected in use"
