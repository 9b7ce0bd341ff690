"""Section: where models see the positive class, and how well that fits masks of defects."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gradewise.config.views import View
from gradewise.images.decode import decode, to_uint8
from gradewise.images.files import read_before
from gradewise.images.masks import read_mask
from gradewise.localisation.counted import MISSED
from gradewise.localisation.frames import frame_mask
from gradewise.localisation.maps import HeatMap
from gradewise.localisation.stored import maps_file, read_maps
from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Gallery, Picture, Section, Table, Text
from gradewise.report.evidence import Evidence
from gradewise.report.overlays import Scale, map_over, outlined, scale_of

ORDER = 60

EACH = 2
"""Pictures of each kind."""

LARGE = 640
"""Longest side of a picture, in which small defects can be seen [px]."""


def _amounts(value: numbers.Estimate) -> str:
    return numbers.interval(value, numbers.amount)


COLUMNS = {
    "auroc": Column.interval("Pixel AUROC", "auroc", numbers.score_interval),
    "auroc_by_image": Column.interval("Mean of images", "auroc_by_image", numbers.score_interval),
    "average_precision": Column.interval("Average precision", "average_precision", numbers.score_interval),
    "hit_rate": Column.interval("Hit rate", "hit_rate", numbers.percent_interval),
    "aupro": Column.interval("AUPRO", "aupro", numbers.score_interval),
    "coverage_median": Column("Coverage, median", "coverage_median", numbers.percent),
    "coverage_worst": Column("Coverage, worst", "coverage_worst", numbers.percent),
    "missed": Column.interval("Missed defects", "missed", numbers.percent_interval),
    "false_alarms_per_image": Column.interval("False alarms per image", "false_alarms_per_image", _amounts),
}
"""How each metric of maps is shown in a table whose data come from `values_of`."""

PIXELS = ("auroc", "auroc_by_image", "average_precision", "hit_rate", "aupro")
DEFECTS = ("coverage_median", "coverage_worst", "missed", "false_alarms_per_image")
"""Metrics of pixels, and of defects at the threshold."""


def section(evidence: Evidence) -> Section | None:
    """Measures of all models, those of one by the size of defects, and pictures of its maps; None without maps."""
    rows, located = evidence.localisation, evidence.located
    if rows is None or located is None or rows.empty:
        return None
    models = list(dict.fromkeys(rows["model"]))
    model = _shown(evidence, models)
    share = float(rows["false_alarm_share"].iloc[0])
    has_defects = bool((rows["regions"] > 0).any())
    blocks: list[Block] = [Text(_meaning(evidence.settings.positive or "", share, has_defects))]
    if has_defects:
        blocks += [*_of_models(rows, models, share), _by_size(rows.loc[rows["model"] == model], model, share)]
    blocks.append(_gallery(evidence, model, located.loc[located["model"] == model], has_defects))
    return Section("localisation", f"Where {evidence.settings.positive} shows", tuple(blocks))


def _shown(evidence: Evidence, models: list[str]) -> str:
    """The model to use where it has maps, else the first that has some."""
    use = evidence.model_to_use
    return use if use is not None and use in models else models[0]


def in_short(evidence: Evidence) -> str:
    """How well maps fit masks, in a sentence; empty where that is unknown."""
    rows = evidence.localisation
    if rows is None or not (rows["regions"] > 0).any():
        return ""
    model = _shown(evidence, list(dict.fromkeys(rows["model"])))
    values = values_of(of_all_defects(rows, model), ["auroc"])
    estimate = numbers.Estimate(*(values[f"auroc{ending}"] for ending in ("", "_low", "_high")))
    return (
        f"Maps of where {evidence.settings.positive} shows were compared with masks: those of {model} have a pixel "
        f"AUROC of {numbers.score_interval(estimate)}."
    )


def _meaning(positive: str, share: float, has_defects: bool) -> str:
    marked = numbers.whole_percent(share) if share >= 0.01 else numbers.percent(share)
    text = (
        f"A map tells how much each place of a test image speaks for {positive}. A place is marked where its score "
        f"reaches the threshold, at which {marked} of the area without defects, over all test images, is marked by "
        "mistake."
    )
    if not has_defects:
        return f"{text} No test image has a mask, so it is not known how well maps fit defects."
    return (
        f"{text} Pixel AUROC is the probability that a pixel of a defect has a higher score than one outside: of all "
        "pixels, and as the mean of images, in which only pixels of one image are compared. The hit rate is the share "
        "of the area of defects that is marked. AUPRO is the mean share of each defect that is marked, over false "
        "alarms from 0 to 30 % of the area, so that small defects count as much as large ones. Intervals come from "
        "leaving out images or their groups; pixels are never taken for independent."
    )


def values_of(rows: pd.DataFrame, metrics: Iterable[str]) -> dict[str, float]:
    """Value and interval of each metric, from rows of which each has one of them."""
    by_metric = rows.set_index("metric")
    named = {"value": "", "low": "_low", "high": "_high"}
    return {
        f"{metric}{ending}": float(by_metric.loc[metric, column]) if metric in by_metric.index else np.nan
        for metric in metrics
        for column, ending in named.items()
    }


def of_all_defects(rows: pd.DataFrame, model: str) -> pd.DataFrame:
    """The rows of `localisation.parquet` about a model, but for those about defects of some sizes."""
    return rows.loc[(rows["model"] == model) & rows["defects"].isna()]


def _of_models(rows: pd.DataFrame, models: list[str], share: float) -> tuple[Table, Table]:
    """How well maps order pixels, and what becomes of defects at the threshold."""
    data = pd.DataFrame([{"model": name, **values_of(of_all_defects(rows, name), COLUMNS)} for name in models])
    images, groups, defects = (int(rows[name].max()) for name in ("images", "groups", "regions"))
    basis = f"{numbers.basis(images, groups, 'test image')} with {numbers.many(defects, 'defect')}"
    where = f"where {numbers.percent(share)} of the area without defects is marked; 95 % intervals"
    return (
        Table(
            "localisation",
            f"Pixels of maps compared with masks, {basis}, over all repeats; hit rate {where}",
            data[["model", *_keys(PIXELS)]],
            (Column.name("Model", "model"), *(COLUMNS[metric] for metric in PIXELS)),
        ),
        Table(
            "localisation-defects",
            f"Share of each defect that is marked, defects missed (less than {numbers.whole_percent(MISSED)} marked) "
            f"and false alarms (marked regions that touch no defect), {where}",
            data[["model", *_keys(DEFECTS)]],
            (Column.name("Model", "model"), *(COLUMNS[metric] for metric in DEFECTS)),
        ),
    )


def _keys(metrics: Iterable[str]) -> list[str]:
    """Columns of `values_of` that are shown of these metrics."""
    return [key for metric in metrics for key in np.atleast_1d(COLUMNS[metric].keys).tolist()]


def _by_size(rows: pd.DataFrame, model: str, share: float) -> Table:
    metrics = ("coverage", "coverage_median", "coverage_worst", "missed")
    sized = rows.loc[rows["defects"].notna()]
    in_words = {"small": "the smaller half", "large": "the larger half"}
    data = pd.DataFrame(
        [
            {
                "defects": in_words.get(name, name),
                "count": int(part["regions"].iloc[0]),
                "images": int(part["images"].iloc[0]),
                **values_of(part, metrics),
            }
            for name, part in sized.groupby("defects", sort=False)
        ]
    )
    return Table(
        "localisation-sizes",
        f"{model}: share of each defect that is marked, by the area of defects, where {numbers.percent(share)} of the "
        "area without defects is marked; 95 % intervals",
        data,
        (
            Column.name("Defects", "defects"),
            Column("Number", "count", numbers.count),
            Column("Images", "images", numbers.count),
            Column.interval("Coverage, mean", "coverage", numbers.percent_interval),
            Column("Median", "coverage_median", numbers.percent),
            Column("Worst", "coverage_worst", numbers.percent),
            Column.interval("Missed", "missed", numbers.percent_interval),
        ),
    )


def chosen(located: pd.DataFrame, has_defects: bool) -> pd.DataFrame:
    """Images worth a look, each once: located with the column why."""
    defective = located.loc[located["regions"] > 0].sort_values("covered", ascending=False)
    middle = max(0, len(defective) // 2 - EACH // 2)
    kinds: list[tuple[str, pd.DataFrame]] = [
        ("defects covered best", defective.head(EACH)),
        ("defects covered as the median", defective.iloc[middle : middle + EACH]),
        ("defects covered worst", defective.tail(EACH).iloc[::-1]),
        ("most defects missed", _most(located, "missed")),
        ("most false alarms", _most(located, "false_alarms")),
    ]
    if not has_defects:
        kinds = [("highest score", _most(located, "highest")), ("largest area marked", _most(located, "marked"))]
    shown = pd.concat([part.assign(why=why) for why, part in kinds])
    return shown.drop_duplicates("image_id").reset_index(drop=True)


def _most(located: pd.DataFrame, column: str) -> pd.DataFrame:
    return located.loc[located[column] > 0].sort_values(column, ascending=False, kind="stable").head(EACH)


def _gallery(evidence: Evidence, model: str, located: pd.DataFrame, has_defects: bool) -> Gallery:
    shown = chosen(located, has_defects)
    run = next(run for run in evidence.runs_of(model))
    view, _ = evidence.view(str(run.record["view"]))
    heats = {
        (repeat, stored.image_id): stored.heat
        for repeat, part in shown.groupby("repeat")
        for stored in read_maps(maps_file(evidence.results, model, int(repeat)), set(part["image_id"]))
    }
    scale = scale_of(list(heats.values()), float(located["threshold"].iloc[0]))
    images = evidence.manifest.set_index("image_id")
    gallery = [
        _picture(evidence, images.loc[row.image_id], row, heats[row.repeat, row.image_id], view, scale)
        for row in shown.itertuples()
    ]
    outline = " with defects outlined in blue" if has_defects else ""
    return Gallery(
        f"maps-{model}",
        f"{model}: maps over test images{outline}, beside the images themselves. Half of the area has no colour; "
        "yellow is below the threshold, orange at it, red above",
        tuple(gallery),
    )


def _picture(evidence: Evidence, image: pd.Series, row: Any, heat: HeatMap, view: View, scale: Scale) -> Picture:
    bar_rows = int(image["bar_rows"])
    with read_before(image["path"]):
        pixels = to_uint8(decode(Path(image["path"]), evidence.settings).pixels, int(image["bits"]))
    mask = None
    if not pd.isna(image["mask"]):
        with read_before(image["mask"]):
            mask = frame_mask(read_mask(Path(image["mask"])), view, bar_rows)
    frame = view.begin(pixels, bar_rows)
    lines = [row.image_id, row.why]
    if row.regions:
        lines.append(f"{numbers.percent(row.covered)} of a defect on average, {row.missed} of {row.regions} missed")
    lines.append(f"{numbers.many(int(row.false_alarms), 'false alarm')}, {numbers.percent(row.marked)} marked")
    return Picture(
        map_over(frame, heat, scale, mask, LARGE),
        f"Where {evidence.settings.positive} shows in {row.image_id}",
        tuple(lines),
        outlined(frame, mask, LARGE),
        f"Image {row.image_id}",
    )
