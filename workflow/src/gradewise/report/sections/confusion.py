"""Section: which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from gradewise.evaluation.examples import PICTURED
from gradewise.report import drawing, numbers, where_it_looks
from gradewise.report.blocks import Block, Cell, Column, Figure, Matrix, Section, Table
from gradewise.report.evidence import Evidence
from gradewise.report.figures import grid
from gradewise.report.palette import SEQUENTIAL

ORDER = 3

SIDE_BY_SIDE = 8
"""With more classes than this the matrix is drawn once, as percentages, instead of twice."""

DRAWN = 30
"""With more classes than this the figure shows those with the most mistakes, and the others as if they were one."""

SHOWN, TOP = 100, 10
"""Most cells of a matrix that the table on the page lists; and of models that are not shown in detail."""


def section(evidence: Evidence) -> Section:
    """The matrix and pictures of the recommended model, a figure and a table for each model; for ordered classes, how
    far off the errors are."""
    best = evidence.models_by_rank[0]
    shown = _pictured(evidence, best)
    if evidence.settings.ordered:
        shown.append(grades_off(evidence, evidence.models, "grades-off"))
    repeats = evidence.test["repeat"].nunique()
    return Section(
        "confusion",
        "Confusion matrices",
        parts=tuple(
            Section(
                f"confusion-of-{model}",
                f"Confusion matrix of {model}",
                _of_model(evidence, model),
                folded=model != best or len(evidence.classes) <= PICTURED,
            )
            for model in evidence.models_by_rank
        ),
        contents={
            "unit": evidence.deciding_level,
            "rounds": numbers.rounds(repeats, evidence.settings.evaluation.folds) if repeats > 1 else "",
            "several_times": bool(evidence.test.duplicated(["model", "image_id"]).any()),
            "shown": shown,
        },
    )


def _pictured(evidence: Evidence, model: str) -> list[Block]:
    """The matrix of a model, unless it has too many cells to link to pictures, and pictures of the model's verdicts."""
    rows = where_it_looks.examples(evidence, model)
    if len(evidence.classes) > PICTURED:
        return where_it_looks.shown(evidence, model, rows, {})
    cells = dict.fromkeys(zip(rows["label"], rows["predicted"], strict=True))
    names = {cell: f"cell-{place}" for place, cell in enumerate(cells)}
    return [_matrix(evidence, model, names), *where_it_looks.shown(evidence, model, rows, names)]


def _matrix(evidence: Evidence, model: str, names: dict[tuple[str, str], str]) -> Matrix:
    mine, classes = evidence.tested(model, evidence.deciding_level), evidence.classes
    counts = pd.crosstab(mine["label"], mine["predicted"]).reindex(index=classes, columns=classes, fill_value=0)
    shares = _shares(counts)
    rows = tuple(
        tuple(
            Cell(
                f"{counts.loc[true, predicted]} ({numbers.percent(shares.loc[true, predicted])})",
                0 if np.isnan(shares.loc[true, predicted]) else min(9, int(10 * shares.loc[true, predicted])),
                names.get((true, predicted), ""),
            )
            for predicted in classes
        )
        for true in classes
    )
    return Matrix(
        f"{model}: test verdicts, and shares of each true class; click a cell for pictures", tuple(classes), rows
    )


def _of_model(evidence: Evidence, model: str) -> tuple[Block, ...]:
    """The figure and the table of a model; of one of many models that is not among the best, the top of the table."""
    name = f"confusion-{model}"
    if model in evidence.models_in_detail:
        return matrices(evidence, model, name)
    return (replace(_table(name, model, *_counted(evidence, model)), limit=TOP, folded=False),)


def matrices(evidence: Evidence, model: str, name: str) -> tuple[Figure, Table]:
    """The confusion matrix of a model on test over all repeats, as figure and table of this name."""
    counts, counted = _counted(evidence, model)
    return draw_matrix(counts, model, name, counted)


def _counted(evidence: Evidence, model: str) -> tuple[pd.DataFrame, str]:
    """Test verdicts of a model by true and predicted class, and what they are called."""
    mine, classes = evidence.tested(model, evidence.deciding_level), evidence.classes
    counts = pd.crosstab(mine["label"], mine["predicted"]).reindex(index=classes, columns=classes, fill_value=0)
    once = evidence.test["repeat"].nunique() == 1
    return counts, f"{evidence.deciding_level.capitalize()}s" if once else "Verdicts"


def draw_matrix(counts: pd.DataFrame, model: str, name: str, counted: str) -> tuple[Figure, Table]:
    """A confusion matrix as figure and table.

    Parameters
    ----------
    counts : DataFrame
        Rows true classes, columns predicted ones.
    model : str
    name : str
        Of figure and table.
    counted : str
        What is counted, as the heading of a column.
    """
    return _figure(name, model, counts), _table(name, model, counts, counted)


def _shares(counts: pd.DataFrame) -> pd.DataFrame:
    """Counts as shares of each true class."""
    totals = counts.sum(axis=1)
    return counts.div(totals.where(totals > 0), axis=0)


