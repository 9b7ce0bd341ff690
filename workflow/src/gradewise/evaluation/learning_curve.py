"""The step `learning_curve`: accuracy against the number of training groups, and what more data would bring.

The models were fitted on nested parts of each repeat's training groups and tested on the same images every time. A
straight line against the doublings of the training groups tells whether accuracy rises. An inverse power law fitted to
the errors (Figueroa et al. 2012, BMC Medical Informatics and Decision Making 12:8; Cortes et al. 1993, Advances in
Neural Information Processing Systems 6:327) tells how far it would go on. How far that can be trusted beyond the data
follows from fits to many draws of the measured errors.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtrit

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.evaluation.counting import hits_and_trials
from gradewise.evaluation.estimates import hit_rate
from gradewise.evaluation.intervals import (
    Deletions,
    Spread,
    delete_each,
    difference_interval,
    effective,
    interval,
    spread,
)
from gradewise.evaluation.schemas import EXTRAPOLATIONS, LEARNING_CURVE
from gradewise.images.foresight import LEVEL
from gradewise.provenance import derive_seed
from gradewise.results import Results

POINT = 0.01
"""One percentage point: what is asked for, and the least gain worth doubling the data for."""

DRAWS = 2000
EXPONENTS = np.geomspace(0.1, 2.0, 96)
"""Exponents tried. Lower ones bend too little to be told from a straight line over any range that is measured, higher
ones are over after the first step."""

AHEAD = 4.0
"""The curve is drawn on to this many times the training groups at hand."""

PARAMETERS = 3
"""Of the power law; it is fitted only to more sizes than that, so that its errors show."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Curve:
    """Errors measured at several sizes of the training set.

    Attributes
    ----------
    groups, images : ndarray, shape (s,)
        Training groups and their images, means over repeats, ascending.
    deletions : tuple of Deletions
        Accuracy at each size.
    worth : float
        Effective number of test groups.
    tested : int
        Number of test images.
    """

    groups: np.ndarray
    images: np.ndarray
    deletions: tuple[Deletions, ...]
    worth: float
    tested: int

    @property
    def spreads(self) -> list[Spread]:
        """Standard error at each size."""
        return [spread(deletions, self.worth) for deletions in self.deletions]


@dataclass(frozen=True)
class PowerLaw:
    """Error = asymptote + excess x (size ratio) ** -exponent, one or many of them, excess being that at ratio 1."""

    asymptote: np.ndarray
    excess: np.ndarray
    exponent: np.ndarray

    def error(self, ratio: float) -> np.ndarray:
        """Error at a size of the training set, as a multiple of the reference size."""
        return self.asymptote + self.excess * ratio**-self.exponent

    def ratio_for(self, gain: float) -> np.ndarray:
        """Size at which the error is lower by `gain` than at ratio 1; infinite where it never is."""
        left = self.excess - gain
        reached = left > 0
        ratio = np.full(self.excess.shape, np.inf)
        ratio[reached] = (self.excess[reached] / left[reached]) ** (1 / self.exponent[reached])
        return ratio


def learning_curve(
    *,
    dataset: str,
    results: Path,
    seed: int,
    curve: Path,
    extrapolations: Path,
) -> None:
    """Measure accuracy against training groups and say what more would bring.

    Parameters
    ----------
    dataset : str
        Its name, for the tables.
    results : Path
        Folder of the dataset's results, whose variants have verdicts of models fitted on nested training sets; all were
        tested on the same images.
    seed : int
    curve : Path
        `learning_curve.parquet`.
    extrapolations : Path
        `extrapolations.parquet`.

    Raises
    ------
    UserError
        Where a model lacks verdicts, or training sets were not tested on the same images.
    """
    sizes = Results(results).shares()
    read = {size.table("verdicts"): tables.read(size.table("verdicts")) for size in sizes}
    points: list[dict[str, Any]] = []
    findings: list[dict[str, Any]] = []
    for model in sizes[0].models():
        by_size = {path: table.loc[table["model"] == model] for path, table in read.items()}
        measured = measure(by_size)
        rows, finding = extrapolate(measured, derive_seed(seed, "learning_curve", dataset, model))
        points += [{"dataset": dataset, "model": model, **row} for row in rows]
        findings.append({"dataset": dataset, "model": model, **finding})
        log.info("%s: %s", model, finding["finding"])
    tables.write(pd.DataFrame(points), curve, LEARNING_CURVE)
    tables.write(pd.DataFrame(findings), extrapolations, EXTRAPOLATIONS)


