"""The step `look_alikes`: images of different groups that a pretrained network finds alike, and what that is worth.

Photos of one scene or specimen from two sides are no copies, and the search for copies does not find them, but features
of a pretrained network do. Whether such a pair belongs together, a person must say. What can be measured is whether
models do better on test images that resemble an image which they were fitted on.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gradewise import command, tables
from gradewise.evaluation.counting import hits_and_trials
from gradewise.evaluation.estimates import share
from gradewise.evaluation.leak import gap_between
from gradewise.judgement.described import Described, drawn, read_described
from gradewise.judgement.schemas import LOOK_ALIKES, RESEMBLANCE
from gradewise.results import Results

THIRDS = ("most", "middle", "least")
"""Parts of the test images by how much they resemble the images of training."""

LEAST_IMAGES = 5
"""Images that a third of a test set has at least, or else nothing is measured."""

NEIGHBOURS = 5
"""Most similar images of each image among which pairs are found."""

MOST_PAIRS = 50

log = logging.getLogger(__name__)


def look_alikes(*, dataset: str, results: Path, features: str, seed: int, output: Path, resemblance: Path) -> None:
    """Find the pairs that are most alike, and accuracy by resemblance.

    Parameters
    ----------
    dataset : str
        Its name, for the tables.
    results : Path
        Folder of the dataset's results: its manifest, splits, verdicts and features.
    features : str
        View and backbone whose features are compared, `view@backbone`.
    seed : int
        The configuration's seed; draws images where there are very many.
    output, resemblance : Path
        The tables written.
    """
    files = Results(results)
    manifest = tables.read(files.table("manifest")).set_index("image_id")
    splits = tables.read(files.table("splits"))
    images = drawn(manifest.index, seed)
    vectors = of_images(read_described(files.view(features), images), images)
    similar = similarities(vectors, manifest.loc[images, "group"].to_numpy())
    known = splits.loc[splits["image_id"].isin(images)]
    pairs = most_alike(similar, *parted_in(known, images))
    chosen = manifest.loc[images].reset_index()[["image_id", "path", "group", "label"]]
    first, other = (chosen.iloc[pairs[side]].reset_index(drop=True) for side in ("first", "other"))
    frame = pd.concat([first, other.add_prefix("other_"), pairs["similarity"].reset_index(drop=True)], axis=1)
    tables.write(frame, output, LOOK_ALIKES)
    verdicts = tables.read(files.table("verdicts"), role="test")
    near = nearest(similar, known, images)
    rows = [
        {"dataset": dataset, "model": model, "features": features} | row
        for model, of_model in verdicts.groupby("model", sort=False)
        for row in measure(of_model.merge(near, on=["repeat", "image_id"]))
    ]
    tables.write(pd.DataFrame(rows, columns=RESEMBLANCE.names), resemblance, RESEMBLANCE)
    log.info("%s: %d pairs among %d images", output, len(frame), len(images))


def of_images(described: Described, images: pd.Index) -> np.ndarray:
    """Directions of images by their features, of length one, so that a product of two rows is their similarity.

    What all images of the dataset share is taken away: features are standardised over the images.

    Parameters
    ----------
    described : Described
        Features of samples.
    images : Index of str

    Returns
    -------
    ndarray of float32, shape (len(images), f)
    """
    place = images.get_indexer(described.image)
    sums = np.zeros((len(images), described.statistics.shape[1]), np.float32)
    np.add.at(sums, place, described.statistics)
    means = sums / np.bincount(place, minlength=len(images))[:, None].astype(np.float32)
    deviation = means.std(axis=0)
    standard = np.divide(means - means.mean(axis=0), deviation, out=np.zeros_like(means), where=deviation > 0)
    length = np.linalg.norm(standard, axis=1, keepdims=True)
    return np.asarray(np.divide(standard, length, out=np.zeros_like(standard), where=length > 0))


def similarities(vectors: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Similarities of all pairs of images, minus infinity within a group.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, f)
        As `of_images` returns them.
    groups : ndarray of str, shape (n,)

    Returns
    -------
    ndarray of float32, shape (n, n)
        For the most images that are compared, `described.MOST_IMAGES`, 100 MB.
    """
    similar = vectors @ vectors.T
    code = pd.factorize(groups)[0]
    similar[code[:, None] == code] = -np.inf
    return np.asarray(similar)


