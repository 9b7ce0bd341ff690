"""Section: the settings, versions and hashes that results come from, and how to reproduce them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from gradewise import tables
from gradewise.families import registry
from gradewise.report import metric_names, numbers, pretraining
from gradewise.report.blocks import Block, Column, Section, Table, Text
from gradewise.report.evidence import Evidence, Run, recorded

ORDER = 140

FOLDED = True

_OF_EVERY_RUN = {
    *("dataset", "model", "family", "view", "repeat", "classes", "settings", "seed", "seconds_fit"),
    *("seconds_predict_per_sample", "samples_per_image", "peak_memory_mb", "threads", "device", "parameters"),
    *("model_bytes", "counts", "view_hash", "versions"),
}


def section(evidence: Evidence) -> Section:
    """Settings of each model, then what everything was made from and with."""
    parts = [
        Section(f"settings-of-{model}", model, _model(model, runs))
        for model in evidence.models
        if (runs := evidence.runs_of(model))
    ]
    parts.append(origin(evidence, f"reports/{evidence.dataset}.html"))
    return Section("settings", "Settings and origin", parts=tuple(parts))


def _model(model: str, runs: list[Run]) -> tuple[Block, ...]:
    record = runs[0].record
    settings = [(name, run.repeat, value) for run in runs for name, value in run.record["settings"].items()]
    notes = [(name, run.repeat, value) for run in runs for name, value in _single_values(run.record)]
    tables = (
        _named_values(f"settings-{model}", f"{model}: settings used", "setting", _over_repeats(settings)),
        _tried(model, runs),
        _layers(model, record),
        _named_values(f"notes-{model}", f"{model}: other values recorded by its runs", "what", _over_repeats(notes)),
    )
    return (Text(model_in_words(model, record)), *(table for table in tables if len(table.data)))


def model_in_words(model: str, record: Mapping[str, Any]) -> str:
    """What kind of model it is: 'forest-small: family forest (random forest), on view photos.'"""
    family = str(record["family"])
    label = f" ({registry.family(family).label})" if family in registry.names() else ""
    view = str(record["view"])
    backbone = pretraining.backbone_in_words(record)
    use = "fine-tuned from" if record.get("fine_tuned") else "seen by"
    seen_by = f", {use} {backbone}" if backbone else ""
    return f"{model}: family {family}{label}, on view{'s' if ', ' in view else ''} {view}{seen_by}."


def versions(runs: Iterable[Run]) -> dict[str, str]:
    """The version of each library that some runs record; several, separated by commas, where runs differ."""
    records = [run.record.get("versions", {}) for run in runs]
    return {
        library: ", ".join(dict.fromkeys(str(record.get(library, numbers.NONE)) for record in records))
        for library in dict.fromkeys(library for record in records for library in record)
    }


def _named_values(name: str, caption: str, what: str, values: Mapping[str, str]) -> Table:
    columns = (Column.name(what.capitalize(), what), Column.text("Value", "value"))
    return Table(name, caption, pd.DataFrame(values.items(), columns=[what, "value"]), columns, folded=True)


def _tried(model: str, runs: list[Run]) -> Table:
    rows = [
        {
            "repeat": run.repeat,
            "settings": _differences(candidate["settings"], [other["settings"] for other in run.record["tried"]]),
            **run.record["chosen_by"],
            "score": candidate["score"],
            "kept": "kept" if candidate["settings"] == run.record["settings"] else "",
        }
        for run in runs
        for candidate in run.record.get("tried") or []
    ]
    return Table(
        f"tried-{model}",
        f"{model}: settings tried, with their scores",
        pd.DataFrame(rows),
        (
            Column.name("Repeat", "repeat", numbers.count),
            Column.text("Settings that differ", "settings"),
            Column.name("Metric", "metric", metric_names.name),
            Column.text("Of", "level", "{}s".format),
            Column.text("In", "where"),
            Column("Value", ("metric", "score"), metric_names.value),
            Column.text("", "kept"),
        ),
        folded=True,
    )


def _layers(model: str, record: Mapping[str, Any]) -> Table:
    layers = pd.DataFrame(record.get("layers") or []).map(_size_or_number)
    columns = tuple(
        Column(key.replace("_", " ").capitalize(), key, kind="name" if key == "name" else "number") for key in layers
    )
    return Table(f"layers-{model}", f"{model}: layers", layers, columns, folded=True)


def _size_or_number(value: Any) -> str:
    if isinstance(value, list):
        return " x ".join(map(str, value))
    return value if isinstance(value, str) else numbers.count(value)


def _single_values(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if key in _OF_EVERY_RUN:
            continue
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, single in parts:
            if single is None or isinstance(single, int | float | str):
                yield f"{key} {part}".strip().replace("_", " "), single


def _over_repeats(values: Iterable[tuple[str, int, Any]]) -> dict[str, str]:
    """From names, repeats and values: the value of each name, or all its values with the repeats that used them."""
    used: dict[str, dict[str, list[str]]] = {}
    for name, repeat, value in values:
        used.setdefault(name, {}).setdefault(_written(value), []).append(str(repeat))
    written = {}
    for name, texts in used.items():
        several = [f"{text} (repeat {', '.join(repeats)})" for text, repeats in texts.items()]
        written[name] = "; ".join(several) if len(texts) > 1 else next(iter(texts))
    return written


def _written(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)


def _differences(settings: dict[str, Any], others: list[dict[str, Any]]) -> str:
    keys = [key for key in settings if len({_written(other.get(key)) for other in others}) > 1]
    return ", ".join(f"{key} {_written(settings[key])}" for key in keys)


def origin(evidence: Evidence, page: str) -> Section:
    """What everything on a page was made from and with, and how to reproduce it; `page` is the page's file."""
    origins = {
        "Seed of the configuration": str(evidence.seed),
        "Configuration of the dataset": evidence.settings.model_dump_json(exclude_defaults=True),
        "SHA-256 of the manifest": evidence.manifest_hash,
    }
    hashes = {
        str(run.record["view"]): str(run.record["view_hash"]) for run in evidence.runs if "view_hash" in run.record
    }
    for view in sorted(hashes.keys() | evidence.views.keys()):
        if view in evidence.views:
            metadata = tables.read_metadata(evidence.views[view])
            origins[f"Operations of view {view}"] = json.dumps(metadata["view"])
            origins[f"Sample shape in view {view}"] = " x ".join(map(str, metadata["shape"]))
        if view in hashes:
            origins[f"SHA-256 of view {view}"] = hashes[view]
    for what in ("device", "threads"):
        origins[what.capitalize()] = "; ".join(
            f"{model}: {', '.join(recorded(runs, what))}"
            for model in evidence.models
            if (runs := evidence.runs_of(model))
        )
    origins |= {f"Version of {library}": used for library, used in versions(evidence.runs).items()}
    table = _named_values("origin", "What the results were made from and with", "what", origins)
    return Section("origin", "Origin", contents={"page": page, "shown": table})
