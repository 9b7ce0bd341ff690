"""Predictions as `evaluate` holds them in memory: positions in place of the names of images, groups and classes.

A name takes tens of bytes, and a table of them has one per sample; a position takes four or fewer. Files are read some
rows at a time, so that the names of a whole file are never in memory together.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gradewise import tables
from gradewise.config.aggregation import Aggregate
from gradewise.evaluation.subgroups import describe
from gradewise.images.schemas import MANIFEST
from gradewise.verdicts import classify, combine, wrong_label

ROLES = ["train", "validation", "test"]
BATCH = 32768
"""Most rows that are in memory with their names."""

POSITIONS = ("image_id", "group", "role", "label", "predicted")
"""Columns of samples and of verdicts on images beside probabilities."""


class Names:
    """Names in a fixed order, and the positions of others among them.

    Names are looked up by 64-bit hashes in sorted order, which take 12 bytes each; pandas would hold every name as a
    Python object beside a hash table. What a hash leads to is compared with the name itself.

    Parameters
    ----------
    names : StringArray
        Different from each other.
    """

    def __init__(self, names: pa.Array) -> None:
        self.names = names
        hashes = hash_names(names)
        self._order = np.argsort(hashes).astype(np.int32)
        self._hashes = hashes[self._order]

    def __len__(self) -> int:
        return len(self.names)

    def positions(self, wanted: pa.Array) -> np.ndarray:
        """Position of each name, int32; -1 where it is unknown."""
        if not len(self) or not len(wanted):
            return np.full(len(wanted), -1, np.int32)
        nearest = np.minimum(np.searchsorted(self._hashes, _hashes(wanted)), len(self) - 1)
        positions = self._order[nearest]
        same = pc.equal(self.take(positions), wanted).to_numpy(zero_copy_only=False)
        if not same.all():
            # unknown, or the hash of two names
            rest = pc.index_in(wanted.filter(pa.array(~same)), value_set=self.names)
            positions[~same] = rest.fill_null(-1).to_numpy()
        return positions

    def take(self, positions: np.ndarray) -> pa.Array:
        """Names at positions."""
        return self.names.take(pa.array(positions))


def hash_names(names: pa.Array) -> np.ndarray:
    """A number for each name, uint64, the same for equal names."""
    parts = (names.slice(start, BATCH) for start in range(0, len(names), BATCH))
    return np.concatenate([np.zeros(0, np.uint64), *map(_hashes, parts)])


def _hashes(names: pa.Array) -> np.ndarray:
    hashes: np.ndarray = pd.util.hash_array(names.to_numpy(zero_copy_only=False), categorize=False)
    return hashes


@dataclass(frozen=True)
class Images:
    """What the manifest says of the images of a dataset.

    Attributes
    ----------
    names : Names
        Their names in alphabetical order.
    label : Categorical
        Of each image, by its position.
    truth : ndarray of int16
        Position of its class; -1 where the label is none of the classes.
    groups : Names
        In the order of the manifest.
    rank : ndarray of int32
        Place of each group in alphabetical order.
    described : DataFrame
        Subgroups that each image belongs to, by its position; see `subgroups.describe`.
    """

    names: Names
    label: pd.Categorical
    truth: np.ndarray
    groups: Names
    rank: np.ndarray
    described: pd.DataFrame


def read_images(manifest: Path, classes: list[str]) -> Images:
    """Read what evaluation needs to know about images, one column after the other.

    Parameters
    ----------
    manifest : Path
    classes : list of str
    """
    names = _column(manifest, "image_id")
    order = np.arange(len(names), dtype=np.int32)
    if not pc.all(pc.less(names[:-1], names[1:])).as_py():
        order = pc.sort_indices(names).to_numpy().astype(np.int32)
        names = names.take(pa.array(order))
    group = _column(manifest, "group", category=True)
    label = _column(manifest, "label", category=True)
    known = pd.DataFrame({"image_id": range(len(order)), "group": group.indices.to_numpy()[order]})
    described = [
        describe(known.assign(**{name: _column(manifest, name).take(pa.array(order)).to_pandas()}))
        for name in tables.names(manifest)
        if name not in MANIFEST.names
    ]
    rank = np.empty(len(group.dictionary), np.int32)
    rank[pc.sort_indices(group.dictionary).to_numpy()] = np.arange(len(rank))
    return Images(
        names=Names(names),
        label=pd.Categorical.from_codes(label.indices.to_numpy()[order], label.dictionary.to_pylist()),
        truth=_codes(label, classes)[order],
        groups=Names(group.dictionary),
        rank=rank,
        described=pd.concat(
            [pd.DataFrame(index=known.index), *(part.set_axis(known.index) for part in described)], axis=1
        ),
    )


def _column(path: Path, name: str, category: bool = False) -> pa.Array:
    """A column as one array, or as one dictionary array with its different values in order of appearance."""
    parts = [batch[name] for batch in tables.batches(path, [name], [name] if category else [])]
    column = pa.chunked_array(parts)
    return (column.unify_dictionaries() if category else column).combine_chunks()


def _places(names: list[str], wanted: pa.Array) -> np.ndarray:
    """Places of names among a few, int16; -1 where it is none of them, which is also the last entry."""
    places = pc.index_in(wanted.cast(pa.string()), value_set=pa.array(names, pa.string())).fill_null(-1)
    return np.append(places.to_numpy(), -1).astype(np.int16)


def _codes(column: pa.DictionaryArray, names: list[str]) -> np.ndarray:
    return np.asarray(_places(names, column.dictionary)[column.indices.to_numpy()])


@dataclass(frozen=True)
class Predictions:
    """Predictions of samples, or verdicts on images, with positions in place of names.

    Attributes
    ----------
    classes : list of str
    columns : dict of str to ndarray, shape (n,)
        `POSITIONS`; sample_id, a number, where samples are told apart.
    probabilities : ndarray of float32, shape (k, n)
    """

    classes: list[str]
    columns: dict[str, np.ndarray]
    probabilities: np.ndarray

    @staticmethod
    def empty(rows: int, classes: list[str], samples: bool) -> Predictions:
        """Room for so many rows."""
        of_class = np.min_scalar_type(-len(classes))
        kinds = dict(zip(POSITIONS, (np.int32, np.int32, np.int8, of_class, of_class), strict=True))
        kinds |= {"sample_id": np.uint64} if samples else {}
        columns = {name: np.empty(rows, kind) for name, kind in kinds.items()}
        return Predictions(classes, columns, np.empty((len(classes), rows), np.float32))

    def __len__(self) -> int:
        return len(self.columns["image_id"])

    def __getitem__(self, rows: slice) -> Predictions:
        """Some rows, which share memory with all."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Predictions(self.classes, columns, self.probabilities[:, rows])

    def table(self) -> pd.DataFrame:
        """A table with the columns and a column ``p_<class>`` for each class; role, label and predicted are categories.

        It shares memory with the predictions.
        """
        categories = {"role": ROLES, "label": self.classes, "predicted": self.classes}
        named = {
            name: pd.Categorical.from_codes(values, categories[name]) if name in categories else values
            for name, values in self.columns.items()
        }
        chances = pd.DataFrame(self.probabilities.T, columns=[f"p_{name}" for name in self.classes], copy=False)
        return pd.concat([pd.DataFrame(named, copy=False), chances], axis=1)


