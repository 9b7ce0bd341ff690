"""Finds labelled images in a folder: class folders, also those of parts of a dataset, label tables, and masks.

Whatever it cannot use is refused with what would do.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from gradewise.command import UserError
from gradewise.images.listing import IMAGE_SUFFIXES, files_below, is_of_a_system, mask_names, read_table

LABEL_NAMES = ("label", "class", "grade", "category", "target", "quality", "diagnosis", "species", "kind", "type")
"""Names of columns that hold labels, the surest first."""

MASK_NAMES = {"mask", "masks", "annotation", "annotations", "gt", "ground_truth", "groundtruth", "ground-truth"}
MASK_NAMES |= {"segmentation", "segmentations"}

ROLES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "holdout", "eval"), "test"),
}
"""Names of parts of a dataset, and the role that their images have."""

PROBED = 50
"""Rows of a table that are looked up among the files."""

MOST_CLASSES = 200


@dataclass(frozen=True)
class LabelTable:
    """A CSV file that names images and their classes; without one a folder of class folders, a part of a dataset."""

    csv: Path | None
    images: Path
    image_column: str = "image_id"
    label_column: str = "label"
    role: str | None = None


@dataclass(frozen=True)
class Masks:
    """A folder of masks, and what their names have beyond those of the images."""

    folder: Path
    suffix: str


@dataclass(frozen=True)
class Layout:
    """Labelled images.

    Attributes
    ----------
    images : Path or None
        A folder with one folder per class.
    tables : tuple of LabelTable
        Instead of it.
    masks : Masks or None
    files : DataFrame
        path, label, role, mask (whether an image has one), and further columns of the tables.
    unused : tuple of Path
        Label tables that were found but not taken.
    """

    images: Path | None
    tables: tuple[LabelTable, ...]
    masks: Masks | None
    files: pd.DataFrame
    unused: tuple[Path, ...] = ()


def find_layout(path: Path) -> Layout:
    """Find labelled images in a folder, or those that a label table names.

    Raises
    ------
    UserError
        If there are none, or they cannot be used as they are; the message says what would do.
    """
    if path.is_file():
        table = find_columns(path)
        if table is None:
            raise UserError(_no_label_table(path))
        only = (replace(table, role=None),)
        return _with_masks(path.parent, Layout(None, only, None, _list_tables(only)))
    if not path.is_dir():
        raise UserError(f"{path}: no such file or folder (looked from {Path.cwd()})")
    tables, unused = _find_tables(path)
    if tables:
        return _with_masks(path, Layout(None, tables, None, _list_tables(tables), unused))
    images = _find_class_folders(path)
    parts = _find_parts(images)
    if parts:
        return _with_masks(path, Layout(None, parts, None, _list_tables(parts)))
    return _with_masks(path, Layout(images, (), None, _list_folders(images, None)))


def is_image(path: Path) -> bool:
    """Whether a file has the name of an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def _find_class_folders(folder: Path) -> Path:
    """The folder that contains one folder per class: the given one, or one below it."""
    classes, flat = _folders_with_images(folder), [entry for entry in _entries(folder) if is_image(entry)]
    if flat and classes:
        raise UserError(
            f"{folder}: {len(flat)} images lie outside the folders {_names(classes)}, e.g. {flat[0].name!r}; put each "
            "image into the folder of its class"
        )
    if flat:
        masks = next(_mask_folders(folder, folder), None)
        raise UserError(
            f"{folder}: {len(flat)} images without labels. Put them into one folder per class ({folder}/good/.., "
            f"{folder}/bad/..), or add a label table {folder / 'labels.csv'} with a column of file names and one of "
            "labels" + (f"; the masks in {masks} then label the tiles of images" if masks else "")
        )
    if not classes:
        raise UserError(f"{folder}: no images in there ({', '.join(sorted(IMAGE_SUFFIXES))})")
    if len(classes) > 1:
        return folder
    inner = classes[0]
    if not _folders_with_images(inner):
        raise UserError(
            f"{folder}: all images are in one folder, {inner.name!r}; a comparison needs two classes or more, each in "
            "a folder of its own, or a label table"
        )
    return _find_class_folders(inner)


