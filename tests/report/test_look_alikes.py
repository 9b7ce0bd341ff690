"""What the report says of images that look alike across groups."""

from dataclasses import replace

import pandas as pd
import pytest

from gradewise.report import evidence
from gradewise.report.blocks import Gallery, Table
from gradewise.report.next_steps import next_steps
from gradewise.report.sections.look_alikes import section


@pytest.fixture(scope="module")
def known(grades):
    """Evidence with three pairs, and a clear gap of the model to use."""
    known = evidence.read(**grades.known)
    chosen = known.manifest[["image_id", "path", "group", "label"]]
    pairs = pd.concat(
        [chosen[:3].reset_index(drop=True), chosen[3:6].reset_index(drop=True).add_prefix("other_")], axis=1
    )
    rows = [
        {
            "dataset": known.dataset,
            "model": model,
            "features": "photos@lite0",
            "third": third,
            "similarity": similarity,
            "accuracy": accuracy,
            "accuracy_low": accuracy - 0.1,
            "accuracy_high": accuracy + 0.05,
            "gap": 0.4,
            "gap_low": 0.2,
            "gap_high": 0.6,
            "images": 20,
            "groups": 20,
        }
        for model in known.models
        for third, similarity, accuracy in (("most", 0.8, 0.9), ("middle", 0.5, 0.7), ("least", 0.2, 0.5))
    ]
    return replace(known, look_alikes=pairs.assign(similarity=[0.9, 0.8, 0.7]), resemblance=pd.DataFrame(rows))


def text_of(shown):
    return shown.contents["gap"].replace("\u00a0", " ")


def test_pairs_are_shown_with_pictures_of_both_and_thirds_as_a_table(known):
    shown = section(known)
    gallery, pairs = shown.contents["shown"]
    (thirds,) = shown.contents["thirds"]
    assert isinstance(gallery, Gallery)
    assert isinstance(pairs, Table)
    assert isinstance(thirds, Table)
    first = known.look_alikes.iloc[0]
    assert gallery.pictures[0].lines[0] == f"{first.image_id} and {first.other_image_id}"
    assert gallery.pictures[0].detail is not None
    assert gallery.pictures[0].detail_alt == f"Image {first.other_image_id}"
    assert len(pairs.data) == 3
    assert len(thirds.data) == 3 * len(known.models)


def test_the_gap_is_that_of_the_model_to_use_with_its_interval(known):
    text = text_of(section(known))
    assert text.startswith(f"{known.models_by_rank[0]} classifies 90.0 % (95 % CI 80.0 to 95.0 %) of the third of")
    assert "and 50.0 % (95 % CI 40.0 to 55.0 %) of the least similar third" in text
    assert "a difference of +40.0 points (95 % CI +20.0 to +60.0)." in text
    assert "Either training and test show the same scenes" in text


def test_a_gap_that_may_be_zero_accuses_nobody(known):
    text = text_of(section(replace(known, resemblance=known.resemblance.assign(gap_low=-0.1))))
    assert "Either" not in text
    assert "does not show that look-alikes inflate" in text
    text = text_of(section(replace(known, resemblance=known.resemblance.assign(gap_low=None, gap_high=None))))
    assert "too few groups for an interval" in text


def test_without_features_or_pairs_there_is_no_section(known):
    assert section(replace(known, look_alikes=None, resemblance=None)) is None
    assert section(replace(known, look_alikes=known.look_alikes.iloc[:0])) is None
    without = section(replace(known, resemblance=known.resemblance.iloc[:0]))
    assert without.contents["gap"] == ""
    assert without.contents["thirds"] == []


@pytest.mark.parametrize(("low", "proposed"), [(0.2, True), (0.0, False)])
def test_a_gap_beyond_chance_makes_a_look_at_the_pairs_a_next_step(known, low, proposed):
    changed = replace(known, resemblance=known.resemblance.assign(gap_low=low))
    steps = [step for step in next_steps(changed, most=99) if "of look-alikes" in step.title]
    assert bool(steps) == proposed
