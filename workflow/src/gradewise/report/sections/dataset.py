"""Section: what the images are, what was set aside, and how they were split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import tables
from gradewise.config.datasets import Dataset
from gradewise.config.evaluation import Evaluation
from gradewise.provenance import derive_seed
from gradewise.report import numbers, pictures
from gradewise.report.blocks import LONG, Block, Column, Figure, Gallery, Picture, Section, Table, Text
from gradewise.report.evidence import Evidence
from gradewise.report.figures import histograms
from gradewise.report.palette import QUIET, Style, class_styles
from gradewise.views.coverage import describe_view

ORDER = 10

EXAMPLES, EXAMPLES_IN_ALL = 4, 24
QUARANTINE_SHOWN = 50
CLASSES_SHOWN = 6
CLASSES_DRAWN = 12
ROLES = ("train", "validation", "test")


def section(evidence: Evidence) -> Section:
    """Counts, examples, what was set aside and splits."""
    columns = ["sample_id", "image_id", "label"]
    samples = {view: tables.read(path, columns=columns) for view, path in evidence.views.items()}
    manifest = evidence.manifest
    sizes = manifest.groupby(["width", "height"]).size().sort_values(ascending=False)
    quarantine = Table(
        "quarantine",
        "Files set aside, and why",
        evidence.quarantine,
        (Column.text("File", "path"), Column.text("Reason", "reason")),
        limit=QUARANTINE_SHOWN,
    )
    set_aside = len(evidence.quarantine)
    return Section(
        "dataset",
        "Dataset",
        parts=(
            Section(
                "classes",
                "Classes",
                (
                    _classes(evidence, samples),
                    *sizes_of_images(evidence),
                    *_examples(evidence, samples),
                    *_views(evidence),
                ),
            ),
            _splits(evidence, samples),
            Section(
                "quarantine",
                "Images set aside",
                contents={"files": numbers.many(set_aside, "file"), "shown": quarantine if set_aside else None},
            ),
        ),
        contents={
            "basis": numbers.basis(len(manifest), manifest["group"].nunique(), "image"),
            "shrink": evidence.settings.factor,
            "same": "all" if len(sizes) == 1 else f"{numbers.percent(sizes.iloc[0] / len(manifest))} of them",
            "size": "{} x {}".format(*sizes.index[0]),
            "classes": numbers.listed(evidence.classes)
            if len(evidence.classes) <= LONG
            else numbers.count(len(evidence.classes)),
            "simulated": evidence.settings.simulate is not None,
            "ordered": evidence.settings.ordered,
            "groups": groups_in_words(evidence.settings),
        },
    )


def groups_in_words(settings: Dataset) -> str:
    """What a group of images is in this dataset, a sentence."""
    if settings.group is None:
        same = "here each image alone"
    elif isinstance(settings.group, str):
        same = f"here those with the same {settings.group}"
    else:
        same = f"here those whose file names agree in the part matched by {settings.group.regex}"
    copies = ", and copies of each other" if settings.join_duplicates else ""
    return f"A group is a set of images that stay together in every split: {same}{copies}."


def splits_in_words(plan: Evaluation, repeats: int) -> str:
    """Which images are for test, which for validation, and what chose between them, in sentences.

    `repeats` is how often images were split, with folds once for each fold.
    """
    if plan.train_only is not None:
        return _one_class_in_words(plan, repeats)
    again = f"the validation images are drawn again in each of {repeats} repeats"
    if plan.predefined:
        test = "Test images are those that the label tables name as such"
        test += f"; {again}" if repeats > 1 else ""
    elif plan.folds is not None:
        test = f"The images are distributed over {plan.folds} folds, and each fold is the test set once"
        test += f"; this is done {plan.repeats} times with different draws" if plan.repeats > 1 else ""
    else:
        test = f"{numbers.percent(plan.holdout)} of the images are held out for testing"
        if repeats > 1 and plan.same_test:
            test += f", the same ones throughout; {again}"
        elif repeats > 1:
            test += f"; the draw is repeated {repeats} times"
    return (
        f"{test}. {numbers.percent(plan.validation)} of the training images are set apart for validation, which "
        f"chooses settings and when to stop. Classes are spread over the roles as evenly as whole groups allow, and no "
        f"group is on both sides of a split."
    )


def _one_class_in_words(plan: Evaluation, repeats: int) -> str:
    """Which images train and are tested where training takes images of one class alone."""
    if plan.predefined:
        test = "Test images are those that the label tables name as such"
    elif plan.folds is not None:
        test = f"Its images are distributed over {plan.folds} folds, each of which is tested once"
        test += f"; this is done {plan.repeats} times with different draws" if plan.repeats > 1 else ""
    elif plan.holdout is not None:
        test = f"{numbers.percent(plan.holdout)} of its images are held out for test"
        test += f"; the draw is repeated {repeats} times" if repeats > 1 else ""
    else:
        test = (
            "All its images are trained on, so that the test has none: accuracy is then only the share of images of "
            "the other class that are noticed, and always predicting that class would score 100 %"
        )
    return (
        f"Models are trained on images of the class {plan.train_only} alone. {test}. Images of the other class are "
        "only tested. No image is for validation, and no group is on both sides of a split."
    )


def count_classes(evidence: Evidence) -> pd.DataFrame:
    """Columns class, images, share and groups, a row for each class in the order of the configuration."""
    by_class = evidence.manifest.groupby("label")
    rows = by_class.agg(images=("image_id", "size"), groups=("group", "nunique"))
    rows = rows.reindex(evidence.classes, fill_value=0).rename_axis("class").reset_index()
    rows.insert(2, "share", rows["images"] / len(evidence.manifest))
    return rows


def _classes(evidence: Evidence, samples: dict[str, pd.DataFrame]) -> Table:
    rows = count_classes(evidence)
    for view, table in samples.items():
        rows[f"samples in {view}"] = rows["class"].map(table["label"].value_counts()).fillna(0).astype(int)
    return Table(
        "classes",
        "Images, groups and samples of each class",
        rows,
        (
            Column.name("Class", "class"),
            Column("Images", "images", numbers.count),
            Column("Share", "share", numbers.percent),
            Column("Groups", "groups", numbers.count),
            *(Column(f"Samples in {view}", f"samples in {view}", numbers.count) for view in samples),
        ),
        folded=len(rows) > LONG,
    )


def sizes_of_images(evidence: Evidence) -> list[Figure]:
    """How widths and heights of images are distributed in each class; none where all have one size."""
    manifest, classes = evidence.manifest, evidence.classes
    varied = [side for side in ("width", "height") if manifest[side].nunique() > 1]
    if not varied:
        return []
    several = len(classes) <= CLASSES_DRAWN
    of_class = {name: manifest.loc[manifest["label"] == name] for name in classes} if several else {"all": manifest}
    of_class = {name: rows for name, rows in of_class.items() if len(rows)}
    styles = class_styles(classes) | {"all": Style(QUIET, "o", "-")}
    drawings = [
        histograms.draw(
            {name: rows[side].to_numpy() for name, rows in of_class.items()},
            f"{side.capitalize()} [px]",
            styles,
            "image",
        )
        for side in varied
    ]
    told = (
        f"{name}: {side} {numbers.count(rows[side].min())} to {numbers.count(rows[side].max())} px, median "
        f"{numbers.count(rows[side].median())} px"
        for side in varied
        for name, rows in of_class.items()
    )
    return [
        Figure(
            "sizes",
            f"{' and '.join(f'{side}s' for side in varied).capitalize()} of the images of "
            f"{'each class' if several else 'all classes'}, with the number of images in the fullest bin. Classes "
            "whose sizes differ can be distinguished without looking at the content.",
            f"Histograms. {'; '.join(told)}.",
            tuple(drawings),
        )
    ]


def _examples(evidence: Evidence, samples: dict[str, pd.DataFrame]) -> list[Block]:
    per_class = max(1, min(EXAMPLES, EXAMPLES_IN_ALL // len(evidence.classes)))
    rng = np.random.default_rng(derive_seed(evidence.seed, evidence.dataset, "examples"))
    shown, firsts = [], []
    for name in evidence.classes:
        mine = evidence.manifest.loc[evidence.manifest["label"] == name].sort_values("image_id", ignore_index=True)
        drawn = np.sort(rng.choice(len(mine), size=min(per_class, len(mine)), replace=False))
        for row in mine.iloc[drawn].itertuples(index=False):
            picture = pictures.thumbnail(Path(row.path), row.bits, evidence.settings)
            shown.append(Picture(picture, f"Example of class {name}: {row.image_id}", (name, row.image_id)))
        firsts += list(mine.iloc[drawn]["image_id"])
    blocks: list[Block] = [Gallery("examples", "Examples of each class, drawn at random", tuple(shown))]
    marked = _marked(evidence, per_class)
    if marked:
        caption = "What masks mark, tinted and outlined, and which share of the image that is; images drawn at random"
        blocks.append(Gallery("masks", caption, tuple(marked)))
    seen = [picture for view in samples for picture in _seen(evidence, view, samples[view], firsts)]
    if seen:
        blocks.append(Gallery("views", "What the models are given: one sample of each view and class", tuple(seen)))
    return blocks


def _marked(evidence: Evidence, per_class: int) -> list[Picture]:
    """Images with what their masks mark, some of each class that has masks."""
    rng = np.random.default_rng(derive_seed(evidence.seed, evidence.dataset, "masks"))
    masked = evidence.manifest.dropna(subset="mask").sort_values("image_id")
    shown = []
    for name in evidence.classes:
        mine = masked.loc[masked["label"] == name]
        drawn = np.sort(rng.choice(len(mine), size=min(per_class, len(mine)), replace=False))
        for row in mine.iloc[drawn].itertuples(index=False):
            picture, share = pictures.marked(Path(row.path), row.bits, Path(row.mask), evidence.settings)
            lines = (name, row.image_id, f"{numbers.percent(share)} marked")
            shown.append(Picture(picture, f"What the mask of {row.image_id} marks", lines))
    return shown


def _seen(evidence: Evidence, view: str, table: pd.DataFrame, images: list[str]) -> list[Picture]:
    """A sample of each of the first few classes, from the middle of an image shown as example where one has it."""
    chosen = {}
    for name in evidence.classes[:EXAMPLES]:
        mine = table.loc[table["label"] == name]
        candidates = [*mine.loc[mine["image_id"].isin(images), "image_id"], *mine["image_id"]]
        if candidates:
            of_image = mine.loc[mine["image_id"] == candidates[0], "sample_id"]
            chosen[str(of_image.iloc[len(of_image) // 2])] = name
    pixels = pictures.samples(evidence.views[view], chosen)
    return [
        Picture(pixels[sample], f"A sample of class {name} in view {view}", (view, name))
        for sample, name in chosen.items()
        if sample in pixels
    ]


def _views(evidence: Evidence) -> list[Text]:
    """What each view does to the images, what it leaves out and how it distorts them."""
    texts = []
    for name in evidence.views:
        view, sizes = evidence.view(name)
        texts.append(Text(" ".join([f"View {name}: {view.in_words()}.", *describe_view(view, sizes)])))
    return texts


def _splits(evidence: Evidence, samples: dict[str, pd.DataFrame]) -> Section:
    counts = _count_roles(evidence, samples)
    several = counts["repeat"].nunique() > 1
    counted = [name for name in counts if name not in ("repeat", "role")]
    few = len(evidence.classes) <= CLASSES_SHOWN
    of_role = counts.groupby("role", sort=False)[counted]
    ranges = [
        Column(name[:1].upper() + name[1:], (f"{name} least", f"{name} most"), _range)
        for name in counted
        if few or not name.startswith("class ")
    ]
    roles = Table(
        "roles",
        "Images of each role" + (", least to most over the repeats" if several else ""),
        of_role.min().add_suffix(" least").join(of_role.max().add_suffix(" most")).copy().reset_index(),
        (Column.name("Role", "role"), *ranges),
    )
    by_repeat = Table(
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
    return Section(
        "splits",
        "Splits",
        folded=True,
        contents={
            "drawn": splits_in_words(evidence.settings.evaluation, evidence.splits["repeat"].nunique()),
            "shown": [roles, by_repeat if several else None],
        },
    )


def _range(low: int, high: int) -> str:
    return numbers.count(low) if low == high else f"{numbers.count(low)} to {numbers.count(high)}"


def _count_roles(evidence: Evidence, samples: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Images, groups, samples in each view and images of each class, by repeat and role."""
    rows = evidence.splits.join(evidence.manifest.set_index("image_id")[["group", "label"]], on="image_id")
    for view, table in samples.items():
        rows[f"samples in {view}"] = rows["image_id"].map(table["image_id"].value_counts()).fillna(0).astype(int)
    of_class = {f"class {label}": (rows["label"] == label).astype(int) for label in evidence.classes}
    rows = pd.concat([rows, pd.DataFrame(of_class)], axis=1)
    sums = [*(f"samples in {view}" for view in samples), *(f"class {label}" for label in evidence.classes)]
    by_role = rows.assign(role=pd.Categorical(rows["role"], ROLES)).groupby(["repeat", "role"], observed=True)
    counts = by_role.agg(images=("image_id", "nunique"), groups=("group", "nunique")).join(by_role[sums].sum())
    # sums of many classes lie in as many pieces, which a copy brings together
    return counts.copy().reset_index().astype({"role": str})
