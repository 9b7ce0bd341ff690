"""Section: the data audit. What may spoil the comparison, what was done about it, and the evidence."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gradewise.evaluation.recommendation import ClueExplains
from gradewise.report import numbers, pictures
from gradewise.report.blocks import Column, Gallery, Picture, Section, Table
from gradewise.report.evidence import Evidence
from gradewise.report.sentences import clue_meaning, clues_in_words

ORDER = 20

PAIRS_SHOWN, ALIKE_SHOWN = 8, 4
ROWS_SHOWN = 50
COPIES = ("exact duplicate", "near duplicate")
TOLD_ONCE = (
    "copy across roles",
    "column equals label",
    "clue equals label",
    "class imbalance",
    "depth",
    "grey levels",
    "pages",
    "masks",
    "large masks",
    "empty masks",
    "pixel size",
    "data bar",
)
"""Checks of which only the first finding is written out."""
CLASSES_TOLD = 4


def section(evidence: Evidence) -> Section:
    """Sentences, pairs of copies and of look-alikes, clues and all findings."""
    audit = evidence.audit
    copies, alike = audit.loc[audit["check"].isin(COPIES)], audit.loc[audit["check"] == "alike"]
    conflicts = int((audit["check"] == "conflicting labels").sum())
    shown: list[Gallery | Table] = [
        _gallery(
            evidence,
            "copies",
            "Copies side by side, conflicting labels first",
            _conflicts_first(audit, copies).head(PAIRS_SHOWN),
            "Its copy",
        ),
        _gallery(
            evidence,
            "alike",
            "Pairs too alike to be independent but not copies, the most alike first",
            alike.loc[alike["image_id"].notna()].head(ALIKE_SHOWN),
            "Its look-alike",
        ),
        Table(
            "clues",
            "Accuracy of a classifier that sees only these facts about an image, on groups held out",
            audit.loc[audit["check"] == "clue", ["subject", "value", "low", "high", "baseline", "severity"]],
            (
                Column.name("Clue", "subject"),
                Column.interval("Classified correctly", "value", numbers.percent_interval, ("low", "high")),
                Column("Baseline: most frequent class", "baseline", numbers.percent),
            ),
        ),
        Table(
            "audit",
            "All findings, warnings first",
            audit.loc[audit["severity"] != "fact"].sort_values("severity", ascending=False, kind="stable"),
            (
                Column.name("Finding", "check"),
                Column.name("Severity", "severity"),
                Column.text("Image", "image_id", lambda image: "" if pd.isna(image) else image),
                Column.text("What", "text"),
            ),
            limit=ROWS_SHOWN,
            folded=True,
        ),
    ]
    return Section(
        "audit",
        "Data audit",
        contents={
            "copies": copies_in_words(evidence),
            "conflicts": numbers.many(conflicts, "pair") if conflicts else "",
            "findings": [*alike.loc[alike["image_id"].isna(), "text"], *_first_findings(audit)],
            "warnings": [
                (f"{clues_in_words(warning)}. {clue_meaning(warning)}", warning.near)
                for warning in evidence.recommendation.warned(ClueExplains)
            ],
            "shown": [block for block in shown if len(block.data if isinstance(block, Table) else block.pictures)],
        },
    )


def copies_in_words(evidence: Evidence) -> str:
    """How many copies of images there are, and which of them share a group."""
    counts, joined = evidence.audit["check"].value_counts(), evidence.settings.join_duplicates
    exact, near = (int(counts.get(check, 0)) for check in COPIES)
    if not exact + near:
        return "No exact or edited copies were found (recompressed, resized, cropped or turned)."
    kept = {"exact": "Only exact duplicates were", True: "All copies were", False: "Copies were not"}[joined]
    return (
        f"{numbers.many(exact, 'pair')} of exact duplicates and {numbers.many(near, 'pair')} of near duplicates "
        f"(recompressed, resized, cropped or turned) were found. {kept} kept together in every split."
    )


def _first_findings(audit: pd.DataFrame) -> list[str]:
    """The first finding of some checks, and how many there are; of masks those of the first classes."""
    findings = []
    for check in TOLD_ONCE:
        texts = list(audit.loc[audit["check"] == check, "text"])
        if texts:
            told = texts[: CLASSES_TOLD if check == "masks" else 1]
            more = f" ({len(texts)} in all)" if len(texts) > len(told) else ""
            findings.append("; ".join([f"{told[0][:1].upper()}{told[0][1:]}", *told[1:]]) + more)
    return findings


def _conflicts_first(audit: pd.DataFrame, copies: pd.DataFrame) -> pd.DataFrame:
    pair = ["image_id", "other_image_id"]
    conflicting = pd.MultiIndex.from_frame(audit.loc[audit["check"] == "conflicting labels", pair])
    first = pd.MultiIndex.from_frame(copies[pair]).isin(conflicting)
    return copies.assign(first=first).sort_values("first", ascending=False, kind="stable")


def _gallery(evidence: Evidence, name: str, caption: str, pairs: pd.DataFrame, other: str) -> Gallery:
    files = evidence.manifest.set_index("image_id")[["path", "bits", "label"]]
    shown = []
    for row in pairs.itertuples(index=False):
        first, second = files.loc[row.image_id], files.loc[row.other_image_id]
        shown.append(
            Picture(
                pictures.thumbnail(Path(first["path"]), int(first["bits"]), evidence.settings),
                f"Image {row.image_id}",
                (f"{row.image_id} ({first['label']})", f"{row.other_image_id} ({second['label']})", str(row.subject)),
                pictures.thumbnail(Path(second["path"]), int(second["bits"]), evidence.settings),
                f"{other} {row.other_image_id}",
            )
        )
    return Gallery(name, caption, tuple(shown))
