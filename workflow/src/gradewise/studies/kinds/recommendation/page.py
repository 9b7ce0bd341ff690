"""Kind `recommendation`: which model to use, by the rule that the report on the dataset follows."""

from __future__ import annotations

from gradewise.report import answer, numbers
from gradewise.report.blocks import Block
from gradewise.studies.kinds.recommendation import Study
from gradewise.studies.pages import published
from gradewise.studies.pages.evidence import StudyEvidence


def blocks(name: str, study: Study, found: StudyEvidence) -> list[Block]:
    """The verdict with the numbers behind it and its rule, and what the source recommends."""
    verdict = list(answer.section(found.base).blocks)
    if study.published:
        verdict.append(published.as_published(f"{name}-published", study.published, study.comparable))
    return verdict


def short(name: str, study: Study, found: StudyEvidence) -> tuple[str, str]:
    """What the source recommends and what is recommended here."""
    theirs = [published.written(value) for row in study.published for value in row.values()]
    recommended = answer.answer(found.base).recommendation
    return (
        "; ".join(theirs) if theirs else numbers.NONE,
        numbers.NONE if recommended is None else recommended.choice.model,
    )
