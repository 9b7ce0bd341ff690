"""The command `gradewise init`: writes a commented configuration for images that it has looked at."""

from __future__ import annotations

import argparse
import re
import unicodedata
from pathlib import Path

import shtab
import yaml

from gradewise.command import UserError
from gradewise.config.evaluation import Evaluation
from gradewise.config.faults import ConfigError
from gradewise.config.section import LONGEST_NAME
from gradewise.images.counts import check_counts
from gradewise.start.commented import content, write
from gradewise.start.examine import examine
from gradewise.start.layout import find_layout
from gradewise.start.one_class import normal_class
from gradewise.start.propose import propose
from gradewise.studies.config import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `gradewise init`."""
    parser.description = (
        "Look at labelled images and write a configuration for them that runs as it is. Each setting has a comment "
        "that says why it was chosen. The images are a folder with one folder per class, or a CSV table with a column "
        "of file names and one of labels; a folder called masks beside the images is used, too. Nothing is changed or "
        "overwritten."
    )
    parser.epilog = "example: gradewise init photos --output mine.yaml"
    images = parser.add_argument("images", type=Path, help="folder of images, or label table")
    output = parser.add_argument("--output", type=Path, default=Path("mine.yaml"), help="default: mine.yaml")
    images.complete = output.complete = shtab.FILE  # type: ignore[attr-defined]
    parser.set_defaults(call=lambda arguments: init(arguments.images, arguments.output))


def init(images: Path, output: Path) -> None:
    """Write a configuration for images.

    Parameters
    ----------
    images : Path
        A folder of images, or a label table.
    output : Path
        The configuration; paths in it are relative to the current directory, or absolute where `images` is.

    Raises
    ------
    UserError
        If `output` exists, or the images cannot be used as they are; the message says what would do.
    """
    if output.exists():
        raise UserError(f"{output}: exists and is not overwritten; give another --output")
    if re.search("[{}]", str(images)):
        raise UserError(f"{images}: a brace is a placeholder for Snakemake; rename the folder, or give a link to it")
    layout = find_layout(images)
    if layout.masks is None and normal_class(layout) is None:
        files = layout.files.assign(group=layout.files["path"])
        # too few images for any split are told before images are looked at
        check_counts(files, Evaluation.model_validate({"folds": 3}), sorted(files["label"].unique()), training_groups=2)
    lines, summary = propose(layout, _dataset_name(images))
    text = write(lines)
    raw = content(lines)
    assert yaml.safe_load(text) == raw, "comments and quotes must not change the meaning"
    try:
        examined = examine(load(raw))
    except ConfigError as error:
        raise UserError(f"{images}: {error}") from None
    if examined.faults:
        raise UserError("\n  ".join([f"{images} cannot be used as it is:", *examined.faults]))
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("x", encoding="utf-8") as stream:
        stream.write(text)
    print(
        "\n".join([*summary, *examined.warnings, f"{output}: read its comments and change what you know better, then"])
    )
    print(f"  gradewise check {output}\n  gradewise run {output}")


def _dataset_name(images: Path) -> str:
    whole = images.resolve()
    # letters without their accents
    plain = unicodedata.normalize("NFKD", whole.stem if whole.is_file() else whole.name)
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", plain).strip("-._")
    return "images" if name.lower() in ("", "index") else name[: LONGEST_NAME // 2]
