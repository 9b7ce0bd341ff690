"""The step `pretraining`: how many training groups pretrained models need to do as well as models from scratch.

Takes the verdicts of the learning curve: all models were fitted on the same nested parts of the training groups, and
tested on the same images. The curve of each model is the power law of `evaluation/learning_curve.py`; that of a
pretrained one is read where it reaches the accuracy of the other on all training groups. The interval comes from curves
fitted to draws of all measured errors at once, in which models and sizes are correlated as their common test groups
make them.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import command, tables
from gradewise.evaluation.learning_curve import Curve, PowerLaw, draw_errors, fit, measure, standard_errors
from gradewise.images.foresight import LEVEL
from gradewise.provenance import derive_seed
from gradewise.results import Results
from gradewise.studies.schemas import SAVINGS

log = logging.getLogger(__name__)


def pretraining(
    *, dataset: str, results: Path, scratch: list[str], pretrained: list[str], seed: int, output: Path
) -> None:
    """Compare the training groups that models need.

    Parameters
    ----------
    dataset : str
        Its name, for the seed.
    results : Path
        Folder of the dataset's results, with verdicts of models fitted on nested training sets.
    scratch : list of str
        Models without a backbone.
    pretrained : list of str
        Models with one.
    seed : int
        The configuration's seed.
    output : Path
        `savings.parquet`.

    Raises
    ------
    UserError
        Where a model lacks verdicts, or training sets were not tested on the same images.
    """
    read = {size.table("verdicts"): tables.read(size.table("verdicts")) for size in Results(results).shares()}
    curves = {
        model: measure({path: table.loc[table["model"] == model] for path, table in read.items()})
        for model in (*scratch, *pretrained)
    }
    rows = []
    for model in pretrained:
        for other in scratch:
            drawn = derive_seed(seed, "pretraining", dataset, model, other)
            row = savings(curves[other], curves[model], drawn)
            rows.append({"model": model, "scratch": other, **row})
            log.info("%s against %s: %s", model, other, row["finding"])
    tables.write(pd.DataFrame(rows), output, SAVINGS)


def savings(scratch: Curve, pretrained: Curve, seed: int) -> dict[str, float | str]:
    """The training groups with which a pretrained model does as well as one from scratch with all of them.

    Both curves have the same sizes and test images. Returns a row of `savings.parquet` but for the names. Groups are
    read between the smallest and the largest size that was measured: 0 stands for fewer than the smallest, infinity for
    more than the largest. The finding is `saves` where the whole 95 % interval is below all groups, `costs` where it is
    above, or else `undetermined`.
    """
    whole, sizes = scratch.groups[-1], len(scratch.groups)
    both = replace(
        scratch,
        groups=np.concatenate([scratch.groups, pretrained.groups]),
        images=np.concatenate([scratch.images, pretrained.images]),
        deletions=scratch.deletions + pretrained.deletions,
    )
    errors = np.array([1 - deletions.value for deletions in both.deletions])
    deviations = standard_errors(both)
    known = bool(np.isfinite(deviations).all())
    weights = 1 / np.where(np.isfinite(deviations), deviations, 1.0) ** 2

    def needed(errors: np.ndarray) -> np.ndarray:
        laws = [
            fit(scratch.groups / whole, errors[:, part], weights[part])
            for part in (slice(0, sizes), slice(sizes, 2 * sizes))
        ]
        return float(whole) * _ratio(laws[1], laws[0].error(1.0), scratch.groups[0] / whole)

    low = high = np.nan
    if known:
        tail = (1 - LEVEL) / 2
        draws = needed(draw_errors(both, errors, deviations, seed))
        low, high = np.quantile(draws, [tail, 1 - tail], method="inverted_cdf")
    finding = "undetermined"
    if high < whole:
        finding = "saves"
    elif low > whole:
        finding = "costs"
    return {
        "groups": float(whole),
        "images": float(scratch.images[-1]),
        "smallest": float(scratch.groups[0]),
        "accuracy": 1 - float(errors[sizes - 1]),
        "accuracy_pretrained": 1 - float(errors[-1]),
        "needed": float(needed(errors[None])[0]),
        "needed_low": float(low),
        "needed_high": float(high),
        "finding": finding,
    }


def _ratio(law: PowerLaw, error: np.ndarray, smallest: float) -> np.ndarray:
    """Sizes, as shares of the whole, at which curves come down to errors; 0 below the smallest, infinite above 1."""
    excess = error - law.asymptote
    ratio = np.full(error.shape, np.inf)
    reached = excess >= law.excess  # as low as that at all groups
    ratio[reached] = np.where(
        law.excess[reached] > 0,
        (law.excess[reached] / np.maximum(excess[reached], np.finfo(float).tiny)) ** (1 / law.exponent[reached]),
        0,
    )
    return np.asarray(np.where(ratio < smallest, 0, ratio))


if __name__ == "__main__":
    command.run(pretraining)
