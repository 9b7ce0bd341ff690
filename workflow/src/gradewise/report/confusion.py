"""Section: which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from gradewise.report import drawing, numbers
from gradewise.report.blocks import Block, Column, Figure, Section, Table, Text
from gradewise.report.evidence import Evidence
from gradewise.report.palette import INK, SEQUENTIAL

SIDE_BY_SIDE = 8
"""With more classes than this the two matrices stand one below the other."""

SHOWN = 100
"""Most cells of a matrix that the table on the page lists."""


def section(evidence: Evidence) -> Section:
    """A figure and a table for each model; for ordered classes, how far off the errors are."""
    repeats, unit = evidence.test["repeat"].nunique(), evidence.deciding_level
    pooled = f"Counts are of test {unit}s"
    if repeats > 1:
        pooled += f", pooled over {numbers.rounds(repeats, evidence.settings.evaluation.folds)}"
    if evidence.test.duplicated(["model", "image_id"]).any():
        pooled += f": {'an' if unit == 'image' else 'a'} {unit} that was tested in several of them counts in each"
    blocks: list[Block] = [
        Text(f"{pooled}. Rows are the true class, columns what the model answered; right answers lie on the diagonal.")
    ]
    if evidence.settings.ordered:
        blocks.append(grades_off(evidence, evidence.models, "grades-off"))
    parts = [
        Section(f"confusion-of-{model}", model, matrices(evidence, model, f"confusion-{model}"))
        for model in evidence.models
    ]
    return Section("confusion", "Confusion matrices", tuple(blocks), tuple(parts))


def matrices(evidence: Evidence, model: str, name: str) -> tuple[Figure, Table]:
    """The confusion matrix of a model on test, as figure and table of this name."""
    matrix = count(evidence, model)
    once = evidence.test["repeat"].nunique() == 1
    counted = f"{evidence.deciding_level.capitalize()}s" if once else "Verdicts"
    return _figure(name, model, matrix), _table(name, model, matrix, counted)


def count(evidence: Evidence, model: str) -> pd.DataFrame:
    """Test verdicts of a model over all repeats: rows true class, columns predicted class."""
    mine = evidence.tested(model, evidence.deciding_level)
    table = pd.crosstab(mine["label"], mine["predicted"])
    return table.reindex(index=evidence.classes, columns=evidence.classes, fill_value=0)


def _shares(matrix: pd.DataFrame) -> pd.DataFrame:
    totals = matrix.sum(axis=1)
    return matrix.div(totals.where(totals > 0), axis=0)


def _table(name: str, model: str, matrix: pd.DataFrame, counted: str) -> Table:
    shares = _shares(matrix)
    data = pd.DataFrame(
        {
            "true": np.repeat(matrix.index, len(matrix)),
            "predicted": np.tile(matrix.columns, len(matrix)),
            "verdicts": matrix.to_numpy().ravel(),
            "share_of_true": shares.to_numpy().ravel(),
        }
    )
    large = len(data) > SHOWN
    if large:
        data = data.sort_values("verdicts", ascending=False, kind="stable", ignore_index=True)
    return Table(
        name,
        f"{model}: test verdicts by true and predicted class" + (", most first" if large else ""),
        data,
        (
            Column("True class", lambda row: row.true, kind="name"),
            Column("Predicted class", lambda row: row.predicted, kind="name"),
            Column(counted, lambda row: numbers.count(row.verdicts)),
            Column("Share of the true class", lambda row: numbers.percent(row.share_of_true)),
        ),
        limit=SHOWN,
        folded=True,
    )


def _figure(name: str, model: str, matrix: pd.DataFrame) -> Figure:
    classes = list(matrix.index)
    beside = len(classes) <= SIDE_BY_SIDE
    shares = _shares(matrix)
    with drawing.style():
        side = min(3.4, 1.1 + 0.55 * len(classes)) if beside else 1.0 + 0.3 * len(classes)
        size = (2 * side + 0.6, side) if beside else (max(drawing.WIDTH, side), 2 * side)
        canvas = Canvas(figsize=size)
        panels = canvas.subplots(1, 2) if beside else canvas.subplots(2, 1)
        counts = matrix.to_numpy()
        _draw(panels[0], counts / max(1, counts.max()), counts.astype(str), classes, "Counts")
        texts = np.array([["" if np.isnan(x) else f"{100 * x:.0f}" for x in row] for row in shares.to_numpy()])
        _draw(panels[1], shares.to_numpy(), texts, classes, "Per cent of the true class")
        svg = drawing.to_svg(canvas)
    diagonal = ", ".join(f"{each} {numbers.percent(shares.loc[each, each])}" for each in classes)
    return Figure(
        name,
        f"{model}: counts, and the same in per cent of each true class (every row adds up to 100).",
        f"Two confusion matrices of {model}. Share of each class that was recognised: {diagonal}.",
        svg,
    )


def _draw(axes: Axes, fill: np.ndarray, texts: np.ndarray, classes: list[str], title: str) -> None:
    colours = mpl.colormaps[SEQUENTIAL]
    axes.imshow(fill, cmap=colours, vmin=0, vmax=1.1)
    small = len(classes) > SIDE_BY_SIDE
    for row, column in np.ndindex(*fill.shape):
        dark = np.nan_to_num(fill[row, column]) > 0.6
        axes.text(
            column,
            row,
            "·" if small and texts[row, column] == "0" else str(texts[row, column]),
            ha="center",
            va="center",
            color="white" if dark else INK,
            fontsize=6 if small else 9,
        )
    axes.set_title(title)
    long = small or max(len(name) for name in classes) > 9
    axes.set_xticks(range(len(classes)), classes, rotation=45 if long else 0, ha="right" if long else "center")
    axes.set_yticks(range(len(classes)), classes)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("Predicted class")
    axes.set_ylabel("True class")


def grades_off(evidence: Evidence, models: Sequence[str], name: str) -> Table:
    """How far off in the order of classes the test verdicts of each model are."""
    place = {each: grade for grade, each in enumerate(evidence.classes)}
    rows: list[dict[str, Any]] = []
    for model in models:
        mine = evidence.tested(model, evidence.deciding_level)
        off = mine["predicted"].map(place) - mine["label"].map(place)
        total = len(off)
        rows.append(
            {
                "model": model,
                "verdicts": total,
                "right": int((off == 0).sum()),
                "one_off": int((off.abs() == 1).sum()),
                "further_off": int((off.abs() > 1).sum()),
                "too_low_in_order": int((off < 0).sum()),
                "too_high_in_order": int((off > 0).sum()),
            }
        )
    first, last = evidence.classes[0], evidence.classes[-1]

    def share(what: str) -> Any:
        return lambda row: f"{numbers.count(getattr(row, what))} ({numbers.percent(getattr(row, what) / row.verdicts)})"

    order = ", ".join(evidence.classes)
    return Table(
        name,
        f"How many grades off the verdicts on test {evidence.deciding_level}s are (order: {order})",
        pd.DataFrame(rows),
        (
            Column("Model", lambda row: row.model, kind="name"),
            Column("Right", share("right")),
            Column("One grade off", share("one_off")),
            Column("Further off", share("further_off")),
            Column(f"Towards {first}", share("too_low_in_order")),
            Column(f"Towards {last}", share("too_high_in_order")),
        ),
    )
