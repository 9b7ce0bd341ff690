"""The data audit: what may invalidate a comparison before any model is trained.

It reports copies, pairs too similar to be independent, content-free facts that reveal classes, columns that contain the
label, the distribution of classes and groups, and outliers. It uses the tables of the manifest step and opens no image.
"""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from gradewise import command, tables
from gradewise.images.clues import TOGETHER, WITHOUT_CONTENT, Guess, as_numbers, clues, guess
from gradewise.images.schemas import AUDIT, CLUE_PREDICTIONS, MANIFEST, PRINTS

log = logging.getLogger(__name__)

GAIN, CHANCE = 0.02, 0.001
"""A clue is reported if it gains at least this much accuracy with a p value below this."""

DETERMINED = 0.95
"""Accuracy from which a column nearly determines the label."""

MANY_OF_A_VALUE = 5
"""Minimum number of images per value, on average, for it to mean something that no two classes share a value."""

IMBALANCED = 1.5
"""If more than this many times an equal share of the images is of one class, classes are out of balance."""

FEW_GROUPS = 5
"""Number of groups below which a class may be recognised by its groups alone."""

FAR = 5.0
"""Robust standard deviations beyond which a picture is an outlier."""

MOST_FAR = 0.02
"""If more than this share of pictures are far, the dataset has several kinds of images and none is an outlier."""

PAIRS_LISTED = 20
"""Number of pairs of similar images that are listed one by one, most similar first."""

MOST_ALIKE = 0.2
"""If more than this share of images resemble an image of another group, images may be similar by nature: parts of one
design, or one position in front of one background. Similarity then says nothing about a pair."""

SAME_SCALE = 1.05
"""Pixel sizes that differ by less than this factor count as one scale."""

MOSTLY_MASKED = 0.5
"""Share of an image from which its mask is more likely to mark the background."""

TURNS = (
    "",
    "rotated by 90°",
    "rotated by 180°",
    "rotated by 270°",
    "flipped left to right",
    "flipped along a diagonal",
    "flipped top to bottom",
    "flipped along a diagonal",
)
"""The elements of `symmetry.permutations` in words."""

NUMBERS = ("value", "low", "high", "baseline")

Joined = bool | Literal["exact"]
Finding = dict[str, str | float]


def audit(
    *,
    manifest: Path,
    fingerprints: Path,
    duplicates: Path,
    quarantine: Path,
    classes: list[str],
    joined: Joined,
    seed: int,
    output: Path,
    clue_predictions: Path,
) -> None:
    """Audit a dataset.

    Parameters
    ----------
    manifest, fingerprints, duplicates, quarantine : Path
        What the manifest step wrote.
    classes : list of str
        Classes of the dataset.
    joined : bool or exact
        Which duplicates share a group: all, none, or those with equal pixels.
    seed : int
    output : Path
        `audit.parquet`.
    clue_predictions : Path
        `clues.parquet`: what facts without content predict of each image; empty where they do not differ, or a class
        has too few groups.
    """
    images = tables.read(manifest)
    prints = tables.read(fingerprints, columns=PRINTS.names)
    copies = tables.read(duplicates)
    with quarantine.open(newline="", encoding="utf-8") as stream:
        unusable = sum(1 for _ in csv.DictReader(stream))
    facts_of_clues = clues(images, prints)
    guesses = {name: guess(facts, images["label"], images["group"], seed) for name, facts in facts_of_clues.items()}
    findings = [
        *_duplicates(images, copies.loc[copies["kind"] != "alike"], joined),
        *_alike(images, copies.loc[copies["kind"] == "alike"]),
        *_clues(images, facts_of_clues, guesses),
        *_columns(images, seed),
        *_balance(images, classes, unusable),
        *_groups(images),
        *_outliers(prints),
        *_grey_levels(images, prints),
        *_pages(prints),
        *_masks(images, prints),
        *_pixel_sizes(images),
        *_data_bars(images),
    ]
    frame = pd.DataFrame(findings, columns=AUDIT.names)
    tables.write(frame.astype(dict.fromkeys(NUMBERS, "float64")), output, AUDIT)
    tables.write(_predictions(images, guesses), clue_predictions, CLUE_PREDICTIONS)
    for severity, part in frame.groupby("severity"):
        log.info("%d of severity %s: %s", len(part), severity, ", ".join(sorted(set(part["check"]))))