def read_predictions(
    predictions: Path, known: Images, classes: list[str], costs: np.ndarray | None, samples: bool
) -> Predictions:
    """Read predictions of samples.

    Parameters
    ----------
    predictions : Path
        Of one run.
    known : Images
    classes : list of str
    costs : ndarray, shape (k, k), optional
        Where given, `predicted` is the class of least expected cost.
    samples : bool
        Whether samples are told apart, by a number in the column sample_id.

    Raises
    ------
    UserError
        Where an image has no known class in the manifest.
    """
    read = Predictions.empty(tables.length(predictions), classes, samples)
    chances = [f"p_{name}" for name in classes]
    start = 0
    named = ["group", "role", "label", "predicted"]
    for batch in tables.batches(predictions, [*read.columns, *chances], named, batch_rows(len(classes))):
        part = read[start : start + len(batch)]
        columns = part.columns
        image = known.names.positions(batch["image_id"])
        columns["image_id"][:] = image
        wrong = np.flatnonzero((image < 0) | (known.truth[image] < 0))
        if len(wrong):
            place = int(wrong[0])
            label = known.label[image[place]] if image[place] >= 0 else np.nan
            raise wrong_label(predictions, batch["image_id"][place].as_py(), label, classes)
        columns["group"][:] = known.groups.positions(batch["group"].dictionary)[batch["group"].indices.to_numpy()]
        columns["role"][:] = _codes(batch["role"], ROLES)
        columns["label"][:] = _codes(batch["label"], classes)
        for place, name in enumerate(chances):
            part.probabilities[place] = batch[name].to_numpy()
        if costs is None:
            columns["predicted"][:] = _codes(batch["predicted"], classes)
        else:
            columns["predicted"][:] = classify(part.probabilities.T.astype(np.float64), costs)
        if samples:
            columns["sample_id"][:] = hash_names(batch["sample_id"])
        start += len(batch)
    return read


