"""The step `fit_pca`: principal components of a view's training samples, and the scores of all samples of the repeat.

Components are fitted once per view and repeat, as many as the most demanding model needs, and shared by all models:
the first k columns of the scores equal those of a fit with k components.
"""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import scipy.linalg  # noqa: F401 - not loaded within the time of the fit
from threadpoolctl import threadpool_limits

from gradewise import command, tables
from gradewise.families import pca
from gradewise.families.schemas import features_schema
from gradewise.views.samples import read_samples


def fit_pca(
    *, samples: Path, splits: Path, manifest: Path, repeat: int, components: int, threads: int, output: Path
) -> None:
    """Fit principal components and write `pca.safetensors` and `features.parquet`.

    Parameters
    ----------
    samples : Path
        The view's cache.
    splits : Path
        The dataset's roles.
    manifest : Path
        The dataset's images and groups.
    repeat : int
        The split whose training samples components are fitted on.
    components : int
        The largest number that a model needs; limited to what the training samples allow.
    threads : int
        Threads for linear algebra.
    output : Path
        Folder to write into.
    """
    with threadpool_limits(threads):
        data = read_samples(samples, splits, manifest, repeat)
        start = time.perf_counter()
        fitted = pca.fit(data.pixels, data.of("train"), components)
        seconds = time.perf_counter() - start
        scores = fitted.project(data.pixels)
    fitted.write(output / "pca.safetensors", repeat=repeat, seconds_fit=seconds)
    tables.write(
        pd.DataFrame({"sample_id": data.table["sample_id"], "scores": list(scores)}),
        output / "features.parquet",
        features_schema(scores.shape[1], {"repeat": repeat}),
    )


if __name__ == "__main__":
    command.run(fit_pca)