def _finding(check: str, severity: str, text: str, **further: str | float) -> Finding:
    return {"check": check, "severity": severity, "text": text, **further}


def _duplicates(images: pd.DataFrame, copies: pd.DataFrame, joined: Joined) -> list[Finding]:
    facts = images.set_index("image_id")[["label", "role"]]
    findings = []
    for row in copies.itertuples(index=False):
        first, other = facts.loc[row.image_id], facts.loc[row.other_image_id]
        pair = {"image_id": row.image_id, "other_image_id": row.other_image_id, "value": row.similarity}
        together = joined is True or joined == row.kind
        severity = "notice" if together else "warning"
        change = "the same pixels" if row.kind == "exact" else _change(row.symmetry, row.cropped)
        text = f"{change}; {'they share a group' if together else 'they do not share a group'}"
        findings.append(_finding(f"{row.kind} duplicate", severity, text, subject=change, **pair))
        if first["label"] != other["label"]:
            text = f"copies of one picture are labelled {first['label']} and {other['label']}: one must be wrong"
            findings.append(_finding("conflicting labels", "warning", text, **pair))
        if isinstance(first["role"], str) and isinstance(other["role"], str) and first["role"] != other["role"]:
            text = f"copies of one picture have the roles {first['role']} and {other['role']}"
            text += "; only one of them is used" if together else ""
            findings.append(_finding("copy across roles", severity, text, **pair))
    return findings


def _alike(images: pd.DataFrame, pairs: pd.DataFrame) -> list[Finding]:
    """Pairs of different groups that are not copies but too similar to be independent."""
    facts = images.set_index("image_id")[["group", "role"]]
    first, other = (facts.loc[pairs[end]].reset_index(drop=True) for end in ("image_id", "other_image_id"))
    groups_differ = (first["group"] != other["group"]).to_numpy()
    roles_differ = groups_differ & (first["role"].fillna("") != other["role"].fillna("")).to_numpy()
    count, in_other_role = (
        len(set(pairs.loc[differ, ["image_id", "other_image_id"]].to_numpy().ravel()))
        for differ in (groups_differ, roles_differ)
    )
    if not count:
        return []
    text = f"{count} of {len(images)} images closely resemble an image of another group"
    text += f", {in_other_role} of them one with another role" if in_other_role else ""
    share = count / len(images)
    if share > MOST_ALIKE:
        text += ": too many to conclude that any pair shows one scene or specimen. If specimens were photographed more "
        text += "than once, or images follow each other in time, name the specimen in a column and set group to it"
        return [_finding("alike", "fact", text, value=share)]
    text += ", as photos of one scene or of sister specimens do. They do not share a group: if they belong together, "
    text += "name the scene or specimen in a column and set group to it"
    findings = [_finding("alike", "notice", text, value=share)]
    listed = pairs.loc[groups_differ].sort_values("similarity", ascending=False, kind="stable").head(PAIRS_LISTED)
    for row in listed.itertuples(index=False):
        pair = {"image_id": row.image_id, "other_image_id": row.other_image_id, "value": row.similarity}
        turn = f", {TURNS[row.symmetry]}" if TURNS[row.symmetry] else ""
        same = _percent(row.similarity)
        text = f"{same} of the structure is the same{turn}; not copies"
        findings.append(_finding("alike", "notice", text, subject=f"{same} the same", **pair))
    return findings


def _change(turn: int, cropped: float) -> str:
    cut = "cropped" if cropped > 0.02 else "showing more at the sides" if cropped < -0.02 else ""
    words = [word for word in (TURNS[turn], cut) if word]
    return ", ".join(words) if words else "recompressed or resized"


