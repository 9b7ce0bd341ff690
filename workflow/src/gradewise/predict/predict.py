"""Classifies image files and writes one row per image as CSV.

Rows are written as they come into `{output}.partial`, which takes its final name at the end. The same command continues
such a file if the same model wrote it.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from glob import glob
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from gradewise import tables
from gradewise.command import UserError
from gradewise.images.files import escaped
from gradewise.images.listing import files_below
from gradewise.judgement.sets import highest_coverage, in_set
from gradewise.locks import writing
from gradewise.predict.loading import load_predictor
from gradewise.predict.predictor import Predictor, Verdict, available_threads
from gradewise.progress import track
from gradewise.spreadsheets import original, without_formula
from gradewise.views.shards import rows_of

CHUNK = 100_000
"""Rows of a table that are read at a time."""

log = logging.getLogger(__name__)


def predict(
    model: Path | Predictor,
    images: Sequence[str],
    output: Path,
    threads: int | None = None,
    discard_others: bool = False,
    coverage: float | None = None,
    shard: str = "",
    shards: Sequence[Path] = (),
) -> None:
    """Classify image files.

    Parameters
    ----------
    model : Path or Predictor
        The folder of a model, see `load_predictor`, or the model, loaded.
    images : sequence of str
        Files, folders (all files below them, except hidden ones), patterns such as ``photos/*.png``, or CSV tables
        with a column ``path``, relative to the table.
    output : Path
        CSV with the columns path, class, ``p_<class>`` for each class, samples, unknown (yes: stranger than
        nearly all images like those of training; no; empty where that is not known), strangeness, model (a fingerprint
        of the model and of how its verdicts are made) and error (why an image could not be used). A text that
        spreadsheets would take for a formula has an apostrophe before it.
    threads : int, optional
        For reading and predicting; by default as many as the process has cores.
    discard_others : bool
        Start anew where another model has begun `output`.
    coverage : float, optional
        Adds the column `set` after `class`: the classes that the image can have, joined by ``|``, of which this share
        of sets holds the true one (see `judgement.sets`).
    shard : str
        Classify a shard of the files alone, e.g. ``2-of-3``; it may hold no image that can be classified.
    shards : sequence of Path
        Tables of all shards, in order, with which `output` begins; files that they lack are classified.

    Raises
    ------
    UserError
        If the folder holds no model, `output` exists, another model has begun it or made a shard, another command is
        writing it, the model has no threshold for the coverage, there is no such shard, or no image could be
        classified.
    """
    with writing(output):
        _predict(model, images, output, threads or available_threads(), discard_others, coverage, shard, shards)


def _predict(
    model: Path | Predictor,
    images: Sequence[str],
    output: Path,
    threads: int,
    discard_others: bool,
    coverage: float | None,
    shard: str,
    shards: Sequence[Path],
) -> None:
    if output.exists():
        raise UserError(f"{output}: exists; delete it or give another --output")
    predictor = load_predictor(model) if isinstance(model, Path) else model
    table = _Table(predictor, None if coverage is None else _least_probability(predictor, coverage))
    partial = output.with_name(f"{output.name}.partial")
    if discard_others and not _is_begun_with(partial, table):
        partial.unlink(missing_ok=True)
    begun = _begin(partial, table, shards)
    left_out = {output.resolve(), partial.resolve()}
    # found again each time instead of being kept, since there may be millions
    rows = rows_of(shard, sum(1 for _ in find_images(images))) if shard else None

    def remaining() -> Iterator[Path]:
        found = find_images(images) if rows is None else islice(find_images(images), rows.start, rows.stop)
        return (path for path in found if _text(path) not in begun.paths and path.resolve() not in left_out)

    total = sum(1 for _ in remaining())
    files = len(begun.paths) + total
    if files == 0 and not shard:
        raise UserError(f"{', '.join(images)}: no files in there")
    if shards:
        log.info("%d shards put together: %d images", len(shards), len(begun.paths))
    elif begun.paths:
        log.info("%s: continued after %d images", partial, len(begun.paths))
    failed, example = begun.failed, begun.example
    with partial.open("a", newline="", encoding="utf-8", buffering=1) as stream, threadpool_limits(threads):
        writer = csv.writer(stream)
        for verdict in track(predictor.predict(remaining(), threads), total, "images"):
            writer.writerow(table.row(verdict))
            if verdict.error is not None:
                failed += 1
                example = example or f"{verdict.path}: {verdict.error}"
    partial.replace(output)
    if failed == files and not shard:
        raise UserError(f"none of {files} files can be classified, see {output}; {example}")
    log.info("%d images classified, %d files set aside: %s", files - failed, failed, output)


def find_images(names: Sequence[str]) -> Iterator[Path]:
    """Files that are named, lie below named folders, match named patterns or are listed in named tables, in that order.

    Raises
    ------
    UserError
        If nothing matches a pattern, or a table lacks the column path.
    """
    for name in names:
        path = Path(name)
        paths = [path]
        if not path.exists() and any(sign in name for sign in "*?["):
            paths = [Path(match) for match in sorted(glob(name, recursive=True))]
            if not paths:
                raise UserError(f"{name}: no file matches")
        for match in paths:
            if match.is_dir():
                yield from files_below(match)
            elif match.suffix.lower() == ".csv":
                yield from _listed(match)
            else:
                yield match


def _listed(table: Path) -> Iterator[Path]:
    with table.open(newline="", encoding="utf-8-sig") as stream:
        rows = csv.DictReader(stream)
        if "path" not in (rows.fieldnames or ()):
            raise UserError(f"{table}: no column path; its columns: {', '.join(rows.fieldnames or ()) or 'none'}")
        for row in rows:
            yield table.parent / original(row["path"])


def read_verdicts(table: Path, rows: int) -> Generator[pd.DataFrame]:
    """A table that `predict` wrote, so many rows at a time: texts as they were before they were made safe.

    Yields
    ------
    DataFrame
        path, class, set (where it was asked for), ``p_<class>`` as float32 (NaN where a file could not be used),
        samples, unknown (yes, no or empty), strangeness as float32 (NaN where it is not known), model, error, and what
        columns were added to the table.
    """
    texts = ["path", "class", "set", "unknown", "model", "error"]
    with pd.read_csv(table, chunksize=rows, keep_default_na=False, dtype=dict.fromkeys(texts, "str")) as chunks:
        for chunk in chunks:
            numbers = [name for name in chunk.columns if name.startswith("p_") or name == "strangeness"]
            yield chunk.assign(
                **{name: chunk[name].map(original) for name in texts if name in chunk and name != "model"},
                **{name: pd.to_numeric(chunk[name], errors="coerce").astype("float32") for name in numbers},
                samples=chunk["samples"].astype("int32"),
            )


def _is_begun_with(partial: Path, table: _Table) -> bool:
    if not partial.exists():
        return True
    with partial.open(newline="", encoding="utf-8") as begun:
        rows = csv.DictReader(begun)
        first = next(rows, None)
        fingerprint = table.predictor.fingerprint
        return rows.fieldnames == table.header and (first is None or first["model"] == fingerprint)


@dataclass(frozen=True)
class _Table:
    """The rows of a table of verdicts; with a least probability, each has the set of classes that reach it."""

    predictor: Predictor
    least_probability: float | None

    @property
    def header(self) -> list[str]:
        sets = [] if self.least_probability is None else ["set"]
        return ["path", "class", *sets, *self._columns, "samples", "unknown", "strangeness", "model", "error"]

    @property
    def _columns(self) -> list[str]:
        return [f"p_{name}" for name in self.predictor.description.classes]

    def row(self, verdict: Verdict) -> list[object]:
        probabilities = [verdict.probabilities.get(name, "") for name in self.predictor.description.classes]
        sets = []
        if self.least_probability is not None:
            predicted = verdict.predicted
            sets = ["" if predicted is None else self._set(predicted, list(verdict.probabilities.values()))]
        unknown = "" if verdict.unknown is None else "yes" if verdict.unknown else "no"
        strangeness = "" if verdict.strangeness is None else verdict.strangeness
        facts = (verdict.samples, unknown, strangeness, self.predictor.fingerprint, _cell(verdict.error or ""))
        return [_text(verdict.path), _cell(verdict.predicted or ""), *sets, *probabilities, *facts]

    def kept(self, row: dict[str, str]) -> dict[str, str]:
        """A row written before, with the set at the coverage that is asked for now."""
        if self.least_probability is None:
            return row
        return row | {"set": self._set(original(row["class"]), [float(row[name]) for name in self._columns])}

    def _set(self, predicted: str, probabilities: list[float]) -> str:
        assert self.least_probability is not None
        classes, shares = self.predictor.description.classes, self.predictor.shares
        own = np.array([probabilities])
        if shares is not None:
            # thresholds belong to the model's own probabilities
            own = shares.restore(own, classes)
        inside = in_set(own, self.least_probability, classes.index(predicted))[0]
        return _cell("|".join(np.array(classes)[inside]))


def _least_probability(predictor: Predictor, coverage: float) -> float:
    sets = None if predictor.judgement is None else predictor.judgement.prediction_sets
    if sets is None:
        raise UserError(
            f"--coverage: {predictor.name} has no thresholds; a model that the workflow handed over has: "
            "results/<dataset>/deployed"
        )
    least = sets.least_probability(coverage)
    if least is not None:
        return least
    known = [threshold.coverage for threshold in sets.thresholds]
    if known and coverage > known[-1]:
        raise UserError(
            f"--coverage {coverage:g}: {sets.groups} tested groups can promise at most "
            f"{highest_coverage(sets.groups):.3g}; ask for {known[-1]:g} or less, or test on more groups"
        )
    raise UserError(
        f"--coverage {coverage:g}: there is no threshold for it; ask for a whole per cent from "
        f"{known[0]:g} to {known[-1]:g}"
    )


def _text(path: Path) -> str:
    """A path as written to the table, in valid UTF-8."""
    return _cell(escaped(path))


def _cell(text: str) -> str:
    """A text in one line that no spreadsheet takes for a formula."""
    return without_formula(text.replace("\r", "\\r").replace("\n", "\\n"))


@dataclass(frozen=True)
class _Begun:
    """What a table holds before anything is classified: paths as written, how many could not be used, and why one of
    these could not."""

    paths: set[str]
    failed: int
    example: str


def _begin(partial: Path, table: _Table, shards: Sequence[Path]) -> _Begun:
    """Start the table with the rows of shards, or keep the images classified by an interrupted command.

    A row that was cut off is dropped. Images with an error are tried again, unless they come from shards.
    """
    header = table.header
    begun = _Begun(set(), 0, "")
    partial.touch()
    with tables.replacing(partial) as kept, kept.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, header)
        writer.writeheader()
        for path in shards or [partial]:
            for row in _rows_of_this_model(path, table):
                if row["path"] in begun.paths:
                    # shards overlap where files came while they were made
                    continue
                if shards and row["error"]:
                    begun = replace(begun, failed=begun.failed + 1, example=f"{row['path']}: {row['error']}")
                if shards or not row["error"]:
                    writer.writerow(table.kept(row))
                    begun.paths.add(row["path"])
    return begun


def _rows_of_this_model(path: Path, table: _Table) -> Iterator[dict[str, str]]:
    """The whole rows of a table that the same model has begun."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = csv.DictReader(line for line in stream if line.endswith("\n"))
        for row in rows:
            if row["model"] != table.predictor.fingerprint:
                raise UserError(f"{path}: begun with another model; delete it or give another --output")
            if rows.fieldnames != table.header:
                said = "with" if "set" in (rows.fieldnames or ()) else "without"
                raise UserError(f"{path}: begun {said} --coverage; continue so, delete it or give another --output")
            yield row
