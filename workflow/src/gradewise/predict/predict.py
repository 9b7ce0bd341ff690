"""Classifies image files and writes one row per image as CSV.

Rows are written as they come into `{output}.partial`, which takes its final name at the end. The same command continues
such a file if the same model wrote it.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Generator, Iterator, Sequence
from glob import glob
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from gradewise import tables
from gradewise.command import UserError
from gradewise.images.files import escaped
from gradewise.images.listing import files_below
from gradewise.locks import writing
from gradewise.predict.loading import load_predictor
from gradewise.predict.predictor import Predictor, Verdict, available_threads
from gradewise.progress import track
from gradewise.spreadsheets import original, without_formula

CHUNK = 100_000
"""Rows of a table that are read at a time."""

log = logging.getLogger(__name__)


def predict(
    folder: Path, images: Sequence[str], output: Path, threads: int | None = None, discard_others: bool = False
) -> None:
    """Classify image files.

    Parameters
    ----------
    folder : Path
        See `load_predictor`.
    images : sequence of str
        Files, folders (all files below them, except hidden ones), patterns such as ``photos/*.png``, or CSV tables
        with a column ``path``, relative to the table.
    output : Path
        CSV with the columns path, class, ``p_<class>`` for each class, samples, model (a fingerprint of the model and
        of how its verdicts are made) and error (why an image could not be used). A text that spreadsheets would take
        for a formula has an apostrophe before it.
    threads : int, optional
        For reading and predicting; by default as many as the process has cores.
    discard_others : bool
        Start anew where another model has begun `output`.

    Raises
    ------
    UserError
        If the folder holds no model, `output` exists, another model has begun it, another command is writing it, or no
        image could be classified.
    """
    with writing(output):
        _predict(folder, images, output, threads or available_threads(), discard_others)


def _predict(folder: Path, images: Sequence[str], output: Path, threads: int, discard_others: bool) -> None:
    if output.exists():
        raise UserError(f"{output}: exists; delete it or give another --output")
    predictor = load_predictor(folder)
    partial = output.with_name(f"{output.name}.partial")
    if discard_others and not _is_begun_with(partial, predictor):
        partial.unlink(missing_ok=True)
    done = _continue(partial, predictor)
    left_out = {output.resolve(), partial.resolve()}

    def remaining() -> Iterator[Path]:
        return (path for path in find_images(images) if _text(path) not in done and path.resolve() not in left_out)

    # found twice instead of being kept, since there may be millions
    total = sum(1 for _ in remaining())
    if total + len(done) == 0:
        raise UserError(f"{', '.join(images)}: no files in there")
    if done:
        log.info("%s: continued after %d images", partial, len(done))
    failed, example = 0, ""
    with partial.open("a", newline="", encoding="utf-8", buffering=1) as stream, threadpool_limits(threads):
        writer = csv.writer(stream)
        for verdict in track(predictor.predict(remaining(), threads), total, "images"):
            writer.writerow(_row(verdict, predictor))
            if verdict.error is not None:
                failed += 1
                example = example or f"{verdict.path}: {verdict.error}"
    partial.replace(output)
    classified = len(done) + total - failed
    if classified == 0:
        raise UserError(f"none of {total} files can be classified, see {output}; {example}")
    log.info("%d images classified, %d files set aside: %s", classified, failed, output)


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
        path, class, ``p_<class>`` as float32 (NaN where a file could not be used), samples, model, error.
    """
    texts = ["path", "class", "model", "error"]
    with pd.read_csv(table, chunksize=rows, keep_default_na=False, dtype=dict.fromkeys(texts, "str")) as chunks:
        for chunk in chunks:
            numbers = [name for name in chunk.columns if name not in (*texts, "samples")]
            yield chunk.assign(
                **{name: chunk[name].map(original) for name in ("path", "class", "error")},
                **{name: pd.to_numeric(chunk[name], errors="coerce").astype("float32") for name in numbers},
                samples=chunk["samples"].astype("int32"),
            )


def _is_begun_with(partial: Path, predictor: Predictor) -> bool:
    if not partial.exists():
        return True
    with partial.open(newline="", encoding="utf-8") as begun:
        rows = csv.DictReader(begun)
        first = next(rows, None)
        return rows.fieldnames == _header(predictor) and (first is None or first["model"] == predictor.fingerprint)


def _header(predictor: Predictor) -> list[str]:
    return ["path", "class", *(f"p_{name}" for name in predictor.description.classes), "samples", "model", "error"]


def _row(verdict: Verdict, predictor: Predictor) -> list[object]:
    classes = predictor.description.classes
    probabilities = [verdict.probabilities.get(name, "") for name in classes]
    facts = (verdict.samples, predictor.fingerprint, _cell(verdict.error or ""))
    return [_text(verdict.path), _cell(verdict.predicted or ""), *probabilities, *facts]


def _text(path: Path) -> str:
    """A path as written to the table, in valid UTF-8."""
    return _cell(escaped(path))


def _cell(text: str) -> str:
    """A text in one line that no spreadsheet takes for a formula."""
    return without_formula(text.replace("\r", "\\r").replace("\n", "\\n"))


def _continue(partial: Path, predictor: Predictor) -> set[str]:
    """Start the table, or keep the images classified by an interrupted command; returns their paths as written.

    A row that was cut off is dropped, and so are images with an error, which are tried again.
    """
    header = _header(predictor)
    done = set()
    partial.touch()
    with (
        tables.replacing(partial) as kept,
        kept.open("w", newline="", encoding="utf-8") as stream,
        partial.open(newline="", encoding="utf-8") as begun,
    ):
        writer = csv.DictWriter(stream, header)
        writer.writeheader()
        rows = csv.DictReader(line for line in begun if line.endswith("\n"))
        for row in rows:
            if rows.fieldnames != header or row["model"] != predictor.fingerprint:
                raise UserError(f"{partial}: begun with another model; delete it or give another --output")
            if not row["error"]:
                writer.writerow(row)
                done.add(row["path"])
    return done