def _pool(counts: pd.DataFrame) -> pd.DataFrame:
    """The matrix of the classes with the most mistakes, and of all others as if they were one class."""
    mistakes = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    drawn = mistakes.sort_values(ascending=False, kind="stable").index[: DRAWN - 1]
    others = f"{len(counts) - len(drawn)} others"
    names = [name if name in drawn else others for name in counts.index]
    order = [*(name for name in counts.index if name in drawn), others]
    return counts.groupby(names).sum().T.groupby(names).sum().T.reindex(index=order, columns=order)


def _table(name: str, model: str, counts: pd.DataFrame, counted: str) -> Table:
    data = pd.DataFrame(
        {
            "true": np.repeat(counts.index, len(counts)),
            "predicted": np.tile(counts.columns, len(counts)),
            "verdicts": counts.to_numpy().ravel(),
            "share_of_true": _shares(counts).to_numpy().ravel(),
        }
    )
    large = len(data) > SHOWN
    if large:
        data = data.loc[data["verdicts"] > 0]
        data = data.sort_values("verdicts", ascending=False, kind="stable", ignore_index=True)
    return Table(
        name,
        f"{model}: test verdicts by true and predicted class" + (", most frequent first" if large else ""),
        data,
        (
            Column.name("True class", "true"),
            Column.name("Predicted class", "predicted"),
            Column(counted, "verdicts", numbers.count),
            Column("Share of the true class", "share_of_true", numbers.percent),
        ),
        limit=SHOWN,
        folded=True,
    )


def _figure(name: str, model: str, counts: pd.DataFrame) -> Figure:
    pooled = ""
    if len(counts) > DRAWN:
        pooled = (
            f" Shown are the {DRAWN - 1} classes with the most mistakes. The {len(counts) - DRAWN + 1} others are "
            "taken together, so the last cell also counts mistakes between them; the table lists all classes."
        )
        counts = _pool(counts)
    shares, classes = _shares(counts), list(counts.index)
    beside = len(classes) <= SIDE_BY_SIDE
    side = min(3.4, 1.1 + 0.55 * len(classes)) if beside else 1.0 + 0.3 * len(classes)
    cells = {
        "Counts": (counts / max(1, counts.to_numpy().max()), counts.map(str)),
        "Percentage of the true class": (
            shares,
            shares.map(lambda share: "" if np.isnan(share) else f"{100 * share:.0f}"),
        ),
    }
    if not beside:
        # the table has counts; a second matrix of this size would double the page
        del cells["Counts"]
    drawings = []
    with drawing.style():
        for title, (shade, texts) in cells.items():
            canvas = Canvas(figsize=(side + 0.3, side) if beside else (max(drawing.WIDTH, side), side))
            axes = canvas.subplots()
            grid.draw(
                axes,
                shade.to_numpy(),
                texts.to_numpy() if beside else texts.replace("0", "").to_numpy(),
                columns=classes,
                rows=classes,
                colours=mpl.colormaps[SEQUENTIAL],
                fontsize=9 if beside else 6,
                turned=not beside or max(map(len, classes)) > 9,
            )
            axes.set_title(title)
            axes.set_xlabel("Predicted class")
            axes.set_ylabel("True class")
            drawings.append(drawing.to_svg(canvas))
    diagonal = ", ".join(f"{label} {numbers.percent(shares.loc[label, label])}" for label in classes)
    return Figure(
        name,
        f"{model}: {'counts, and ' if beside else ''}percentages of each true class (each row adds up to 100).{pooled}",
        f"Confusion matrix of {model}. Share of each class that was recognised: {diagonal}.",
        tuple(drawings),
    )


def grades_off(evidence: Evidence, models: Sequence[str], name: str) -> Table:
    """How far off in the order of classes the test verdicts of each model are."""
    grades = {label: grade for grade, label in enumerate(evidence.classes)}
    rows = []
    for model in models:
        mine = evidence.tested(model, evidence.deciding_level)
        off = mine["predicted"].map(grades) - mine["label"].map(grades)
        rows.append(
            {
                "model": model,
                "verdicts": len(off),
                "right": int((off == 0).sum()),
                "one_off": int((off.abs() == 1).sum()),
                "further_off": int((off.abs() > 1).sum()),
                "too_low_in_order": int((off < 0).sum()),
                "too_high_in_order": int((off > 0).sum()),
            }
        )
    return Table(
        name,
        f"By how many grades verdicts on test {evidence.deciding_level}s are off (order: "
        f"{', '.join(evidence.classes)})",
        pd.DataFrame(rows),
        (
            Column.name("Model", "model"),
            Column("Correct", ("right", "verdicts"), _with_share),
            Column("One grade off", ("one_off", "verdicts"), _with_share),
            Column("Further off", ("further_off", "verdicts"), _with_share),
            Column(f"Towards {evidence.classes[0]}", ("too_low_in_order", "verdicts"), _with_share),
            Column(f"Towards {evidence.classes[-1]}", ("too_high_in_order", "verdicts"), _with_share),
        ),
    )


def _with_share(part: int, whole: int) -> str:
    return f"{numbers.count(part)} ({numbers.percent(part / whole)})"
