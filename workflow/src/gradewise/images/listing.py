"""Lists a dataset's images with their labels, roles, groups and masks, without opening any.

Errors in folders, label tables and names are reported here, before any pixels are read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePath

import pandas as pd

from gradewise.command import UserError
from gradewise.config.section import suggestion
from gradewise.config.sources import Pattern, Source, Table
from gradewise.images.corrections import Corrections, correct, parse_corrections
from gradewise.images.files import escaped
from gradewise.images.schemas import IMAGES
from gradewise.images.state import walk

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".heic", ".heif"}

SYSTEM_NAMES = {"__macosx", "thumbs.db", "desktop.ini"}


def list_images(source: Source, every_class: bool = True) -> pd.DataFrame:
    """Every image that the source names.

    Parameters
    ----------
    source : Source
    every_class : bool
        Whether each class needs a folder with images, as for training.

    Returns
    -------
    DataFrame
        image_id, path, label (a class, corrected where the source names corrections), role (null unless the table has
        one), group, mask (null where there is none) and every further column of the label tables, sorted by image_id.

    Raises
    ------
    UserError
        If folders or tables are missing or contradict the configuration, or corrections do not fit the images.
    """
    frame = (
        _from_folders("images", Path(source.images), source, every_class)
        if source.images
        else _from_tables(source.tables or (), source)
    )
    frame["label"] = _to_classes(frame["label"], source)
    frame = correct(frame, read_corrections(source), source.classes)
    frame = frame.sort_values("image_id", ignore_index=True)
    frame["group"] = _groups(frame, source.group)
    frame["mask"] = _masks(frame, source)
    return frame


def read_corrections(source: Source) -> Corrections:
    """The corrections of labels that the source names.

    Raises
    ------
    UserError
        If the table is missing or cannot be used.
    """
    if source.corrections is None:
        return Corrections()
    path = Path(source.corrections)
    if not path.is_file():
        raise UserError(f"corrections: {_missing(path, 'table of corrections')}")
    return parse_corrections(read_table(path), path, source.classes)


def _labels(source: Source) -> list[str]:
    """Labels that may occur in folders and tables: classes, or the labels merged into them."""
    return [label for parts in source.merge.values() for label in parts] if source.merge else list(source.classes)


def _to_classes(labels: pd.Series, source: Source) -> pd.Series:
    if not source.merge:
        return labels
    return labels.map({label: name for name, parts in source.merge.items() for label in parts})


def _from_folders(key: str, folder: Path, source: Source, every_class: bool) -> pd.DataFrame:
    """Images of class folders in a folder that is named under a key."""
    if not folder.is_dir():
        raise UserError(f"{key}: {_missing(folder, 'folder')}")
    labels = _labels(source)
    entries = [entry for entry in folder.iterdir() if not is_of_a_system(entry.name)]
    folders = {entry.name for entry in entries if entry.is_dir()}
    missing = [label for label in labels if label not in folders]
    if missing and (every_class or len(missing) == len(labels)):
        near = suggestion(missing[0], sorted(folders - set(labels)))
        raise UserError(f"{key}: {folder} has no folder for {missing}.{near} Its folders: {sorted(folders)}")
    unknown = sorted(folders - set(labels))
    if unknown:
        raise UserError(
            f"{key}: {folder} holds folders {unknown} that are not among the classes {labels}."
            f"{suggestion(unknown[0], labels)} Add them to classes (or under merge), or move them elsewhere"
        )
    stray = [entry.name for entry in entries if entry.suffix.lower() in IMAGE_SUFFIXES]
    if stray:
        raise UserError(f"{key}: {len(stray)} images lie in {folder} outside the class folders, e.g. {stray[0]!r}")
    rows = [
        {"image_id": escaped(path.relative_to(folder)), "path": escaped(path), "label": label, "role": None}
        for label in labels
        if label in folders
        for path in files_below(folder / label)
    ]
    empty = [label for label in labels if not any(row["label"] == label for row in rows)]
    if empty and (every_class or not rows):
        raise UserError(f"{key}: no files in {[str(folder / label) for label in empty]}")
    return pd.DataFrame(rows)


def _missing(path: Path, what: str) -> str:
    """Message about a path that is not there, with the nearest one that is."""
    whole = Path(os.path.abspath(path))
    # the first part of the path that does not exist
    absent = next(part for part in (*reversed(whole.parents), whole) if not part.exists() or part == whole)
    names = [entry.name for entry in absent.parent.iterdir()] if absent.parent.is_dir() else []
    near = suggestion(absent.name, names)
    return f"the {what} {str(path)!r} does not exist (looked from {Path.cwd()}).{near}"


def files_below(folder: Path) -> Iterator[Path]:
    """Files below a folder except those of operating systems and texts that microscopes write next to an image.

    Links to folders are followed once.
    """
    for base, folders, names in walk(str(folder), _refuse):
        folders[:] = [name for name in folders if not is_of_a_system(name)]
        paths = [Path(base, name) for name in names if not is_of_a_system(name)]
        images = {path.stem for path in paths if path.suffix.lower() in IMAGE_SUFFIXES}
        yield from (path for path in paths if path.suffix.lower() != ".txt" or path.stem not in images)


def is_of_a_system(name: str) -> bool:
    """Whether a file or folder is hidden, or one that macOS or Windows adds to folders and archives."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def _refuse(error: OSError) -> None:
    raise UserError(f"the folder {error.filename!r} cannot be read ({error.strerror})")


