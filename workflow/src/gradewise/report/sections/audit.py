"""Section: the data audit. What was found that may spoil the comparison, what was done about it, and the evidence."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gradewise.evaluation.recommendation import ClueExplains
from gradewise.report import clues, numbers, pictures
from gradewise.report.blocks import Block, Column, Gallery, Picture, Section, Table
from gradewise.report.evidence import Evidence

ORDER = 20

PAIRS_SHOWN, ALIKE_SHOWN = 8, 4
ROWS_SHOWN = 50
COPIES = ("exact duplicate", "near duplicate")
TOLD_ONCE = ("copy across roles", "column equals label", "clue equals label")
"""Checks of which the first finding is told, and how many there are."""

JOINED = {True: "all copies", "exact": "those with the same pixels", False: "none"}
"""Which copies share a group, by `join_duplicates`."""


def section(evidence: Evidence) -> Section:
    """Sentences, pairs of copies and of look-alikes, clues and all findings."""
    audit = evidence.audit
    findings = audit.loc[audit["severity"] != "fact"].reset_index(drop=True)
    copies, guessed = audit.loc[audit["check"].isin(COPIES)], audit.loc[audit["check"] == "clue"]
    alike = audit.loc[audit["check"] == "alike"]
    pairs = alike.loc[alike["image_id"].notna()]
    shown: list[Block] = []
    if len(copies):
        caption = "Copies side by side, those with conflicting labels first"
        order = _conflicts_first(audit, copies).head(PAIRS_SHOWN)
        shown.append(_gallery(evidence, "copies", caption, order, "Its copy"))
    if len(pairs):
        caption = "Pairs too alike to be independent, though no copies, the most alike first"
        shown.append(_gallery(evidence, "alike", caption, pairs.head(ALIKE_SHOWN), "Its look-alike"))
    if len(guessed):
        shown.append(_clues(guessed))
    if len(findings):
        shown.append(_findings(findings))
    exact, near = (numbers.many(int((copies["check"] == check).sum()), "pair") for check in COPIES)
    conflicts = int((audit["check"] == "conflicting labels").sum())
    return Section(
        "audit",
        "Data audit",
        contents={
            "copies": len(copies),
            "exact": exact,
            "near": near,
            "joined": JOINED[evidence.settings.join_duplicates],
            "conflicts": numbers.many(conflicts, "pair") if conflicts else "",
            "told": [*alike.loc[alike["image_id"].isna(), "text"], *_told_once(audit)],
            "warnings": [
                (clues.sentence(warning), warning.near) for warning in evidence.recommendation.warned(ClueExplains)
            ],
            "shown": shown,
        },
    )


def _told_once(audit: pd.DataFrame) -> list[str]:
    """The first finding of some checks."""
    told = []
    for check in TOLD_ONCE:
        texts = list(audit.loc[audit["check"] == check, "text"])
        if texts:
            told.append(f"{texts[0][:1].upper()}{texts[0][1:]}{f' ({len(texts)} in all)' if len(texts) > 1 else ''}")
    return told


def _conflicts_first(audit: pd.DataFrame, copies: pd.DataFrame) -> pd.DataFrame:
    conflicting = set(
        audit.loc[audit["check"] == "conflicting labels", ["image_id", "other_image_id"]].itertuples(
            index=False, name=None
        )
    )
    first = [(row.image_id, row.other_image_id) in conflicting for row in copies.itertuples(index=False)]
    return copies.assign(first=first).sort_values("first", ascending=False, kind="stable")


def _gallery(evidence: Evidence, name: str, caption: str, pairs: pd.DataFrame, other: str) -> Gallery:
    files = evidence.manifest.set_index("image_id")[["path", "bits", "label"]]
    shown = []
    for row in pairs.itertuples(index=False):
        first, second = files.loc[row.image_id], files.loc[row.other_image_id]
        shown.append(
            Picture(
                pictures.thumbnail(Path(first["path"]), int(first["bits"])),
                f"Image {row.image_id}",
                (f"{row.image_id} ({first['label']})", f"{row.other_image_id} ({second['label']})", str(row.subject)),
                pictures.thumbnail(Path(second["path"]), int(second["bits"])),
                f"{other} {row.other_image_id}",
            )
        )
    return Gallery(name, caption, tuple(shown))


def _clues(guessed: pd.DataFrame) -> Table:
    return Table(
        "clues",
        "Accuracy of a classifier that knows only these numbers of an image, on groups held out",
        guessed[["subject", "value", "low", "high", "baseline", "severity"]].reset_index(drop=True),
        (
            Column.name("Clue", "subject"),
            Column.interval("Guessed right", "value", numbers.percent_interval, ("low", "high")),
            Column("Always the most frequent class", "baseline", numbers.percent),
        ),
    )


def _findings(findings: pd.DataFrame) -> Table:
    return Table(
        "audit",
        "All findings, warnings first",
        findings.sort_values("severity", ascending=False, kind="stable", ignore_index=True),
        (
            Column.name("Finding", "check"),
            Column.name("Severity", "severity"),
            Column.text("Image", "image_id", lambda image: "" if pd.isna(image) else image),
            Column.text("What", "text"),
        ),
        limit=ROWS_SHOWN,
        folded=True,
    )
