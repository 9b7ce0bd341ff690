"""Section: what the images are, what was set aside, and how they were split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import tables
from gradewise.provenance import derive_seed
from gradewise.report import numbers, pictures
from gradewise.report.blocks import Block, Column, Gallery, Picture, Section, Table
from gradewise.report.evidence import Evidence

EXAMPLES, EXAMPLES_IN_ALL = 4, 24
QUARANTINE_SHOWN = 50
CLASSES_SHOWN = 6
ROLES = ("train", "validation", "test")


ORDER = 10


def section(evidence: Evidence) -> Section:
    """Counts, examples, what was set aside and splits."""
    samples = {
        name: tables.read(path, columns=["sample_id", "image_id", "label"]) for name, path in evidence.views.items()
    }
    manifest = evidence.manifest
    sizes = manifest.groupby(["width", "height"]).size().sort_values(ascending=False)
    parts = (
        Section("classes", "Classes", (_classes(evidence, samples), *_examples(evidence, samples))),
        _splits(evidence, samples),
        Section(
            "quarantine",
            "Images set aside",
            contents={"files": numbers.many(len(evidence.quarantine), "file"), "shown": _quarantine(evidence)},
        ),
    )
    return Section(
        "dataset",
        "Dataset",
        parts=parts,
        contents={
            "basis": numbers.basis(len(manifest), manifest["group"].nunique(), "image"),
            "same": "all" if len(sizes) == 1 else f"{numbers.percent(sizes.iloc[0] / len(manifest))} of them",
            "size": "{} x {}".format(*sizes.index[0]),
            "classes": numbers.listed(evidence.classes),
            "settings": evidence.settings,
            "together": _group_words(evidence),
        },
    )


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
        counts = {
            "class": name,
            "images": len(mine),
            "share": len(mine) / len(manifest),
            "groups": mine["group"].nunique(),
        }
        of_views = {f"samples in {view}": int((table["label"] == name).sum()) for view, table in samples.items()}
        rows.append(counts | of_views)
    return Table(
        "classes",
        "Images, groups and samples of each class",
        pd.DataFrame(rows),
        (
            Column.name("Class", "class"),
            Column("Images", "images", numbers.count),
            Column("Share", "share", numbers.percent),
            Column("Groups", "groups", numbers.count),
            *(Column(f"Samples in {view}", f"samples in {view}", numbers.count) for view in samples),
        ),
    )


def _examples(evidence: Evidence, samples: dict[str, pd.DataFrame]) -> list[Block]:
    per_class = max(1, min(EXAMPLES, EXAMPLES_IN_ALL // len(evidence.classes)))
    rng = np.random.default_rng(derive_seed(evidence.seed, evidence.dataset, "examples"))
    shown, firsts = [], []
    for name in evidence.classes:
        mine = evidence.manifest.loc[evidence.manifest["label"] == name].sort_values("image_id", ignore_index=True)
        drawn = np.sort(rng.choice(len(mine), size=min(per_class, len(mine)), replace=False))
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
    shown = pictures.samples(evidence.views[view], wanted)
    return [
        Picture(shown[sample], f"A sample of class {name} in view {view}", (view, name))
        for sample, name in wanted.items()
        if sample in shown
    ]


def _splits(evidence: Evidence, samples: dict[str, pd.DataFrame]) -> Section:
    counts = _count_roles(evidence, samples)
    several = counts["repeat"].nunique() > 1
    everything = [name for name in counts if name not in ("repeat", "role")]
    few = len(evidence.classes) <= CLASSES_SHOWN
    of_role = counts.groupby("role", sort=False)[everything]
    summary = of_role.min().add_suffix(" least").join(of_role.max().add_suffix(" most")).reset_index()
    blocks = [
        Table(
            "roles",
            "Images of each role" + (", least to most over the repeats" if several else ""),
            summary,
            (
                Column.name("Role", "role"),
                *(
                    Column(name[:1].upper() + name[1:], (f"{name} least", f"{name} most"), _range)
                    for name in everything
                    if few or not name.startswith("class ")
                ),
            ),
        )
    ]
    if several:
        blocks.append(
            Table(
                "splits",
                "Images of each role in each repeat",
                counts,
                (
                    Column.name("Repeat", "repeat", numbers.count),
                    Column.name("Role", "role"),
                    Column("Images", "images", numbers.count),
                    Column("Groups", "groups", numbers.count),
                ),
                folded=True,
            )
        )
    plan = evidence.settings.evaluation
    return Section(
        "splits",
        "Splits",
        contents={
            "plan": plan,
            "holdout": numbers.percent(plan.holdout) if plan.holdout is not None else "",
            "validation": numbers.percent(plan.validation),
            "repeats": evidence.splits["repeat"].nunique(),
            "shown": blocks,
        },
    )


def _range(low: int, high: int) -> str:
    return numbers.count(low) if low == high else f"{numbers.count(low)} to {numbers.count(high)}"


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


def _quarantine(evidence: Evidence) -> Table | None:
    if evidence.quarantine.empty:
        return None
    columns = (Column.text("File", "path"), Column.text("Reason", "reason"))
    return Table("quarantine", "Files set aside, and why", evidence.quarantine, columns, limit=QUARANTINE_SHOWN)
