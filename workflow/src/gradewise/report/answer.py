"""Section: the verdict. Gathers from the results what `verdict` needs and lays out its sentences."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from gradewise import tables
from gradewise.report import metric_names, numbers, verdict
from gradewise.report.blocks import Block, Facts, Section, Text
from gradewise.report.evidence import Evidence, row_estimate
from gradewise.report.verdict import Ground, Pair, Recommendation, Standing


@dataclass(frozen=True)
class Answer:
    """The verdict and what it was drawn from; `recommendation` is None where no model has an accuracy."""

    recommendation: Recommendation | None
    pairs: tuple[Pair, ...]
    ground: Ground

    @property
    def headline(self) -> str:
        """The answer in one or two sentences."""
        if self.recommendation is None:
            return "No model could be judged: there is no accuracy on test images."
        return verdict.headline(self.recommendation, self.ground)

    @property
    def facts(self) -> tuple[tuple[str, str, str], ...]:
        """Main numbers of the chosen model: (name, value, remark)."""
        if self.recommendation is None:
            return ()
        choice = self.recommendation.choice
        whole = numbers.percent_interval(choice.accuracy)
        bounds = whole.partition("(")[2].removesuffix(")")
        return (
            ("Test accuracy", numbers.percent(choice.accuracy.value), f"{bounds}, 95 % interval" if bounds else ""),
            ("Always guessing", numbers.percent(self.ground.share), f"answering {self.ground.commonest}"),
            ("Time to train", numbers.time(choice.seconds_fit), "once, here"),
            ("Time per image", numbers.time(choice.seconds_per_image), "to predict, here"),
            ("Model on disk", numbers.size(choice.model_bytes), f"{numbers.memory(choice.memory_mb)} of memory"),
        )


def answer(evidence: Evidence) -> Answer:
    """Draw the verdict from the results."""
    standings = [_standing(evidence, model) for model in evidence.models]
    pairs = tuple(
        Pair(
            row.first,
            row.second,
            row_estimate(row, "difference"),
            _number(row.p_holm),
            metric_names.test_name(row.test),
            _number(row.detectable),
        )
        for row in evidence.comparisons.itertuples(index=False)
        if (row.role, row.level, row.metric) == ("test", "image", "accuracy")
    )
    return Answer(verdict.recommend(standings, pairs), pairs, ground(evidence))


def ground(evidence: Evidence) -> Ground:
    """What the verdict stands on: test images, groups, repeats, and the commonest class among them."""
    test = evidence.test
    one_model = test.loc[test["model"] == evidence.models[0]]
    shares = one_model["label"].value_counts(normalize=True)
    commonest = max(evidence.classes, key=lambda name: shares.get(name, 0.0))
    return Ground(
        images=one_model["image_id"].nunique(),
        groups=one_model["group"].nunique(),
        repeats=one_model["repeat"].nunique(),
        commonest=commonest,
        share=float(shares.get(commonest, 0.0)),
    )


def section(evidence: Evidence) -> Section:
    """The verdict in plain words, the numbers behind it and the rule it follows."""
    found = answer(evidence)
    blocks: list[Block] = [Text(found.headline, "lead")]
    if found.recommendation is not None:
        chosen = found.recommendation
        blocks.append(Facts(found.facts))
        sentences = [
            verdict.accuracy_sentence(chosen.choice, found.ground),
            *_of_samples(evidence, chosen.choice),
            verdict.lead_sentence(chosen, found.pairs, found.ground),
            verdict.trade_sentence(chosen, found.pairs),
            verdict.beaten_sentence(chosen, found.pairs),
            verdict.baseline_sentence(chosen.choice, found.ground),
            verdict.cost_sentence(chosen.choice),
        ]
        blocks += [Text(sentence) for sentence in sentences if sentence]
    blocks.append(Text(verdict.RULE, "small"))
    return Section("verdict", "Verdict", tuple(blocks))


def _of_samples(evidence: Evidence, choice: Standing) -> list[str | None]:
    files = [run.predictions for run in evidence.runs_of(choice.model) if run.predictions is not None]
    if not evidence.tiled or not files:
        return []
    samples = pd.concat([tables.read(path, columns=["role", "label"]) for path in files])
    shares = samples.loc[samples["role"] == "test", "label"].value_counts(normalize=True)
    accuracy = evidence.estimate(choice.model, "accuracy", "sample")
    sentences = [verdict.sample_sentence(choice, accuracy, str(shares.index[0]), float(shares.iloc[0]))]
    if evidence.settings.labels_from == "masks":
        aggregate = evidence.settings.aggregate
        words = aggregate if isinstance(aggregate, str) else aggregate.model_dump_json()
        sentences.append(verdict.gathering_sentence(words))
    return sentences


def _standing(evidence: Evidence, model: str) -> Standing:
    per_image = [run.seconds_per_image for run in evidence.runs_of(model)]
    known = [seconds for seconds in per_image if seconds is not None]
    return Standing(
        model=model,
        accuracy=evidence.estimate(model, "accuracy"),
        seconds_fit=evidence.mean(model, "seconds_fit"),
        seconds_per_image=sum(known) / len(known) if known else None,
        memory_mb=evidence.mean(model, "peak_memory_mb"),
        model_bytes=evidence.mean(model, "model_bytes"),
    )


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and numbers.known(value) else None
