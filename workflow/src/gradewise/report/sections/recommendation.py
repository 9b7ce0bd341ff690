"""Section: the first screen, with the answer, what to beware of and what to do next; and the reasons behind it."""

from __future__ import annotations

from functools import partial

from gradewise.evaluation.recommendation import ClueExplains
from gradewise.report import at_a_glance, metric_names, numbers, sentences
from gradewise.report.blocks import Figure, Section, Text
from gradewise.report.evidence import Evidence
from gradewise.report.figures import ranking
from gradewise.report.next_steps import next_steps
from gradewise.report.sections import localisation

ORDER = 0

DRAWN = 10
"""Most models in the figure."""


def section(evidence: Evidence) -> Section:
    """The answer and the ranking of models beside it, next steps, and the reasons."""
    record, settings = evidence.recommendation, evidence.settings
    aggregate = settings.aggregate if settings.labels_from == "masks" else None
    near = [warning for warning in record.warned(ClueExplains) if warning.near]
    reasons = [*sentences.reasons(record, aggregate), *map(sentences.clue_sentence, near)]
    return Section(
        "recommendation",
        "Recommendation",
        contents={
            "glance": at_a_glance.glance(record, next_steps(evidence), localisation.in_short(evidence)),
            "ranked": None if record.choice is None else ranking_figure(evidence),
            "reasons": [Text(reason) for reason in reasons],
            "rule": Text(sentences.rule(record), "small"),
        },
        front=True,
    )


def ranking_figure(evidence: Evidence) -> Figure:
    """Models by their scores, with intervals and the baseline; there must be a choice."""
    record = evidence.recommendation
    criterion, metric = record.criterion, record.criterion.metric
    shown = list(record.ranking[:DRAWN])
    if record.choice not in [candidate.model for candidate in shown]:
        shown[-1] = record.candidate(record.choice)
    what, share = metric_names.name(metric, overall=True), metric_names.is_share(metric)
    hidden = len(record.ranking) - len(shown)
    always = f"always {record.baseline.predicted}"
    values = "; ".join(f"{model.model} {metric_names.interval(metric, model.score)}" for model in shown)
    return Figure(
        "ranking",
        f"{what} on test {criterion.level}s with 95{numbers.SPACE}% CI ({sentences.ground_in_words(record)}). "
        f"Dashed: the baseline." + (f" {hidden} further models are in the section on accuracy." if hidden else ""),
        f"Models ranked by {metric_names.in_words(metric)}: {values}. "
        + (f"Tied with the leader: {numbers.listed(list(record.tied))}. " if record.tied else "")
        + f"{always.capitalize()}: {metric_names.value(metric, record.baseline.value)}.",
        ranking.draw(
            shown,
            record.tied,
            record.choice or "",
            styles=evidence.styles,
            baseline=(always, record.baseline.value),
            label=f"{what} on test {criterion.level}s{' [%]' if share else ''}",
            write=partial(metric_names.value, metric),
            share=share,
        ),
    )
