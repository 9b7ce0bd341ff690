"""Which model to recommend, and why: the rule of choice, and the record that it is written down in.

The record, `recommendation.json`, holds every number that the report's sentences tell, so that other programs can read
the decision, and so that the report decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from gradewise.evaluation import inference
from gradewise.evaluation.estimates import Estimate, known
from gradewise.images.foresight import LEAST_GROUPS
from gradewise.metrics import METRICS
from gradewise.verdicts import Level

FALL = 0.05
"""Least share by which validation must be better than test to be a warning."""

MANY_ALIKE = 0.1
"""Share of look-alikes from which the independence of groups is in doubt."""

Against = Literal["better", "worse", "undecided", "unknown"]
"""How a model compares with a baseline: the whole 95 % interval of the difference is above or below zero, or holds it,
or is not known."""


Speed = Literal["training", "prediction"]


class Record(BaseModel):
    """A part of `recommendation.json`: immutable, nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Criterion(Record):
    """What models are ranked by."""

    metric: str = Field(default="accuracy", description="its name in metrics.parquet")
    level: Level = Field(default="image", description="what is predicted: whole images or single samples")
    margin: float | None = Field(default=None, description="smaller differences do not matter; null: all do")
    faster: Speed = Field(default="training", description="time that decides between models that are no worse")

    def advantage(self, first: float, second: float) -> float:
        """How much better `first` is than `second`."""
        return second - first if METRICS[self.metric].lower_is_better else first - second

    def against(self, score: Estimate, value: float) -> Against:
        """How a score compares with a value."""
        if score.bounds is None:
            return "unknown"
        advantages = [self.advantage(bound, value) for bound in score.bounds]
        return "better" if min(advantages) > 0 else "worse" if max(advantages) < 0 else "undecided"

    def apart(self, better: Estimate, worse: Estimate) -> bool:
        """Whether the whole interval of one is better than the whole interval of the other."""
        if better.bounds is None or worse.bounds is None:
            return False
        return min(self.advantage(first, second) for first in better.bounds for second in worse.bounds) > 0


ACCURACY = Criterion()


class Candidate(Record):
    """A model with its score and what it costs."""

    model: str
    score: Estimate = Field(description="on test, over all repeats, with its 95 % interval")
    probability_best: float | None = Field(default=None, description="that it is the best on new groups")
    seconds_fit: float | None = Field(default=None, description="time to train once [s]")
    seconds_per_image: float | None = Field(default=None, description="time to predict an image [s]")
    memory_mb: float | None = Field(default=None, description="peak memory of a training [MiB]")
    model_bytes: float | None = Field(default=None, description="size on disk")


class Pair(Record):
    """How much better `first` is than `second`, a model or a baseline, on the same test images, by the criterion."""

    first: str
    second: str
    difference: Estimate = Field(description="above zero where first is better; simultaneous 95 % interval")
    p_adjusted: float | None = Field(default=None, description="p value, adjusted for all comparisons of the dataset")
    detectable: float | None = Field(default=None, description="smallest difference found 4 times in 5")
    probability: float | None = Field(default=None, description="that first is better on new groups")
    beyond_margin: tuple[float, float] | None = Field(
        default=None, description="probabilities that first, and that second, is better by more than the margin"
    )
    collapsed: int = Field(default=0, description="repeats in which either predicted one class for everything")
    groups: int = Field(default=0, description="that were tested")
    groups_for_equivalence: float | None = Field(
        default=None,
        description="tested groups above which equivalence, or being no worse, can be shown; null: without a margin",
    )
    conclusion: inference.Judgement = "undecided"

    @property
    def against(self) -> Against:
        """How first compares with second."""
        if self.difference.bounds is None:
            return "unknown"
        low, high = self.difference.bounds
        return "better" if low > 0 else "worse" if high < 0 else "undecided"

    def no_worse(self, margin: float | None) -> bool:
        """Whether second is shown to be at most a margin worse than first (non-inferiority)."""
        if margin is None or self.groups_for_equivalence is None or self.difference.bounds is None:
            return False
        return self.groups > self.groups_for_equivalence and self.difference.bounds[1] < margin

    def seen_from(self, model: str) -> Pair:
        """The same comparison with `model` as first."""
        if model == self.first:
            return self
        turned: dict[inference.Judgement, inference.Judgement] = {
            "first better": "second better",
            "second better": "first better",
        }
        return self.model_copy(
            update={
                "first": self.second,
                "second": self.first,
                "difference": self.difference.turned(),
                "conclusion": turned.get(self.conclusion, self.conclusion),
                "probability": None if self.probability is None else 1 - self.probability,
                "beyond_margin": None if self.beyond_margin is None else self.beyond_margin[::-1],
            }
        )


