"""Every metric is one record in `METRICS`; configuration, evaluation, ranking and report all read from it.

Metrics are functions of confusion counts, summed losses and counted pairs. These add up over samples, so one array
operation gives a metric for one run, for all repeats together, or for every set that leaves one group out. Undefined
values (such as the recall of an absent class) are NaN, never 0. The module imports nothing heavy, because checking the
configuration needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

Key = tuple[str, str | None]
"""A metric's name and the class it describes; None for all classes together."""


@dataclass(frozen=True)
class Counts:
    """The counts that metrics are computed from. Leading axes (one entry per set of samples) are kept.

    Attributes
    ----------
    confusion : ndarray, shape (..., k, k)
        Rows are true classes, columns predicted classes.
    costs : ndarray, shape (k, k), optional
        Cost of each prediction, arranged like `confusion`.
    losses : ndarray, shape (..., 2), optional
        Log loss and Brier score, summed over samples.
    won, pairs : ndarray, shape (..., t), optional
        Correctly ordered pairs of samples and all pairs, for each of t target classes.
    """

    confusion: np.ndarray
    costs: np.ndarray | None = None
    losses: np.ndarray | None = None
    won: np.ndarray | None = None
    pairs: np.ndarray | None = None

    @cached_property
    def hits(self) -> np.ndarray:
        """Samples of each class that are predicted as that class, shape (..., k)."""
        return self.confusion.diagonal(axis1=-2, axis2=-1)

    @cached_property
    def true(self) -> np.ndarray:
        """Samples of each class, shape (..., k)."""
        totals: np.ndarray = self.confusion.sum(axis=-1)
        return totals

    @cached_property
    def called(self) -> np.ndarray:
        """Samples predicted as each class, shape (..., k)."""
        totals: np.ndarray = self.confusion.sum(axis=-2)
        return totals

    @cached_property
    def total(self) -> np.ndarray:
        """All samples, shape (...)."""
        totals: np.ndarray = self.confusion.sum(axis=(-2, -1))
        return totals

    @cached_property
    def grades_off(self) -> np.ndarray:
        """Distance in grades of each cell of the confusion matrix, shape (k, k); grades are positions of classes."""
        import numpy as np

        grades = np.arange(self.true.shape[-1])
        return np.asarray(np.abs(grades[:, None] - grades))

    def weighted(self, weights: np.ndarray | float) -> np.ndarray:
        """Sum over samples of the weights of their cells in the confusion matrix, shape (...)."""
        sums: np.ndarray = (self.confusion * weights).sum(axis=(-2, -1))
        return sums

    def mean(self, weights: np.ndarray | float) -> np.ndarray:
        """Mean over samples of the weights of their cells in the confusion matrix, shape (...)."""
        return ratio(self.weighted(weights), self.total)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part over whole; NaN where the whole is not above 0."""
    import numpy as np

    undefined = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    quotient: np.ndarray = np.divide(part, whole, out=undefined, where=whole > 0)
    return quotient


@dataclass(frozen=True)
class Metric:
    """One way to say how good a model is.

    Attributes
    ----------
    name : str
        Its name in `metrics.parquet`.
    title : str
        Its name in tables and figures.
    measure : callable or None
        From counts to values, shape (...), or (..., k) with one value per class. None if it is not a function of
        counts; `evaluation.calibration` measures those.
    unit : {"share", "score", "amount"}
        A share is written in per cent, a score with three decimals, an amount in the user's own unit.
    lower_is_better : bool
    best : float or None
        The value that is best, where that is neither the smallest nor the largest.
    bounds : tuple of float, or callable
        Smallest and largest value, or a function that computes them from the number of classes and the costs.
    rests_on : {"verdicts", "probabilities"}
        `verdicts` where the predicted classes are enough.
    needs : {"grades", "costs"} or None
        What a dataset must have: ordered classes, or costs.
    by_class : bool
        Whether each class has a value; the overall value is their unweighted mean (macro average).
    stands_on : callable
        Number of samples that it describes, shape (...), or per class, shape (..., k), where every class must have
        some. Groups without such samples carry no information about it.
    plain_share : bool
        Whether a value (of one class, where each has one) is a plain share of the samples that `stands_on` counts.
    decide_by : str or None
        Its name in the setting `decide_by`; None where models cannot be ranked by it.
    second_opinion : bool
        Whether it is used to question a choice made by another metric.
    words : str
        Its name inside a sentence; by default the title in lower case.
    reached : str
        What a model reached, for example "{} of test {unit}s right"; by default "a <words> of {}".
    explanation : str
        One sentence for readers who do not know the metric.
    """

    name: str
    title: str
    measure: Callable[[Counts], np.ndarray] | None
    unit: Literal["share", "score", "amount"] = "score"
    lower_is_better: bool = False
    best: float | None = None
    bounds: tuple[float, float] | Callable[[int, np.ndarray | None], tuple[float, float]] = (0.0, 1.0)
    rests_on: Literal["verdicts", "probabilities"] = "verdicts"
    needs: Literal["grades", "costs"] | None = None
    by_class: bool = False
    stands_on: Callable[[Counts], np.ndarray] = lambda counts: counts.total
    plain_share: bool = False
    decide_by: str | None = None
    second_opinion: bool = False
    words: str = ""
    reached: str = ""
    explanation: str = ""

    def limits(self, classes: int, costs: np.ndarray | None = None) -> tuple[float, float]:
        """Smallest and largest possible value."""
        return self.bounds(classes, costs) if callable(self.bounds) else self.bounds

    def missing(self, ordered: bool, costs: bool) -> Literal["grades", "costs"] | None:
        """What a dataset lacks for it; None where it applies."""
        has = {"grades": ordered, "costs": costs}
        return None if self.needs is None or has[self.needs] else self.needs

    def overall(self, counts: Counts) -> np.ndarray:
        """Values of all classes together, shape (...)."""
        if self.measure is None:
            raise ValueError(f"{self.name} is not a function of counts")
        values = self.measure(counts)
        return values.mean(axis=-1) if self.by_class else values


def measure(counts: Counts, classes: Sequence[str], ordered: bool) -> dict[Key, np.ndarray]:
    """Every metric that the counts allow, first overall and then per class, in the order of `METRICS`.

    Parameters
    ----------
    counts : Counts
        Metrics of probabilities need `losses`, `won` and `pairs`; the cost of mistakes needs `costs`.
    classes : sequence of str
        Names of the k classes.
    ordered : bool
        Whether classes are grades.

    Returns
    -------
    dict of ndarray, shape (...)
    """
    values: dict[Key, np.ndarray] = {}
    for metric in METRICS.values():
        known = metric.rests_on == "verdicts" or counts.losses is not None
        if metric.measure is None or not known or metric.missing(ordered, counts.costs is not None):
            continue
        measured = metric.measure(counts)
        values[metric.name, None] = measured.mean(axis=-1) if metric.by_class else measured
        if metric.by_class:
            values |= {(metric.name, name): measured[..., index] for index, name in enumerate(classes)}
    return values


def deciding() -> dict[str, Metric]:
    """Metrics that models can be ranked by, under their names in `decide_by`."""
    return {metric.decide_by: metric for metric in METRICS.values() if metric.decide_by is not None}


def _quadratic_kappa(counts: Counts) -> np.ndarray:
    squares = counts.grades_off**2
    chance = ratio(((counts.true @ squares) * counts.called).sum(axis=-1), counts.total)
    return 1 - ratio(counts.weighted(squares), chance)


def _cost(counts: Counts) -> np.ndarray:
    assert counts.costs is not None
    return 100 * counts.mean(counts.costs)


def _cost_bounds(classes: int, costs: np.ndarray | None) -> tuple[float, float]:
    assert costs is not None
    return 100 * float(costs.min()), 100 * float(costs.max())


def _roc_auc(counts: Counts) -> np.ndarray:
    assert counts.won is not None
    assert counts.pairs is not None
    mean: np.ndarray = ratio(counts.won, counts.pairs).mean(axis=-1)
    return mean


def _mean_loss(column: int) -> Callable[[Counts], np.ndarray]:
    def of(counts: Counts) -> np.ndarray:
        assert counts.losses is not None
        return ratio(counts.losses[..., column], counts.total)

    return of


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        # Accuracy, precision, recall and F score are Equations 1 to 4 of the nanofibre paper, taken for each class in
        # turn as the positive one, and averaged as in the last line of its Table 4.
        Metric(
            "accuracy",
            "Accuracy",
            lambda counts: ratio(counts.hits.sum(axis=-1), counts.total),
            unit="share",
            plain_share=True,
            decide_by="accuracy",
            second_opinion=True,
            reached="{} of test {unit}s right",
        ),
        Metric(
            "balanced_accuracy",
            "Balanced accuracy",
            lambda counts: ratio(counts.hits, counts.true).mean(axis=-1),
            unit="share",
            stands_on=lambda counts: counts.true,
            decide_by="balanced_accuracy",
            second_opinion=True,
            explanation="Balanced accuracy is the mean of the classes' recalls; a constant prediction scores 1 / "
            "number of classes.",
        ),
        Metric(
            "precision",
            "Precision",
            lambda counts: ratio(counts.hits, counts.called),
            unit="share",
            by_class=True,
            stands_on=lambda counts: counts.called,
            plain_share=True,
        ),
        Metric(
            "recall",
            "Recall",
            lambda counts: ratio(counts.hits, counts.true),
            unit="share",
            by_class=True,
            stands_on=lambda counts: counts.true,
            plain_share=True,
        ),
        Metric(
            "f1",
            "F1",
            lambda counts: ratio(2 * counts.hits, counts.true + counts.called),
            unit="share",
            by_class=True,
            stands_on=lambda counts: counts.true + counts.called,
            decide_by="f1",
            words="F1",
            reached="an F1 of {} on test {unit}s",
        ),
        # Cohen (1968), Psychological Bulletin 70:213.
        Metric(
            "quadratic_kappa",
            "Quadratic weighted kappa",
            _quadratic_kappa,
            bounds=(-1.0, 1.0),
            needs="grades",
            decide_by="quadratic_kappa",
            second_opinion=True,
            explanation="Quadratic weighted kappa is agreement beyond chance that weighs errors by the square of how "
            "many grades they are off; 0 is chance, 1 perfect.",
        ),
        Metric(
            "adjacent_accuracy",
            "At most one grade off",
            lambda counts: counts.mean(counts.grades_off <= 1),
            unit="share",
            needs="grades",
            plain_share=True,
            decide_by="adjacent_accuracy",
            words="share at most one grade off",
            reached="{} of test {unit}s at most one grade off",
        ),
        Metric(
            "grade_error",
            "Mean grade error",
            lambda counts: counts.mean(counts.grades_off),
            lower_is_better=True,
            bounds=lambda classes, costs: (0.0, classes - 1.0),
            needs="grades",
            decide_by="grade_error",
        ),
        Metric(
            "far_errors",
            "Two or more grades off",
            lambda counts: counts.mean(counts.grades_off >= 2),
            unit="share",
            lower_is_better=True,
            needs="grades",
            plain_share=True,
            decide_by="far_errors",
            words="share two or more grades off",
            reached="{} of test {unit}s two or more grades off",
        ),
        # The empirical risk under a cost matrix: Elkan (2001), IJCAI 973.
        Metric(
            "cost_per_100",
            "Cost of 100 verdicts",
            _cost,
            unit="amount",
            lower_is_better=True,
            bounds=_cost_bounds,
            needs="costs",
            decide_by="cost",
            second_opinion=True,
            reached="a cost of {} for 100 {unit}s",
        ),
        # For one target class, or averaged over each class against the rest. Pairs are counted within repeats only,
        # since scores of different fits need not share a scale.
        Metric(
            "roc_auc",
            "ROC AUC",
            _roc_auc,
            rests_on="probabilities",
            stands_on=lambda counts: counts.true,
            second_opinion=True,
            words="ROC AUC",
            explanation="ROC AUC is how often an image of a class gets a higher probability of it than one of another "
            "class; 0.5 is chance.",
        ),
        Metric(
            "log_loss",
            "Log loss",
            _mean_loss(0),
            lower_is_better=True,
            bounds=(0.0, float("inf")),
            rests_on="probabilities",
            second_opinion=True,
            explanation="Log loss is the mean negative logarithm of the probability given to the true class.",
        ),
        Metric(
            "brier_score",
            "Brier score",
            _mean_loss(1),
            words="Brier score",
            lower_is_better=True,
            bounds=lambda classes, costs: (0.0, 1.0 if classes == 2 else 2.0),
            rests_on="probabilities",
            explanation="The Brier score is the mean squared error of probabilities: of the positive class where there "
            "are two, added up over classes where there are more.",
        ),
        Metric(
            "calibration_error",
            "Calibration error",
            None,
            unit="share",
            lower_is_better=True,
            rests_on="probabilities",
        ),
        Metric(
            "calibration_error_by_chance",
            "Calibration error by chance alone",
            None,
            unit="share",
            rests_on="probabilities",
        ),
        Metric(
            "calibration_slope",
            "Calibration slope",
            None,
            best=1.0,
            rests_on="probabilities",
        ),
        Metric(
            "accuracy_at_90_coverage",
            "Accuracy without the doubtful 10 %",
            None,
            unit="share",
            rests_on="probabilities",
        ),
    )
}
"""All metrics by name, in the order of `metrics.parquet` and of the report's tables."""