@dataclass(frozen=True)
class Gathering:
    """From samples to verdicts on images; the attributes are arguments of `verdicts.gather`, which has the rules."""

    classes: list[str]
    positive: str | None
    aggregate: Aggregate
    costs: np.ndarray | None

    def gather(self, samples: Predictions, known: Images, each: Callable[[pd.DataFrame], None]) -> Predictions:
        """Verdicts on images, in the memory of their samples: those are gone afterwards.

        Parameters
        ----------
        samples : Predictions
        known : Images
        each : callable
            Is given the verdicts as tables, some images at a time; they share memory with those returned.
        """
        samples = _by_image(samples, len(known.names))
        starts, rows = _starts(samples.columns["image_id"]), batch_rows(len(self.classes))
        # the first image that begins at or after so many rows begins a part
        later = np.searchsorted(starts, np.arange(rows, len(samples), rows))
        cuts = [0, *np.unique(starts[later[later < len(starts)]]), len(samples)]
        done = 0
        for start, stop in itertools.pairwise(cuts):
            part = samples[start:stop]
            first = _starts(part.columns["image_id"])
            place = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(part))))
            chances = part.probabilities.T.astype(np.float64)
            gathered, chosen = combine(place, chances, self.classes, self.positive, self.aggregate, self.costs)
            # there are no more images than samples, so that no sample is overwritten before it is read
            images = samples[done : done + len(first)]
            for name in ("image_id", "group", "role"):
                images.columns[name][:] = part.columns[name][first]
            images.columns["label"][:] = known.truth[images.columns["image_id"]]
            images.columns["predicted"][:] = chosen
            images.probabilities[:] = gathered.T
            each(images.table())
            done += len(first)
        return samples[:done]


def _by_image(samples: Predictions, images: int) -> Predictions:
    """Samples with those of each image in a row, images in order of first appearance; what tells samples apart is left
    out."""
    columns = {name: samples.columns[name] for name in POSITIONS}
    image = columns["image_id"]
    if np.bincount(image[_starts(image)], minlength=1).max() > 1:
        first = np.full(images, len(image))
        first[image[::-1]] = np.arange(len(image))[::-1]
        order = np.argsort(first[image], kind="stable")
        columns = {name: values[order] for name, values in columns.items()}
        return Predictions(samples.classes, columns, samples.probabilities[:, order])
    return Predictions(samples.classes, columns, samples.probabilities)


def batch_rows(columns: int) -> int:
    """How many rows of so many numbers are worked on at a time, so that these stay in the caches of a processor."""
    return max(1, min(BATCH, 2**18 // columns))


def _starts(image: np.ndarray) -> np.ndarray:
    """Where the samples of each image begin."""
    begins = np.ones(len(image), dtype=bool)
    np.not_equal(image[1:], image[:-1], out=begins[1:])
    return np.flatnonzero(begins)
