"""What the report says of images that are unlike those of training."""

from dataclasses import replace

import pandas as pd
import pytest

from gradewise.report import evidence
from gradewise.report.blocks import Table, Text
from gradewise.report.sections.unknown import section


@pytest.fixture(scope="module")
def known(fibres):
    return evidence.read(**fibres.known)


def blocks_of(known):
    blocks = section(known).blocks
    texts = [block.text.replace("\u00a0", " ") for block in blocks if isinstance(block, Text)]
    return " ".join(texts), [block for block in blocks if isinstance(block, Table)]


def test_false_alarms_are_told_and_bad_photos_of_the_model_to_use_are_listed(known):
    text, (table,) = blocks_of(known)
    rows = known.unknown
    mine = rows.loc[(rows["model"] == "cnn-small") & (rows["kind"] != "held-out")]
    pd.testing.assert_frame_equal(table.data[rows.columns], mine.reset_index(drop=True))
    assert [row[0].replace("\u00a0", " ") for row in table.rows][:2] == [
        "blurred, by 1 % of the smaller side",
        "darkened to 40 % of the brightness",
    ]
    assert "The threshold aims at" in text


def test_where_groups_are_too_few_the_share_that_they_allow_for_is_told(known):
    text, _ = blocks_of(replace(known, unknown=known.unknown.assign(groups=9, false_alarms=0.1)))
    assert "aims at 10.0 % false alarms" in text
    assert "That is more than the 5.0 % asked for, since 9 tested groups cannot support a lower rate." in text
    text, _ = blocks_of(replace(known, unknown=known.unknown.assign(groups=19, false_alarms=0.05)))
    assert "asked for" not in text


def test_where_no_image_is_flagged_there_is_no_section(known):
    assert section(replace(known, unknown=None)) is None
