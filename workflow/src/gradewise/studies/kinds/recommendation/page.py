"""Kind `recommendation`: which model to use, by the rule that the report on the dataset follows."""

from __future__ import annotations

from gradewise.report import at_a_glance, numbers, sentences
from gradewise.report.blocks import Block, Text
from gradewise.report.sections import recommendation
from gradewise.studies.kinds.recommendation import Study
from gradewise.studies.pages import published
from gradewise.studies.pages.evidence import StudyEvidence


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """The recommendation with the numbers behind it and its rule, and what the source recommends."""
    record = evidence.base.recommendation
    told = [at_a_glance.score_sentence(record), at_a_glance.reservation(record), at_a_glance.cost_sentence(record)]
    return [
        Text(sentences.headline(record), "lead"),
        *(Text(text) for text in told if text),
        *([] if record.choice is None else [recommendation.ranking_figure(evidence.base)]),
        Text(sentences.rule(record), "small"),
        *published.as_published(name, study),
    ]


def short(name: str, study: Study, evidence: StudyEvidence) -> tuple[str, str]:
    """What the source recommends and what is recommended here."""
    theirs = "; ".join(published.written(value) for row in study.published for value in row.values())
    return theirs or numbers.NONE, evidence.base.recommendation.choice or numbers.NONE
