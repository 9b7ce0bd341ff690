"""Step `fit_pca`: principal components of a view's training samples, and the scores of all samples of the repeat.

Fitted once a view and repeat, at the largest number of components that any model asks for, and shared by all of
them: the first k columns of the scores are those of a fit with k components.
"""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from gradewise import command, tables
from gradewise.families import pca
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
        Which split; components are fitted on its training samples alone.
    components : int
        The largest number that a model asks for; capped at what the training samples allow.
    threads : int
        For the linear algebra.
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
        tables.features(scores.shape[1], {"repeat": repeat}),
    )


if __name__ == "__main__":
    command.run(fit_pca)