class Ground(Record):
    """What the recommendation rests on: different images or samples tested over all repeats, and their groups."""

    images: int = Field(description="test images, or samples where those decide")
    groups: int
    repeats: int
    folds: int | None = Field(default=None, description="splits that make a round of cross-validation, if they do")


class Baseline(Record):
    """The best that predicting one class for everything reaches."""

    predicted: str = Field(description="the class; for accuracy the most frequent one")
    value: float


class Accuracy(Record):
    """Accuracy of the choice by another measure than the one that decides."""

    level: Level
    accuracy: Estimate
    baseline: Baseline
    against_baseline: Against


class ClassResult(Record):
    """How well the choice recognises a class."""

    name: str
    recall: Estimate
    precision: Estimate
    predicted: bool = Field(description="whether the choice predicts it at all")


class GuessingBeatsAll(Record):
    """Predicting one class for everything is better than the best model: none should be used as it is."""

    code: Literal["guessing_beats_all"] = "guessing_beats_all"


class NotBetterThanBaseline(Record):
    """The choice is not shown to be better than predicting one class for everything."""

    code: Literal["not_better_than_baseline"] = "not_better_than_baseline"


class ValidationAboveTest(Record):
    """The choice does clearly better on validation than on test."""

    code: Literal["validation_above_test"] = "validation_above_test"
    validation: Estimate
    test: Estimate


class LookAlikes(Record):
    """Many images look much like one of another group, so that groups may not be independent."""

    code: Literal["look_alikes"] = "look_alikes"
    share: float = Field(description="of images")
    grouped: bool = Field(description="whether the configuration names groups")


class ConstantPrediction(Record):
    """A model predicts one class for everything."""

    code: Literal["constant_prediction"] = "constant_prediction"
    model: str
    predicted: str


class Collapsed(Record):
    """In some repeats the choice, or the model compared with it, predicted one class for everything.

    Standard errors are then too small: the comparison finds differences that are not there in up to 12 % of cases.
    """

    code: Literal["collapsed"] = "collapsed"
    models: tuple[str, ...] = Field(description="models that did")


class FewGroups(Record):
    """Few groups were tested: below 5 models are not compared, below 10 comparisons are to be read with care."""

    code: Literal["few_groups"] = "few_groups"
    groups: int
    compared: bool = Field(description="whether models were compared")


class ClassNeverPredicted(Record):
    """The choice never predicts some classes of the test images."""

    code: Literal["class_never_predicted"] = "class_never_predicted"
    classes: tuple[str, ...]


class OtherMetricDisagrees(Record):
    """By another metric another model is better than the choice, the intervals apart."""

    code: Literal["other_metric_disagrees"] = "other_metric_disagrees"
    metric: str
    model: str
    value: float
    choice_value: float


class ClueExplains(Record):
    """Facts that need no look at the content of an image do nearly as well as the choice, or gain half of its gain."""

    code: Literal["clue"] = "clue"
    near: bool = Field(description="whether they do nearly as well")
    best: str = Field(description="the clue that does best")
    guessed: Estimate = Field(description="accuracy of a classifier that knows only that")
    baseline: float = Field(description="accuracy of predicting the most frequent class")
    clues: tuple[str, ...] = Field(description="all clues that do nearly as well, or the best one")
    known: tuple[str, ...] = Field(description="all single clues that were tried")
    model: str = Field(description="the choice")
    accuracy: Estimate = Field(description="of the choice, on images")


class ClassesImbalanced(Record):
    """One class is far more frequent than others, and accuracy decides only since the configuration names no metric."""

    code: Literal["classes_imbalanced"] = "classes_imbalanced"
    most_frequent: str = Field(description="the class")
    share: float = Field(description="of images that are of that class")
    proposed: str = Field(default="balanced_accuracy", description="what decide_by should rather name")


Caution = (
    GuessingBeatsAll
    | NotBetterThanBaseline
    | ValidationAboveTest
    | LookAlikes
    | ConstantPrediction
    | Collapsed
    | FewGroups
    | ClassNeverPredicted
    | OtherMetricDisagrees
    | ClueExplains
    | ClassesImbalanced
)