def measure(by_size: dict[Path, pd.DataFrame]) -> Curve:
    """Accuracy of one model at each size of its training set.

    Parameters
    ----------
    by_size : dict of Path to DataFrame
        The model's verdicts in all roles, by the file they are from; smallest training set first.

    Raises
    ------
    UserError
        Where a file lacks verdicts, or has other test images than the last.
    """
    keys = ["repeat", "image_id"]
    groups, images, deletions = [], [], []
    reference = list(by_size.values())[-1]
    reference = reference.loc[reference["role"] == "test"]
    known = pd.Index(sorted(set(reference["group"])))
    asked = set(reference[keys].itertuples(index=False, name=None))
    for path, verdicts in by_size.items():
        test = verdicts.loc[verdicts["role"] == "test"]
        if test.empty or set(test[keys].itertuples(index=False, name=None)) != asked:
            raise UserError(f"{path}: not tested on the images that the whole training set was tested on; fit it again")
        train = verdicts.loc[verdicts["role"] == "train"].groupby("repeat")
        groups.append(float(train["group"].nunique().mean()))
        images.append(float(train["image_id"].nunique().mean()))
        tested = hits_and_trials(test, known)
        deletions.append(delete_each(tested, hit_rate))
    return Curve(
        np.array(groups),
        np.array(images),
        tuple(deletions),
        effective(tested[..., 1].sum(axis=0)),
        reference["image_id"].nunique(),
    )


def extrapolate(curve: Curve, seed: int) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """Rows of `learning_curve.parquet` and of `extrapolations.parquet`, but for names.

    What cannot be known is NaN: the fit without more different sizes than it has `PARAMETERS`, its bounds with a single
    test group. The finding is `flat` where twice the training groups would certainly gain less than a `POINT`, or else
    `grows` where the whole interval of the slope is above zero.
    """
    whole = curve.groups[-1]
    ratios = curve.groups / whole
    slope = slope_of(curve)
    ends = difference_interval(slope.value, spread(slope, curve.worth), 1.0)
    answer: dict[str, Any] = {
        "groups": whole,
        "images": curve.images[-1],
        "slope": slope.value,
        "slope_low": ends[0],
        "slope_high": ends[1],
        "repeats": len(curve.deletions[0].repeats),
    }
    errors = 1 - np.array([deletions.value for deletions in curve.deletions])
    deviations = standard_errors(curve)
    law = drawn = None
    if len(np.unique(curve.groups)) > PARAMETERS:
        weights = 1 / np.where(np.isfinite(deviations), deviations, 1.0) ** 2
        law = fit(ratios, errors[None], weights)
        if np.isfinite(deviations).all():
            drawn = fit(ratios, draw_errors(curve, errors, deviations, seed), weights)
    answer |= _outlook(law, drawn, whole)
    if answer["doubled_high"] < POINT:
        answer["finding"] = "flat"
    else:
        answer["finding"] = "grows" if answer["slope_low"] > 0 else "undetermined"
    return _points(curve, ratios, law, drawn), answer


def slope_of(curve: Curve) -> Deletions:
    """Accuracy gained for each doubling of the training groups: the slope of a straight line through all sizes.

    The slope is a weighted sum of the accuracies, so that its standard error follows from what each group left out
    changes in it: the sizes share test images, and what those have in common cancels.
    """
    doublings = np.log2(curve.groups)
    centred = doublings - doublings.mean()
    squares = float(np.sum(centred**2))
    weights = centred / squares if squares else np.full(len(centred), np.nan)

    def combined(name: str) -> np.ndarray:
        return np.asarray(
            np.sum([w * getattr(one, name) for w, one in zip(weights, curve.deletions, strict=True)], axis=0)
        )

    return Deletions(float(combined("value")), combined("groups"), combined("repeats"), combined("cells"))


def standard_errors(curve: Curve) -> np.ndarray:
    """Standard error at each size, at least that of half a test image: no mistake seen is not certainty."""
    return np.maximum([one.error for one in curve.spreads], 0.5 / curve.tested)


def draw_errors(curve: Curve, errors: np.ndarray, deviations: np.ndarray, seed: int) -> np.ndarray:
    """Errors that could have been measured, shape (DRAWS, s).

    Sizes are correlated as the same test groups make them (jackknife covariance); what the draw of the training groups
    adds is independent between sizes. Each size strays as Student's t with its own degrees of freedom.
    """
    changes = np.stack([deletions.groups for deletions in curve.deletions])
    shared = (changes.shape[1] - 1) / changes.shape[1] * changes @ changes.T
    covariance = shared + np.diag(np.maximum(deviations**2 - np.diag(shared), 0))
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal((DRAWS, len(errors))) @ (vectors * np.sqrt(np.maximum(values, 0))).T
    freedom = np.array([one.freedom for one in curve.spreads])
    strayed = stdtrit(freedom, ndtr(normal)) * scale
    return np.asarray(np.clip(errors + strayed, 0, 1))


