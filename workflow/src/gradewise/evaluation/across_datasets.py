"""Families of models compared over several datasets, by a random-effects meta-analysis of their differences.

A family is represented on a dataset by the first of its models in the configuration. The model that is best on test
would flatter a family with many models, since the best of many is partly the luckiest.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field
from scipy import optimize
from scipy.special import stdtr, stdtrit

from gradewise.evaluation.estimates import Estimate, known
from gradewise.evaluation.measured import Measured
from gradewise.evaluation.recommendation import Record
from gradewise.families.registry import RESERVED
from gradewise.images.foresight import LEVEL
from gradewise.metrics import METRICS
from gradewise.verdicts import Level

LEAST_DATASETS = 3
"""Datasets from which a difference is combined: two do not tell how much datasets differ."""

LEAST_TO_EXPECT = 4
"""Datasets from which a new one is foreseen: three leave one degree of freedom, where Student's t is 12.7 and the
interval excludes hardly anything."""


class FamilyDifference(Record):
    """Metric of the family `first` minus that of `second` on one dataset."""

    first: str
    second: str
    difference: float | None = Field(description="above zero where first is better")
    error: float | None = Field(description="standard error of the difference")
    freedom: float | None = Field(description="degrees of freedom of the standard error")

    @property
    def usable(self) -> bool:
        """Whether the difference has a standard error; zero would claim certainty."""
        return known(self.difference) and known(self.error) and bool(self.error)

    @property
    def estimate(self) -> Estimate:
        """The difference with its 95 % interval, not adjusted for the number of differences."""
        if self.difference is None or self.error is None or self.freedom is None:
            return Estimate(self.difference)
        return _bounded(self.difference, _quantile(self.freedom) * self.error)

    def turned(self) -> FamilyDifference:
        """The same difference with the families swapped."""
        value = None if self.difference is None else -self.difference
        return self.model_copy(update={"first": self.second, "second": self.first, "difference": value})


class FamiliesOnDataset(Record):
    """All differences between families on one dataset, by the metric and on the level that decide there."""

    dataset: str
    metric: str
    level: Level
    models: dict[str, str] = Field(description="the first-named model of each family")
    differences: tuple[FamilyDifference, ...]

    @property
    def in_points(self) -> bool:
        """Whether differences are percentage points, which can be combined with those of other datasets."""
        return METRICS[self.metric].unit == "share"


@dataclass(frozen=True)
class Combined:
    """A difference over datasets.

    Attributes
    ----------
    mean : Estimate
        Over datasets of this kind, with its 95 % interval.
    spread : float
        Standard deviation of the true difference between datasets (tau).
    expected : Estimate
        The mean, with the 95 % interval of the true difference on a new dataset of this kind; without an interval
        below `LEAST_TO_EXPECT` datasets.
    p_value : float
        Two-sided, of the mean alone.
    """

    mean: Estimate
    spread: float
    expected: Estimate
    p_value: float


@dataclass(frozen=True)
class FamilyPair:
    """Two families over all datasets that have models of both and are decided by a share.

    Attributes
    ----------
    first, second : str
    differences : dict of str to FamilyDifference
        `first` minus `second` by dataset, where it has a standard error.
    unknown : tuple of str
        Datasets where it has none.
    combined : Combined or None
        None with fewer than `LEAST_DATASETS` differences.
    p_adjusted : float
        Adjusted for all pairs that are combined; NaN where this one is not.
    """

    first: str
    second: str
    differences: dict[str, FamilyDifference]
    unknown: tuple[str, ...]
    combined: Combined | None = None
    p_adjusted: float = float("nan")

    @property
    def combinable(self) -> bool:
        """Whether there are enough differences to combine."""
        return len(self.differences) >= LEAST_DATASETS

    def judged_among(self, pairs: int) -> FamilyPair:
        """The same pair, combined and judged as one of so many."""
        values = [(difference.difference, difference.error) for difference in self.differences.values()]
        differences, errors = np.array(values, dtype=np.float64).T
        combined = combine(differences, errors, pairs)
        return replace(self, combined=combined, p_adjusted=min(1.0, combined.p_value * pairs))


def families_on_dataset(measured: Measured) -> FamiliesOnDataset:
    """Differences between the first-named models of all families; a blend belongs to none.

    Parameters
    ----------
    measured : Measured
        With the comparisons of its models.
    """
    metric, level = measured.settings.deciding_metric, measured.deciding_level
    family_of = {run.model: str(run.record["family"]) for run in measured.runs}
    models: dict[str, str] = {}
    for model in measured.models:
        if model in family_of and family_of[model] not in RESERVED:
            models.setdefault(family_of[model], model)
    names = {model: family for family, model in models.items()}
    rows = measured.comparisons
    rows = rows.loc[
        (rows["role"] == "test")
        & (rows["level"] == level)
        & (rows["metric"] == metric)
        & ~rows["baseline"]
        & rows["first"].isin(names)
        & rows["second"].isin(names)
    ]
    sign = -1.0 if METRICS[metric].lower_is_better else 1.0
    differences = tuple(
        FamilyDifference(
            first=names[row.first],
            second=names[row.second],
            difference=sign * row.difference if known(row.difference) else None,
            error=row.error if known(row.error) else None,
            freedom=row.freedom if known(row.freedom) else None,
        )
        for row in rows.itertuples(index=False)
    )
    return FamiliesOnDataset(
        dataset=measured.dataset, metric=metric, level=level, models=models, differences=differences
    )


def compare_families(datasets: Sequence[FamiliesOnDataset]) -> list[FamilyPair]:
    """Compare all pairs of families that some dataset compares, over those datasets that are decided by a share.

    Intervals of means and p values allow for the number of pairs by Bonferroni's method, so that an interval leaves out
    zero exactly where the adjusted p value is below 0.05. It needs no correlation between pairs, which is unknown here,
    since different pairs may be combined over different datasets.

    Parameters
    ----------
    datasets : sequence of FamiliesOnDataset
        Taken as independent.

    Returns
    -------
    list of FamilyPair
        In the order in which datasets name the families.
    """
    shares = [families for families in datasets if families.in_points]
    order = dict.fromkeys(family for families in shares for family in families.models)
    pairs = [_pair(first, second, shares) for first, second in itertools.combinations(order, 2)]
    pairs = [pair for pair in pairs if pair.differences or pair.unknown]
    number = sum(pair.combinable for pair in pairs)
    return [pair.judged_among(number) if pair.combinable else pair for pair in pairs]


def _pair(first: str, second: str, datasets: Sequence[FamiliesOnDataset]) -> FamilyPair:
    differences = {}
    for families in datasets:
        for difference in families.differences:
            if {difference.first, difference.second} == {first, second}:
                differences[families.dataset] = difference if difference.first == first else difference.turned()
    usable = {dataset: difference for dataset, difference in differences.items() if difference.usable}
    unknown = tuple(dataset for dataset in differences if dataset not in usable)
    return FamilyPair(first, second, usable, unknown)


def combine(differences: np.ndarray, errors: np.ndarray, pairs: int = 1) -> Combined:
    """Mean and spread of a difference over datasets, in a random-effects model.

    The interval of the mean is that of Hartung & Knapp (2001), Statistics in Medicine 20:1771, and Sidik & Jonkman
    (2002), Statistics in Medicine 21:3153, with Student's t. Where datasets agree better than their standard errors
    allow, the interval is not made shorter for it (Röver, Knapp & Friede 2015, BMC Medical Research Methodology
    15:99). The interval of a new dataset is that of Higgins, Thompson & Spiegelhalter (2009), Journal of the Royal
    Statistical Society A 172:137. In `bench/across_datasets.txt` the first covers in 93 to 100 % of experiments, the
    second in 87 to 100 %: least where datasets differ less than their standard errors.

    Parameters
    ----------
    differences : ndarray, shape (d,)
        Of independent datasets, as shares.
    errors : ndarray, shape (d,)
        Their standard errors, above zero.
    pairs : int
        Differences whose means are judged together: the interval of the mean is wider, at 1 - 0.05 / `pairs`.

    Raises
    ------
    ValueError
        With fewer than `LEAST_DATASETS` datasets, or where an error is not above zero.
    """
    datasets = len(differences)
    if datasets < LEAST_DATASETS:
        raise ValueError(f"{datasets} datasets cannot be combined; give {LEAST_DATASETS} or more")
    if not (np.isfinite(differences).all() and np.isfinite(errors).all() and (errors > 0).all()):
        raise ValueError("every dataset needs a difference and a standard error above zero; leave out those without")
    variance = _variance_between(differences, errors)
    weights = 1 / (errors**2 + variance)
    mean = float(np.average(differences, weights=weights))
    disagreement = float(np.sum(weights * (differences - mean) ** 2)) / (datasets - 1)
    error = float(np.sqrt(max(1.0, disagreement) / weights.sum()))
    expected = Estimate(mean)
    if datasets >= LEAST_TO_EXPECT:
        expected = _bounded(mean, float(_quantile(datasets - 2) * np.sqrt(variance + error**2)))
    return Combined(
        mean=_bounded(mean, _quantile(datasets - 1, pairs) * error),
        spread=float(np.sqrt(variance)),
        expected=expected,
        p_value=float(2 * stdtr(datasets - 1, -abs(mean) / error)),
    )


def _variance_between(differences: np.ndarray, errors: np.ndarray) -> float:
    """Variance of the true difference between datasets (Paule & Mandel 1982, Journal of Research of the National Bureau
    of Standards 87:377): the one under which weighted squares add up to their expectation, or 0."""

    def excess(variance: float) -> float:
        weights = 1 / (errors**2 + variance)
        squares = weights * (differences - np.average(differences, weights=weights)) ** 2
        return float(squares.sum()) - (len(differences) - 1)

    if excess(0.0) <= 0:
        return 0.0
    # at this variance the weighted squares add up to less than 1
    enough = float(np.sum((differences - differences.mean()) ** 2))
    return float(optimize.brentq(excess, 0.0, enough))


def _quantile(freedom: float, pairs: int = 1) -> float:
    return float(stdtrit(freedom, 1 - (1 - LEVEL) / 2 / pairs))


def _bounded(value: float, half: float) -> Estimate:
    """An interval of a difference of two shares, which is between -1 and 1."""
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half))