Kind = TypeVar("Kind", bound=Record)


class Decision(Record):
    """The leading model, those not distinguishable from it, the choice among them and the rest."""

    choice: str | None = Field(default=None, description="the leader, or a faster one no worse; null: no scores")
    leader: str | None = Field(default=None, description="the model with the best score")
    ranking: tuple[Candidate, ...] = Field(default=(), description="models that have a score, the best first")
    tied: tuple[str, ...] = Field(default=(), description="not distinguishable from the leader, the best first")
    beaten: tuple[str, ...] = Field(default=(), description="shown to be worse than the leader, the best first")
    equivalent: tuple[str, ...] = Field(default=(), description="those tied that are equivalent to the leader")
    pairs: tuple[Pair, ...] = Field(default=(), description="the leader with each model that it was compared with")

    def candidate(self, model: str | None) -> Candidate:
        """A ranked model by name."""
        return next(candidate for candidate in self.ranking if candidate.model == model)

    def ranked(self, models: Sequence[str]) -> list[str]:
        """All models: the choice, the others by their score, then those without one."""
        choice = [] if self.choice is None else [self.choice]
        return list(dict.fromkeys([*choice, *(candidate.model for candidate in self.ranking), *models]))

    def pair(self, model: str) -> Pair | None:
        """The leader compared with a model; None where the two were not compared."""
        return next((pair for pair in self.pairs if pair.second == model), None)


State = Literal["ready", "promising", "not good enough", "cannot be told"]

Reason = Literal[
    "no score",
    "too few groups",
    "one class tested",
    "guessing is better",
    "guessing may be as good",
    "a clue may be as good",
    "a class is never predicted",
    "required value out of reach",
    "required value reached",
    "required value not shown",
    "errors avoided",
    "errors remain",
    "look-alikes",
]


class Outcome(Record):
    """Whether the model can be used, in a word, and what decided that."""

    state: State
    reason: Reason
    errors_avoided: Estimate = Field(
        default=Estimate(None), description="share of the errors of predicting one class that the choice avoids"
    )
    least_avoided: float = Field(description="share from which a model counts as ready")
    required: float | None = Field(default=None, description="value that the configuration requires; null: none")


class Recommendation(Decision):
    """Which model to use for a dataset, how good it is, how sure that is, and what to beware of."""

    dataset: str
    criterion: Criterion
    rule_fingerprint: str = Field(
        default="", description="of metric, level, margin and costs, as the step plan logs it"
    )
    ground: Ground
    baseline: Baseline
    outcome: Outcome
    first_caution: str | None = Field(default=None, description="code of the warning that bears most on use")
    against_baselines: tuple[Pair, ...] = Field(
        default=(), description="the choice with predicting one class for everything, and with a classifier on clues"
    )
    corrected: Estimate = Field(
        default=Estimate(None), description="score of the choice, corrected for having been chosen on the same test"
    )
    validation: Estimate = Field(default=Estimate(None), description="score of the choice on validation")
    plain_accuracy: Accuracy | None = Field(default=None, description="of the choice, where another metric decides")
    other_level: Accuracy | None = Field(default=None, description="of the choice, on what does not decide")
    classes: tuple[ClassResult, ...] = ()
    weakest: tuple[str, ...] = Field(default=(), description="classes that the choice recognises worst")
    warnings: tuple[Annotated[Caution, Field(discriminator="code")], ...] = ()

    @property
    def against_baseline(self) -> Against:
        """How the choice compares with predicting one class for everything."""
        return against_constant(self.against_baselines)

    def warned(self, kind: type[Kind]) -> list[Kind]:
        """The warnings of a kind."""
        return [warning for warning in self.warnings if isinstance(warning, kind)]


