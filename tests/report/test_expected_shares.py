"""What the report says of another mix of classes."""

from gradewise.judgement.expected_shares import expected_shares
from gradewise.report.evidence import read
from gradewise.report.sections import expected_shares as shares_section


def test_both_mixes_stand_side_by_side_and_the_assumption_is_told(make_grades):
    written = make_grades()
    assert shares_section.section(read(**written.known)) is None
    written.change(expected_shares={"A": 0.9, "B": 0.08, "C": 0.02})
    results = written.results.folder
    expected_shares(
        dataset="grades",
        results=results,
        classes=["A", "B", "C"],
        shares=[0.9, 0.08, 0.02],
        output=results / "expected_shares.parquet",
    )
    text, table = shares_section.section(read(**written.known)).blocks
    assert "90.0\u00a0% A, 8.0\u00a0% B and 2.0\u00a0% C are expected" in text.text
    assert "not adjusted" in text.text
    rows = table.data.set_index("of")
    assert list(rows.index)[:2] == ["Accuracy", "Precision of A"]
    assert (rows["tested"] != rows["in_use"]).all()
    assert rows["in_use"].str.contains(" to ").all()