def _from_tables(sections: tuple[Table, ...], source: Source) -> pd.DataFrame:
    common = Path(os.path.commonpath([os.path.abspath(section.images) for section in sections]))
    frames = [_from_table(section, common, source) for section in sections]
    frame = pd.concat(frames, ignore_index=True)
    repeated = frame.loc[frame["image_id"].duplicated(), "image_id"]
    if len(repeated):
        raise UserError(f"tables: {len(repeated)} images are listed in two label tables, e.g. {repeated.iloc[0]!r}")
    return frame


def _from_table(section: Table, common: Path, source: Source) -> pd.DataFrame:
    folder = Path(section.images)
    if section.csv is None:
        listed = _from_folders("tables", folder, source, every_class=False)
        names = [os.path.relpath(os.path.abspath(folder / name), common) for name in listed["image_id"]]
        return listed.assign(image_id=names, role=section.role)
    csv = Path(section.csv)
    if not csv.is_file():
        raise UserError(f"tables: {_missing(csv, 'label table')}")
    if not folder.is_dir():
        raise UserError(f"tables: {_missing(folder, 'folder')}")
    table = _name_columns(read_table(csv), section)
    table["image_id"] = [_as_here(name, folder) for name in table["image_id"]]
    _check_table(table, csv, source)
    paths = [folder / name for name in table["image_id"]]
    if not any(path.is_file() for path in paths):
        example = table["image_id"].iloc[0]
        raise UserError(f"{csv}: none of its {len(table)} images is in {folder}, e.g. {example!r}; is images: right?")
    return pd.DataFrame(
        {
            "image_id": [os.path.relpath(os.path.abspath(path), common) for path in paths],
            "path": [str(path) for path in paths],
            "label": table["label"],
            "role": section.role,
        }
    ).join(table.drop(columns=["image_id", "label"]))


def _as_here(name: str, folder: Path) -> str:
    """The name of a file with the slashes of this system, where it was written on Windows."""
    return name if "\\" not in name or (folder / name).exists() else name.replace("\\", "/")


