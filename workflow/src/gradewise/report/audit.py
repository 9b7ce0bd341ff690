"""Section: the data audit. What was found that may spoil the comparison, what was done about it, and the evidence."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gradewise.report import clues, numbers, pictures
from gradewise.report.answer import answer
from gradewise.report.blocks import Block, Column, Gallery, Picture, Section, Table, Text
from gradewise.report.evidence import Evidence, row_estimate

PAIRS_SHOWN, ALIKE_SHOWN = 8, 4
ROWS_SHOWN = 50
COPIES = ("exact duplicate", "near duplicate")


def section(evidence: Evidence) -> Section:
    """Sentences, pairs of copies and of look-alikes, clues and all findings."""
    found = evidence.audit
    findings = found.loc[found["severity"] != "fact"].reset_index(drop=True)
    blocks: list[Block] = [Text(sentence) for sentence in _sentences(evidence, found)]
    recommended = answer(evidence).recommendation
    warning = None if recommended is None else clues.warning(evidence, recommended.choice.model)
    if warning is not None:
        blocks.append(Text(warning.text, "notice" if warning.near else ""))
    copies = found.loc[found["check"].isin(COPIES)]
    if len(copies):
        caption = "Copies side by side, those with conflicting labels first"
        order = _conflicts_first(found, copies).head(PAIRS_SHOWN)
        blocks.append(_gallery(evidence, "copies", caption, order, "Its copy"))
    alike = found.loc[(found["check"] == "alike") & found["image_id"].notna()]
    if len(alike):
        caption = "Pairs too alike to be independent, though no copies, the most alike first"
        blocks.append(_gallery(evidence, "alike", caption, alike.head(ALIKE_SHOWN), "Its look-alike"))
    guessed = found.loc[found["check"] == "clue"]
    if len(guessed):
        blocks.append(_clues(guessed))
    if len(findings):
        blocks.append(_findings(findings))
    return Section("audit", "Data audit", tuple(blocks))


def _sentences(evidence: Evidence, found: pd.DataFrame) -> list[str]:
    counts = found["check"].value_counts()
    exact, near = (int(counts.get(check, 0)) for check in COPIES)
    if exact + near == 0:
        sentences = [
            "No copies were found, neither of the same pixels nor changed (saved anew, resized, cropped, turned)."
        ]
    else:
        joined = {True: "all copies", "exact": "those with the same pixels", False: "none"}[
            evidence.settings.join_duplicates
        ]
        sentences = [
            f"{numbers.many(exact, 'pair')} of images have the same pixels and {numbers.many(near, 'pair')} show the "
            f"same picture changed (saved anew, resized, cropped, turned). Made to share a group, so that no split "
            f"parts them: {joined}."
        ]
    conflicts = int(counts.get("conflicting labels", 0))
    if conflicts:
        sentences.append(
            f"In {numbers.many(conflicts, 'pair')} of copies the labels differ, so at least one is wrong. They were "
            "left in; look at them first."
        )
    summary = found.loc[(found["check"] == "alike") & found["image_id"].isna(), "text"]
    sentences += [f"{text}." for text in summary]
    for check in ("copy across roles", "column equals label", "clue equals label"):
        rows = found.loc[found["check"] == check]
        if len(rows):
            first, more = str(rows["text"].iloc[0]), f" ({len(rows)} in all)" if len(rows) > 1 else ""
            sentences.append(f"{first[:1].upper()}{first[1:]}{more}.")
    return sentences


def _conflicts_first(found: pd.DataFrame, copies: pd.DataFrame) -> pd.DataFrame:
    conflicting = set(
        found.loc[found["check"] == "conflicting labels", ["image_id", "other_image_id"]].itertuples(
            index=False, name=None
        )
    )
    first = [(row.image_id, row.other_image_id) in conflicting for row in copies.itertuples(index=False)]
    return copies.assign(first=first).sort_values("first", ascending=False, kind="stable")


def _gallery(evidence: Evidence, name: str, caption: str, pairs: pd.DataFrame, other: str) -> Gallery:
    files = evidence.manifest.set_index("image_id")[["path", "bits", "label"]]
    shown = []
    for row in pairs.itertuples(index=False):
        one, two = files.loc[row.image_id], files.loc[row.other_image_id]
        shown.append(
            Picture(
                pictures.thumbnail(Path(one["path"]), int(one["bits"])),
                f"Image {row.image_id}",
                (f"{row.image_id} ({one['label']})", f"{row.other_image_id} ({two['label']})", str(row.subject)),
                pictures.thumbnail(Path(two["path"]), int(two["bits"])),
                f"{other} {row.other_image_id}",
            )
        )
    return Gallery(name, caption, tuple(shown))


def _clues(guessed: pd.DataFrame) -> Table:
    return Table(
        "clues",
        "How often a classifier that knows only such numbers of an image is right, on groups held out",
        guessed[["subject", "value", "low", "high", "baseline", "severity"]].reset_index(drop=True),
        (
            Column("Clue", lambda row: row.subject, kind="name"),
            Column("Guessed right", lambda row: numbers.percent_interval(row_estimate(row))),
            Column("Always the commonest", lambda row: numbers.percent(row.baseline)),
        ),
    )


def _findings(findings: pd.DataFrame) -> Table:
    order = findings.sort_values("severity", ascending=False, kind="stable", ignore_index=True)
    return Table(
        "audit",
        "All findings, warnings first",
        order,
        (
            Column("Finding", lambda row: row.check, kind="name"),
            Column("Severity", lambda row: row.severity, kind="name"),
            Column("Image", lambda row: "" if pd.isna(row.image_id) else row.image_id, kind="text"),
            Column("What", lambda row: row.text, kind="text"),
        ),
        limit=ROWS_SHOWN,
        folded=True,
    )