def decide(candidates: Sequence[Candidate], pairs: Sequence[Pair], criterion: Criterion = ACCURACY) -> Decision:
    """Apply the rule of choice.

    The model with the best score leads. A model that is not shown to be worse ties, as does one that was never compared
    with it. Of the leader and those shown to be at most the margin worse (`Pair.no_worse`), the fastest is chosen; the
    leader where no margin is given.
    """
    scored = [candidate for candidate in candidates if known(candidate.score.value)]
    ranking = sorted(scored, key=lambda candidate: criterion.advantage(0.0, candidate.score.value or 0.0))
    if not ranking:
        return Decision()
    leader, *others = ranking
    by_model = {candidate.model: find(pairs, leader.model, candidate.model) for candidate in others}
    compared = {model: pair for model, pair in by_model.items() if pair is not None}
    beaten = tuple(model for model, pair in compared.items() if pair.conclusion == "first better")
    no_worse = [candidate for candidate in others if _no_worse(by_model[candidate.model], criterion)]

    def seconds(candidate: Candidate) -> float:
        time = candidate.seconds_fit if criterion.faster == "training" else candidate.seconds_per_image
        return float("inf") if time is None else time

    return Decision(
        choice=min((leader, *no_worse), key=seconds).model,
        leader=leader.model,
        ranking=tuple(ranking),
        tied=tuple(model for model in by_model if model not in beaten),
        beaten=beaten,
        equivalent=tuple(model for model, pair in compared.items() if pair.conclusion == "equivalent"),
        pairs=tuple(compared.values()),
    )


def _no_worse(pair: Pair | None, criterion: Criterion) -> bool:
    return pair is not None and pair.no_worse(criterion.margin)


def lag(leader: Candidate, candidate: Candidate, criterion: Criterion) -> float:
    """How far a model is behind the leader."""
    return criterion.advantage(leader.score.value or 0.0, candidate.score.value or 0.0)


def find(pairs: Sequence[Pair], first: str, second: str) -> Pair | None:
    """The comparison of two models, seen from `first`."""
    return next((pair.seen_from(first) for pair in pairs if {pair.first, pair.second} == {first, second}), None)


def against_constant(pairs: Sequence[Pair]) -> Against:
    """How a model compares with predicting one class for everything, the first of its pairs with baselines."""
    return pairs[0].against if pairs else "unknown"


def baseline_warning(leader: Against, choice: Against) -> Caution | None:
    """Where predicting one class for everything is better than the leader, or may be as good as the choice."""
    if leader == "worse":
        return GuessingBeatsAll()
    return NotBetterThanBaseline() if choice in ("worse", "undecided") else None


def few_groups_warning(groups: int) -> FewGroups | None:
    """Where fewer than `inference.FEW_GROUPS` groups were tested."""
    if groups >= inference.FEW_GROUPS:
        return None
    return FewGroups(groups=groups, compared=groups >= LEAST_GROUPS)


def validation_warning(validation: Estimate, test: Estimate, criterion: Criterion) -> ValidationAboveTest | None:
    """Where validation is better than test beyond their intervals; of shares, by at least `FALL`."""
    if not criterion.apart(validation, test):
        return None
    gap = criterion.advantage(validation.value or 0.0, test.value or 0.0)
    if METRICS[criterion.metric].unit == "share" and gap < FALL:
        return None
    return ValidationAboveTest(validation=validation, test=test)


def look_alike_warning(share: float, grouped: bool) -> LookAlikes | None:
    """Where at least `MANY_ALIKE` of the images look like one of another group."""
    return LookAlikes(share=share, grouped=grouped) if share >= MANY_ALIKE else None


def disagreements(
    scores: dict[str, dict[str, Estimate]], choice: str, criterion: Criterion
) -> list[OtherMetricDisagrees]:
    """Metrics by which another model is better than the choice, intervals apart; of several models the best.

    Parameters
    ----------
    scores : dict of str to dict of str to Estimate
        By metric and model.
    choice : str
    criterion : Criterion
    """
    found = []
    for metric, by_model in scores.items():
        other, own = Criterion(metric=metric), by_model[choice]
        ahead = [model for model, score in by_model.items() if other.apart(score, own)]
        if metric != criterion.metric and ahead:
            best = max(ahead, key=lambda model: other.advantage(by_model[model].value or 0.0, 0.0))
            value = by_model[best].value or 0.0
            found.append(OtherMetricDisagrees(metric=metric, model=best, value=value, choice_value=own.value or 0.0))
    return found


def weakest(classes: Sequence[ClassResult]) -> tuple[str, ...]:
    """Classes with the lowest recall; none where a class is never predicted, or classes do not differ."""
    tested = [result for result in classes if known(result.recall.value)]
    values = {result.recall.value for result in tested}
    if len(values) < 2 or not all(result.predicted for result in tested):
        return ()
    least = min(value for value in values if value is not None)
    return tuple(result.name for result in tested if result.recall.value == least)
