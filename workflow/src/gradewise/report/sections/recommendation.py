"""Section: the recommendation, in plain English, with the numbers behind it and the rule that it follows."""

from __future__ import annotations

from gradewise.evaluation.recommendation import ClueExplains, Recommendation
from gradewise.report import metric_names, numbers, sentences
from gradewise.report.blocks import Block, Facts, Section, Text
from gradewise.report.evidence import Evidence

ORDER = 0


def facts(record: Recommendation) -> tuple[tuple[str, str, str], ...]:
    """Main numbers of the chosen model: (name, value, remark); none where no model has a score."""
    if record.choice is None:
        return ()
    choice, metric, baseline = record.candidate(record.choice), record.criterion.metric, record.baseline
    bounds = metric_names.interval(metric, choice.score).partition("(")[2].removesuffix(")")
    return (
        (
            "Test accuracy" if metric == "accuracy" else metric_names.name(metric),
            metric_names.value(metric, choice.score.value),
            f"{bounds}, 95 % interval" if bounds else "",
        ),
        ("Always guessing", metric_names.value(metric, baseline.value), f"predicting {baseline.predicted}"),
        ("Time to train", numbers.time(choice.seconds_fit), "once, here"),
        ("Time per image", numbers.time(choice.seconds_per_image), "to predict, here"),
        ("Model on disk", numbers.size(choice.model_bytes), f"{numbers.memory(choice.memory_mb)} of memory"),
    )


def section(evidence: Evidence) -> Section:
    """The recommendation in plain English, the numbers behind it and the rule it follows."""
    record, settings = evidence.recommendation, evidence.settings
    blocks: list[Block] = [Text(sentences.headline(record), "lead")]
    if record.choice is not None:
        blocks.append(Facts(facts(record)))
        aggregate = settings.aggregate if settings.labels_from == "masks" else None
        blocks += [Text(sentence) for sentence in sentences.sentences(record, aggregate)]
        near = [warning for warning in record.warned(ClueExplains) if warning.near]
        blocks += [Text(sentences.clue_sentence(warning), "notice") for warning in near]
    blocks.append(Text(sentences.rule(record), "small"))
    return Section("recommendation", "Recommendation", tuple(blocks))
