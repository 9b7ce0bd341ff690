"""The verdict in plain words: which model to use, how good it is, how sure that is, and what it costs.

Every function is pure: from numbers to sentences, so that each sentence can be checked against the numbers it tells.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradewise.config.aggregation import Top
from gradewise.report import metric_names, numbers
from gradewise.report.numbers import Estimate
from gradewise.report.recommendation import (
    ACCURACY,
    Ground,
    Measure,
    Pair,
    Recommendation,
    Standing,
    apart,
    find,
    is_equivalent,
    lag,
    leaves_out_zero,
    surely_better,
    surely_worse,
    told_apart,
)

FALL = 0.05
"""Least share by which validation must be better than test to be told."""

MANY_ALIKE = 0.1
"""Share of look-alikes from which independence is in doubt."""


def rule(measure: Measure = ACCURACY) -> str:
    """How the recommendation is made, for the reader."""
    accuracy = measure.metric == "accuracy"
    leads = f"{'highest' if accuracy else 'best'} {measure.unit}-level {measure.words}"
    close = "no further behind" if not measure.close else f"at most {_one(measure)} behind"
    text = (
        f"How the recommendation is made: the model with the {leads} on test {measure.unit}s leads. Models whose "
        f"difference from it has a Holm-adjusted p value of 0.05 or more are not told apart from it"
    )
    if measure.margin is not None:
        text += (
            f", nor are those that are equivalent to it: the whole 95 % interval of the difference lies within "
            f"{measure.gap(measure.margin)}"
        )
        close += ", or is equivalent"
    return (
        f"{text}. One of those is preferred to the leader only where it trains faster and was measured {close}; none "
        f"is recommended where guessing beats it. Test images were used for no decision before this one; that the "
        f"best of several was picked on them flatters its own figure a little."
    )


def _one(measure: Measure) -> str:
    return "one percentage point" if metric_names.is_share(measure.metric) else measure.gap(measure.close)


def headline(recommendation: Recommendation, ground: Ground, measure: Measure = ACCURACY) -> str:
    """The answer in a few sentences; no model is recommended where guessing beats the best of them."""
    choice, leader = recommendation.choice, recommendation.leader
    if surely_worse(leader.score, ground.share, measure):
        return (
            f"Use none of these models as it is: the best, {leader.model}, gets "
            f"{measure.reached(leader.score.value)}, always answering {ground.commonest} "
            f"{metric_names.value(measure.metric, ground.share)}."
        )
    doubtful = choice.score.bounds is not None and not surely_better(choice.score, ground.share, measure)
    doubt = f" That is not shown to be better than always answering {ground.commonest}." if doubtful else ""
    return f"{_advice(recommendation, ground, measure)}{doubt}"


def basis(images: int, groups: int, noun: str) -> str:
    """'48 images in 16 groups', or '48 images' where each is its own group."""
    counted = numbers.many(images, noun)
    return counted if images == groups else f"{counted} in {numbers.many(groups, 'group')}"


def accuracy_sentence(standing: Standing, ground: Ground, measure: Measure = ACCURACY) -> str:
    """How good the model is on images it has not seen."""
    estimate = standing.score
    stands_on = basis(ground.images, ground.groups, f"test {measure.unit}")
    stands_on += f", over {numbers.rounds(ground.repeats, ground.folds)}" if ground.repeats > 1 else ", one split"
    if measure.metric == "accuracy":
        text = f"{standing.model} judges {numbers.percent(estimate.value)} of test {measure.unit}s correctly"
    else:
        text = f"{standing.model} reaches {measure.reached(estimate.value)}"
    if estimate.bounds:
        low, high = (metric_names.value(measure.metric, bound) for bound in estimate.bounds)
        text += f"; the 95 % interval reaches from {low} to {high}"
    return f"{text} ({stands_on})."


def validation_sentence(standing: Standing, validation: Estimate, measure: Measure = ACCURACY) -> str | None:
    """That the model does clearly better on validation than on test, and what may be behind it; else None."""
    gap = measure.advantage(validation.value or 0.0, standing.score.value or 0.0)
    if not apart(validation, standing.score, measure) or (metric_names.is_share(measure.metric) and gap < FALL):
        return None
    unit = measure.unit
    return (
        f"On validation {unit}s {standing.model} does better than on test {unit}s: "
        f"{metric_names.interval(measure.metric, validation)}. Possible reasons: test {unit}s differ from those "
        f"trained on (another place, day, camera or mix of classes); training and validation {unit}s are siblings that "
        f"no group holds together; settings were fitted to few validation {unit}s. Plan with the test figure, and look "
        f"for what differs."
    )


def sample_sentence(standing: Standing, accuracy: Estimate, commonest: str, share: float) -> str | None:
    """How good the model is on single samples, where images are cut into several; None where that is unknown.

    Parameters
    ----------
    standing : Standing
    accuracy : Estimate
        Of single samples, on test.
    commonest : str
        The commonest class of the test samples.
    share : float
        Its share among them.
    """
    if not numbers.known(accuracy.value):
        return None
    return (
        f"Of single samples, before they are gathered to a verdict on their image, {standing.model} judges "
        f"{numbers.percent_interval(accuracy)} correctly; always answering {commonest} would be right for "
        f"{numbers.percent(share)}."
    )


def image_sentence(standing: Standing, accuracy: Estimate, commonest: str, share: float) -> str | None:
    """How good a model that is chosen by single samples is on images; parameters as of `sample_sentence`, of images."""
    if not numbers.known(accuracy.value):
        return None
    beaten = accuracy.low is not None and accuracy.low > share
    return (
        f"Of images, gathered from their samples, {standing.model} judges {numbers.percent_interval(accuracy)} "
        f"correctly; always answering {commonest} would be right for {numbers.percent(share)}"
        f"{'' if beaten else ', which it is not shown to beat'}."
    )


def gathering_sentence(aggregate: str | Top) -> str:
    """What to know about image verdicts where samples carry labels of their own, from masks."""
    words = aggregate if isinstance(aggregate, str) else f"{{top: {aggregate.top}}}"
    few = words in ("mean", "vote")
    advice = " Where defects cover little of an image, aggregate: max or {top: n} lets few samples decide."
    return (
        f"Labels come from masks, so models learn to judge samples, and the verdict on an image depends on how its "
        f"samples are gathered (here aggregate: {words}).{advice if few else ''}"
    )


def lead_sentence(
    recommendation: Recommendation, pairs: Sequence[Pair], ground: Ground, measure: Measure = ACCURACY
) -> str | None:
    """By how much the leader is better than the next model, and how sure that is; None where it is alone."""
    leader = recommendation.leader
    others = sorted((*recommendation.tied, *recommendation.beaten), key=lambda other: lag(leader, other, measure))
    if not others:
        return None
    second = others[0]
    first = f"The {'most accurate' if measure.metric == 'accuracy' else f'best by {measure.words}'}, {leader.model}"
    pair = find(pairs, leader.model, second.model)
    if pair is None or not numbers.known(pair.difference.value):
        gap = measure.gap(lag(leader, second, measure), "percentage points")
        return f"{first}, is {gap} ahead of the next, {second.model}; the two were not tested against each other."
    gap = measure.gap(pair.difference.value, "percentage points")
    ahead = f"{first}, is {gap} ahead of the next, {second.model}"
    if pair.difference.bounds:
        ahead += f" (95 % interval {measure.bounds(pair.difference)}{_p_clause(pair.p_holm, pair.test)})"
    elif numbers.known(pair.p_holm):
        ahead += f" ({_p_clause(pair.p_holm, pair.test).removeprefix(', ')})"
    if is_equivalent(pair, measure):
        return f"{ahead}: the two are equivalent within {measure.gap(measure.margin)}."
    if told_apart(pair, measure):
        return f"{ahead}: chance alone does not explain that."
    found = f"{ahead}: {_not_shown(pair, ground, measure)}."
    if numbers.known(pair.detectable):
        found += f" The test by itself would find one of {measure.gap(pair.detectable)} four times in five."
    elif pair.difference.bounds:
        found += " With so few repeats or groups this test can hardly show any."
    if measure.margin is not None:
        found += f" Nor is it shown that the two are equivalent within {measure.gap(measure.margin)}."
    return found


def trade_sentence(recommendation: Recommendation, pairs: Sequence[Pair], measure: Measure = ACCURACY) -> str | None:
    """What choosing another model than the most accurate saves and may cost; None where that one is the choice."""
    leader, choice = recommendation.leader, recommendation.choice
    if choice is leader:
        return None
    pair = find(pairs, leader.model, choice.model)
    measured = Estimate(lag(leader, choice, measure))
    behind = pair.difference if pair and numbers.known(pair.difference.value) else measured
    bounds = f" (95 % interval {measure.bounds(behind)})" if behind.bounds else ""
    saved = (
        f" saves training time ({numbers.time(choice.seconds_fit)} against {numbers.time(leader.seconds_fit)}) and"
        if numbers.known(choice.seconds_fit) and numbers.known(leader.seconds_fit)
        else ""
    )
    if measure.metric != "accuracy":
        return (
            f"Choosing {choice.model} over {leader.model}{saved} may be worse by {measure.words}: {leader.model} is "
            f"{measure.gap(behind.value)} better{bounds}. Where that matters more than time, take {leader.model}."
        )
    return (
        f"Choosing {choice.model} over {leader.model}{saved} may cost accuracy: {leader.model} got "
        f"{measure.gap(behind.value)} more{bounds}. Where accuracy matters more than time, take {leader.model}."
    )


def weakest_sentence(
    standing: Standing,
    recalls: dict[str, Estimate],
    precisions: dict[str, Estimate],
    answered: set[str],
    measure: Measure = ACCURACY,
) -> str | None:
    """Which classes the model never answers, or which it recognises worst; None where classes do not differ.

    Parameters
    ----------
    standing : Standing
    recalls, precisions : dict of str to Estimate
        Of each class.
    answered : set of str
        Classes that the model answered at least once.
    measure : Measure
    """
    known = {name: recall.value for name, recall in recalls.items() if numbers.known(recall.value)}
    never = [name for name in known if name not in answered]
    if never:
        return (
            f"{standing.model} never answers {numbers.listed(never)}: it recognises none of {_their(never, measure)}."
        )
    if len(set(known.values())) < 2:
        return None
    least = min(value or 0.0 for value in known.values())
    worst, *others = [name for name, value in known.items() if value == least]
    if others:
        return (
            f"{standing.model} does worst on {numbers.listed([worst, *others])}: it recognises "
            f"{numbers.percent(least)} of the test {measure.unit}s of each."
        )
    text = (
        f"{standing.model} does worst on {worst}: it recognises {numbers.percent_interval(recalls[worst])} of the test "
        f"{measure.unit}s of that class"
    )
    if numbers.known(precisions[worst].value):
        text += f", and where it answers {worst} it is right {numbers.percent_interval(precisions[worst])} of the time"
    return f"{text}."


def _their(classes: list[str], measure: Measure) -> str:
    return f"the test {measure.unit}s of {'that class' if len(classes) == 1 else 'those classes'}"


def constant_sentence(answers: dict[str, str], measure: Measure = ACCURACY) -> str | None:
    """Which models gave one answer to everything, `answers` by model; None where none did."""
    if not answers:
        return None
    told = [f"{model} answers {answer}" for model, answer in answers.items()]
    return f"Always the same, to every test {measure.unit}: {numbers.listed(told)}."


def plain_sentence(standing: Standing, accuracy: Estimate, ground: Ground, measure: Measure) -> str | None:
    """How plain accuracy compares with guessing, where another metric decides; the last two are of accuracy."""
    if accuracy.bounds is None:
        return None
    compared = "above" if surely_better(accuracy, ground.share, measure) else "not shown to be above"
    if surely_worse(accuracy, ground.share, measure):
        compared = "below"
    return (
        f"Its plain accuracy is {numbers.percent_interval(accuracy)}, {compared} the "
        f"{numbers.percent(ground.share)} of always answering {ground.commonest}."
    )


def alike_sentence(share: float, grouped: bool) -> str | None:
    """That intervals take groups as independent, where a large share of images look alike across groups; else None.

    `grouped` says whether the configuration names groups.
    """
    if share < MANY_ALIKE:
        return None
    then = "see whether group holds them together" if grouped else "name them in a column and set group to it"
    return (
        f"Intervals and tests take groups as independent, but {numbers.percent(share)} of images look much like one "
        f"of another group (see the data audit). Where these show one specimen or scene, intervals are too narrow and "
        f"new ones may fare worse: {then}."
    )


def dissent_sentence(
    choice: Standing, others: dict[str, dict[str, Estimate]], own: dict[str, Estimate], measure: Measure = ACCURACY
) -> str | None:
    """Which other model is better by which other metrics, intervals apart; None where none is.

    Parameters
    ----------
    choice : Standing
    others : dict of str to dict of str to Estimate
        Metrics of each other model, by name.
    own : dict of str to Estimate
        Those of the choice.
    measure : Measure
    """
    better: dict[str, list[str]] = {}
    for metric, mine in own.items():
        by = Measure(metric)
        ahead = [
            model for model, theirs in others.items() if metric != measure.metric and apart(theirs[metric], mine, by)
        ]
        if ahead:
            best = max(ahead, key=lambda model: by.advantage(others[model][metric].value or 0.0, 0.0))
            values = (metric_names.value(metric, one.value) for one in (others[best][metric], mine))
            better.setdefault(best, []).append(f"{by.words} ({' against '.join(values)})")
    if not better:
        return None
    found = "; ".join(f"{model} by {numbers.listed(metrics)}" for model, metrics in better.items())
    return (
        f"Other metrics speak against {choice.model}, their intervals apart from its own: {found}. Weigh that against "
        f"{measure.words}."
    )


def beaten_sentence(recommendation: Recommendation, pairs: Sequence[Pair], measure: Measure = ACCURACY) -> str | None:
    """Which models are worse than the leader beyond chance; None where there are none."""
    if not recommendation.beaten:
        return None
    parts = []
    for standing in recommendation.beaten:
        pair = find(pairs, recommendation.leader.model, standing.model)
        behind = None if pair is None else pair.difference.value
        parts.append(f"{standing.model} (by {measure.gap(behind)})")
    worse = "Less accurate" if measure.metric == "accuracy" else f"Worse by {measure.words}"
    return f"{worse} than {recommendation.leader.model} beyond chance: {numbers.listed(parts)}."


def cost_sentence(standing: Standing) -> str | None:
    """What the model costs; None where nothing was measured."""
    parts = [
        text
        for value, text in (
            (standing.seconds_fit, f"{numbers.time(standing.seconds_fit)} to train once"),
            (standing.seconds_per_image, f"{numbers.time(standing.seconds_per_image)} to judge an image"),
            (standing.memory_mb, f"{numbers.memory(standing.memory_mb)} of memory at most"),
            (standing.model_bytes, f"{numbers.size(standing.model_bytes)} on disk"),
        )
        if numbers.known(value)
    ]
    return f"{standing.model} takes {numbers.listed(parts)}." if parts else None


def baseline_sentence(standing: Standing, ground: Ground, measure: Measure = ACCURACY) -> str:
    """How the model compares with always giving the same answer, the best one."""
    value = standing.score.value or 0.0
    accuracy = measure.metric == "accuracy"
    if accuracy:
        guess = (
            f"Always answering {ground.commonest}, the commonest class, would be right for "
            f"{numbers.percent(ground.share)} of test {measure.unit}s"
        )
    else:
        guess = f"Always answering {ground.commonest} would reach {measure.reached(ground.share)}"
    if standing.score.bounds is None:
        verb = "is right for" if accuracy else "reaches"
        return f"{guess}; {standing.model} {verb} {metric_names.value(measure.metric, value)}."
    if surely_better(standing.score, ground.share, measure):
        above = "above that" if accuracy else "better"
        gap = measure.gap(measure.advantage(value, ground.share))
        return f"{guess}; {standing.model} is {gap} {above}, with an interval that leaves it out."
    if surely_worse(standing.score, ground.share, measure):
        return f"{guess}: better than {standing.model}, which should not be used as it is."
    return f"{guess}, which lies within the interval of {standing.model}: it is not shown to be better than guessing."


def _advice(recommendation: Recommendation, ground: Ground, measure: Measure) -> str:
    choice, leader = recommendation.choice, recommendation.leader
    right = measure.reached(choice.score.value)
    more = "more than any other model" if measure.metric == "accuracy" else "better than any other model"
    images = numbers.many(ground.images, measure.unit)
    if not recommendation.tied and not recommendation.beaten:
        return f"{choice.model} is the only model here; it gets {right}."
    if not recommendation.tied:
        return f"Use {choice.model}: it gets {right}, {more}, and chance does not explain the lead."
    if choice is leader:
        tied = [standing.model for standing in recommendation.tied]
        told = (*recommendation.equivalent, *recommendation.likely)
        open_still = [model for model in tied if model not in told]
        text = f"Use {choice.model}: it gets {right}, {more}."
        if open_still:
            text += f" But there is no difference from {numbers.listed(open_still)} that {images} could show."
        if recommendation.likely:
            likely = numbers.listed(list(recommendation.likely))
            text += f" It is likely, but not proven, to be better than {likely}."
        if recommendation.equivalent:
            same = numbers.listed(list(recommendation.equivalent))
            text += f" Equivalent to it within {measure.gap(measure.margin)}: {same}."
        return text
    beside = (
        f"Use {choice.model}: it gets {right}, {leader.model} {metric_names.value(measure.metric, leader.score.value)}"
    )
    if choice.model in recommendation.equivalent:
        return f"{beside}; the two are equivalent within {measure.gap(measure.margin)}, and it is faster to train."
    if choice.model in recommendation.likely:
        return (
            f"{beside}; {leader.model} is likely better, but that is not proven, and {choice.model} is faster to train."
        )
    return f"{beside}, which is no difference that {images} could show, and it is faster to train."


def _not_shown(pair: Pair | None, ground: Ground, measure: Measure) -> str:
    """What an untold difference is: nothing that so many images could show, or a likely one that is not proven."""
    if leaves_out_zero(pair):
        return "likely a difference, but not proven"
    return f"no difference that {numbers.many(ground.images, measure.unit)} could show"


def _p_clause(p: float | None, test: str) -> str:
    if not numbers.known(p):
        return ""
    text = numbers.p_value(p)
    equals = "" if text.startswith("<") else "= "
    return f", adjusted p {equals}{text}, {test}"
