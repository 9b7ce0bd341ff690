"""The verdict in plain words: which model to use, how good it is, how sure that is, and what it costs.

Every function is pure: from numbers to sentences, so that each sentence can be checked against the numbers it tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradewise.report import numbers
from gradewise.report.numbers import Estimate

SIGNIFICANT = 0.05

CLOSE = 0.01

RULE = (
    "How the recommendation is made: the model with the highest image-level accuracy on test images leads. Models "
    "whose difference from it has a Holm-adjusted p value of 0.05 or more are not told apart from it. One of those is "
    "preferred to the leader only where it trains faster and was measured at most one percentage point behind; none "
    "is recommended where guessing beats it. Test images were used for no decision before this one."
)


@dataclass(frozen=True)
class Standing:
    """What the verdict needs to know of a model.

    Attributes
    ----------
    model : str
    accuracy : Estimate
        Image level, on test, over all repeats.
    seconds_fit, seconds_per_image : float or None
        Time to train once, and to predict one image [s].
    memory_mb : float or None
        Peak memory of a training [MiB].
    model_bytes : float or None
        Size on disk.
    """

    model: str
    accuracy: Estimate
    seconds_fit: float | None = None
    seconds_per_image: float | None = None
    memory_mb: float | None = None
    model_bytes: float | None = None


@dataclass(frozen=True)
class Pair:
    """Image-level accuracy of `first` minus that of `second` on the same test images, tested.

    `detectable` is the smallest difference that would have been found four times in five.
    """

    first: str
    second: str
    difference: Estimate
    p_holm: float | None
    test: str
    detectable: float | None = None

    def seen_from(self, model: str) -> Pair:
        """The same comparison with `model` as first."""
        if model == self.first:
            return self
        turned = Estimate(*(None if x is None else -x for x in (self.difference.value, *_outer(self.difference))))
        return Pair(self.second, self.first, turned, self.p_holm, self.test, self.detectable)


@dataclass(frozen=True)
class Ground:
    """What the verdict stands on.

    Attributes
    ----------
    images, groups : int
        Distinct test images, over all repeats, and their groups.
    repeats : int
        Number of splits.
    commonest : str
        The commonest class of the test images.
    share : float
        Its share, which is the accuracy of always answering it.
    """

    images: int
    groups: int
    repeats: int
    commonest: str
    share: float


@dataclass(frozen=True)
class Recommendation:
    """The leading model, those not distinguishable from it, the choice among them and the rest.

    Attributes
    ----------
    leader : Standing
        Highest accuracy.
    tied : tuple of Standing
        Others that no test tells from the leader, most accurate first.
    choice : Standing
        The leader, or the fastest to train of those that tie and are at most `CLOSE` behind.
    beaten : tuple of Standing
        The rest, most accurate first.
    """

    leader: Standing
    tied: tuple[Standing, ...]
    choice: Standing
    beaten: tuple[Standing, ...]


def recommend(standings: Sequence[Standing], pairs: Sequence[Pair]) -> Recommendation | None:
    """Apply `RULE`; None where no model has an accuracy.

    A model that was never compared with the leader, or whose comparison gave no p value, ties: nothing shows that it
    is worse.
    """
    ranked = sorted(
        (standing for standing in standings if numbers.known(standing.accuracy.value)),
        key=lambda standing: -(standing.accuracy.value or 0.0),
    )
    if not ranked:
        return None
    leader, others = ranked[0], ranked[1:]
    told = {standing.model: _told_apart(find(pairs, leader.model, standing.model)) for standing in others}
    tied = tuple(standing for standing in others if not told[standing.model])
    best = leader.accuracy.value or 0.0
    close = [standing for standing in tied if best - (standing.accuracy.value or 0.0) <= CLOSE]
    cheapest = min(
        (leader, *close),
        key=lambda standing: standing.seconds_fit if standing.seconds_fit is not None else float("inf"),
    )
    return Recommendation(leader, tied, cheapest, tuple(standing for standing in others if told[standing.model]))


def find(pairs: Sequence[Pair], first: str, second: str) -> Pair | None:
    """The comparison of two models, seen from `first`."""
    for pair in pairs:
        if {pair.first, pair.second} == {first, second}:
            return pair.seen_from(first)
    return None


def headline(recommendation: Recommendation, ground: Ground) -> str:
    """The answer in one to three sentences; no model is recommended where guessing beats the best of them."""
    choice, leader = recommendation.choice, recommendation.leader
    if leader.accuracy.bounds and leader.accuracy.bounds[1] < ground.share:
        return (
            f"Use none of these models as it is: the best, {leader.model}, gets "
            f"{numbers.percent(leader.accuracy.value)} of test images right, always answering {ground.commonest} "
            f"{numbers.percent(ground.share)}."
        )
    doubtful = choice.accuracy.bounds is not None and choice.accuracy.bounds[0] <= ground.share
    doubt = f" That is not shown to be better than always answering {ground.commonest}." if doubtful else ""
    return f"{_advice(recommendation, ground)}{doubt}"


def basis(images: int, groups: int, noun: str) -> str:
    """'48 images in 16 groups', or '48 images' where each is its own group."""
    counted = numbers.many(images, noun)
    return counted if images == groups else f"{counted} in {numbers.many(groups, 'group')}"


def accuracy_sentence(standing: Standing, ground: Ground) -> str:
    """How good the model is on images it has not seen."""
    estimate = standing.accuracy
    stands_on = basis(ground.images, ground.groups, "test image")
    stands_on += f", over {numbers.many(ground.repeats, 'repeat')}" if ground.repeats > 1 else ", one split"
    if not estimate.bounds:
        return f"{standing.model} judges {numbers.percent(estimate.value)} of test images rightly ({stands_on})."
    return (
        f"{standing.model} judges {numbers.percent(estimate.value)} of test images rightly; the 95 % interval reaches "
        f"from {numbers.percent(estimate.low)} to {numbers.percent(estimate.high)} ({stands_on})."
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
        f"{numbers.percent_interval(accuracy)} rightly; always answering {commonest} would be right for "
        f"{numbers.percent(share)}."
    )


def gathering_sentence(aggregate: str) -> str:
    """What to know about image verdicts where samples carry labels of their own, from masks."""
    return (
        f"Labels come from masks, so models learn to judge samples, and the verdict on an image depends on how its "
        f"samples are gathered (here aggregate: {aggregate}). Where defects cover little of an image, aggregate: max "
        f"or {{top: n}} lets few samples decide."
    )


def lead_sentence(recommendation: Recommendation, pairs: Sequence[Pair], ground: Ground) -> str | None:
    """By how much the leader is better than the next model, and how sure that is; None where it is alone."""
    others = sorted((*recommendation.tied, *recommendation.beaten), key=lambda other: -(other.accuracy.value or 0.0))
    if not others:
        return None
    leader, second = recommendation.leader, others[0]
    pair = find(pairs, leader.model, second.model)
    if pair is None or not numbers.known(pair.difference.value):
        gap = _unsigned((leader.accuracy.value or 0.0) - (second.accuracy.value or 0.0))
        return (
            f"The most accurate, {leader.model}, is {gap} percentage points ahead of the next, {second.model}; the two "
            f"were not tested against each other."
        )
    gap = _unsigned(pair.difference.value)
    ahead = f"The most accurate, {leader.model}, is {gap} percentage points ahead of the next, {second.model}"
    if pair.difference.bounds:
        ahead += (
            f" (95 % interval {numbers.points(pair.difference.low)} to {numbers.points(pair.difference.high)}"
            f"{_p_clause(pair.p_holm, pair.test)})"
        )
    elif numbers.known(pair.p_holm):
        ahead += f" ({_p_clause(pair.p_holm, pair.test).removeprefix(', ')})"
    if _told_apart(pair):
        return f"{ahead}: chance alone does not explain that."
    found = f"{ahead}: no difference that {numbers.many(ground.images, 'image')} could show."
    if numbers.known(pair.detectable):
        found += f" One of {_unsigned(pair.detectable)} points or more would have been found four times in five."
    return found


def trade_sentence(recommendation: Recommendation, pairs: Sequence[Pair]) -> str | None:
    """What choosing another model than the most accurate saves and may cost; None where that one is the choice."""
    leader, choice = recommendation.leader, recommendation.choice
    if choice is leader:
        return None
    pair = find(pairs, leader.model, choice.model)
    measured = Estimate((leader.accuracy.value or 0.0) - (choice.accuracy.value or 0.0))
    behind = pair.difference if pair and numbers.known(pair.difference.value) else measured
    bounds = f" (95 % interval {' to '.join(map(numbers.points, behind.bounds))})" if behind.bounds else ""
    saved = (
        f" saves training time ({numbers.time(choice.seconds_fit)} against {numbers.time(leader.seconds_fit)}) and"
        if numbers.known(choice.seconds_fit) and numbers.known(leader.seconds_fit)
        else ""
    )
    return (
        f"Choosing {choice.model} over {leader.model}{saved} may cost accuracy: {leader.model} got "
        f"{_unsigned(behind.value)} points more{bounds}. Where accuracy matters more than time, take {leader.model}."
    )


def beaten_sentence(recommendation: Recommendation, pairs: Sequence[Pair]) -> str | None:
    """Which models are worse than the leader beyond chance; None where there are none."""
    if not recommendation.beaten:
        return None
    parts = []
    for standing in recommendation.beaten:
        pair = find(pairs, recommendation.leader.model, standing.model)
        behind = None if pair is None else pair.difference.value
        parts.append(f"{standing.model} (by {_unsigned(behind)} points)")
    return f"Less accurate than {recommendation.leader.model} beyond chance: {numbers.listed(parts)}."


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


def baseline_sentence(standing: Standing, ground: Ground) -> str:
    """How the model compares with always answering the commonest class."""
    guess = (
        f"Always answering {ground.commonest}, the commonest class, would be right for "
        f"{numbers.percent(ground.share)} of test images"
    )
    value = standing.accuracy.value or 0.0
    if standing.accuracy.bounds is None:
        return f"{guess}; {standing.model} is right for {numbers.percent(value)}."
    low, high = standing.accuracy.bounds
    if low > ground.share:
        return f"{guess}; {standing.model} is {_unsigned(value - ground.share)} points above that, beyond chance."
    if high < ground.share:
        return f"{guess}: better than {standing.model}, which should not be used as it is."
    return f"{guess}, which lies within the interval of {standing.model}: it is not shown to be better than guessing."


def _advice(recommendation: Recommendation, ground: Ground) -> str:
    choice, leader = recommendation.choice, recommendation.leader
    right = f"{numbers.percent(choice.accuracy.value)} of test images right"
    if not recommendation.tied and not recommendation.beaten:
        return f"{choice.model} is the only model here; it gets {right}."
    if not recommendation.tied:
        return f"Use {choice.model}: it gets {right}, more than any other model, and chance does not explain the lead."
    if choice is leader:
        rivals = numbers.listed([standing.model for standing in recommendation.tied])
        return (
            f"Use {choice.model}: it gets {right}, more than any other model. But there is no difference from {rivals} "
            f"that {numbers.many(ground.images, 'image')} could show."
        )
    return (
        f"Use {choice.model}: it gets {right}, {leader.model} {numbers.percent(leader.accuracy.value)}, which is no "
        f"difference that {numbers.many(ground.images, 'image')} could show, and it is faster to train."
    )


def _told_apart(pair: Pair | None) -> bool:
    return pair is not None and pair.p_holm is not None and numbers.known(pair.p_holm) and pair.p_holm < SIGNIFICANT


def _p_clause(p: float | None, test: str) -> str:
    if not numbers.known(p):
        return ""
    text = numbers.p_value(p)
    equals = "" if text.startswith("<") else "= "
    return f", adjusted p {equals}{text}, {test}"


def _unsigned(difference: float | None) -> str:
    return numbers.points(difference).removeprefix("+")


def _outer(estimate: Estimate) -> tuple[float | None, float | None]:
    return estimate.high, estimate.low
