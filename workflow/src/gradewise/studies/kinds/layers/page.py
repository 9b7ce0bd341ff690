"""Kind `layers`: the layers of a network, in the form of Table 2 of the nanofibre paper."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from gradewise.command import UserError
from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Table, Text
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
MOST_LISTED = 8
"""Most differences that are listed."""


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """The layers of the network that was trained, and those of the source with what differs marked."""
    runs = [run for run in evidence.base.runs_of(study.model) if run.record.get("layers")]
    if not runs:
        raise UserError(f"studies.{name}: no run of {study.model} says what its layers are; train it anew")
    record = runs[0].record
    layers = {str(layer["name"]): {key: _size(layer[key]) for key in COLUMNS} for layer in record["layers"]}
    rows = [{"layer": layer, **sizes} for layer, sizes in layers.items()]
    rows.append({"layer": "Total", **dict.fromkeys(COLUMNS, ""), "parameters": numbers.count(record["parameters"])})
    columns = Column.name("Layer", "layer"), *(Column(heading, key) for key, heading in COLUMNS.items())
    ours: list[Block] = [
        Text(
            "Sizes are height x width of maps, or numbers of values. Parameters of a layer include those of the batch "
            "norm and the activation that follow it.",
            "small",
        ),
        Table(name, f"Layers of {study.model}, as trained here", pd.DataFrame(rows), columns),
    ]
    if study.published and all("layer" in row for row in study.published):
        return [*ours, *_compared(name, study, layers)]
    return [*ours, *published.as_published(name, study.model_copy(update={"comparable": True}))]


def _compared(name: str, study: Study, layers: Mapping[str, Mapping[str, str]]) -> list[Block]:
    """Where the published table differs from the network, in words and as a table."""
    keys = [key for key in dict.fromkeys(key for row in study.published for key in row) if key != "layer"]
    rows, differences = [], []
    for source in study.published:
        layer = str(source["layer"])
        row = {"layer": layer}
        for key in keys:
            row[key] = theirs = published.written(source.get(key))
            ours = layers.get(layer, {}).get(key)
            if key in source and ours is not None and _plain(theirs) != _plain(ours):
                row[key] = f"{theirs} ≠ {ours}"
                differences.append(f"{key.replace('_', ' ')} of {layer} {theirs} there, {ours} here")
        rows.append(row)
    if differences:
        cells = sum(key in source for source in study.published for key in keys)
        listed = f": {'; '.join(differences)}" if len(differences) <= MOST_LISTED else ""
        differ = "differs" if len(differences) == 1 else "differ"
        words = f"{len(differences)} of the {cells} published cells {differ} from the network here{listed}."
    else:
        words = "The published table agrees with the network here in every cell."
    unknown = [row["layer"] for row in rows if row["layer"] not in layers]
    if unknown:
        words += f" Layers that the network here does not have: {numbers.listed(unknown)}."
    columns = [Column(f"Published, {COLUMNS.get(key, key).lower()}", key) for key in keys]
    caption = "As published; where it differs from the network here, ≠ and the size here"
    data = pd.DataFrame(rows, columns=["layer", *keys])
    return [Text(words), Table(f"{name}-published", caption, data, (Column.name("Layer", "layer"), *columns))]


def _plain(text: str) -> str:
    """Spelling that does not matter is removed: '2048 x 1', '2 048' and '2048' are alike, as are hyphen and dash."""
    text = re.sub(r"\s", "", text.lower().replace("×", "x")).removesuffix("x1")
    return numbers.NONE if text in ("-", "−", "") else text


def _size(value: Any) -> str:
    return " x ".join(map(str, value)) if isinstance(value, list) else numbers.count(value)
