import re
from dataclasses import replace

import pandas as pd
import pytest

from gradewise.report import evidence, page
from gradewise.report.sections import checklist

TRIPOD_AI = {
    *map(str, (1, 2, 4, 7, 10, 11, 13, 14, 15, 16, 17, 19, 21, 22, 24, 25, 26)),
    *("3a", "3b", "3c", "5a", "5b", "6a", "6b", "6c", "8a", "8b", "8c", "9a", "9b", "9c"),
    *(f"12{letter}" for letter in "abcdefg"),
    *(f"18{letter}" for letter in "abcdef"),
    *("20a", "20b", "20c", "23a", "23b", "27a", "27b", "27c"),
}
REFORMS = {
    f"{module}{letter}"
    for module, letters in enumerate(("abc", "abcde", "abcdefg", "abc", "abcdef", "abc", "abc", "ab"), 1)
    for letter in letters
}
NUMBERED = {"TRIPOD+AI": TRIPOD_AI, "CLAIM": {str(number) for number in range(1, 45)}, "REFORMS": REFORMS}

OF_THE_AUTHORS = [
    "Purpose and intended users",
    "Test on images from elsewhere",
    "Known limits",
    "Use in practice and plans for monitoring",
    "Ethics and permission",
    "Funding and interests",
    "Availability of images, code and models",
]


@pytest.fixture(scope="module")
def simulated(fibres):
    return evidence.read(**fibres.known)


@pytest.fixture(scope="module")
def photos(grades):
    return evidence.read(**grades.known)


def items(known):
    """Rows of the table, by name."""
    return checklist.section(known).contents["shown"].data.set_index("item")


def blank(known):
    filled = items(known)["filled"]
    return list(filled.index[filled == "no"])


def test_what_only_the_authors_know_is_left_blank_by_name(photos):
    taken, labelled = "How the images were taken and selected", "Who labelled the images, and how well labels agree"
    assert set(blank(photos)) == {*OF_THE_AUTHORS, taken, labelled}
    rows = items(photos)
    assert rows.loc[blank(photos), "answer"].str.match(f"{checklist.AUTHORS}: .*[.]$").all()
    text = page.fill(checklist.section(photos))
    assert "9 items are left for the authors" in text
    assert all(f"<li>{name}</li>" in text for name in blank(photos))


def test_simulated_images_need_neither_camera_nor_labeller(simulated):
    assert blank(simulated) == OF_THE_AUTHORS
    assert "a program drew them" in items(simulated).loc["How the images were taken and selected", "answer"]


def test_numbers_of_filled_blank_and_unmeasured_items_add_up(photos):
    filled = items(photos)["filled"].value_counts()
    contents = checklist.section(photos).contents
    assert contents["filled"] == filled["yes"]
    assert len(contents["blank"]) == filled["no"]
    assert contents["items"] == filled.sum() == len(checklist.ITEMS)


def test_the_leak_test_is_told_where_there_was_one(simulated):
    row = items(simulated).loc["Leak test"]
    assert row["filled"] == "not measured"
    assert "Leak test" in page.fill(checklist.section(simulated)).partition("<ul>")[0]
    ends = {f"{name}{end}": 0.6 for name in ("grouped", "careless") for end in ("", "_low", "_high")}
    leaks = pd.DataFrame([{"model": "forest-d4", **ends, "careless": 0.8, "gap": 0.2, "gap_low": 0.1, "gap_high": 0.3}])
    row = items(
        replace(simulated, leaks=leaks.assign(images=48, groups=24, careless_trained=20, grouped_trained=20))
    ).loc["Leak test"]
    assert row["filled"] == "yes"
    assert (
        "20.0 points (95 % CI 10.0 to 30.0) of the claim do not hold there. They come from recognising the same"
        in row["answer"]
    )


def test_files_set_aside_are_counted_by_reason(photos, simulated):
    assert items(simulated).loc["Files set aside", "answer"] == "Every file could be used; none was set aside."
    answer = items(photos).loc["Files set aside", "answer"]
    assert answer.startswith("2 files could not be used: ")
    assert "truncated or damaged (1)" in answer
    assert answer.endswith("The list is quarantine.csv.")


def test_of_many_reasons_the_rare_ones_are_added_up(photos):
    reasons = pd.DataFrame({"path": "a.png", "reason": [f"{side} x 9 pixels" for side in range(8)]})
    answer = items(replace(photos, quarantine=reasons)).loc["Files set aside", "answer"]
    assert answer.count("pixels (1)") == checklist.REASONS_SHOWN
    assert "other reasons (3)" in answer


def test_answers_are_those_of_the_record_and_of_other_sections(photos):
    answers, record = items(photos)["answer"], photos.recommendation
    assert record.rule_fingerprint in answers["Rule of comparison, fixed beforehand"]
    assert "No margin was set" in answers["Rule of comparison, fixed beforehand"]
    assert photos.manifest_hash[:12] in answers["Source and number of images"]
    assert all(candidate.model in answers["Performance, also against the baseline"] for candidate in record.ranking)
    assert answers["Classes and their balance"].startswith("Images: 16 of A (33.3 %), 16 of B (33.3 %) and 16 of C")
    assert "2 of svm-plain" in answers["Settings tried, and how they were chosen"]
    assert "python 3.11.2" in answers["Software, code and random seeds"]
    assert "resized to 96 x 96 px" in answers["Preparation of images"]


def test_class_weights_are_told(photos):
    runs = photos.runs
    weighted = [replace(run, record={**run.record, "settings": {"class_weight": "balanced"}}) for run in runs[:1]]
    answers = items(replace(photos, runs=(*weighted, *runs[1:])))["answer"]
    assert f"class_weight is set for {runs[0].model}." in answers["Classes and their balance"]
    assert "No model sets class_weight." in items(photos)["answer"]["Classes and their balance"]


def test_without_a_score_the_checklist_says_so(photos):
    nothing = {"choice": None, "leader": None, "ranking": (), "pairs": (), "weakest": ()}
    known = replace(photos, recommendation=photos.recommendation.model_copy(update=nothing))
    rows = items(known)
    assert "No model can be recommended" in rows.loc["Performance, also against the baseline", "answer"]
    assert rows.loc["Performance in subgroups", "filled"] == "not measured"
    assert rows.loc["Calibration of probabilities", "filled"] == "not measured"


def test_every_number_is_one_of_its_guideline():
    for item in checklist.ITEMS:
        for guideline, numbers in zip(checklist.GUIDELINES, item.guidelines, strict=True):
            assert set(filter(None, numbers.split(", "))) <= NUMBERED[guideline], item.name
        assert any(item.guidelines)


def test_the_csv_file_has_every_item_in_plain_text(grades):
    rows = pd.read_csv(grades.assets / "checklist.csv", dtype=str, keep_default_na=False)
    assert list(rows) == ["item", "filled", "answer", *checklist.GUIDELINES]
    assert list(rows["item"]) == [item.name for item in checklist.ITEMS]
    assert not rows["answer"].str.contains("[\u00a0\u202f]").any()
    assert rows["answer"].str.strip().str.len().gt(0).all()


def test_the_page_links_to_the_table_and_folds_it(grades):
    section = re.search(r'<section id="checklist".*?</section>', grades.html, flags=re.DOTALL).group(0)
    assert section.count("<details>") == 1
    assert 'href="grades/checklist.csv"' in section
