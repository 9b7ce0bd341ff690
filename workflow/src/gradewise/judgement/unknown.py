"""The step `unknown`: from which strangeness on an image is unlike those of training, and what that notices.

In each repeat, test images are compared with the samples of all other images, as new images will be compared with those
that the model in use was fitted on. Strangeness depends on nothing else, so that of all repeats counts together. The
model in use knows more images than the tested ones, so that it flags rather fewer.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gradewise import command, tables
from gradewise.config.sources import Reading
from gradewise.config.views import View
from gradewise.evaluation.estimates import Estimate, share
from gradewise.evaluation.intervals import cells
from gradewise.families.backbones.embedding import Embedding, read_embedding
from gradewise.families.run import features_of
from gradewise.images.decode import decode, to_uint8
from gradewise.images.files import read_before
from gradewise.judgement.alarms import attainable, threshold_of, thresholds_without_each
from gradewise.judgement.described import Described, drawn, read_described
from gradewise.judgement.schemas import HELD_OUT, UNKNOWN
from gradewise.judgement.spoil import KINDS
from gradewise.judgement.strangeness import Reference, combine, describe
from gradewise.progress import track
from gradewise.provenance import derive_seed
from gradewise.results import Results, holds_features, view_of
from gradewise.views.apply import make_samples
from gradewise.views.stored import read_view

MOST_SPOILT = 100
"""Test images of the first repeat that bad photos are made from."""

DRAWS = 500
"""Sets of groups that the interval of an AUROC comes from."""

log = logging.getLogger(__name__)


def unknown(*, dataset: str, results: Path, false_alarms: float, reading: Reading, seed: int, output: Path) -> None:
    """Find the threshold of each model, and measure what is flagged.

    Parameters
    ----------
    dataset : str
        Its name, for the table.
    results : Path
        Folder of the dataset's results: its manifest, splits, views and runs.
    false_alarms : float
        Share of images of the same kind that may be flagged.
    reading : Reading
        Which page of files with several is read and what numbers are black and white, as JSON.
    seed : int
        The configuration's seed.
    output : Path
        The table written.
    """
    files = Results(results)
    manifest = tables.read(files.table("manifest")).set_index("image_id")
    views_of = {model: _views(files, model) for model in files.models()}
    names = sorted({view for views in views_of.values() for view in views}, key=lambda name: (view_of(name), name))
    images = drawn(manifest.index, seed)
    described = {name: read_described(files.view(name), images) for name in track(names, len(names), "views")}
    splits = tables.read(files.table("splits"))
    tested, references = compare(splits.loc[splits["image_id"].isin(images)], manifest["group"], described, seed)
    first = tested["repeat"].min()
    chosen = drawn(pd.Index(tested.loc[tested["repeat"] == first, "image_id"]), seed, MOST_SPOILT)
    operations = {name: read_view(files.view(name)) for name in names if not holds_features(name)}
    backbones = {
        name: read_embedding(files.view(name).with_suffix(".safetensors")) for name in names if holds_features(name)
    }
    spoilt = _spoil(manifest.loc[chosen], reading, int(manifest["bits"].max()), operations, backbones, references)
    measured = {}
    for views in dict.fromkeys(views_of.values()):
        units = units_of(tested, views, false_alarms)
        of_kinds = {kind: _judged(frame.assign(repeat=first), units) for kind, frame in spoilt.items()}
        found = measure(_judged(tested, units), of_kinds, false_alarms, seed)
        measured[views] = [{"units": list(units.values())} | row for row in found]
    rows = [
        {"dataset": dataset, "model": model, "views": list(views)} | row
        for model, views in views_of.items()
        for row in measured[views]
    ]
    tables.write(pd.DataFrame(rows, columns=UNKNOWN.names), output, UNKNOWN)
    log.info("%s: %d images in %d groups", output, tested["image_id"].nunique(), tested["group"].nunique())


def measure(
    tested: pd.DataFrame, spoilt: dict[str, pd.DataFrame], false_alarms: float, seed: int
) -> list[dict[str, Any]]:
    """The threshold of a model, and what it flags.

    Parameters
    ----------
    tested : DataFrame
        repeat, image_id, group and strangeness of test images.
    spoilt : dict of str to DataFrame
        The same of bad photos, made from test images of the first repeat, by kind.
    false_alarms : float
    seed : int

    Returns
    -------
    list of dict
        Rows of `unknown.parquet`, without dataset, model and views.
    """
    rng = np.random.default_rng(derive_seed(seed, "unknown"))
    group, groups = pd.factorize(tested["group"])
    strangeness = tested["strangeness"].to_numpy()
    limit = threshold_of(strangeness, group, false_alarms)
    common = {"threshold": limit, "false_alarms": attainable(false_alarms, len(groups))}
    without = thresholds_without_each(strangeness, group, false_alarms, rng)
    flagged = Estimate(None) if without is None else _flagged(tested, strangeness > without)
    rows = [common | _row(HELD_OUT, tested, flagged, Estimate(None))]
    first = tested.loc[tested["repeat"] == tested["repeat"].min()]
    for kind, frame in spoilt.items():
        if frame.empty:
            continue
        known = _flagged(frame, frame["strangeness"].to_numpy() > limit)
        rows.append(common | _row(kind, frame, known, auroc(first, frame, rng)))
    return rows


def units_of(tested: pd.DataFrame, views: tuple[str, ...], false_alarms: float) -> dict[str, float]:
    """What strangeness in each view is divided by: with features among them, what few tested images exceed, or else 1.

    Statistics of pixels are comparable between views; angles between features have another unit.
    """
    if not any(map(holds_features, views)):
        return dict.fromkeys(views, 1.0)
    usable = tested.dropna(subset=list(views))
    group = pd.factorize(usable["group"])[0]
    return {view: max(threshold_of(usable[view].to_numpy(), group, false_alarms), 1e-9) for view in views}


def _judged(images: pd.DataFrame, units: dict[str, float]) -> pd.DataFrame:
    """Images with their strangeness in all views; those that are too small for one are left out."""
    usable = images.dropna(subset=list(units))
    return usable.assign(strangeness=combine([usable[view].to_numpy() / unit for view, unit in units.items()]))


def auroc(usual: pd.DataFrame, strange: pd.DataFrame, rng: np.random.Generator) -> Estimate:
    """How surely strangeness tells two kinds of images apart, with a 95 % interval from draws of whole groups.

    Both frames have group and strangeness.
    """
    names = pd.Index(pd.concat([usual["group"], strange["group"]]).unique())
    of_usual, of_strange = (names.get_indexer(frame["group"]) for frame in (usual, strange))
    difference = strange["strangeness"].to_numpy() - usual["strangeness"].to_numpy()[:, None]
    # pairs of images, and those in which the strange one is stranger, by the groups of both
    wins = np.zeros((len(names), len(names)))
    np.add.at(wins, (of_usual[:, None], of_strange), (1 + np.sign(difference)) / 2)
    counts = [np.bincount(codes, minlength=len(names)) for codes in (of_usual, of_strange)]

    def value(weights: np.ndarray) -> np.ndarray:
        pairs = (weights @ counts[0]) * (weights @ counts[1])
        won = ((weights @ wins) * weights).sum(axis=1)
        return np.asarray(np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0))

    measured = float(value(np.ones((1, len(names))))[0])
    if len(names) < 2:
        return Estimate(measured)
    weights = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS).astype(float)
    return Estimate(measured, *map(float, np.nanquantile(value(weights), [0.025, 0.975])))


def _flagged(images: pd.DataFrame, flagged: np.ndarray) -> Estimate:
    """The share of images that are flagged, where each group counts alike."""
    repeat, group = pd.factorize(images["repeat"])[0], pd.factorize(images["group"])[0]
    sizes = np.bincount(group)
    weight = sizes.mean() / sizes[group]
    return share(cells(repeat, group, np.stack([weight * flagged, weight], axis=1)))


def _row(kind: str, images: pd.DataFrame, flagged: Estimate, told_apart: Estimate) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": kind}
    for name, known in (("flagged", flagged), ("auroc", told_apart)):
        row |= {name: known.value, f"{name}_low": known.low, f"{name}_high": known.high}
    return row | {"images": images["image_id"].nunique(), "groups": images["group"].nunique()}


def _views(files: Results, model: str) -> tuple[str, ...]:
    """Views of a model, and features of its view that it learns from; the views of its members if it is a blend."""
    record = json.loads(files.run(model, 0).record.read_text())
    views, features = sorted(set(str(record["view"]).split(", "))), features_of(record)
    return (*views, features) if features else tuple(views)


def compare(
    splits: pd.DataFrame, groups: pd.Series, described: dict[str, Described], seed: int
) -> tuple[pd.DataFrame, dict[str, Reference]]:
    """Compare the test images of every repeat with the others of the repeat.

    Parameters
    ----------
    splits : DataFrame
        repeat, image_id and role, of images that are described.
    groups : Series of str
        By image_id.
    described : dict of str to Described
        By view.
    seed : int

    Returns
    -------
    tested : DataFrame
        repeat, image_id, group, and a column for each view: strangeness in it.
    references : dict of str to Reference
        What test images of the first repeat were compared with, by view.
    """
    first: dict[str, Reference] = {}
    parts = []
    for repeat, roles in splits.groupby("repeat"):
        test = pd.Index(roles.loc[roles["role"] == "test", "image_id"])
        others = pd.Index(roles.loc[roles["role"] != "test", "image_id"])
        part = pd.DataFrame({"repeat": repeat, "image_id": test, "group": groups.loc[test].to_numpy()})
        for view, known in described.items():
            reference = known.reference(others, np.random.default_rng(derive_seed(seed, "unknown", view)))
            part[view] = known.strangeness(test, reference)
            first.setdefault(view, reference)
        parts.append(part)
    return pd.concat(parts, ignore_index=True), first


def _spoil(
    images: pd.DataFrame,
    reading: Reading,
    bits: int,
    views: dict[str, View],
    backbones: dict[str, Embedding],
    references: dict[str, Reference],
) -> dict[str, pd.DataFrame]:
    """image_id, group and strangeness in each view of bad photos, by kind; NaN where they are too small for a view."""
    rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for image in track(images.itertuples(), len(images), "images"):
        with read_before(image.path):
            decoded = decode(Path(image.path), reading)
        pixels = to_uint8(decoded.pixels, bits)
        for kind, spoil in KINDS.items():
            row: dict[str, Any] = {"image_id": image.Index, "group": image.group}
            for view, operations in views.items():
                above_bar = operations.above_bar(pixels, image.bar_rows)
                bad = np.ascontiguousarray(spoil(above_bar))
                names = [view, *(name for name in backbones if view_of(name) == view)]
                if min(bad.shape[:2]) < operations.minimum_side:
                    row |= dict.fromkeys(names, np.nan)
                    continue
                samples, _ = make_samples(bad, operations, np.random.default_rng(0))
                for name in names:
                    taken = backbones[name].embed(samples) if name in backbones else samples
                    row[name] = float(references[name].distances(describe(taken)).mean())
            rows[kind].append(row)
    return {kind: pd.DataFrame(of_kind) for kind, of_kind in rows.items()}


if __name__ == "__main__":
    command.run(unknown)