def fit(ratios: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> PowerLaw:
    """Weighted least squares of an inverse power law, many at once.

    For each exponent of `EXPONENTS` the rest is linear and solved exactly, neither asymptote nor excess below zero; the
    best exponent is kept.

    Parameters
    ----------
    ratios : ndarray, shape (s,)
        Sizes as multiples of the whole.
    errors : ndarray, shape (m, s)
    weights : ndarray, shape (s,)

    Returns
    -------
    PowerLaw
        With arrays of shape (m,).
    """
    w = weights / weights.sum()
    x = ratios ** -EXPONENTS[:, None]
    x_mean, y_mean = x @ w, errors @ w
    xx, yy = (x**2) @ w, (errors**2) @ w
    xy = (x * w) @ errors.T
    excess = (xy - np.outer(x_mean, y_mean)) / (xx - x_mean**2)[:, None]
    asymptote = y_mean - excess * x_mean[:, None]
    through_zero = asymptote < 0
    excess = np.where(through_zero, xy / xx[:, None], excess)
    excess = np.maximum(excess, 0)
    asymptote = np.where(through_zero, 0, y_mean - excess * x_mean[:, None])
    squares = (
        yy
        - 2 * asymptote * y_mean
        - 2 * excess * xy
        + asymptote**2
        + 2 * asymptote * excess * x_mean[:, None]
        + excess**2 * xx[:, None]
    )
    best = squares.argmin(axis=0), np.arange(len(errors))
    return PowerLaw(asymptote[best], excess[best], EXPONENTS[best[0]])


def _outlook(law: PowerLaw | None, drawn: PowerLaw | None, whole: float) -> dict[str, float]:
    """The fitted law, the gain of twice the data and the groups for one point."""
    names = ("asymptote", "scale", "exponent", "doubled", "groups_for_a_point")
    found = dict.fromkeys(names, np.nan)
    found |= {f"{name}_{end}": np.nan for name in ("doubled", "groups_for_a_point") for end in ("low", "high")}
    if law is not None:
        found["asymptote"], found["exponent"] = float(law.asymptote[0]), float(law.exponent[0])
        found["scale"] = float(law.excess[0] * whole ** law.exponent[0])
    if drawn is None:
        return found
    doubled = drawn.error(1.0) - drawn.error(2.0)
    more = whole * (drawn.ratio_for(POINT) - 1)
    for name, draws in (("doubled", doubled), ("groups_for_a_point", more)):
        found[f"{name}_low"], found[name], found[f"{name}_high"] = _middle(draws)
    return found


def _middle(draws: np.ndarray) -> tuple[float, float, float]:
    """Lower end of the 95 % interval, median and upper end; infinite draws count as the largest."""
    tail = (1 - LEVEL) / 2
    low, middle, high = np.quantile(draws, [tail, 0.5, 1 - tail], method="inverted_cdf")
    return float(low), float(middle), float(high)


def _points(curve: Curve, ratios: np.ndarray, law: PowerLaw | None, drawn: PowerLaw | None) -> list[dict[str, float]]:
    between = np.geomspace(ratios[0], AHEAD, 25)
    rows = []
    for ratio in sorted({*ratios, *between[1:], 2.0}):
        row = {"share": ratio, "groups": ratio * curve.groups[-1]}
        row |= dict.fromkeys(("accuracy", "accuracy_low", "accuracy_high", "fitted_low", "fitted_high"), np.nan)
        row["images"] = float(np.interp(ratio, ratios, curve.images)) if ratio <= 1 else ratio * curve.images[-1]
        if ratio in ratios:
            deletions = curve.deletions[int(np.flatnonzero(ratios == ratio)[-1])]
            ends = interval(deletions.value, spread(deletions, curve.worth), (0.0, 1.0), curve.worth)
            row |= {"accuracy": deletions.value, "accuracy_low": ends[0], "accuracy_high": ends[1]}
        row["fitted"] = np.nan if law is None else 1 - float(law.error(ratio)[0])
        if drawn is not None:
            high, _, low = _middle(drawn.error(ratio))
            row |= {"fitted_low": 1 - low, "fitted_high": 1 - high}
        rows.append(row)
    return rows


if __name__ == "__main__":
    command.run(learning_curve)
