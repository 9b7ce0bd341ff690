"""Section: the dataset card. What the images are, what was set aside, and how they were split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gradewise import tables
from gradewise.provenance import derive_seed
from gradewise.report import numbers, pictures, verdict
from gradewise.report.blocks import Block, Column, Gallery, Picture, Section, Table, Text
from gradewise.report.evidence import Evidence

EXAMPLES, EXAMPLES_IN_ALL = 4, 24
QUARANTINE_SHOWN = 50
CLASSES_SHOWN = 6
ROLES = ("train", "validation", "test")


def section(evidence: Evidence) -> Section:
    """Counts, examples, what was set aside and splits."""
    samples = {
        name: tables.read(path, columns=["sample_id", "image_id", "label"])
        for name, path in sorted(evidence.views.items())
    }
    parts = (
        Section("classes", "Classes", (_classes(evidence, samples), *_examples(evidence, samples))),
        Section("splits", "Splits", _splits(evidence, samples)),
        Section("quarantine", "Images set aside", _quarantine(evidence)),
    )
    return Section("dataset", "Dataset", _opening(evidence), parts)


def simulated(evidence: Evidence) -> str | None:
    """The notice that images are made up; None where they are not."""
    made = evidence.settings.simulate
    if made is None:
        return None
    return (
        f"These images are simulated. They were drawn by a program (kind {made.kind}), so what is measured here shows "
        f"how the comparison works and says nothing about real {made.kind}."
    )


def _opening(evidence: Evidence) -> tuple[Block, ...]:
    manifest = evidence.manifest
    sizes = manifest.groupby(["width", "height"]).size().sort_values(ascending=False)
    width, height = sizes.index[0]
    same = "all" if len(sizes) == 1 else f"{numbers.percent(sizes.iloc[0] / len(manifest))} of them"
    order = " They are grades, in this order." if evidence.settings.ordered else ""
    text = (
        f"{verdict.basis(len(manifest), manifest['group'].nunique(), 'image')}; {same} "
        f"{width} x {height} pixels. Classes: {numbers.listed(evidence.classes)}.{order} A group is a set of images "
        f"that must stay together in every split: {_group_words(evidence)}."
    )
    made = "The images are simulated: a program drew them. " if evidence.settings.simulate else ""
    return (Text(made + text),)


def _group_words(evidence: Evidence) -> str:
    group = evidence.settings.group
    if group is None:
        words = "here each image alone"
    elif isinstance(group, str):
        words = f"here those with the same {group}"
    else:
        words = f"here those whose file names agree in the part matched by {group.regex}"
    return f"{words}, and copies of each other" if evidence.settings.join_duplicates else words


def _classes(evidence: Evidence, samples: dict[str, pd.DataFrame]) -> Table:
    manifest = evidence.manifest
    rows = []
    for name in evidence.classes:
        mine = manifest.loc[manifest["label"] == name]
        line: dict[str, Any] = {
            "class": name,
            "images": len(mine),
            "share": len(mine) / len(manifest),
            "groups": mine["group"].nunique(),
        }
        line |= {f"samples in {view}": int((table["label"] == name).sum()) for view, table in samples.items()}
        rows.append(line)

    def number(place: int) -> Any:
        return lambda row: numbers.count(row[place])

    return Table(
        "classes",
        "Images, groups and samples of each class",
        pd.DataFrame(rows),
        (
            Column("Class", lambda row: row[0], kind="name"),
            Column("Images", number(1)),
            Column("Share", lambda row: numbers.percent(row[2])),
            Column("Groups", number(3)),
            *(Column(f"Samples in {view}", number(4 + place)) for place, view in enumerate(samples)),
        ),
    )


def _examples(evidence: Evidence, samples: dict[str, pd.DataFrame]) -> list[Block]:
    each = max(1, min(EXAMPLES, EXAMPLES_IN_ALL // len(evidence.classes)))
    rng = np.random.default_rng(derive_seed(evidence.seed, evidence.dataset, "examples"))
    shown, firsts = [], []
    for name in evidence.classes:
        mine = evidence.manifest.loc[evidence.manifest["label"] == name].sort_values("image_id", ignore_index=True)
        drawn = np.sort(rng.choice(len(mine), size=min(each, len(mine)), replace=False))
        for row in mine.iloc[drawn].itertuples(index=False):
            picture = pictures.thumbnail(Path(row.path), row.bits)
            shown.append(Picture(picture, f"Example of class {name}: {row.image_id}", (name, row.image_id)))
        firsts += list(mine.iloc[drawn]["image_id"])
    blocks: list[Block] = [Gallery("examples", "Examples of each class, drawn at random", tuple(shown))]
    seen = [picture for view in samples for picture in _seen(evidence, view, samples[view], firsts)]
    if seen:
        blocks.append(Gallery("views", "What the models are given: one sample of each view and class", tuple(seen)))
    return blocks


def _seen(evidence: Evidence, view: str, table: pd.DataFrame, images: list[str]) -> list[Picture]:
    """A sample of each of the first few classes, from the middle of an image shown as example where one has it."""
    wanted = {}
    for name in evidence.classes[:EXAMPLES]:
        mine = table.loc[table["label"] == name]
        preferred = mine.loc[mine["image_id"].isin(images)]
        source = preferred if len(preferred) else mine
        if len(source):
            of_image = source.loc[source["image_id"] == source["image_id"].iloc[0]]
            wanted[str(of_image["sample_id"].iloc[len(of_image) // 2])] = name
    found = pictures.samples(evidence.views[view], wanted)
    return [
        Picture(found[sample], f"A sample of class {name} in view {view}", (view, name))
        for sample, name in wanted.items()
        if sample in found
    ]


def _splits(evidence: Evidence, samples: dict[str, pd.DataFrame]) -> tuple[Block, ...]:
    counts = _count_roles(evidence, samples)

    everything = [
        *("images", "groups"),
        *(f"samples in {view}" for view in samples),
        *(f"class {name}" for name in evidence.classes),
    ]
    shown = everything if len(evidence.classes) <= CLASSES_SHOWN else everything[: 2 + len(samples)]
    of_role = counts.groupby("role", sort=False)[everything]
    least, most = of_role.min().add_suffix(" least"), of_role.max().add_suffix(" most")
    summary = least.join(most).reset_index()

    def spread(place: int) -> Any:
        def text(row: Any) -> str:
            low, high = row[1 + place], row[1 + len(everything) + place]
            return numbers.count(low) if low == high else f"{numbers.count(low)} to {numbers.count(high)}"

        return text

    several = counts["repeat"].nunique() > 1
    blocks: list[Block] = [
        Text(_how_split(evidence)),
        Table(
            "roles",
            "Images of each role" + (", least to most over the repeats" if several else ""),
            summary,
            (
                Column("Role", lambda row: row.role, kind="name"),
                *(Column(name[:1].upper() + name[1:], spread(place)) for place, name in enumerate(shown)),
            ),
        ),
    ]
    if several:
        blocks.append(
            Table(
                "splits",
                "Images of each role in each repeat",
                counts,
                (
                    Column("Repeat", lambda row: numbers.count(row.repeat), kind="name"),
                    Column("Role", lambda row: row.role, kind="name"),
                    Column("Images", lambda row: numbers.count(row.images)),
                    Column("Groups", lambda row: numbers.count(row.groups)),
                ),
                folded=True,
            )
        )
    return tuple(blocks)


def _count_roles(evidence: Evidence, samples: dict[str, pd.DataFrame]) -> pd.DataFrame:
    images = evidence.manifest.set_index("image_id")[["group", "label"]]
    rows = evidence.splits.join(images, on="image_id")
    for view, table in samples.items():
        rows[f"samples in {view}"] = rows["image_id"].map(table["image_id"].value_counts()).fillna(0).astype(int)
    for name in evidence.classes:
        rows[f"class {name}"] = (rows["label"] == name).astype(int)
    of_role = rows.groupby(["repeat", "role"])
    sums = [f"samples in {view}" for view in samples] + [f"class {name}" for name in evidence.classes]
    counts = of_role.agg(images=("image_id", "nunique"), groups=("group", "nunique")).join(of_role[sums].sum())
    counts = counts.reset_index()
    order = counts["role"].map({role: place for place, role in enumerate(ROLES)})
    return counts.assign(order=order).sort_values(["repeat", "order"]).drop(columns="order").reset_index(drop=True)


def _how_split(evidence: Evidence) -> str:
    plan = evidence.settings.evaluation
    repeats = evidence.splits["repeat"].nunique()
    if plan.predefined:
        how = "Test images are those that the label tables name as such"
        drawn = f"; the validation images are drawn anew in each of {repeats} repeats" if repeats > 1 else ""
    elif plan.folds is not None:
        how = f"The images are dealt into {plan.folds} folds, and each fold is the test set once"
        drawn = f"; this is done {plan.repeats} times with other draws" if plan.repeats > 1 else ""
    else:
        how = f"{numbers.percent(plan.holdout)} of the images are held out for test"
        again = "the same ones throughout; the validation images are drawn anew in each of" if plan.same_test else ""
        drawn = (
            f"; {again or 'the draw is repeated'} {repeats} {'repeats' if again else 'times'}" if repeats > 1 else ""
        )
    return (
        f"{how}{drawn}. {numbers.percent(plan.validation)} of the training images are set apart for validation, which "
        f"chooses settings and when to stop. Classes are spread over the roles as evenly as whole groups allow, and a "
        f"group never stands on two sides of a split."
    )


def _quarantine(evidence: Evidence) -> tuple[Block, ...]:
    table = evidence.quarantine
    if table.empty:
        return (Text("Every image could be read; none was set aside."),)
    return (
        Text(
            f"{numbers.many(len(table), 'file')} could not be used and took no part in anything here. Nothing was "
            f"deleted."
        ),
        Table(
            "quarantine",
            "Files set aside, and why",
            table,
            (
                Column("File", lambda row: row.path, kind="text"),
                Column("Reason", lambda row: row.reason, kind="text"),
            ),
            limit=QUARANTINE_SHOWN,
        ),
    )