def _find_parts(folder: Path) -> tuple[LabelTable, ...]:
    """Parts of a dataset in a folder, such as `train` and `test`, each with class folders; none if these are classes.

    Raises
    ------
    UserError
        If only some are parts, or images of a part have no class.
    """
    folders = _folders_with_images(folder)
    parts = [entry for entry in folders if entry.name.lower() in ROLES]
    if not parts:
        return ()
    how = f"put images into {parts[0]}/good/.., {parts[0]}/bad/.., or whatever the classes are"
    if len(parts) < len(folders):
        others = [entry for entry in folders if entry not in parts]
        raise UserError(
            f"{folder}: {_names(parts)} looks like a part of a dataset, and {_names(others)} like classes. Have a "
            f"folder for each part with a folder for each class in it: {how}, and {_names(others)} into "
            f"{folder / 'train'}"
        )
    for part in parts:
        flat = [entry.name for entry in _entries(part) if is_image(entry)]
        if flat:
            raise UserError(f"{part}: {len(flat)} images without labels, e.g. {flat[0]!r}; {how}")
    return _with_roles([LabelTable(None, part, role=ROLES[part.name.lower()]) for part in parts])


def _folders_with_images(folder: Path) -> list[Path]:
    """Folders in a folder that contain images, however deep; folders of masks do not count."""
    folders = [entry for entry in _entries(folder) if entry.is_dir() and entry.name.lower() not in MASK_NAMES]
    return [entry for entry in folders if any(map(is_image, files_below(entry)))]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not is_of_a_system(entry.name))
    except OSError as error:
        raise UserError(f"the folder {str(folder)!r} cannot be read ({error.strerror})") from None


def _names(paths: list[Path]) -> str:
    return ", ".join(repr(path.name) for path in paths)


def _find_tables(folder: Path) -> tuple[tuple[LabelTable, ...], tuple[Path, ...]]:
    """Label tables in a folder: one for each folder of images, and those that are left."""
    named = [(csv, find_columns(csv)) for csv in _entries(folder) if csv.suffix.lower() == ".csv"]
    found = [(csv, table) for csv, table in named if table is not None]
    chosen: dict[Path, LabelTable] = {}
    # of several tables of one folder, the one named after it, or the one named most briefly
    for _, table in sorted(found, key=lambda pair: (pair[0].stem != pair[1].images.name, len(pair[0].name))):
        chosen.setdefault(table.images, table)
    tables = sorted(chosen.values(), key=lambda table: list(ROLES.values()).index(table.role) if table.role else 0)
    unused = tuple(csv for csv, table in found if table not in tables)
    return _with_roles(tables), unused


def _with_roles(tables: list[LabelTable]) -> tuple[LabelTable, ...]:
    """The tables with roles from which images can be split; without any where there are no such."""
    roles = {table.role for table in tables}
    if len(tables) > 1 and roles == {"train", "validation"}:
        # without another part to test on, this one is it
        return tuple(replace(table, role="test" if table.role == "validation" else table.role) for table in tables)
    if not {"train", "test"} <= roles or None in roles:
        return tuple(replace(table, role=None) for table in tables)
    return tuple(tables)


def find_columns(csv: Path) -> LabelTable | None:
    """The columns of paths and labels of a CSV file, and the folder of its images; None if it has none.

    Raises
    ------
    UserError
        If several columns may be the labels.
    """
    try:
        table = read_table(csv)
    except UserError:
        return None
    best: tuple[float, Path, str] = (0.0, csv.parent, "")
    for folder in _candidate_folders(csv):
        for column in table.columns:
            names = [name for name in table[column].head(PROBED) if name.strip()]
            share = sum(_is_file(folder, name) for name in names) / max(len(names), 1)
            if share > best[0]:
                best = (share, folder, column)
    share, folder, paths = best
    if share < 0.5:
        return None
    label = _label_column(csv, table.drop(columns=paths))
    if label is None:
        return None
    words = [word for word in csv.stem.lower().replace("_", "-").split("-") if word in ROLES]
    return LabelTable(csv, folder, paths, label, ROLES[words[0]] if words else None)