def read_table(csv: Path) -> pd.DataFrame:
    """A label table, all columns as text; separated by commas, semicolons or tabs, whichever the first line has most.

    Raises
    ------
    UserError
        If the file is not such a table.
    """
    try:
        # utf-8-sig also reads files without the byte order mark that spreadsheets write
        with csv.open(encoding="utf-8-sig", newline="") as stream:
            separator = max(",;\t", key=stream.readline().count)
            stream.seek(0)
            table = pd.read_csv(stream, sep=separator, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError(f"{csv}: not a CSV table in UTF-8 ({error})") from error
    if not isinstance(table.index, pd.RangeIndex):
        table = _without_commas_at_ends(table, csv)
    return table


def _without_commas_at_ends(table: pd.DataFrame, csv: Path) -> pd.DataFrame:
    """The table of a file whose rows have more cells than the first line has names; pandas moves the names."""
    names = list(table.columns)
    cells = table.set_axis(range(len(names)), axis=1).reset_index()
    if (cells.iloc[:, len(names) :].fillna("") != "").any(axis=None):
        raise UserError(f"{csv}: rows have more cells than the first line has names ({names})")
    return cells.iloc[:, : len(names)].set_axis(names, axis=1)


def _name_columns(table: pd.DataFrame, section: Table) -> pd.DataFrame:
    """The table with the columns image_id and label; further ones of the manifest's names are renamed `table_..`."""
    own = {section.image_column: "image_id", section.label_column: "label"}
    absent = [name for name in own if name not in table.columns]
    if absent:
        hint = " (columns are separated by commas, semicolons or tabs)" if len(table.columns) == 1 else ""
        raise UserError(
            f"{section.csv}: no column {' nor '.join(absent)}; its columns: {list(table.columns)}{hint}. Name them as "
            "image_column and label_column of the table"
        )
    return table.rename(columns={name: f"table_{name}" for name in table if name in IMAGES.names} | own)


def _check_table(table: pd.DataFrame, csv: Path, source: Source) -> None:
    if table.empty:
        raise UserError(f"{csv}: the table has no rows")
    for fault, faulty in (
        ("have no label", table["label"].str.strip() == ""),
        ("have no image_id", table["image_id"].str.strip() == ""),
        ("repeat an image_id", table["image_id"].duplicated()),
        ("point outside the folder of images", table["image_id"].map(_points_outside)),
        (f"have a label that is not among {_labels(source)}", ~table["label"].isin(_labels(source))),
    ):
        if faulty.any():
            first = table.index[faulty][0]
            row = table.loc[first, ["image_id", "label"]].to_dict()
            near = suggestion(row["label"], _labels(source)) if fault.startswith("have a label") else ""
            raise UserError(f"{csv}: {int(faulty.sum())} rows {fault}; the first is line {first + 2}: {row}.{near}")


def _points_outside(image_id: str) -> bool:
    path = PurePath(image_id.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts


def _groups(frame: pd.DataFrame, group: str | Pattern | None) -> pd.Series:
    """Group of each image; its own image_id without a `group` setting, or where the column is blank."""
    if group is None:
        return frame["image_id"]
    if isinstance(group, Pattern):
        names = frame["path"].map(lambda path: Path(path).name)
        values = names.map(lambda name: match[1] if (match := re.search(group.regex, name)) else None)
        if values.isna().any():
            name = names[values.isna()].iloc[0]
            raise UserError(f"group: {int(values.isna().sum())} file names do not match {group.regex!r}, e.g. {name!r}")
        return values.astype(str)
    column = f"table_{group}" if f"table_{group}" in frame else group
    if column not in frame.columns or column in ("image_id", "path", "label", "role"):
        further = [name for name in frame.columns if name not in ("image_id", "path", "label", "role")]
        near = suggestion(group, further)
        raise UserError(f"group: no column {group!r} in the label table.{near} Its further columns: {further}")
    # missing where another of several tables has the column
    values = frame[column].fillna("").str.strip()
    return values.where(values != "", frame["image_id"])


def mask_names(image: PurePath, suffix: str) -> list[str]:
    """Where the mask of an image may be in the folder of masks: paths without ending.

    It may be at the same relative path, or at this path without its first folders: the mask of `test/scratch/7.png` at
    `test/scratch/7`, at `scratch/7` or at `7`.
    """
    parts = (*image.parent.parts, image.stem + suffix)
    return [str(PurePath(*parts[first:])) for first in range(len(parts))]


def _masks(frame: pd.DataFrame, source: Source) -> pd.Series:
    """Path of each image's mask, the first of `mask_names` that there is."""
    paths = pd.Series(None, index=frame.index, dtype=object)
    if source.masks is None:
        return paths
    folder = Path(source.masks)
    if not folder.is_dir():
        raise UserError(f"masks: {_missing(folder, 'folder')}")
    masks = {
        escaped(path.relative_to(folder).with_suffix("")): escaped(path)
        for path in files_below(folder)
        if path.suffix.lower() in IMAGE_SUFFIXES
    }
    for position, image_id in frame["image_id"].items():
        paths[position] = next(
            (masks[place] for place in mask_names(PurePath(image_id), source.mask_suffix) if place in masks), None
        )
    shared = paths[paths.notna() & paths.duplicated(keep=False)]
    if len(shared):
        owners = list(frame.loc[paths == shared.iloc[0], "image_id"])
        raise UserError(
            f"masks: {shared.iloc[0]} would be the mask of {owners}; arrange masks in the same folders as images"
        )
    if paths.isna().all():
        raise UserError(
            f"masks: no file in {folder} is named after an image, as {PurePath(frame['image_id'][0]).stem}"
            f"{source.mask_suffix}.png would be; is mask_suffix: {source.mask_suffix!r} right?"
        )
    if source.labels_from == "masks":
        unmasked = frame.loc[paths.isna() & (frame["label"] == source.positive), "image_id"]
        if len(unmasked):
            raise UserError(
                f"masks: {len(unmasked)} images of class {source.positive} have no mask in {folder}, "
                f"e.g. {unmasked.iloc[0]!r}; their tiles could not be labelled"
            )
    return paths