def _predictions(images: pd.DataFrame, guesses: dict[str, Guess | None]) -> pd.DataFrame:
    """Rows of `clues.parquet`: predictions from all clues together, or from the only one."""
    guessed = guesses.get(TOGETHER) or next(iter(guesses.values()), None)
    if guessed is None:
        return pd.DataFrame({"image_id": [], "predicted": []}, dtype=str)
    return pd.DataFrame({"image_id": images["image_id"], "predicted": guessed.predicted})


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def _clues(
    images: pd.DataFrame, facts_of_clues: dict[str, pd.DataFrame], guesses: dict[str, Guess | None]
) -> list[Finding]:
    labels = images["label"]
    findings = []
    for name, facts in facts_of_clues.items():
        if name not in WITHOUT_CONTENT:
            continue
        alone = [facts[[fact]] for fact in facts if fact != "taken"]
        if any(_separates_classes(values.apply(tuple, axis=1), labels) for values in (facts, *alone)):
            text = f"{name} alone separates the classes: no two share a value, in all {len(images)} images"
            findings.append(_finding("clue equals label", "warning", text, subject=name, value=1.0))
    for name, guessed in guesses.items():
        if guessed is None:
            continue
        if name == TOGETHER or not _beats_chance(guessed):
            severity = "fact"
        else:
            severity = "warning" if name in WITHOUT_CONTENT else "notice"
        text = f"{name} alone predicts {_percent(guessed.accuracy)} of the classes correctly; always predicting the "
        text += f"most frequent class {_percent(guessed.baseline)}"
        findings.append(_finding("clue", severity, text, subject=name, **_measured(guessed)))
    return findings


def _beats_chance(guessed: Guess) -> bool:
    return guessed.gain >= GAIN and guessed.p_value < CHANCE


def _measured(guessed: Guess) -> dict[str, float]:
    return {"value": guessed.accuracy, "low": guessed.low, "high": guessed.high, "baseline": guessed.baseline}


def _separates_classes(values: pd.Series, labels: pd.Series) -> bool:
    """Whether no two labels share a value, although values occur several times on average."""
    return _determines(values, labels) and values.nunique() * MANY_OF_A_VALUE <= len(values)


def _determines(values: pd.Series, others: pd.Series) -> bool:
    """Whether each value occurs with only one of the other values."""
    return bool(others.groupby(values).nunique().max() == 1)


def _columns(images: pd.DataFrame, seed: int) -> list[Finding]:
    findings = []
    for name in (column for column in images.columns if column not in MANIFEST.names):
        column = images[name]
        values = column.astype(str)
        if values.nunique() < 2:
            continue
        if _determines(values, images["label"]) and _determines(images["label"], values):
            text = f"column {name} is equivalent to the label in all {len(images)} images"
            findings.append(_finding("column equals label", "warning", text, subject=name, value=1.0))
            continue
        filled = column.mask(values.str.strip() == "")
        numbers = pd.to_numeric(filled, errors="coerce")
        if numbers.notna().equals(filled.notna()):
            column = numbers
        # Words that are different for nearly every image cannot predict anything.
        elif values.nunique() > len(images) / 2:
            continue
        guessed = guess(as_numbers(column.to_frame()), images["label"], images["group"], seed)
        if guessed and guessed.accuracy >= DETERMINED and _beats_chance(guessed):
            text = f"column {name} alone predicts {_percent(guessed.accuracy)} of the labels; models never see it"
            findings.append(_finding("column predicts label", "notice", text, subject=name, **_measured(guessed)))
    return findings


