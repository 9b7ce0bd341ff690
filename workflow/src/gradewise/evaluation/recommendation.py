"""Which model to recommend, and why: the rule of choice, and the record that it is written down in.

The record, `recommendation.json`, holds every number that the report's sentences tell, so that other programs can read
the decision, and so that the report decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from gradewise.evaluation import power
from gradewise.evaluation.estimates import Estimate, known
from gradewise.metrics import METRICS
from gradewise.verdicts import Level

SIGNIFICANT = 0.05
"""Adjusted p values below this make two models distinguishable."""

CLOSE = 0.01
"""How far behind the leader a model may be that is preferred for its speed."""

FALL = 0.05
"""Least share by which validation must be better than test to be a warning."""

MANY_ALIKE = 0.1
"""Share of look-alikes from which the independence of groups is in doubt."""

Against = Literal["better", "worse", "undecided", "unknown"]
"""How a score compares with the baseline: its whole 95 % interval is better or worse, or holds it, or is not known."""

Conclusion = Literal["equivalent", "distinguishable", "likely", "undecided"]
"""What is known of the leader's lead: the whole interval lies within the margin; a test shows it; only the interval
leaves out zero; none of these."""


class Record(BaseModel):
    """A part of `recommendation.json`: immutable, nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Criterion(Record):
    """What models are ranked by."""

    metric: str = Field(default="accuracy", description="its name in metrics.parquet")
    level: Level = Field(default="image", description="what is predicted: whole images or single samples")
    margin: float | None = Field(default=None, description="smaller differences do not matter; null: all do")

    @property
    def close(self) -> float:
        """How far behind the leader a faster model may be: `CLOSE`; for costs, whose unit is the user's, nothing."""
        return 0.0 if METRICS[self.metric].unit == "amount" else CLOSE

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
    seconds_fit: float | None = Field(default=None, description="time to train once [s]")
    seconds_per_image: float | None = Field(default=None, description="time to predict an image [s]")
    memory_mb: float | None = Field(default=None, description="peak memory of a training [MiB]")
    model_bytes: float | None = Field(default=None, description="size on disk")


class Pair(Record):
    """How much better `first` is than `second` on the same test images, by the criterion."""

    first: str
    second: str
    difference: Estimate = Field(description="above zero where first is better")
    p_holm: float | None = Field(default=None, description="p value, corrected for the number of pairs (Holm)")
    test: str
    detectable: float | None = Field(default=None, description="smallest difference found 4 times in 5")
    conclusion: Conclusion = "undecided"

    def seen_from(self, model: str) -> Pair:
        """The same comparison with `model` as first."""
        if model == self.first:
            return self
        return self.model_copy(
            update={"first": self.second, "second": self.first, "difference": self.difference.turned()}
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
    """Most images are of one class, and accuracy decides only because the configuration names no metric."""

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
    | ClassNeverPredicted
    | OtherMetricDisagrees
    | ClueExplains
    | ClassesImbalanced
)


Kind = TypeVar("Kind", bound=Record)


class Decision(Record):
    """The leading model, those not distinguishable from it, the choice among them and the rest."""

    choice: str | None = Field(default=None, description="the leader, or a faster one that ties; null: no scores")
    leader: str | None = Field(default=None, description="the model with the best score")
    ranking: tuple[Candidate, ...] = Field(default=(), description="models that have a score, the best first")
    tied: tuple[str, ...] = Field(default=(), description="not distinguishable from the leader, the best first")
    beaten: tuple[str, ...] = Field(default=(), description="shown to be worse than the leader, the best first")
    equivalent: tuple[str, ...] = Field(default=(), description="those tied that are equivalent to the leader")
    likely: tuple[str, ...] = Field(default=(), description="those tied that are likely worse, but not proven")
    pairs: tuple[Pair, ...] = Field(default=(), description="the leader with each model that it was compared with")

    def candidate(self, model: str | None) -> Candidate:
        """A ranked model by name."""
        return next(candidate for candidate in self.ranking if candidate.model == model)

    def pair(self, model: str) -> Pair | None:
        """The leader compared with a model; None where the two were not compared."""
        return next((pair for pair in self.pairs if pair.second == model), None)


