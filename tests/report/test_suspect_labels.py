"""The section about labels worth a second look."""

from dataclasses import replace

import pandas as pd
import pytest

from gradewise.evaluation.recommendation import GuessingBeatsAll, NotBetterThanBaseline
from gradewise.images.corrections import Correction, Corrections
from gradewise.report import evidence
from gradewise.report.page import fill
from gradewise.report.sections.suspect_labels import decided, section, whole_groups


def test_suspects_are_shown_as_questions_with_pictures_and_what_cannot_be_found(fibres):
    known = evidence.read(**fibres.known)
    shown = section(known)
    gallery, table = shown.walk()
    assert len(gallery.pictures) == min(12, len(known.suspect_labels))
    assert len(table.data) == len(known.suspect_labels) > 0
    text = fill(shown)
    assert "worth a second look" in text
    assert "results/fibres/relabel.csv" in text
    assert "This cannot find labels" in text
    assert "mislabelled" not in text


def test_images_that_were_never_tested_are_counted(make_grades):
    results = make_grades(repeats=1)
    untested = 48 - evidence.read(**results.known).test["image_id"].nunique()
    assert f"{untested}\u00a0images that were never tested" in fill(section(evidence.read(**results.known)))


def test_without_suspects_nothing_is_asked(fibres):
    known = evidence.read(**fibres.known)
    text = fill(section(replace(known, suspect_labels=known.suspect_labels.iloc[:0])))
    assert "None of" in text
    assert "relabel.csv" not in text


def test_corrections_are_counted_and_their_file_is_named():
    rows = [("a", "A", "B"), ("b", "A", "exclude"), ("c", "B", "B")]
    told = tuple(Correction(image_id=image, label=label, corrected=corrected) for image, label, corrected in rows)
    sentence = decided(Corrections(file="mine.csv", sha256="ab" * 32, decided=told), ["A", "B"])
    assert sentence.startswith(
        "mine.csv (SHA-256 abababababab) was applied: 1\u00a0label corrected, 1\u00a0image left out"
    )
    assert "too favourable" in sentence
    confirmed = decided(Corrections(file="mine.csv", sha256="ab" * 32, decided=told[2:]), ["A", "B"])
    assert "favourable" not in confirmed
    assert decided(Corrections(), ["A", "B"]) == ""


@pytest.mark.parametrize(
    ("suspects", "named"),
    [(["g", "g"], "All tested images of g are listed: the group may"), (["g"], ""), (["h"], ""), (["g", "h"], "")],
)
def test_groups_that_are_suspect_as_a_whole_are_named(suspects, named):
    tested = pd.DataFrame({"group": ["g", "g", "h"]})
    sentence = whole_groups(pd.DataFrame({"group": suspects}), tested)
    assert sentence.startswith(named)
    assert bool(sentence) == bool(named)


def test_a_list_by_a_model_that_may_be_guessing_is_called_so(fibres):
    known = evidence.read(**fibres.known)
    for warnings, told in ((), False), ((NotBetterThanBaseline(),), True), ((GuessingBeatsAll(),), True):
        recommendation = known.recommendation.model_copy(update={"warnings": warnings})
        text = fill(section(replace(known, recommendation=recommendation)))
        assert ("so the list says little" in text) == told
