"""Section: how training went, for models whose runs record curves."""

from __future__ import annotations

import pandas as pd

from gradewise.report import numbers
from gradewise.report.blocks import Column, Figure, Section, Table
from gradewise.report.evidence import Evidence
from gradewise.report.figures import curves
from gradewise.report.palette import QUIET, Style

ORDER = 110

FEW_EPOCHS = 3
"""With fewer epochs than this, curves are drawn over iterations."""


def section(evidence: Evidence) -> Section | None:
    """Loss and accuracy over training, a row of panels per model; None where no run recorded curves."""
    recorded = {model: _curves(evidence, model) for model in evidence.models}
    recorded = {model: table for model, table in recorded.items() if len(table)}
    if not recorded:
        return None
    shown = [_figure(evidence, recorded), _table(recorded)]
    return Section("training", "Training curves", contents={"shown": shown})


def _curves(evidence: Evidence, model: str) -> pd.DataFrame:
    """Curves of all repeats, one row per evaluation; `kept` marks the one whose weights the model has."""
    tables = []
    for run in evidence.runs_of(model):
        if run.record.get("curves"):
            table = pd.DataFrame(run.record["curves"]).assign(repeat=run.repeat)
            table["kept"] = table.index == run.record.get("kept", len(table) - 1)
            tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _figure(evidence: Evidence, recorded: dict[str, pd.DataFrame]) -> Figure:
    panels, told = [], []
    for model, table in recorded.items():
        style, kept = evidence.styles[model], table.loc[table["kept"]]
        along = "epoch" if table["epoch"].nunique() >= FEW_EPOCHS else "iteration"
        for what, axis in (
            ("loss", curves.Axis("Loss (cross-entropy)", limits=(0, None))),
            ("accuracy", curves.Axis("Accuracy [%]", share=True)),
        ):
            validation = f"validation_{what}"
            drawn = [
                *curves.over_repeats(table, along, f"train_{what}", Style(QUIET, "", "--"), "training"),
                *curves.over_repeats(table, along, validation, style, "validation"),
                curves.Curve(
                    kept[along], kept[validation].astype(float), Style(style.colour, "o", "-"), size=3.5, width=0.0
                ),
            ]
            title, legend = (model, True) if what == "loss" else ("", False)
            panels.append(curves.Panel(drawn, curves.Axis(along.capitalize()), axis, title, legend=legend))
        told.append(f"{model}: {_told(kept)}")
    return Figure(
        "training-curves",
        "Loss and accuracy on training (dashed grey) and validation images (solid). Thin lines are single repeats, "
        "thick lines their mean as far as all repeats reach, dots the states that were kept. Both are measured on "
        "samples, not on whole images.",
        f"Line plots of loss and accuracy over training. {' '.join(told)}",
        curves.draw(panels, across=2, height=2.5),
    )


def _told(kept: pd.DataFrame) -> str:
    parts = [
        f"{words} {numbers.score(kept[name].mean())}"
        for name, words in (("train_loss", "training loss"), ("validation_loss", "validation loss"))
        if kept[name].notna().any()
    ]
    return f"mean of the states that were kept: {', '.join(parts)}." if parts else "no losses recorded."


def _table(recorded: dict[str, pd.DataFrame]) -> Table:
    kept = pd.concat(
        [table.loc[table["kept"]].assign(model=model) for model, table in recorded.items()], ignore_index=True
    )
    measured = ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
    return Table(
        "training-kept",
        "The state that was kept of each training",
        kept[["model", "repeat", "epoch", "iteration", *measured, "seconds"]],
        (
            Column.name("Model", "model"),
            Column("Repeat", "repeat", numbers.count),
            Column("Epoch", "epoch", "{:.4g}".format),
            Column("Iteration", "iteration", numbers.count),
            Column("Training loss", "train_loss", numbers.score),
            Column("Validation loss", "validation_loss", numbers.score),
            Column("Training accuracy", "train_accuracy", numbers.percent),
            Column("Validation accuracy", "validation_accuracy", numbers.percent),
        ),
        folded=True,
    )