class Recommendation(Decision):
    """Which model to use for a dataset, how good it is, how sure that is, and what to beware of."""

    dataset: str
    criterion: Criterion
    ground: Ground
    baseline: Baseline
    against_baseline: Against = Field(default="unknown", description="how the choice compares with the baseline")
    validation: Estimate = Field(default=Estimate(None), description="score of the choice on validation")
    plain_accuracy: Accuracy | None = Field(default=None, description="of the choice, where another metric decides")
    other_level: Accuracy | None = Field(default=None, description="of the choice, on what does not decide")
    classes: tuple[ClassResult, ...] = ()
    weakest: tuple[str, ...] = Field(default=(), description="classes that the choice recognises worst")
    warnings: tuple[Annotated[Caution, Field(discriminator="code")], ...] = ()

    def warned(self, kind: type[Kind]) -> list[Kind]:
        """The warnings of a kind."""
        return [warning for warning in self.warnings if isinstance(warning, kind)]


def decide(candidates: Sequence[Candidate], pairs: Sequence[Pair], criterion: Criterion = ACCURACY) -> Decision:
    """Apply the rule of choice.

    The model with the best score leads. A model that is not distinguishable from it ties, as does one that was never
    compared with it, or whose comparison gave no p value: nothing shows that it is worse. Of the leader and those tied
    that are at most `Criterion.close` behind, or equivalent, the fastest to train is chosen.
    """
    scored = [candidate for candidate in candidates if known(candidate.score.value)]
    ranking = sorted(scored, key=lambda candidate: criterion.advantage(0.0, candidate.score.value or 0.0))
    if not ranking:
        return Decision()
    leader, *others = ranking
    by_model = {
        candidate.model: _conclude(find(pairs, leader.model, candidate.model), criterion) for candidate in others
    }

    def models(*conclusions: Conclusion) -> tuple[str, ...]:
        concluded = ((name, "undecided" if pair is None else pair.conclusion) for name, pair in by_model.items())
        return tuple(name for name, conclusion in concluded if conclusion in conclusions)

    tied = models("equivalent", "likely", "undecided")
    close = [
        candidate
        for candidate in others
        if candidate.model in models("equivalent")
        or (candidate.model in tied and lag(leader, candidate, criterion) <= criterion.close)
    ]
    fastest = min(
        (leader, *close),
        key=lambda candidate: float("inf") if candidate.seconds_fit is None else candidate.seconds_fit,
    )
    return Decision(
        choice=fastest.model,
        leader=leader.model,
        ranking=tuple(ranking),
        tied=tied,
        beaten=models("distinguishable"),
        equivalent=models("equivalent"),
        likely=models("likely"),
        pairs=tuple(pair for pair in by_model.values() if pair is not None),
    )


def _conclude(pair: Pair | None, criterion: Criterion) -> Pair | None:
    if pair is None:
        return None
    conclusion: Conclusion = "undecided"
    if is_equivalent(pair, criterion):
        conclusion = "equivalent"
    elif distinguishable(pair):
        conclusion = "distinguishable"
    elif pair.difference.bounds is not None and pair.difference.bounds[0] > 0:
        conclusion = "likely"
    return pair.model_copy(update={"conclusion": conclusion})


def is_equivalent(pair: Pair, criterion: Criterion) -> bool:
    """Whether the whole interval of a difference lies within the margin, as `power.judge` has it."""
    if pair.difference.bounds is None or criterion.margin is None:
        return False
    low, high = pair.difference.bounds
    return power.judge(low, high, 1.0 if pair.p_holm is None else pair.p_holm, criterion.margin) == "equivalent"


def distinguishable(pair: Pair) -> bool:
    """Whether a test shows a difference."""
    return pair.p_holm is not None and known(pair.p_holm) and pair.p_holm < SIGNIFICANT


def lag(leader: Candidate, candidate: Candidate, criterion: Criterion) -> float:
    """How far a model is behind the leader."""
    return criterion.advantage(leader.score.value or 0.0, candidate.score.value or 0.0)


def find(pairs: Sequence[Pair], first: str, second: str) -> Pair | None:
    """The comparison of two models, seen from `first`."""
    return next((pair.seen_from(first) for pair in pairs if {pair.first, pair.second} == {first, second}), None)


def baseline_warning(decision: Decision, value: float, criterion: Criterion) -> Caution | None:
    """Where predicting one class for everything, which reaches a value, is better, or may be as good."""
    if decision.choice is None:
        return None
    if criterion.against(decision.candidate(decision.leader).score, value) == "worse":
        return GuessingBeatsAll()
    against = criterion.against(decision.candidate(decision.choice).score, value)
    return NotBetterThanBaseline() if against in ("worse", "undecided") else None


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
