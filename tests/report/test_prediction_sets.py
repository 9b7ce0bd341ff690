"""What the report says of prediction sets."""

import pandas as pd

from gradewise.report.evidence import read
from gradewise.report.sections import prediction_sets


def texts(section):
    return " ".join(block.text for block in section.blocks if block.kind == "text")


def test_it_tells_how_many_images_go_to_a_person_and_what_so_few_groups_can_promise(fibres):
    section = prediction_sets.section(read(**fibres.known))
    facts, table = section.blocks[0].facts, section.blocks[-1]
    groups = table.data["groups"].max()
    assert facts[0][0].startswith("For a person at")
    assert f"thresholds come from {groups}\u00a0tested groups" in texts(section)
    assert f"at most {100 * groups / (groups + 1):.3g} %" in texts(section)
    assert "deployed new-images --coverage" in texts(section)


def test_the_groups_that_a_coverage_takes_are_named():
    assert "95\u00a0% would take 19 groups" in prediction_sets.promise(18)
    assert "99\u00a0% would take 99 groups" in prediction_sets.promise(19)
    assert "would take" not in prediction_sets.promise(99)


def test_a_class_is_named_whose_interval_ends_below_the_promise():
    rows = pd.DataFrame({"coverage": 0.9, "class": [None, "A", "B"], "covered": [0.9, 0.92, 0.6], "covered_low": 0.4})
    rows["covered_high"] = [0.95, 0.97, 0.85]
    sentences = prediction_sets.class_sentences(rows)
    assert len(sentences) == 1
    assert sentences[0].startswith("Sets for images of B contain the true class less often than the 90\u00a0% promised")
