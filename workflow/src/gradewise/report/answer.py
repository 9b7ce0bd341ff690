"""Section: the verdict. Gathers from the results what `verdict` needs and lays out its sentences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gradewise.metrics import METRICS, Counts
from gradewise.report import clues, metric_names, numbers, verdict
from gradewise.report.blocks import Block, Facts, Section, Text
from gradewise.report.evidence import Evidence, row_estimate
from gradewise.report.recommendation import ACCURACY, Ground, Measure, Pair, Recommendation, Standing, recommend


@dataclass(frozen=True)
class Answer:
    """The verdict and what it was drawn from; `recommendation` is None where no model has a score."""

    recommendation: Recommendation | None
    pairs: tuple[Pair, ...]
    ground: Ground
    measure: Measure = ACCURACY

    @property
    def headline(self) -> str:
        """The answer in a few sentences."""
        if self.recommendation is None:
            return f"No model could be judged: there is no {self.measure.words} on test {self.measure.unit}s."
        return verdict.headline(self.recommendation, self.ground, self.measure)

    @property
    def facts(self) -> tuple[tuple[str, str, str], ...]:
        """Main numbers of the chosen model: (name, value, remark)."""
        if self.recommendation is None:
            return ()
        choice = self.recommendation.choice
        metric = self.measure.metric
        whole = metric_names.interval(metric, choice.score)
        bounds = whole.partition("(")[2].removesuffix(")")
        return (
            (
                "Test accuracy" if metric == "accuracy" else metric_names.name(metric),
                metric_names.value(metric, choice.score.value),
                f"{bounds}, 95 % interval" if bounds else "",
            ),
            ("Always guessing", metric_names.value(metric, self.ground.share), f"answering {self.ground.commonest}"),
            ("Time to train", numbers.time(choice.seconds_fit), "once, here"),
            ("Time per image", numbers.time(choice.seconds_per_image), "to predict, here"),
            ("Model on disk", numbers.size(choice.model_bytes), f"{numbers.memory(choice.memory_mb)} of memory"),
        )


def answer(evidence: Evidence) -> Answer:
    """Draw the verdict from the results, by the metric that the configuration names."""
    settings = evidence.settings
    measure = Measure(settings.deciding_metric, settings.equivalence, settings.deciding_level)
    turned = metric_names.lower_is_better(measure.metric)
    standings = [_standing(evidence, model, measure) for model in evidence.models]
    pairs = tuple(
        Pair(
            row.first,
            row.second,
            _turned(row_estimate(row, "difference")) if turned else row_estimate(row, "difference"),
            _number(row.p_holm),
            metric_names.test_name(row.test),
            _number(row.detectable),
        )
        for row in evidence.comparisons.itertuples(index=False)
        if (row.role, row.level, row.metric) == ("test", measure.unit, measure.metric)
    )
    return Answer(recommend(standings, pairs, measure), pairs, ground(evidence, measure), measure)


def _turned(difference: numbers.Estimate) -> numbers.Estimate:
    """The same difference seen from the other side."""
    return numbers.Estimate(
        *(None if part is None else -part for part in (difference.value, difference.high, difference.low))
    )


def ground(evidence: Evidence, measure: Measure = ACCURACY, model: str | None = None) -> Ground:
    """What the verdict stands on: what was tested, groups, repeats, and the best of always giving the same answer.

    Models whose views cut otherwise are tested on other samples; then `model` names whose are meant, else the first's.
    """
    one_model = evidence.tested(model or evidence.models[0], measure.unit)
    guesses = _guesses(evidence, one_model["label"], measure)
    commonest = min(guesses, key=lambda name: measure.advantage(0.0, guesses[name]))
    return Ground(
        images=one_model["unit"].nunique(),
        groups=one_model["group"].nunique(),
        repeats=one_model["repeat"].nunique(),
        commonest=commonest,
        share=guesses[commonest],
        folds=evidence.settings.evaluation.folds,
    )


def _guesses(evidence: Evidence, labels: pd.Series, measure: Measure) -> dict[str, float]:
    """What always answering a class gets, for each class, the commonest first."""
    counts = labels.value_counts().reindex(evidence.classes, fill_value=0).to_numpy(dtype=np.float64)
    costs = evidence.settings.cost_matrix
    matrix = None if costs is None else np.array(costs)
    guesses = {}
    for place in np.argsort(-counts, kind="stable"):
        confusion = np.zeros((len(counts), len(counts)))
        confusion[:, place] = counts
        value = METRICS[measure.metric].overall(Counts(confusion, matrix))
        guesses[evidence.classes[place]] = float(np.nan_to_num(value))
    return guesses


def section(evidence: Evidence) -> Section:
    """The verdict in plain words, the numbers behind it and the rule it follows."""
    found = answer(evidence)
    blocks: list[Block] = [Text(found.headline, "lead")]
    if found.recommendation is not None:
        chosen = found.recommendation
        blocks.append(Facts(found.facts))
        sentences = [
            verdict.accuracy_sentence(chosen.choice, found.ground, found.measure),
            _beside(evidence, chosen.choice, found.measure),
            _alike(evidence),
            _validation(evidence, chosen.choice, found.measure),
            *_other_level(evidence, chosen.choice),
            verdict.lead_sentence(chosen, found.pairs, found.ground, found.measure),
            verdict.trade_sentence(chosen, found.pairs, found.measure),
            verdict.beaten_sentence(chosen, found.pairs, found.measure),
            _dissent(evidence, chosen.choice, found.measure),
            _weakest(evidence, chosen.choice, found.measure),
            verdict.constant_sentence(_constant(evidence, found.measure), found.measure),
            verdict.baseline_sentence(chosen.choice, found.ground, found.measure),
            verdict.cost_sentence(chosen.choice),
        ]
        blocks += [Text(sentence) for sentence in sentences if sentence]
        warning = clues.warning(evidence, chosen.choice.model)
        if warning is not None and warning.near:
            blocks.append(Text(warning.text, "notice"))
    blocks.append(Text(verdict.rule(found.measure), "small"))
    return Section("verdict", "Verdict", tuple(blocks))


def _validation(evidence: Evidence, choice: Standing, measure: Measure) -> str | None:
    score = evidence.estimate(choice.model, measure.metric, measure.unit, role="validation")
    return verdict.validation_sentence(choice, score, measure)


def _dissent(evidence: Evidence, choice: Standing, measure: Measure) -> str | None:
    opinions = [metric.name for metric in METRICS.values() if metric.second_opinion]
    by_model = {
        model: {metric: evidence.estimate(model, metric, measure.unit) for metric in opinions}
        for model in evidence.models
    }
    own = by_model.pop(choice.model)
    return verdict.dissent_sentence(choice, by_model, own, measure)


def _weakest(evidence: Evidence, choice: Standing, measure: Measure) -> str | None:
    of_class = {
        metric: {name: evidence.estimate(choice.model, metric, measure.unit, name) for name in evidence.classes}
        for metric in ("recall", "precision")
    }
    answered = set(evidence.tested(choice.model, measure.unit)["predicted"])
    return verdict.weakest_sentence(choice, of_class["recall"], of_class["precision"], answered, measure)


def _constant(evidence: Evidence, measure: Measure) -> dict[str, str]:
    """Models that gave one answer to everything, with that answer."""
    answers = {model: evidence.tested(model, measure.unit)["predicted"].unique() for model in evidence.models}
    return {model: str(given[0]) for model, given in answers.items() if len(given) == 1}


def _beside(evidence: Evidence, choice: Standing, measure: Measure) -> str | None:
    """Plain accuracy, where another metric decides."""
    if measure.metric == "accuracy":
        return None
    plain = Measure(unit=measure.unit)
    accuracy = evidence.estimate(choice.model, "accuracy", measure.unit)
    return verdict.plain_sentence(choice, accuracy, ground(evidence, plain, choice.model), plain)


def _alike(evidence: Evidence) -> str | None:
    """That intervals take groups as independent, where many images look alike across groups."""
    found = evidence.audit
    share = found.loc[(found["check"] == "alike") & found["image_id"].isna(), "value"]
    return verdict.alike_sentence(float(share.iloc[0]), evidence.settings.group is not None) if len(share) else None


def _other_level(evidence: Evidence, choice: Standing) -> list[str | None]:
    """How good the choice is on single samples, where images decide, and the other way round."""
    if not evidence.tiled:
        return []
    of_samples = evidence.deciding_level == "image"
    level = "sample" if of_samples else "image"
    sentence = verdict.sample_sentence if of_samples else verdict.image_sentence
    stand = ground(evidence, Measure(unit=level), choice.model)
    sentences = [sentence(choice, evidence.estimate(choice.model, "accuracy", level), stand.commonest, stand.share)]
    if evidence.settings.labels_from == "masks":
        sentences.append(verdict.gathering_sentence(evidence.settings.aggregate))
    return sentences


def _standing(evidence: Evidence, model: str, measure: Measure) -> Standing:
    per_image = [run.seconds_per_image for run in evidence.runs_of(model)]
    known = [seconds for seconds in per_image if seconds is not None]
    return Standing(
        model=model,
        score=evidence.estimate(model, measure.metric, measure.unit),
        seconds_fit=evidence.mean(model, "seconds_fit"),
        seconds_per_image=sum(known) / len(known) if known else None,
        memory_mb=evidence.mean(model, "peak_memory_mb"),
        model_bytes=evidence.mean(model, "model_bytes"),
    )


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and numbers.known(value) else None
