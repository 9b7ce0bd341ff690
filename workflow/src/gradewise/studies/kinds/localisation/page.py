"""Kind `localisation`: how well maps of models fit masks, beside published maps, in a table and a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import pandas as pd

from gradewise.command import UserError
from gradewise.localisation.measure import mean_auroc
from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Figure, Table, Text
from gradewise.report.evidence import Evidence
from gradewise.report.figures import dots
from gradewise.report.numbers import Estimate
from gradewise.report.palette import INK, QUIET, Style
from gradewise.report.sections.localisation import COLUMNS, of_all_defects, values_of
from gradewise.studies.cells import Published
from gradewise.studies.kinds.localisation import Study
from gradewise.studies.pages import published, wording
from gradewise.studies.pages.evidence import StudyEvidence

WITHOUT = "auroc_without"
"""The mean of images without some."""

OF_ROWS = ("model", "verified", "remark")
"""Keys of published rows that are no values."""

VERIFIED, UNVERIFIED = Style(INK, "D", "-"), Style(QUIET, "D", "-")


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """The figure of AUROC, what the models are, the table of all measures, and what was published."""
    base = evidence.base
    rows = base.localisation
    assert rows is not None, "the section was checked to be of models with maps"
    if not (rows["regions"] > 0).any():
        return [Text("No test image has a mask, so it is not known how well maps fit defects.", "notice")]
    data = _measured(study, base, rows)
    return [
        _figure(name, study, base, data),
        *_models_table(name, study, data),
        _table(name, study, base, rows, data),
        *published.as_published(name, study, [_in_words(row) for row in study.published], _headings()),
    ]


def short(name: str, study: Study, evidence: StudyEvidence) -> tuple[str, str]:
    """The best published AUROC of all pixels, and the range of those found here."""
    rows = evidence.base.localisation
    assert rows is not None
    reported = [row for row in study.published if _auroc(row) is not None]
    theirs = numbers.NONE
    if reported:
        best = max(reported, key=lambda row: _auroc(row) or 0.0)
        theirs = f"{COLUMNS['auroc'].heading} {_value(best, 'auroc')}: {best.get('model', numbers.NONE)}"
    values = [values_of(of_all_defects(rows, model), ["auroc"])["auroc"] for model in _models(study, evidence.base)]
    known = [value for value in values if numbers.known(value)]
    if not known:
        return theirs, numbers.NONE
    ends = " to ".join(numbers.score(value) for value in dict.fromkeys((min(known), max(known))))
    return theirs, f"{COLUMNS['auroc'].heading} {ends}, {numbers.many(len(known), 'model')}"


def _models(study: Study, base: Evidence) -> list[str]:
    """The models shown: those that the study names, or all with maps in the order of the dataset."""
    assert base.localisation is not None
    mapped = set(base.localisation["model"])
    return [model for model in study.models or base.models if model in mapped]


def _measured(study: Study, base: Evidence, rows: pd.DataFrame) -> pd.DataFrame:
    """One row per model: its records and measures with their intervals."""
    measures = dict.fromkeys((*study.measures, "auroc"))
    lines: list[dict[str, Any]] = []
    for model in _models(study, base):
        record = next(iter(base.runs_of(model))).record
        facts = {key: wording.setting(record[key]) if key in record else numbers.NONE for key in study.columns}
        lines.append({"model": model, **facts, **values_of(of_all_defects(rows, model), measures)})
    for key in study.columns:
        if all(line[key] == numbers.NONE for line in lines):
            raise UserError(f"{study.title}: no run of its models records {key}, which columns names")
    if study.without:
        for line in lines:
            mean = mean_auroc(_kept(study, base, line["model"]))
            line |= {WITHOUT: mean["value"], f"{WITHOUT}_low": mean["low"], f"{WITHOUT}_high": mean["high"]}
    return pd.DataFrame(lines)


def _kept(study: Study, base: Evidence, model: str) -> pd.DataFrame:
    """The images with an AUROC that the study does not leave out."""
    located = _with_auroc(base, model)
    return located.loc[~located["image_id"].map(lambda name: PurePath(name).stem).isin(study.without)]


def _with_auroc(base: Evidence, model: str) -> pd.DataFrame:
    assert base.located is not None
    return base.located.loc[(base.located["model"] == model) & base.located["auroc"].notna()]


def _without_heading(study: Study, base: Evidence) -> str:
    model = _models(study, base)[0]
    whole, kept = (rows["image_id"].nunique() for rows in (_with_auroc(base, model), _kept(study, base, model)))
    return f"Mean without {numbers.many(whole - kept, 'image')}"


def _models_table(name: str, study: Study, data: pd.DataFrame) -> list[Table]:
    """What runs record of their models."""
    if not study.columns:
        return []
    columns = (Column.name("Model", "model"), *(Column.text(heading, key) for key, heading in study.columns.items()))
    return [Table(f"{name}-models", "What was compared", data[["model", *study.columns]], columns)]


def _table(name: str, study: Study, base: Evidence, rows: pd.DataFrame, data: pd.DataFrame) -> Table:
    columns = [Column.name("Model", "model")]
    for measure in study.measures:
        columns.append(COLUMNS[measure])
        if measure == "auroc_by_image" and study.without:
            columns.append(Column.interval(_without_heading(study, base), WITHOUT, numbers.score_interval))
    images, groups = (int(rows[key].max()) for key in ("images", "groups"))
    share = float(rows["false_alarm_share"].iloc[0])
    return Table(
        name,
        f"Maps compared with masks: {numbers.basis(images, groups, 'test image')} with "
        f"{numbers.many(int(rows['regions'].max()), 'defect')}. Hit rate and defects where {numbers.percent(share)} of "
        "the area without defects is marked; 95 % intervals, from leaving out images",
        data.drop(columns=list(study.columns)),
        tuple(columns),
    )


def _figure(name: str, study: Study, base: Evidence, data: pd.DataFrame) -> Figure:
    looks = base.styles
    lines, unverified, verified = [], False, False
    for row in data.to_dict("records"):
        colour = looks[row["model"]].colour
        marks = [dots.Mark(_estimate(row, "auroc"), Style(colour, "o", "-"))]
        if study.without:
            marks.append(dots.Mark(_estimate(row, WITHOUT), Style(colour, "s", "-"), hollow=True, slot=1))
        lines.append(dots.Line(row["model"], tuple(marks)))
    for reported in study.published:
        value = _auroc(reported)
        if value is not None:
            is_verified = reported.get("verified") is not False
            verified, unverified = verified or is_verified, unverified or not is_verified
            style = VERIFIED if is_verified else UNVERIFIED
            lines.append(dots.Line(str(reported.get("model")), (dots.Mark(Estimate(value), style, hollow=True),)))
    first = looks[_models(study, base)[0]].colour
    legend = [dots.handle("All pixels of all images", Style(first, "o", "-"))]
    if study.without:
        legend.append(dots.handle(_without_heading(study, base), Style(first, "s", "-"), hollow=True))
    legend += [dots.handle("Published", VERIFIED, hollow=True)] if verified else []
    legend += [dots.handle("Published, not verified", UNVERIFIED, hollow=True)] if unverified else []
    panel = dots.Panel(lines)
    return Figure(
        f"{name}-auroc",
        f"Pixel AUROC of maps, with 95 % intervals{_published_note(study)}",
        f"Dot plot: {dots.in_words([panel], numbers.score_interval)}.",
        dots.draw([panel], "Pixel AUROC", share=False, height=0.46 if study.without else 0.34, legend=legend),
    )


def _published_note(study: Study) -> str:
    if not study.published:
        return ""
    return "; published values have none" + ("" if study.comparable else f" and are {published.NOT_COMPARABLE}")


def _estimate(row: Mapping[str, Any], measure: str) -> Estimate:
    return Estimate(*(row[f"{measure}{ending}"] for ending in ("", "_low", "_high")))


def _auroc(row: Mapping[str, Published]) -> float | None:
    """The published AUROC of a row as a number; None where there is none."""
    return published.as_share(row.get("auroc"))


def _value(row: Mapping[str, Published], measure: str) -> str:
    """A published value, marked if nobody has verified it."""
    return published.written(row.get(measure)) + (" (not verified)" if row.get("verified") is False else "")


def _in_words(row: Mapping[str, Published]) -> dict[str, Published]:
    """A row of the source, its values marked where they are not verified."""
    return {key: value if key in OF_ROWS else _value(row, key) for key, value in row.items() if key != "verified"}


def _headings() -> dict[str, str]:
    return {measure: column.heading for measure, column in COLUMNS.items()}
