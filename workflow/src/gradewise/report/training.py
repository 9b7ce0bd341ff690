"""Section: how training went, for models whose runs record curves."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from gradewise.report import drawing, numbers
from gradewise.report.blocks import Column, Figure, Section, Table, Text
from gradewise.report.evidence import Evidence
from gradewise.report.palette import QUIET, Style

FEW_EPOCHS = 3


def section(evidence: Evidence) -> Section | None:
    """Loss and accuracy over training, a row of panels a model; None where no run recorded curves."""
    curves = {model: _curves(evidence, model) for model in evidence.models}
    curves = {model: table for model, table in curves.items() if len(table)}
    if not curves:
        return None
    return Section(
        "training",
        "Training curves",
        (
            Text(
                "A gap that opens between training and validation means that the network learns its training images by "
                "heart. A validation loss that still falls at the end means that longer "
                "training may help."
            ),
            _figure(evidence, curves),
            _table(curves),
        ),
    )


def _curves(evidence: Evidence, model: str) -> pd.DataFrame:
    """Curves of all repeats, one row an evaluation; `kept` marks the one whose weights the model has."""
    tables = []
    for run in evidence.runs_of(model):
        if run.record.get("curves"):
            table = pd.DataFrame(run.record["curves"]).assign(repeat=run.repeat)
            table["kept"] = table.index == run.record.get("kept", len(table) - 1)
            tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _figure(evidence: Evidence, curves: dict[str, pd.DataFrame]) -> Figure:
    with drawing.style():
        canvas = Canvas(figsize=(drawing.WIDTH, 2.5 * len(curves) + 0.2))
        panels = canvas.subplots(len(curves), 2, squeeze=False)
        told = []
        for (loss, accuracy), (model, table) in zip(panels, curves.items(), strict=True):
            style = evidence.styles[model]
            along = "epoch" if table["epoch"].nunique() >= FEW_EPOCHS else "iteration"
            for axes, what in ((loss, "loss"), (accuracy, "accuracy")):
                draw_curve(axes, table, along, f"train_{what}", Style(QUIET, "", "--"), "training")
                draw_curve(axes, table, along, f"validation_{what}", style, "validation")
                axes.set_xlabel(along.capitalize())
                axes.grid()
            kept = table.loc[table["kept"]]
            for axes, what in ((loss, "validation_loss"), (accuracy, "validation_accuracy")):
                axes.plot(kept[along], kept[what].astype(float), "o", color=style.colour, markersize=3.5)
            loss.set_title(model)
            loss.set_ylabel("Loss (cross-entropy)")
            loss.set_ylim(bottom=0)
            accuracy.set_ylabel("Accuracy [%]")
            drawing.percent_axis(accuracy, "y")
            loss.legend(loc="best")
            told.append(f"{model}: {_told(table)}")
        svg = drawing.to_svg(canvas)
    return Figure(
        "training-curves",
        "Loss and accuracy on training (dashed grey) and validation images (solid); thin lines are single repeats, "
        "thick lines their mean as far as all repeats reach, dots the states that were kept. Both are of samples, not "
        "of whole images.",
        f"Line plots of loss and accuracy over training. {' '.join(told)}",
        svg,
    )


def draw_curve(axes: Axes, table: pd.DataFrame, along: str, what: str, style: Style, label: str) -> None:
    """Draw a training curve: single repeats thin, their mean thick as far as all repeats reach; nothing where unknown.

    Parameters
    ----------
    axes : Axes
    table : DataFrame
        One row an evaluation, with a column repeat.
    along, what : str
        Columns along x and y.
    style : Style
    label : str
        For the legend.
    """
    if table[what].isna().all():
        return
    points = table.dropna(subset=[what])
    repeats = points["repeat"].nunique()
    if repeats > 1:
        for _, one in points.groupby("repeat"):
            axes.plot(one[along], one[what], color=style.colour, linestyle=style.line, linewidth=0.7, alpha=0.4)
    shared = points.groupby(along)[what].agg(["mean", "size"])
    shared = shared.loc[shared["size"] >= repeats]
    axes.plot(shared.index, shared["mean"], color=style.colour, linestyle=style.line, linewidth=2.0, label=label)


def _told(table: pd.DataFrame) -> str:
    kept = table.loc[table["kept"]]
    parts = [
        f"{words} {numbers.score(kept[name].mean())}"
        for name, words in (("train_loss", "training loss"), ("validation_loss", "validation loss"))
        if kept[name].notna().any()
    ]
    return f"mean of the states that were kept: {', '.join(parts)}." if parts else "no losses recorded."


def _table(curves: dict[str, pd.DataFrame]) -> Table:
    wanted = ["epoch", "iteration", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds"]
    kept = pd.concat(
        [table.loc[table["kept"]].assign(model=model) for model, table in curves.items()], ignore_index=True
    )
    return Table(
        "training-kept",
        "The state that was kept of each training",
        kept[["model", "repeat", *wanted]],
        (
            Column("Model", lambda row: row.model, kind="name"),
            Column("Repeat", lambda row: numbers.count(row.repeat)),
            Column("Epoch", lambda row: numbers.score(row.epoch).rstrip("0").rstrip(".")),
            Column("Iteration", lambda row: numbers.count(row.iteration)),
            Column("Training loss", lambda row: numbers.score(row.train_loss)),
            Column("Validation loss", lambda row: numbers.score(row.validation_loss)),
            Column("Training accuracy", lambda row: numbers.percent(row.train_accuracy)),
            Column("Validation accuracy", lambda row: numbers.percent(row.validation_accuracy)),
        ),
        folded=True,
    )
