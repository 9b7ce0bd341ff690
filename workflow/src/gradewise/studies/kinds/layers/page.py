"""Kind `layers`: the layers of a network, in the form of Table 2 of the nanofibre paper."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from gradewise.command import UserError
from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Table, Text
from gradewise.studies.cells import Published
from gradewise.studies.kinds.layers import Study
from gradewise.studies.pages import published
from gradewise.studies.pages.evidence import StudyEvidence

COLUMNS = {
    "input": "Input",
    "filters": "Filters",
    "filter_size": "Size of filters",
    "stride": "Stride",
    "padding": "Padding",
    "output": "Output",
    "parameters": "Parameters",
}
SAID = 8
"""Most differences that are told one by one."""


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """The layers of the network that was trained, and those of the source with what differs marked."""
    runs = [run for run in evidence.base.runs_of(study.model) if run.record.get("layers")]
    if not runs:
        raise UserError(f"studies.{name}: no run of {study.model} says what its layers are; train it anew")
    layers = {str(layer["name"]): {key: _size(layer[key]) for key in COLUMNS} for layer in runs[0].record["layers"]}
    total = int(runs[0].record["parameters"])
    shown: list[Block] = [
        Text(
            "Sizes are height x width of maps, or numbers of values. Parameters of a layer include those of the batch "
            "norm and the activation that follow it.",
            "small",
        ),
        _table(name, study.model, layers, total),
    ]
    if not study.published:
        return shown
    if all("layer" in row for row in study.published):
        return [*shown, *_compared(name, study, layers)]
    return [*shown, published.as_published(f"{name}-published", study.published, True)]


def _table(name: str, model: str, layers: Mapping[str, Mapping[str, str]], total: int) -> Table:
    rows = [{"layer": layer, **sizes} for layer, sizes in layers.items()]
    rows.append({"layer": "Total", **dict.fromkeys(COLUMNS, ""), "parameters": numbers.count(total)})
    columns = Column.name("Layer", "layer"), *(Column(heading, key) for key, heading in COLUMNS.items())
    return Table(name, f"Layers of {model}, as trained here", pd.DataFrame(rows), columns)


def _compared(name: str, study: Study, layers: Mapping[str, Mapping[str, str]]) -> list[Block]:
    keys = [key for key in dict.fromkeys(key for row in study.published for key in row) if key != "layer"]
    rows, differences, cells = [], [], 0
    for row in study.published:
        layer = str(row["layer"])
        line = {"layer": layer}
        for key in keys:
            theirs, ours = published.written(row.get(key)), layers.get(layer, {}).get(key)
            line[key] = theirs
            cells += key in row
            if key in row and ours is not None and not _alike(row[key], ours):
                line[key] = f"{theirs} ≠ {ours}"
                differences.append(f"{key.replace('_', ' ')} of {layer} {theirs} there, {ours} here")
        rows.append(line)
    unknown = [str(row["layer"]) for row in study.published if str(row["layer"]) not in layers]
    said = _said(differences, cells)
    if unknown:
        said += f" Layers that the network here does not have: {numbers.listed(unknown)}."
    return [
        Text(said),
        Table(
            f"{name}-published",
            "As published; where it differs from the network here, ≠ and the size here",
            pd.DataFrame(rows, columns=["layer", *keys]),
            (
                Column.name("Layer", "layer"),
                *(Column(f"Published, {COLUMNS.get(key, key).lower()}", key) for key in keys),
            ),
        ),
    ]


def _said(differences: list[str], cells: int) -> str:
    if not differences:
        return "The published table agrees with the network here in every cell."
    told = f": {'; '.join(differences)}" if len(differences) <= SAID else ""
    differ = "differs" if len(differences) == 1 else "differ"
    return f"{len(differences)} of the {cells} published cells {differ} from the network here{told}."


def _alike(theirs: Published, ours: str) -> bool:
    return _plain(published.written(theirs)) == _plain(ours)


def _plain(text: str) -> str:
    """'2048 x 1', '2 048' and '2048' are alike, and so are a hyphen and a dash."""
    text = re.sub(r"\s", "", text.lower().replace("×", "x"))
    text = re.sub(r"x1$", "", text)
    return numbers.NONE if text in ("-", "−", "") else text


def _size(value: Any) -> str:
    return " x ".join(map(str, value)) if isinstance(value, list) else numbers.count(value)