def parted_in(splits: pd.DataFrame, images: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Which images are tested in each repeat, and which are fitted on.

    Parameters
    ----------
    splits : DataFrame
        repeat, image_id and role.
    images : Index of str

    Returns
    -------
    tested, fitted : ndarray of bool, shape (len(images), repeats)
    """
    roles = splits.pivot_table("role", "image_id", "repeat", aggfunc="first").reindex(images)
    tested = (roles == "test").to_numpy()
    return tested, roles.notna().to_numpy() & ~tested


def most_alike(similar: np.ndarray, tested: np.ndarray, fitted: np.ndarray) -> pd.DataFrame:
    """The pairs that are most alike and parted by a split; no image is in two pairs.

    Parameters
    ----------
    similar : ndarray of float32, shape (n, n)
        As `similarities` returns them.
    tested, fitted : ndarray of bool, shape (n, repeats)
        As `parted_in` returns them.

    Returns
    -------
    DataFrame
        first and other (positions), similarity; at most `MOST_PAIRS` rows, the most similar first.
    """
    count = min(NEIGHBOURS, len(similar))
    others = np.empty((len(similar), count), np.int64)
    values = np.empty((len(similar), count), np.float32)
    for image, row in enumerate(similar):
        apart = fitted[:, tested[image]].any(axis=1) | tested[:, fitted[image]].any(axis=1)
        of_image = np.where(apart, row, -np.inf)
        others[image] = np.argpartition(-of_image, count - 1)[:count]
        values[image] = of_image[others[image]]
    first = np.repeat(np.arange(len(similar)), count)
    pairs = pd.DataFrame({"first": first, "other": others.ravel(), "similarity": values.ravel()})
    pairs = pairs.loc[np.isfinite(pairs["similarity"])].sort_values("similarity", ascending=False, kind="stable")
    kept: list[Any] = []
    taken: set[int] = set()
    for row in pairs.itertuples(index=False):
        if len(kept) == MOST_PAIRS:
            break
        if taken.isdisjoint((row.first, row.other)):
            kept.append(row)
            taken |= {row.first, row.other}
    frame = pd.DataFrame(kept, columns=pairs.columns).astype({"first": int, "other": int, "similarity": float})
    ordered = np.sort(frame[["first", "other"]].to_numpy(), axis=1)
    return frame.assign(first=ordered[:, 0], other=ordered[:, 1])


def nearest(similar: np.ndarray, splits: pd.DataFrame, images: pd.Index) -> pd.DataFrame:
    """How similar test images are to the most similar image of another group that is fitted on.

    Parameters
    ----------
    similar : ndarray of float32, shape (len(images), len(images))
        As `similarities` returns them.
    splits : DataFrame
        repeat, image_id and role.
    images : Index of str

    Returns
    -------
    DataFrame
        repeat, image_id and similarity.
    """
    parts = []
    for repeat, roles in splits.groupby("repeat"):
        is_test = roles["role"] == "test"
        test, others = (images.get_indexer(roles.loc[chosen, "image_id"]) for chosen in (is_test, ~is_test))
        most = similar[np.ix_(test, others)].max(axis=1, initial=-np.inf)
        parts.append(pd.DataFrame({"repeat": repeat, "image_id": images[test], "similarity": most}))
    frame = pd.concat(parts, ignore_index=True)
    return frame.loc[np.isfinite(frame["similarity"])]


def measure(tested: pd.DataFrame) -> list[dict[str, Any]]:
    """Accuracy of one model on the thirds of the test images that resemble training most, middling and least.

    The gap between the first and the last third has the interval of a gap between two splits (see `leak`).

    Parameters
    ----------
    tested : DataFrame
        repeat, image_id, group, label, predicted and similarity, of test images.

    Returns
    -------
    list of dict
        Rows of `resemblance.parquet`, without dataset, model and features; none where a third would be too small.
    """
    sizes = tested.groupby("repeat")["image_id"].size()
    if sizes.empty or sizes.min() < len(THIRDS) * LEAST_IMAGES:
        return []
    rank = tested.groupby("repeat")["similarity"].rank(method="first", ascending=False) - 1
    place = (rank * len(THIRDS) // tested["repeat"].map(sizes)).astype(int)
    groups = pd.Index(sorted(tested["group"].unique()))
    parts = [tested.loc[place == third] for third in range(len(THIRDS))]
    counts = [hits_and_trials(part, groups) for part in parts]
    gap = gap_between(counts[0], counts[-1])
    rows = []
    for name, part, by_cell in zip(THIRDS, parts, counts, strict=True):
        accuracy = share(by_cell)
        rows.append(
            {
                "third": name,
                "similarity": float(part["similarity"].median()),
                "accuracy": accuracy.value,
                "accuracy_low": accuracy.low,
                "accuracy_high": accuracy.high,
                "gap": gap.value,
                "gap_low": gap.low,
                "gap_high": gap.high,
                "images": part["image_id"].nunique(),
                "groups": part["group"].nunique(),
            }
        )
    return rows


if __name__ == "__main__":
    command.run(look_alikes)
