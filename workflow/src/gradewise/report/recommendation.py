"""Which model to recommend: what it is decided by, the rule, and what the tests allow to say of a difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradewise.evaluation import power
from gradewise.report import metric_names, numbers
from gradewise.report.numbers import Estimate

SIGNIFICANT = 0.05

CLOSE = 0.01


@dataclass(frozen=True)
class Measure:
    """What the verdict ranks models by, and how it is put into words.

    Attributes
    ----------
    metric : str
        Its name in `metrics.parquet`.
    margin : float or None
        Differences smaller than this do not matter in practice; None: every difference matters.
    unit : {"image", "sample"}
        What is judged.
    """

    metric: str = "accuracy"
    margin: float | None = None
    unit: str = "image"

    @property
    def words(self) -> str:
        """The metric in words: 'accuracy', 'quadratic weighted kappa'."""
        return metric_names.in_words(self.metric)

    @property
    def close(self) -> float:
        """How far behind the leader a faster model may be: `CLOSE`; for costs, whose unit is the user's, nothing."""
        return 0.0 if metric_names.is_amount(self.metric) else CLOSE

    def advantage(self, first: float, second: float) -> float:
        """How much better `first` is than `second`."""
        return second - first if metric_names.lower_is_better(self.metric) else first - second

    def reached(self, value: float | None) -> str:
        """What a model gets: '90.0 % of test images right', 'a quadratic weighted kappa of 0.812'."""
        return metric_names.reached(self.metric, value, self.unit)

    def gap(self, difference: float | None, points: str = "points") -> str:
        """A difference without its sign: '4.0 points', '0.042'."""
        written = metric_names.difference(self.metric, difference).removeprefix("+")
        return f"{written} {points}" if metric_names.is_share(self.metric) else written

    def bounds(self, difference: Estimate) -> str:
        """The interval of a difference: '−3.0 to +11.0'; empty where unknown."""
        return " to ".join(metric_names.difference(self.metric, bound) for bound in difference.bounds or ())


ACCURACY = Measure()


@dataclass(frozen=True)
class Standing:
    """What the verdict needs to know of a model.

    Attributes
    ----------
    model : str
    score : Estimate
        What the verdict ranks by, on test, over all repeats.
    seconds_fit, seconds_per_image : float or None
        Time to train once, and to predict one image [s].
    memory_mb : float or None
        Peak memory of a training [MiB].
    model_bytes : float or None
        Size on disk.
    """

    model: str
    score: Estimate
    seconds_fit: float | None = None
    seconds_per_image: float | None = None
    memory_mb: float | None = None
    model_bytes: float | None = None


@dataclass(frozen=True)
class Pair:
    """How much better `first` is than `second` on the same test images, by what the verdict ranks by, tested.

    `detectable` is the smallest difference that the test would find four times in five.
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
        Distinct test images, or samples where those are judged, over all repeats, and their groups.
    repeats : int
        Number of splits.
    commonest : str
        The class that is best always answered: for accuracy the commonest class of the test images.
    share : float
        What always answering it gets: its share, for accuracy.
    folds : int or None
        How many splits make a round of cross-validation, if they do.
    """

    images: int
    groups: int
    repeats: int
    commonest: str
    share: float
    folds: int | None = None


@dataclass(frozen=True)
class Recommendation:
    """The leading model, those not distinguishable from it, the choice among them and the rest.

    Attributes
    ----------
    leader : Standing
        Best score.
    tied : tuple of Standing
        Others that no test tells from the leader, or that are equivalent to it, best first.
    choice : Standing
        The leader, or the fastest to train of those that tie and are at most `CLOSE` behind.
    beaten : tuple of Standing
        The rest, best first.
    equivalent : tuple of str
        Those of the tied that are shown to be equivalent to the leader.
    likely : tuple of str
        Those of the tied that are likely worse, but not shown to be: the interval of the difference leaves out zero.
    """

    leader: Standing
    tied: tuple[Standing, ...]
    choice: Standing
    beaten: tuple[Standing, ...]
    equivalent: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()


def recommend(
    standings: Sequence[Standing], pairs: Sequence[Pair], measure: Measure = ACCURACY
) -> Recommendation | None:
    """Apply the rule that `verdict.rule` tells; None where no model has a score.

    A model that was never compared with the leader, or whose comparison gave no p value, ties: nothing shows that it
    is worse.
    """
    ranked = sorted(
        (standing for standing in standings if numbers.known(standing.score.value)),
        key=lambda standing: measure.advantage(0.0, standing.score.value or 0.0),
    )
    if not ranked:
        return None
    leader, others = ranked[0], ranked[1:]
    compared = {standing.model: find(pairs, leader.model, standing.model) for standing in others}
    told = {model: told_apart(pair, measure) for model, pair in compared.items()}
    equivalent = tuple(model for model, pair in compared.items() if is_equivalent(pair, measure))
    tied = tuple(standing for standing in others if not told[standing.model])
    close = [
        standing for standing in tied if standing.model in equivalent or lag(leader, standing, measure) <= measure.close
    ]
    cheapest = min(
        (leader, *close),
        key=lambda standing: standing.seconds_fit if standing.seconds_fit is not None else float("inf"),
    )
    beaten = tuple(standing for standing in others if told[standing.model])
    likely = tuple(
        each.model for each in tied if each.model not in equivalent and leaves_out_zero(compared[each.model])
    )
    return Recommendation(leader, tied, cheapest, beaten, equivalent, likely)


def is_equivalent(pair: Pair | None, measure: Measure) -> bool:
    """Whether the whole interval of a difference lies within the margin, as `power.judge` has it."""
    if pair is None or pair.difference.bounds is None or measure.margin is None:
        return False
    low, high = pair.difference.bounds
    return power.judge(low, high, 1.0 if pair.p_holm is None else pair.p_holm, measure.margin) == "equivalent"


def lag(leader: Standing, standing: Standing, measure: Measure) -> float:
    """How far a model is behind the leader."""
    return measure.advantage(leader.score.value or 0.0, standing.score.value or 0.0)


def find(pairs: Sequence[Pair], first: str, second: str) -> Pair | None:
    """The comparison of two models, seen from `first`."""
    for pair in pairs:
        if {pair.first, pair.second} == {first, second}:
            return pair.seen_from(first)
    return None


def surely_better(score: Estimate, value: float, measure: Measure) -> bool:
    """Whether a whole interval is better than a value."""
    return score.bounds is not None and all(measure.advantage(bound, value) > 0 for bound in score.bounds)


def surely_worse(score: Estimate, value: float, measure: Measure) -> bool:
    """Whether a whole interval is worse than a value."""
    return score.bounds is not None and all(measure.advantage(bound, value) < 0 for bound in score.bounds)


def apart(better: Estimate, worse: Estimate, measure: Measure) -> bool:
    """Whether the whole interval of one is better than the whole interval of the other."""
    if better.bounds is None or worse.bounds is None:
        return False
    return min(measure.advantage(one, other) for one in better.bounds for other in worse.bounds) > 0


def leaves_out_zero(pair: Pair | None) -> bool:
    """Whether the interval of a difference leaves out zero."""
    return pair is not None and pair.difference.bounds is not None and pair.difference.bounds[0] > 0


def told_apart(pair: Pair | None, measure: Measure) -> bool:
    """Whether a test shows a difference that matters."""
    if is_equivalent(pair, measure):
        return False
    return pair is not None and pair.p_holm is not None and numbers.known(pair.p_holm) and pair.p_holm < SIGNIFICANT


def _outer(estimate: Estimate) -> tuple[float | None, float | None]:
    return estimate.high, estimate.low