def _balance(images: pd.DataFrame, classes: list[str], unusable: int) -> list[Finding]:
    shares = images["label"].value_counts(normalize=True)
    findings = [
        _finding(
            "class balance",
            "fact",
            f"{int((images['label'] == name).sum())} of {len(images)} images are {name}",
            subject=name,
            value=float(shares.get(name, 0.0)),
        )
        for name in classes
    ]
    times = shares.max() * len(classes)
    if times > IMBALANCED:
        text = f"{_percent(shares.max())} of images are {shares.idxmax()}, {times:.1f} times an equal share: accuracy "
        text += "weighs mistakes on frequent classes more, balanced accuracy weighs all classes equally"
        findings.append(
            _finding("class imbalance", "notice", text, subject=str(shares.idxmax()), value=float(shares.max()))
        )
    if unusable:
        text = f"{unusable} files could not be used"
        findings.append(_finding("set aside", "notice", text, value=unusable / (unusable + len(images))))
    return findings


def _groups(images: pd.DataFrame) -> list[Finding]:
    """Groups of one class only: harmless if there are many, a possible shortcut if a class has only a few."""
    sizes = images.groupby("group").agg(images=("image_id", "size"), labels=("label", "nunique"))
    several = sizes.loc[sizes["images"] > 1]
    if several.empty:
        return []
    pure = several["labels"] == 1
    text = f"{int(pure.sum())} of {len(several)} groups with several images contain one class only"
    findings = [_finding("groups of one class", "fact", text, value=float(pure.mean()))]
    for name, groups in images.groupby("label")["group"].unique().items():
        if len(groups) < FEW_GROUPS and sizes.loc[groups, "labels"].max() == 1:
            text = f"all images of class {name} come from {len(groups)} groups that contain no other class: models may "
            text += "learn to recognise the group, not the class"
            findings.append(
                _finding("few groups of a class", "notice", text, subject=str(name), value=float(len(groups)))
            )
    return findings


def _outliers(prints: pd.DataFrame) -> list[Finding]:
    # Differences below the floor (grey levels, or their logarithm) mean nothing, however similar the other images are.
    measures = {
        "blurred": (-np.log1p(prints["sharpness"]), 0.1),
        "dark": (-prints["brightness"], 2.0),
        "bright": (prints["brightness"], 2.0),
        "flat": (-np.log1p(prints["contrast"]), 0.1),
    }
    findings = []
    for name, (values, floor) in measures.items():
        distance = _distance_above(values.to_numpy(), floor)
        far = np.flatnonzero(distance > FAR)
        if 0 < len(far) <= max(3.0, MOST_FAR * len(prints)):
            for image, how_far in zip(prints["image_id"].iloc[far], distance[far].tolist(), strict=True):
                text = f"{name} compared with the rest, by {how_far:.1f} robust standard deviations"
                findings.append(_finding("outlier", "notice", text, subject=name, image_id=image, value=how_far))
    return findings


def _grey_levels(images: pd.DataFrame, prints: pd.DataFrame) -> list[Finding]:
    """Grey levels in use, white pixels, and what reducing deeper files to 8 bits leaves of them."""
    levels, white = prints["levels"], prints["saturated_share"]
    text = f"images use a median of {levels.median():.0f} grey levels, at least {levels.min()}; on average "
    text += f"{_percent(white.mean())} of pixels are white, at most {_percent(white.max())} in one image"
    findings = [_finding("grey levels", "fact", text, value=float(levels.median()))]
    deep = images.loc[images["mode"].str.contains("^[IF]|;")]
    deepest = int(deep["bits"].max()) if len(deep) else 0
    shallow = deep.loc[deep["bits"] <= deepest - 2]
    if len(shallow):
        kept = 2 ** (8 - (deepest - int(shallow["bits"].max())))
        owner = deep.loc[deep["bits"].idxmax(), "image_id"]
        text = f"{len(shallow)} of {len(deep)} images of more than 8 bits keep at most {kept} of 256 grey levels: they "
        text += f"use {shallow['bits'].max()} bits or fewer, {owner} uses {deepest}, and all are reduced alike"
        severity = "warning" if len(shallow) > len(deep) / 2 else "notice"
        findings.append(_finding("depth", severity, text, image_id=owner, value=float(kept)))
    return findings


