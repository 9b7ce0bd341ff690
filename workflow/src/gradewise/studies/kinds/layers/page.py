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
from gradewise.studies.pages.agreement import Agreement
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
    record = _record(name, study, evidence)
    layers = _layers(record)
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
    if _names_layers(study):
        return [*ours, *_compared(name, study, layers)]
    return [*ours, *published.as_published(name, study.model_copy(update={"comparable": True}))]


def short(name: str, study: Study, evidence: StudyEvidence) -> tuple[str, str]:
    """How many layers the source has, and how many the network here."""
    theirs = numbers.many(len(study.published), "layer") if _names_layers(study) else numbers.NONE
    return theirs, numbers.many(len(_layers(_record(name, study, evidence))), "layer")


def agrees(name: str, study: Study, evidence: StudyEvidence) -> Agreement:
    """How many published sizes are those of the network here; networks can be compared whatever the images are."""
    if not _names_layers(study):
        return Agreement(0, 0, comparable=True)
    layers = _layers(_record(name, study, evidence))
    cells = _cells(study)
    differing = sum(_differs(source, key, layers) for source, key in cells)
    return Agreement(len(cells) - differing, len(cells), comparable=True, what="sizes are equal")


def _record(name: str, study: Study, evidence: StudyEvidence) -> Mapping[str, Any]:
    """What the first run says that has layers."""
    for run in evidence.base.runs_of(study.model):
        if run.record.get("layers"):
            return run.record
    raise UserError(f"studies.{name}: no run of {study.model} says what its layers are; train it anew")


def _layers(record: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return {str(layer["name"]): {key: _size(layer[key]) for key in COLUMNS} for layer in record["layers"]}


def _names_layers(study: Study) -> bool:
    return bool(study.published) and all("layer" in row for row in study.published)


def _cells(study: Study) -> list[tuple[Mapping[str, Published], str]]:
    """Rows of the source with the keys of their sizes."""
    return [(source, key) for source in study.published for key in source if key != "layer"]


def _differs(source: Mapping[str, Published], key: str, layers: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether a published size is another than that of the layer here, if there is one."""
    ours = layers.get(str(source["layer"]), {}).get(key)
    return key in source and ours is not None and _plain(published.written(source[key])) != _plain(ours)


def _compared(name: str, study: Study, layers: Mapping[str, Mapping[str, str]]) -> list[Block]:
    """Where the published table differs from the network, in words and as a table."""
    keys = [key for key in dict.fromkeys(key for row in study.published for key in row) if key != "layer"]
    rows, differences = [], []
    for source in study.published:
        layer = str(source["layer"])
        row = {"layer": layer}
        for key in keys:
            row[key] = theirs = published.written(source.get(key))
            if _differs(source, key, layers):
                ours = layers[layer][key]
                row[key] = f"{theirs} ≠ {ours}"
                differences.append(f"{key.replace('_', ' ')} of {layer} {theirs} there, {ours} here")
        rows.append(row)
    if differences:
        listed = f": {'; '.join(differences)}" if len(differences) <= MOST_LISTED else ""
        differ = "differs" if len(differences) == 1 else "differ"
        words = (
            f"{len(differences)} of the {len(_cells(study))} published sizes {differ} from the network here{listed}."
        )
    else:
        words = "All published sizes are those of the network here."
    unknown = [row["layer"] for row in rows if row["layer"] not in layers]
    if unknown:
        words += f" Layers that the network here does not have: {numbers.listed(unknown)}."
    columns = [Column(f"Published, {COLUMNS.get(key, key).lower()}", key) for key in keys]
    caption = "As published; ≠ marks a size that differs, followed by the size here"
    data = pd.DataFrame(rows, columns=["layer", *keys])
    return [Text(words), Table(f"{name}-published", caption, data, (Column.name("Layer", "layer"), *columns))]


def _plain(text: str) -> str:
    """Spelling that does not matter is removed: '2048 x 1', '2 048' and '2048' are alike, as are hyphen and dash."""
    text = re.sub(r"\s", "", text.lower().replace("×", "x")).removesuffix("x1")
    return numbers.NONE if text in ("-", "−", "") else text


def _size(value: Any) -> str:
    return " x ".join(map(str, value)) if isinstance(value, list) else numbers.count(value)