def _candidate_folders(csv: Path) -> list[Path]:
    """Folders that paths in a table may be relative to: those of its name first."""
    folders = [entry for entry in _entries(csv.parent) if entry.is_dir()]
    inner = [entry for folder in folders[:PROBED] for entry in _entries(folder) if entry.is_dir()]
    named = [folder for folder in folders if folder.name in csv.stem]
    named.sort(key=lambda folder: -len(folder.name))
    return list(dict.fromkeys([*named, csv.parent, *folders, *inner]))


def _is_file(folder: Path, name: str) -> bool:
    try:
        return not os.path.isabs(name) and is_image(Path(name)) and (folder / name).is_file()
    except (OSError, ValueError):
        # too long, or with characters that no file name has
        return False


def _label_column(csv: Path, table: pd.DataFrame) -> str | None:
    values = {column: table[column].nunique() for column in table.columns}
    several = [column for column, count in values.items() if 2 <= count <= min(MOST_CLASSES, len(table) / 2)]
    for hint in LABEL_NAMES:
        named = [column for column in several if column.lower() == hint]
        named = named or [column for column in several if hint in column.lower().replace("-", "_").split("_")]
        if named:
            return str(named[0])
    if len(several) > 1:
        raise UserError(f"{csv}: any of the columns {several} may be the labels; call the right one 'label'")
    return several[0] if several else None


def _no_label_table(csv: Path) -> str:
    try:
        columns = list(read_table(csv).columns)
    except UserError as error:
        return str(error)
    return (
        f"{csv}: no column of file names (with their ending, relative to the table or to a folder beside it) and one "
        f"of labels among {columns}"
    )


def _list_folders(images: Path, role: str | None) -> pd.DataFrame:
    """The images of class folders."""
    folders = _folders_with_images(images)
    files = [(str(file), folder.name, role) for folder in folders for file in files_below(folder)]
    return pd.DataFrame(files, columns=["path", "label", "role"])


def _list_tables(tables: tuple[LabelTable, ...]) -> pd.DataFrame:
    frames = []
    for section in tables:
        if section.csv is None:
            frames.append(_list_folders(section.images, section.role))
            continue
        table = read_table(section.csv)
        listed = pd.DataFrame(
            {
                "path": [str(section.images / name) for name in table[section.image_column]],
                "label": table[section.label_column],
                "role": section.role,
            }
        )
        further = table.drop(columns=[section.image_column, section.label_column])
        frames.append(listed.join(further.drop(columns=["path", "label", "role", "mask"], errors="ignore")))
    return pd.concat(frames, ignore_index=True)


def _with_masks(folder: Path, layout: Layout) -> Layout:
    """The layout with the folder of masks beside the images, if there is one, and which images have one."""
    stems = [Path(path).stem for path in layout.files["path"]]
    for candidate in _mask_folders(folder, layout.images):
        masks = [path for path in files_below(candidate) if is_image(path)]
        suffix = _suffix([mask.stem for mask in masks], set(stems))
        if suffix is not None:
            known = {str(mask.relative_to(candidate).with_suffix("")) for mask in masks}
            masked = [not known.isdisjoint(mask_names(Path(path), suffix)) for path in layout.files["path"]]
            return replace(layout, masks=Masks(candidate, suffix), files=layout.files.assign(mask=masked))
    return replace(layout, files=layout.files.assign(mask=False))


def _mask_folders(folder: Path, images: Path | None) -> Iterator[Path]:
    for parent in dict.fromkeys([folder, *([images.parent] if images else []), folder.parent]):
        for entry in _entries(parent) if parent.is_dir() else []:
            if entry.is_dir() and entry.name.lower() in MASK_NAMES:
                yield entry


def _suffix(masks: list[str], stems: set[str]) -> str | None:
    """What follows the name of an image in most names of masks; None if masks are not named after images."""
    suffixes: Counter[str] = Counter()
    for mask in masks:
        cuts = [mask, *(mask[:place] for place, sign in enumerate(mask) if sign in "_-.")]
        owner = next((name for name in sorted(cuts, key=len, reverse=True) if name in stems), None)
        if owner is not None:
            suffixes[mask.removeprefix(owner)] += 1
    if not suffixes:
        return None
    return suffixes.most_common(1)[0][0]
