"""Proposes a configuration for labelled images that were looked at, each line with its reason."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pandas as pd

from gradewise.command import UserError
from gradewise.start.commented import Line, Rows, Section
from gradewise.start.design import choose_design, design_one_class
from gradewise.start.groups import Proposal, propose_group
from gradewise.start.layout import Layout
from gradewise.start.machine import this_machine
from gradewise.start.one_class import merged, normal_class, one_class_models, one_class_views
from gradewise.start.pretrained import backbone_section, installed_backbone
from gradewise.start.recipes import Samples, choose_models, choose_tile, choose_views
from gradewise.start.survey import Survey, survey

log = logging.getLogger(__name__)

ORDERED = "ordered: true  # if the classes are grades, listed from best to worst"
CURVE = "learning_curve: [forest]  # fitted again on parts of the images: would more images help?"
LEAK = "leak_test: [forest]  # fitted again on a split that ignores groups: what would that claim?"
"""Settings that are left to the user, as comments."""

FEW_TILES = 4
"""Tiles per image from which masks label tiles."""


def propose(layout: Layout, name: str) -> tuple[list[Line], list[str]]:
    """A configuration for a layout, under the name of a dataset, and what was found, in sentences.

    Raises
    ------
    UserError
        If no image can be read.
    """
    files = layout.files
    machine = this_machine()
    log.info("%d images found", len(files))
    found = survey(files, machine.cores)
    if not found.read:
        raise UserError("\n  ".join(["none of the images looked at can be read:", *found.unreadable[:5]]))
    group = propose_group(files)
    normal = normal_class(layout)
    if normal is not None:
        return _whole(name, *_one_class(layout, found, group, normal)), _summary(layout, found, group)
    masked = _masked_class(layout)
    tile = _tile(found) if masked else None
    design = choose_design(files, group.groups, masked if tile else None)
    per_image = 1
    if tile is not None:
        height, width = map(int, sorted(found.above_bar.tolist())[found.read // 2])
        per_image = (height // tile) * (width // tile)
    samples = Samples(len(files) * per_image, round(0.85 * design.training * per_image), tile)
    backbone = installed_backbone()
    views = choose_views(found, samples, machine, backbone)
    classes = _classes(files, design.positive)
    models = choose_models(found, samples, len(classes), design.is_unbalanced, views, machine, backbone)
    dataset = [
        *_source(layout, tile),
        Line("classes", classes, _counts(files)),
        *([design.positive] if design.positive else []),
        *([] if len(classes) == 2 else [Line("", why=ORDERED)]),
        Line("group", group.setting, group.reason),
        Line("join_duplicates", True, _copies(found)),
        *([Line("aggregate", {"top": 3}, "an image is as bad as its three worst tiles")] if tile else []),
        design.evaluation,
        design.decide_by,
        Line("models", [line.key for line in models if line.key]),
        *_further(group),
    ]
    return _whole(name, dataset, views.lines, models), _summary(layout, found, group)


def _whole(name: str, dataset: list[Line], views: list[Line], models: list[Line]) -> list[Line]:
    """The configuration of a dataset, its views and its models."""
    backbone = installed_backbone()
    return [
        Line("", why="Written by gradewise init. Paths are relative to the folder in which the workflow is run."),
        Line("seed", 2020, "the same seed gives the same splits"),
        Line("datasets", Section((Line(name, Section(tuple(dataset))),))),
        Line("views", Section(tuple(views)), "what models see of an image"),
        *([] if backbone is None else [backbone_section(backbone)]),
        Line("models", Section(tuple(models))),
    ]


def _one_class(
    layout: Layout, found: Survey, group: Proposal, normal: str
) -> tuple[list[Line], list[Line], list[Line]]:
    """The dataset, views and models for images of which all of training are normal."""
    files = layout.files
    classes = merged(files, normal)
    positive = next(name for name in classes if name != normal)
    design = design_one_class(files, group.groups, normal, positive)
    views, view = one_class_views(found)
    models = one_class_models(view, installed_backbone())
    kinds = classes[positive]
    dataset = [
        *_source(layout, None),
        Line("classes", [normal, positive], _counts(files)),
        *([Line("merge", classes, "what is not normal is one class")] if len(kinds) > 1 else []),
        design.positive,
        Line("group", group.setting, group.reason),
        Line("join_duplicates", True, _copies(found)),
        Line("aggregate", "max", "an image is as bad as its worst tile"),
        Line("localise", True, _why_maps(layout)),
        design.evaluation,
        design.decide_by,
        Line("models", [line.key for line in models if line.key]),
    ]
    return [line for line in dataset if line is not None], views, models


def _why_maps(layout: Layout) -> str:
    compared = "compared with the masks, from which nothing is learnt" if layout.masks else "masks would tell how good"
    return f"maps of where test images are not normal; {compared}"


def _classes(files: pd.DataFrame, positive: Line | None) -> list[str]:
    """Names of the classes, numbers in their order; of two classes, the positive one last."""
    names = sorted(files["label"].unique(), key=_in_order)
    return sorted(names, key=lambda name: bool(name == positive.value)) if positive else names


def _in_order(name: str) -> list[tuple[str, int]]:
    """Sorts names with numbers by these: 2 before 10."""
    return [(text, int(digits or 0)) for text, digits in re.findall(r"([^0-9]*)([0-9]*)", name)]


def _counts(files: pd.DataFrame) -> str:
    counts = files["label"].value_counts()
    if len(counts) > 6:
        return f"{counts.iloc[-1]} to {counts.iloc[0]} images each"
    return "images: " + ", ".join(f"{count} {name}" for name, count in counts.items())


def _source(layout: Layout, tile: int | None) -> list[Line]:
    lines = []
    if layout.images is not None:
        lines.append(Line("images", str(layout.images), "a folder for each class"))
    else:
        rows = []
        for table in layout.tables:
            row = {"csv": str(table.csv)} if table.csv is not None else {}
            row |= {"images": str(table.images)}
            row |= {"image_column": table.image_column} if table.image_column != "image_id" else {}
            row |= {"label_column": table.label_column} if table.label_column != "label" else {}
            rows.append(row | ({"role": table.role} if table.role else {}))
        others = f"; not used: {', '.join(path.name for path in layout.unused)}" if layout.unused else ""
        why = f"further columns are used to look for weak spots{others}"
        if all(table.csv is None for table in layout.tables):
            why = "a folder for each class in each of them"
        lines.append(Line("tables", Rows(tuple(rows)), why))
    if layout.masks is not None:
        share = 100 * layout.files["mask"].mean()
        lines.append(Line("masks", str(layout.masks.folder), f"{share:.0f} % of the images have one"))
        if layout.masks.suffix:
            lines.append(Line("mask_suffix", layout.masks.suffix, f"the mask of a.tif is a{layout.masks.suffix}.png"))
    if tile is not None:
        why = "images are cut into tiles, and a tile is of the positive class if enough of it is marked"
        lines += [Line("labels_from", "masks", why), Line("mask_fraction", 0.02, "two hundredths of a tile are enough")]
    return lines


def _masked_class(layout: Layout) -> str | None:
    """The class whose tiles masks can label: one of two, all images of which have masks."""
    shares = layout.files.groupby("label")["mask"].mean()
    if layout.masks is None or len(shares) != 2 or shares.max() < 1 or shares.min() == 1:
        return None
    return str(shares.idxmax())


def _tile(found: Survey) -> int | None:
    """Side of the tiles that images are cut into; None where they are too small for several."""
    tile = choose_tile(found)
    height, width = found.above_bar.min(axis=0)
    return tile if (height // tile) * (width // tile) >= FEW_TILES else None


def _copies(found: Survey) -> str:
    many = len(found.equal_files) + found.copies
    if not many:
        return f"no copies among {found.read} images; any others found later stay on one side of a split"
    told = []
    if found.equal_files:
        first, second = (Path(path).name for path in found.equal_files[0])
        told.append(f"{len(found.equal_files)} files are probably copies of others (e.g. {second!r} of {first!r})")
    if found.copies:
        told.append(f"{found.copies} pairs of copies among {found.read} images looked at")
    return f"{'; '.join(told)}: copies stay on one side of a split"


def _further(group: Proposal) -> list[Line]:
    return [Line("", why=CURVE), *([] if group.setting is None else [Line("", why=LEAK)])]


def _summary(layout: Layout, found: Survey, group: Proposal) -> list[str]:
    files = layout.files
    low, high = found.sizes.min(axis=0), found.sizes.max(axis=0)
    sizes = f"{low[1]} x {low[0]}" + (f" to {high[1]} x {high[0]}" if (low != high).any() else "")
    colour = "grey" if found.is_grey else "colour"
    counted = f"{len(files)} images of {files['label'].nunique()} classes ({_counts(files)})"
    sentences = [
        f"{counted}; {sizes} px, {colour}, {found.bits} bits",
        f"group: {group.reason}",
    ]
    if found.unreadable:
        looked = found.read + len(found.unreadable)
        sentences.append(f"{len(found.unreadable)} of {looked} files cannot be used: {found.unreadable[0]}")
    if found.equal_files or found.copies:
        sentences.append(_copies(found))
    return sentences
