"""Section: the settings, versions and hashes that results come from, and how to get them again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any

import pandas as pd

from gradewise import tables
from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Section, Table, Text
from gradewise.report.evidence import Evidence, Run

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
    return Section("settings", "Settings and origin", (), tuple(parts))


def _model(model: str, runs: list[Run]) -> tuple[Block, ...]:
    record = runs[0].record
    blocks: list[Block] = [Text(f"Family {record['family']}, on view {record['view']}.")]
    keys = dict.fromkeys(key for run in runs for key in run.record["settings"])
    settings = pd.DataFrame(
        [
            {"setting": key, "value": _over_repeats([(run.repeat, run.record["settings"].get(key)) for run in runs])}
            for key in keys
        ],
        columns=["setting", "value"],
    )
    blocks.append(
        Table(
            f"settings-{model}",
            f"{model}: settings used",
            settings,
            (
                Column("Setting", lambda row: row.setting, kind="name"),
                Column("Value", lambda row: row.value, kind="text"),
            ),
            folded=True,
        )
    )
    blocks += [table for table in (_tried(model, runs), _layers(model, record), _notes(model, runs)) if len(table.data)]
    return tuple(blocks)


def _tried(model: str, runs: list[Run]) -> Table:
    tried = [
        {
            "repeat": run.repeat,
            "settings": _differences(candidate["settings"], [other["settings"] for other in run.record["tried"]]),
            "validation_accuracy": candidate["validation_accuracy"],
            "kept": "kept" if candidate["settings"] == run.record["settings"] else "",
        }
        for run in runs
        for candidate in run.record.get("tried") or []
    ]
    return Table(
        f"tried-{model}",
        f"{model}: settings tried, and how accurate each was on validation",
        pd.DataFrame(tried),
        (
            Column("Repeat", lambda row: numbers.count(row.repeat), kind="name"),
            Column("Settings that differ", lambda row: row.settings, kind="text"),
            Column("Validation accuracy", lambda row: numbers.percent(row.validation_accuracy)),
            Column("", lambda row: row.kept, kind="text"),
        ),
        folded=True,
    )


def _layers(model: str, record: Mapping[str, Any]) -> Table:
    layers = pd.DataFrame(record.get("layers") or []).map(_size_or_number)
    return Table(
        f"layers-{model}",
        f"{model}: layers",
        layers,
        tuple(
            Column(name.replace("_", " ").capitalize(), itemgetter(place), kind="name" if place == 0 else "number")
            for place, name in enumerate(layers)
        ),
        folded=True,
    )


def _size_or_number(value: Any) -> str:
    if isinstance(value, list):
        return " x ".join(map(str, value))
    return value if isinstance(value, str) else numbers.count(value)


def _notes(model: str, runs: list[Run]) -> Table:
    """Single values that a family adds to what every run records."""
    found: dict[str, list[tuple[int, Any]]] = {}
    for run in runs:
        for name, value in _single_values(run.record):
            found.setdefault(name, []).append((run.repeat, value))
    rows = [{"what": name, "value": _over_repeats(values)} for name, values in found.items()]
    return Table(
        f"notes-{model}",
        f"{model}: what its runs noted besides",
        pd.DataFrame(rows, columns=["what", "value"]),
        (
            Column("What", lambda row: row.what, kind="name"),
            Column("Value", lambda row: row.value, kind="text"),
        ),
        folded=True,
    )


def _single_values(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if key in _OF_EVERY_RUN:
            continue
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, single in parts:
            if single is None or isinstance(single, int | float | str):
                yield f"{key} {part}".strip().replace("_", " "), single


def _over_repeats(values: list[tuple[int, Any]]) -> str:
    """One value, or each value with the repeats that used it."""
    repeats: dict[str, list[int]] = {}
    for repeat, value in values:
        repeats.setdefault(_written(value), []).append(repeat)
    if len(repeats) == 1:
        return next(iter(repeats))
    return "; ".join(f"{text} (repeat {', '.join(map(str, used))})" for text, used in repeats.items())


def _written(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)


def _differences(settings: dict[str, Any], others: list[dict[str, Any]]) -> str:
    keys = [key for key in settings if len({_written(other.get(key)) for other in others}) > 1]
    return ", ".join(f"{key} {_written(settings[key])}" for key in keys)


def origin(evidence: Evidence, made: str) -> Section:
    """What everything on a page was made from and with, and how to get it again; `made` is the page's file."""
    origins = [
        ("Seed of the configuration", str(evidence.seed)),
        ("Configuration of the dataset", evidence.settings.model_dump_json(exclude_defaults=True)),
        ("SHA-256 of the manifest", evidence.manifest_hash),
    ]
    hashes = {
        str(run.record["view"]): str(run.record["view_hash"]) for run in evidence.runs if "view_hash" in run.record
    }
    for view in sorted(hashes.keys() | evidence.views.keys()):
        if view in evidence.views:
            described = tables.read_metadata(evidence.views[view])
            origins.append((f"Operations of view {view}", json.dumps(described["view"])))
            origins.append((f"Sample shape in view {view}", " x ".join(map(str, described["shape"]))))
        if view in hashes:
            origins.append((f"SHA-256 of view {view}", hashes[view]))
    origins += [("Device", _over_models(evidence, "device")), ("Threads", _over_models(evidence, "threads"))]
    for library in dict.fromkeys(name for run in evidence.runs for name in run.record.get("versions", {})):
        found = dict.fromkeys(str(run.record.get("versions", {}).get(library, numbers.NONE)) for run in evidence.runs)
        origins.append((f"Version of {library}", ", ".join(found)))
    blocks = (
        Text(
            f"To get these results again, run snakemake with the same images, configuration and seed: "
            f"snakemake {made} --cores all, with --configfile and your file where the configuration is not the "
            f"embedded one. Equal versions on an equal processor give equal "
            f"numbers; times vary."
        ),
        Table(
            "origin",
            "What the results were made from and with",
            pd.DataFrame(origins, columns=["what", "value"]),
            (
                Column("What", lambda row: row.what, kind="name"),
                Column("Value", lambda row: row.value, kind="text"),
            ),
            folded=True,
        ),
    )
    return Section("provenance", "Origin", blocks)


def _over_models(evidence: Evidence, key: str) -> str:
    return "; ".join(
        f"{model}: {', '.join(dict.fromkeys(str(run.record.get(key)) for run in runs))}"
        for model in evidence.models
        if (runs := evidence.runs_of(model))
    )
