"""Step `embed`: t-SNE of principal component scores, and how well classes separate in it.

Section 2.4.2 of the mango report looked at t-SNE in two and three dimensions and "found that there's no clustering".
What can be seen in such a picture is given as numbers here, for the picture and for the components that it is made of.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_samples
from threadpoolctl import threadpool_limits

from gradewise import command, tables
from gradewise.evaluation import intervals
from gradewise.evaluation.estimates import Estimate, hit_rate, share
from gradewise.families.pca_svm.classifier import read_pca_svm
from gradewise.families.pca_svm.machine import scale
from gradewise.provenance import derive_seed
from gradewise.studies.kinds.embedding.neighbours import vote
from gradewise.studies.schemas import EMBEDDING, SEPARATION

log = logging.getLogger(__name__)

NEIGHBOURS = 15
EXAGGERATION = 12.0
# samples that are embedded at most, drawn by whole groups where there are more
MOST_SAMPLES = 3000


def embed(
    *,
    model: Path,
    features: Path,
    dimensions: list[int],
    perplexity: float,
    seed: int,
    threads: int,
    output: Path,
) -> None:
    """Write `embedding.parquet` and `separation.parquet`.

    Parameters
    ----------
    model : Path
        Folder of a run of the family pca_svm: its components, scaled as its classifier sees them, are embedded, of
        training samples.
    features : Path
        `features.parquet` of the same repeat, from `fit_pca`.
    dimensions : list of int
        2, 3 or both.
    perplexity : float
        Of t-SNE; less where there are not three times as many samples.
    seed : int
    threads : int
    output : Path
        Folder to write into.

    Raises
    ------
    UserError
        Where dimensions are others than 2 and 3, or training samples are of fewer than two groups or classes.
    """
    if not dimensions or not {2, 3} >= set(dimensions):
        raise command.UserError(f"dimensions: {dimensions}; t-SNE is drawn in 2 and in 3 dimensions")
    table = tables.read(model / "predictions.parquet", columns=["sample_id", "image_id", "group", "role", "label"])
    table = table.loc[table["role"] == "train"].reset_index(drop=True)
    if min(table["group"].nunique(), table["label"].nunique()) < 2:
        raise command.UserError(
            f"{model}: its training samples are of {table['group'].nunique()} groups and {table['label'].nunique()} "
            "classes; how classes separate is measured on at least two of each"
        )
    table = draw_groups(table, MOST_SAMPLES, derive_seed(seed, "embed"))
    trained = read_pca_svm(model)
    scores = np.stack(tables.read(features).set_index("sample_id")["scores"].loc[table["sample_id"]].to_numpy())
    scores = scale(scores[:, : len(trained.pca.components)], trained.pca.explained_variance, trained.settings)
    log.info("%d samples of %d groups, %d components", len(table), table["group"].nunique(), scores.shape[1])
    embeddings, separations = [], [separation(scores, table, trained.classes, embedded=False)]
    with threadpool_limits(threads):
        for count in sorted(set(dimensions)):
            start = time.perf_counter()
            places, divergence = t_sne(scores, count, perplexity, derive_seed(seed, "t-sne", count), threads)
            seconds = time.perf_counter() - start
            separated = separation(places, table, trained.classes, embedded=True)
            log.info("t-SNE in %d dimensions: divergence %.2f, %.1f s", count, divergence, seconds)
            coordinates = dict(zip("xyz", [*places.T.astype(float), np.full(len(places), np.nan)], strict=False))
            embeddings.append(table.assign(dimensions=count, **coordinates))
            separations.append(separated.assign(divergence=divergence, seconds=seconds))
    for name, parts, schema in (("embedding", embeddings, EMBEDDING), ("separation", separations, SEPARATION)):
        whole = pd.concat(parts, ignore_index=True).astype({"dimensions": "int32"})
        tables.write(whole[schema.names], output / f"{name}.parquet", schema)


def draw_groups(table: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """Rows of groups drawn at random until no further one fits into `most` rows; all where they do fit."""
    if len(table) <= most:
        return table
    sizes = table["group"].value_counts().sort_index()
    sizes = sizes.iloc[np.random.default_rng(seed).permutation(len(sizes))]
    kept = sizes.index[(sizes.cumsum() <= most).to_numpy()]
    return table.loc[table["group"].isin(kept if len(kept) else sizes.index[:1])].reset_index(drop=True)


def t_sne(scores: np.ndarray, dimensions: int, perplexity: float, seed: int, threads: int) -> tuple[np.ndarray, float]:
    """t-SNE (van der Maaten & Hinton 2008, Journal of Machine Learning Research 9:2579), begun from first components.

    The learning rate grows with the number of samples (Belkina et al. 2019, Nature Communications 10:5415), without the
    lower bound that scikit-learn puts on it, above which a few hundred samples fly apart in three dimensions.

    Of `perplexity` at most a third of the number of samples is used. Returns the places of samples, float32 of shape
    (n, dimensions), and the Kullback-Leibler divergence that is left: 0 where all neighbourhoods are kept.
    """
    fitting = TSNE(
        dimensions,
        perplexity=min(perplexity, (len(scores) - 1) / 3),
        early_exaggeration=EXAGGERATION,
        learning_rate=len(scores) / EXAGGERATION / 4,
        init="pca",
        random_state=seed,
        n_jobs=threads,
    )
    return fitting.fit_transform(scores.astype(np.float32)), float(fitting.kl_divergence_)


def separation(points: np.ndarray, table: pd.DataFrame, classes: list[str], embedded: bool) -> pd.DataFrame:
    """How well classes separate among points of shape (n, d), whose groups and labels are in the table.

    Rows of `SEPARATION`: the accuracy of a vote of the nearest neighbours outside the point's own group, with an
    interval by groups, and the mean silhouette coefficient (Rousseeuw 1987, Journal of Computational and Applied
    Mathematics 20:53) of points with their classes for clusters, -1 to 1.
    """
    groups = pd.factorize(table["group"])[0]
    targets = pd.Categorical(table["label"], categories=classes).codes.astype(np.int64)
    right = vote(points, targets, groups, NEIGHBOURS) == targets
    voted = share(_by_group(groups, right))
    silhouette = _mean(groups, silhouette_samples(points, targets))
    guessing = float(np.bincount(targets).max() / len(targets))
    rows: list[dict[str, Any]] = [
        {"measure": "neighbours", **vars(voted), "baseline": guessing},
        {"measure": "silhouette", **vars(silhouette), "baseline": 0.0},
    ]
    return pd.DataFrame(rows).assign(dimensions=points.shape[1], embedded=embedded, divergence=np.nan, seconds=np.nan)


def _by_group(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    sums = np.stack([values, np.ones(len(values))], axis=1).astype(float)
    return intervals.cells(np.zeros(len(values), dtype=np.int64), groups, sums)


def _mean(groups: np.ndarray, values: np.ndarray) -> Estimate:
    """Mean of values between -1 and 1 with its interval by groups."""
    by_cell = _by_group(groups, values)
    deletions = intervals.delete_each(by_cell, hit_rate)
    count = intervals.effective(by_cell[0, :, 1])
    ends = intervals.interval(deletions.value, intervals.spread(deletions, count), (-1.0, 1.0), count)
    return Estimate(deletions.value, *ends)


if __name__ == "__main__":
    command.run(embed)
