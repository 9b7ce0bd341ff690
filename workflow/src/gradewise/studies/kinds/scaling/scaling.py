"""The step `scaling`: how time and memory of each model grow with the number of training images.

Takes the runs of the learning curve, which are fitted on nested parts of the training groups, and fits a power law to
each measure.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from gradewise import command, tables
from gradewise.images.foresight import LEVEL
from gradewise.results import Results
from gradewise.studies.schemas import EXPONENTS, GROWTH

LEAST_SIZES = 3
log = logging.getLogger(__name__)


def scaling(*, results: Path, output: Path) -> None:
    """Gather what runs cost and fit power laws.

    Parameters
    ----------
    results : Path
        Folder of the dataset's results: its plan, and `run.json` of every run of the learning curve.
    output : Path
        Folder for `growth.parquet` and `exponents.parquet`.
    """
    sizes = Results(results).shares()
    runs = [size.run(model, repeat) for size in sizes for model in sizes[0].models() for repeat in size.repeats()]
    growth = pd.DataFrame([row for run in runs for row in _costs(run.record)])
    fitted = [
        {"model": model, "measure": measure, **power_law(rows["images"].to_numpy(), rows["value"].to_numpy())}
        for (model, measure), rows in growth.groupby(["model", "measure"], sort=False)
    ]
    for row in fitted:
        log.info("%s: %s grows with images to the power of %.2f", row["model"], row["measure"], row["exponent"])
    tables.write(growth, output / "growth.parquet", GROWTH)
    tables.write(pd.DataFrame(fitted), output / "exponents.parquet", EXPONENTS)


def _costs(path: Path) -> list[dict[str, object]]:
    facts = json.loads(path.read_text())
    common = {
        "model": facts["model"],
        "family": facts["family"],
        "images": float(facts["counts"]["train"]["images"]),
        "repeat": facts["repeat"],
    }
    measured = {
        "seconds": facts["seconds_fit"],
        "seconds_per_image": facts["seconds_predict_per_sample"] * facts["samples_per_image"],
        "memory": facts["peak_memory_mb"],
    }
    return [{**common, "measure": name, "value": float(value)} for name, value in measured.items()]


def power_law(images: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Fit ``value = scale * images ** exponent`` by least squares of logarithms.

    Runs of one size differ by noise of the machine alone and are averaged first, so that the interval (Student's t with
    sizes - 2 degrees of freedom) reflects how well a power law describes the growth. An exponent over a small range of
    sizes is that of the range: constant costs, such as loading libraries into memory, pull it towards 0.

    Both arrays are positive, of shape (n,). Returns exponent, low, high (its 95 % interval), scale and sizes (how many
    different ones), with NaN for fewer than three.
    """
    size_of_run = _same_size(images)
    x, y = (np.bincount(size_of_run, weights=np.log(part)) / np.bincount(size_of_run) for part in (images, values))
    sizes = len(x)
    if sizes < LEAST_SIZES:
        return {**dict.fromkeys(("exponent", "low", "high", "scale"), np.nan), "sizes": sizes}
    line = stats.linregress(x, y)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, sizes - 2)) * line.stderr
    return {
        "exponent": line.slope,
        "low": line.slope - reach,
        "high": line.slope + reach,
        "scale": float(np.exp(line.intercept)),
        "sizes": sizes,
    }


def _same_size(images: np.ndarray) -> np.ndarray:
    """Position of each run's size among the sizes; those within a tenth are one, as groups differ in their images."""
    order = np.argsort(images)
    positions = np.empty(len(images), dtype=np.int64)
    size, first = -1, 0.0
    for run in order:
        if size < 0 or images[run] > 1.1 * first:
            size, first = size + 1, images[run]
        positions[run] = size
    return positions


if __name__ == "__main__":
    command.run(scaling)
