"""Section: how training went, for models whose runs record curves."""

from __future__ import annotations

import pandas as pd

from gradewise.report import numbers
from gradewise.report.blocks import Column, Figure, Section, Table
from gradewise.report.evidence import Evidence
from gradewise.report.figures import curves
from gradewise.report.palette import QUIET, Style

ORDER = 110

FOLDED = True

FEW_EPOCHS = 3
"""With fewer epochs than this, curves are drawn over iterations."""

AXES = {
    "loss": curves.Axis("Loss (cross-entropy)", limits=(0, None)),
    "accuracy": curves.Axis("Accuracy [%]", share=True),
}


def section(evidence: Evidence) -> Section | None:
    """Loss and accuracy over training, a row of panels per model; None where no run recorded curves."""
    tables = {model: _curves(evidence, model) for model in evidence.models}
    tables = {model: table for model, table in tables.items() if len(table)}
    if not tables:
        return None
    drawn = {model: table for model, table in tables.items() if model in evidence.models_in_detail} or tables
    kept = [table.loc[table["kept"]].assign(model=model) for model, table in tables.items()]
    measured = ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
    kept_table = Table(
        "training-kept",
        "The state that was kept of each training",
        pd.concat(kept, ignore_index=True)[["model", "repeat", "epoch", "iteration", *measured, "seconds"]],
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
    return Section("training", "Training curves", contents={"shown": [_figure(evidence, drawn), kept_table]})


def _curves(evidence: Evidence, model: str) -> pd.DataFrame:
    """Curves of all repeats, one row per evaluation; `kept` marks the one whose weights the model has."""
    tables = []
    for run in evidence.runs_of(model):
        if run.record.get("curves"):
            table = pd.DataFrame(run.record["curves"]).assign(repeat=run.repeat)
            table["kept"] = table.index == run.record.get("kept", len(table) - 1)
            tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _figure(evidence: Evidence, tables: dict[str, pd.DataFrame]) -> Figure:
    panels, losses = [], []
    for model, table in tables.items():
        style, kept = evidence.styles[model], table.loc[table["kept"]]
        along = "epoch" if table["epoch"].nunique() >= FEW_EPOCHS else "iteration"
        dots, x = Style(style.colour, "o", "-"), curves.Axis(along.capitalize())
        for what, y in AXES.items():
            drawn = [
                *curves.over_repeats(table, along, f"train_{what}", Style(QUIET, "", "--"), "training"),
                *curves.over_repeats(table, along, f"validation_{what}", style, "validation"),
                curves.Curve(kept[along], kept[f"validation_{what}"].astype(float), dots, size=3.5, width=0.0),
            ]
            first = what == "loss"
            panels.append(curves.Panel(drawn, x, y, model, legend=first, model=model))
        losses.append(f"{model}: {_kept_losses(kept)}")
    return Figure(
        "training-curves",
        "Loss and accuracy on training (dashed grey) and validation images (solid). Thin lines are single repeats, "
        "thick lines their mean as far as all repeats reach, dots the states that were kept. Both are measured on "
        f"samples, not on whole images.{evidence.left_out_in_words}",
        f"Line plots of loss and accuracy over training. {' '.join(losses)}",
        curves.draw(panels, height=2.5),
    )


def _kept_losses(kept: pd.DataFrame) -> str:
    means = kept[["train_loss", "validation_loss"]].astype(float).mean().dropna()
    words = {"train_loss": "training loss", "validation_loss": "validation loss"}
    parts = [f"{words[name]} {numbers.score(loss)}" for name, loss in means.items()]
    return f"mean of the states that were kept: {', '.join(parts)}." if parts else "no losses recorded."