def _pages(prints: pd.DataFrame) -> list[Finding]:
    """Files with several pages."""
    several = prints.loc[prints["pages"] > 1, "pages"]
    if several.empty:
        return []
    text = f"{len(several)} of {len(prints)} files have several pages, up to {several.max()}; the setting page says "
    text += "which are used"
    return [_finding("pages", "fact", text, value=float(several.max()))]


def _masks(images: pd.DataFrame, prints: pd.DataFrame) -> list[Finding]:
    """Share that masks mark, by class; masks that mark nothing or most of an image."""
    masked = prints.assign(label=images["label"]).dropna(subset="masked_share")
    findings = []
    for name, part in masked.groupby("label"):
        share, count = part["masked_share"], len(part)
        empty = part.loc[share == 0, "image_id"]
        text = f"masks of class {name} mark {_percent(share.mean(), digits=2)} of the pixels on average"
        text += f", and {len(empty)} of {count} mark nothing" if len(empty) > count / 2 else ""
        findings.append(_finding("masks", "fact", text, subject=str(name), value=float(share.mean())))
        if 0 < len(empty) <= count / 2:
            text = f"{len(empty)} of {count} masks of class {name} mark nothing, e.g. that of {empty.iloc[0]}"
            findings.append(_finding("empty masks", "notice", text, subject=str(name), image_id=empty.iloc[0]))
        if share.median() > MOSTLY_MASKED:
            text = f"most masks of class {name} mark more than half of the image; are they inverted?"
            findings.append(_finding("large masks", "warning", text, subject=str(name), value=float(share.median())))
    if len(masked) and not masked["masked_share"].any():
        findings.append(_finding("empty masks", "warning", f"none of {len(masked)} masks marks anything"))
    return findings


def _pixel_sizes(images: pd.DataFrame) -> list[Finding]:
    """How wide pixels are, where microscopes stored it; a warning if images have several scales."""
    sizes = images["pixel_size_nm"].dropna()
    if sizes.empty:
        return []
    low, high = sizes.min(), sizes.max()
    known = "all images"
    if len(sizes) < len(images):
        known = f"the {len(sizes)} of {len(images)} images whose scale is known"
    if high <= SAME_SCALE * low:
        text = f"pixels are {sizes.median():.4g} nm wide in {known}"
        return [_finding("pixel size", "fact", text, value=float(sizes.median()))]
    text = f"pixels are {low:.4g} to {high:.4g} nm wide in {known}: one structure has different sizes in pixels, and a "
    text += "scale that goes with a class gives it away. Use images of one magnification"
    return [_finding("pixel size", "warning", text, value=float(high / low))]


def _data_bars(images: pd.DataFrame) -> list[Finding]:
    """How many images have a data bar, which views show unless they cut it off."""
    rows = images.loc[images["bar_rows"] > 0, "bar_rows"]
    if rows.empty:
        return []
    height = f"{rows.min()}" if rows.min() == rows.max() else f"{rows.min()} to {rows.max()}"
    text = f"{len(rows)} of {len(images)} images have a data bar of {height} rows at the bottom, and models see it "
    text += "unless crop: {below_data_bar: true} stands right after the colour of a view"
    return [_finding("data bar", "notice", text, value=len(rows) / len(images))]


def _distance_above(values: np.ndarray, floor: float) -> np.ndarray:
    """Distance above the median in robust standard deviations.

    The scale is the median absolute deviation, or that of the values above the median alone if it is larger, so that a
    long tail does not count as many outliers (Rousseeuw & Croux 1993, Journal of the American Statistical Association
    88:1273).
    """
    deviation = values - np.median(values)
    above = deviation[deviation > 0]
    spread = max(float(np.median(np.abs(deviation))), float(np.median(above)) if len(above) else 0.0)
    return np.asarray(deviation / max(1.4826 * spread, floor))


if __name__ == "__main__":
    command.run(audit)
