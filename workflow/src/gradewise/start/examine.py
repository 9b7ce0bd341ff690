"""What can be told about a configuration's images before anything runs: faults, and designs that can show little.

No image is opened. The workflow asks at each start, so this takes less than a second for thousands of images.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from gradewise.command import UserError
from gradewise.config.config import Config
from gradewise.config.datasets import Dataset
from gradewise.config.faults import ConfigError
from gradewise.config.known_backbones import is_known
from gradewise.config.section import suggestion
from gradewise.config.sources import Source
from gradewise.families import registry
from gradewise.images.counts import check_counts, expect_tested
from gradewise.images.foresight import FOUND, LEAST_GROUPS, POWER, groups_needed, power
from gradewise.images.listing import list_images
from gradewise.provenance import hash_file

RARELY = 0.5
"""Probability of finding a difference below which a design is said to show little."""


@dataclass
class Examined:
    """What was found out.

    Attributes
    ----------
    faults : list of str
        Because of which the workflow would fail.
    warnings : list of str
    images : dict
        The images of each dataset that could be listed, see `list_images`.
    """

    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    images: dict[str, pd.DataFrame] = field(default_factory=dict)


def examine(config: Config, folder: Path = Path()) -> Examined:
    """Look at the images that a configuration names.

    Images of simulated datasets are passed over, and so are those that were read in an earlier run and are gone.

    Parameters
    ----------
    config : Config
    folder : Path
        Where results are or will be.
    """
    examined = Examined()
    for name, dataset in config.datasets.items():
        examined.faults += _faults_of_new_images(name, dataset)
        if dataset.simulate is not None:
            continue
        source = dataset.source("")
        if _is_gone(source) and (folder / "results" / name / "read/images.parquet").exists():
            continue
        try:
            images = list_images(source)
            check_counts(images, dataset.evaluation, label_classes(dataset), training_groups(config, name))
        except UserError as error:
            examined.faults.append(f"datasets.{name}: {error}")
            continue
        examined.images[name] = images
        examined.faults += [f"datasets.{name}.labels: {fault}" for fault in _faults_of_labels(dataset, images)]
        warning = _weak(images, dataset)
        if warning:
            examined.warnings.append(f"datasets.{name}.evaluation: {warning}")
    examined.faults += _faults_of_backbones(config)
    for name in config.datasets:
        for model, why in config.left_out_of(name).items():
            examined.warnings.append(f"datasets.{name}.models: {model} is left out, since {why}")
    return examined


def require_usable(config: Config) -> list[str]:
    """What `examine` warns of.

    Raises
    ------
    ConfigError
        With a line for each fault, if there is any.
    """
    examined = examine(config)
    if examined.faults:
        raise ConfigError(
            "\n  ".join(["the images or weights cannot be used as the configuration says:", *examined.faults])
        )
    return examined.warnings


def _faults_of_backbones(config: Config) -> list[str]:
    """What is wrong with weights, and with views whose samples a backbone cannot work with."""
    models = [model for dataset in config.datasets for model in config.trained(dataset).values()]
    used = sorted({(model.backbone, model.view) for model in models if model.backbone is not None})
    if not used:
        return []
    # imports onnxruntime, which other configurations need not wait for
    from gradewise.families.backbones.embedding import check_backbone

    faults = []
    for name, view in used:
        backbone = config.backbones[name]
        try:
            path = backbone.file()
        except ValueError as error:
            faults.append(f"backbones.{name}.{error}")
            continue
        actual = hash_file(path)
        if actual != backbone.sha256:
            faults.append(f"backbones.{name}.sha256: that of {path} is {actual}; use the file that is meant")
            continue
        try:
            check_backbone(path, backbone, config.views[view].shape, is_known(backbone))
        except UserError as error:
            faults.append(f"backbones.{name}, used on the view {view}: {error}")
    return list(dict.fromkeys(faults))


def _faults_of_new_images(name: str, dataset: Dataset) -> list[str]:
    """What is wrong with folders and labels of new images."""
    faults = []
    for key, new in dataset.apply.items():
        if isinstance(new, str):
            if not Path(new).is_dir():
                faults.append(f"{key}: {new!r} is no folder; give a folder of images to classify")
            continue
        try:
            list_images(new.source(dataset), every_class=False)
        except UserError as error:
            faults.append(f"{key}.{error}")
    return [f"datasets.{name}.apply.{fault}" for fault in faults]


def _faults_of_labels(dataset: Dataset, images: pd.DataFrame) -> list[str]:
    """Columns that are given a label and are not in the label table."""
    own = ("image_id", "path", "label", "role", "group", "mask")
    columns = [str(name).removeprefix("table_") for name in images.columns if name not in own]
    return [
        f"no column {column!r} in the label table.{suggestion(column, columns)} Its further columns: {columns}"
        if columns
        else f"no column {column!r}, since there is no label table with further columns; leave it out"
        for column in dataset.labels
        if column not in columns
    ]


def _is_gone(source: Source) -> bool:
    """Whether any of the paths is missing."""
    tables = [path for table in source.tables or () for path in (table.csv, table.images)]
    return not all(Path(path).exists() for path in [source.images, source.masks, *tables] if path is not None)


def label_classes(dataset: Dataset) -> list[str]:
    """Classes that need groups of their own in each role; none where tiles have their own labels."""
    return list(dataset.classes) if dataset.labels_from == "images" else []


def training_groups(config: Config, dataset: str) -> int:
    """Groups of each class that the models of a dataset need for training."""
    families = {model.family for model in config.trained(dataset).values()}
    return max(registry.family(family).training_groups for family in families)


def _weak(images: pd.DataFrame, dataset: Dataset) -> str | None:
    """What a design cannot show, and what would do; None if it shows enough."""
    groups, tested = expect_tested(images, dataset.evaluation)
    all_groups = images["group"].nunique()
    chance = _chance(groups, tested)
    if chance >= RARELY:
        return None
    what = "images" if all_groups == len(images) else "groups"
    if groups < LEAST_GROUPS:
        weak = f"{groups} {what} are tested, and fewer than {LEAST_GROUPS} are not compared"
    else:
        weak = f"{groups} tested {what} detect a difference of {100 * FOUND:.0f} points with {100 * chance:.0f} % power"
    if dataset.evaluation.predefined or groups == all_groups:
        needed = max(groups_needed(FOUND, max(tested, 1) / max(groups, 1)), LEAST_GROUPS)
        more = "" if what == "images" else ". More images of the same groups help little"
        return f"{weak}; about {needed} would detect it with {100 * POWER:.0f} % power{more}"
    better = _chance(all_groups, len(images))
    normal = dataset.evaluation.train_only
    folds = "{folds: 5, repeats: 1}" if normal is None else f"{{train_only: {normal}, folds: 5, repeats: 1}}"
    return f"{weak}; {folds} would test all {all_groups} and detect it with {100 * better:.0f} %"


def _chance(groups: int, images: int) -> float:
    return power(FOUND, groups, images / groups) if groups >= LEAST_GROUPS else 0.0
