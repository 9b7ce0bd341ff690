"""The command `gradewise check`: what a configuration would do, and what is wrong with it, before anything runs."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import shtab

from gradewise.command import UserError
from gradewise.config.config import Config
from gradewise.config.datasets import Dataset
from gradewise.config.faults import ConfigError
from gradewise.families.registry import FamilyError
from gradewise.images.foresight import outlook
from gradewise.images.split import draw_splits
from gradewise.start.commented import flow
from gradewise.start.estimate import Workload, estimate, samples_per_image
from gradewise.start.examine import Examined, examine, label_classes, training_groups
from gradewise.start.groups import propose_group
from gradewise.start.machine import Machine, this_machine
from gradewise.start.read import read_configuration
from gradewise.start.survey import Survey, survey
from gradewise.studies.config import StudiesConfig, load
from gradewise.views.coverage import describe_view

log = logging.getLogger(__name__)

MOST_DRAWN = 3000
"""Groups up to which splits are drawn; with more of them no class lacks any."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `gradewise check`."""
    parser.description = (
        "Check a configuration and the images that it names: paths, labels, groups, splits, views, and what the test "
        "can show, how long it takes and how much memory it needs. Nothing is written. The workflow makes the quick "
        "ones of these checks whenever it starts."
    )
    parser.epilog = "example: gradewise check mine.yaml"
    parser.add_argument("configuration", type=Path, help="YAML file").complete = shtab.FILE  # type: ignore[attr-defined]
    parser.set_defaults(call=lambda arguments: check(arguments.configuration))


def check(configuration: Path) -> None:
    """Print what a configuration would do.

    Parameters
    ----------
    configuration : Path
        YAML file; paths in it are relative to the current directory.

    Raises
    ------
    UserError
        If the workflow would fail; the message lists all faults.
    """
    raw = read_configuration(configuration)
    try:
        config = load(raw)
    except (ConfigError, FamilyError) as error:
        raise UserError(f"{configuration}: {error}") from None
    examined, machine = examine(config), this_machine()
    for name, dataset in config.datasets.items():
        print(f"{name}:")
        for line in _describe(config, name, dataset, examined, machine):
            print(f"  {line}")
    for warning in examined.warnings:
        print(f"warning: {warning}")
    if examined.faults:
        raise UserError("\n  ".join([f"{configuration} cannot be run:", *examined.faults]))
    print(f"{configuration} can be run: gradewise run {configuration}")


def _describe(config: StudiesConfig, name: str, dataset: Dataset, examined: Examined, machine: Machine) -> list[str]:
    """What there is to say of a dataset; adds faults and warnings that need a look at the images."""
    if name not in examined.images:
        return ["simulated" if dataset.simulate is not None else "its images cannot be listed, see below"]
    images = examined.images[name]
    lines = [_count(images), *_split(config, name, dataset, images, examined)]
    if dataset.group is None:
        proposal = propose_group(images.drop(columns=["image_id", "group"]))
        if proposal.setting is not None:
            examined.warnings.append(
                f"datasets.{name}.group: not set. {proposal.reason}. group: {flow(proposal.setting)}"
            )
    found = survey(images, machine.cores, search_copies=False, reading=dataset)
    if found.unreadable:
        looked = found.read + len(found.unreadable)
        examined.warnings.append(
            f"datasets.{name}: {len(found.unreadable)} of {looked} files looked at cannot be used, e.g. "
            f"{found.unreadable[0]}"
        )
    if not found.read:
        examined.faults.append(f"datasets.{name}: none of the files looked at can be used, see the warning")
        return lines
    low, high = found.sizes.min(axis=0), found.sizes.max(axis=0)
    sizes = f"{low[1]} x {low[0]}" + (f" to {high[1]} x {high[0]}" if (low != high).any() else "")
    lines.append(f"{sizes} px, {'grey' if found.is_grey else 'colour'}, {found.bits} bits ({found.read} images read)")
    lines += _views(config, name, found, examined)
    lines.append(_effort(config, name, len(images), found, machine, examined))
    return lines


def _count(images: pd.DataFrame) -> str:
    counts, groups = images["label"].value_counts(), images["group"].nunique()
    shown = ", ".join(f"{count} {label}" for label, count in counts.items())
    if len(counts) > 6:
        shown = f"{counts.iloc[-1]} to {counts.iloc[0]} each"
    grouped = "each a group of its own" if groups == len(images) else f"{groups} groups"
    return f"{len(images)} images of {len(counts)} classes ({shown}), {grouped}"


def _split(config: Config, name: str, dataset: Dataset, images: pd.DataFrame, examined: Examined) -> list[str]:
    """What the test can show, from splits drawn as the workflow draws them (before copies are joined)."""
    if images["group"].nunique() > MOST_DRAWN:
        return []
    classes = label_classes(dataset)
    try:
        roles = draw_splits(images, dataset.evaluation, classes, config.seed)
    except UserError as error:
        examined.faults.append(f"datasets.{name}: {error}")
        return []
    drawn = roles.merge(images[["image_id", "label", "group"]], on="image_id")
    trained = drawn.loc[drawn["role"] == "train"].groupby(["repeat", "label"])["group"].nunique()
    least, needed = trained.min() if len(trained) else 0, training_groups(config, name)
    if classes and least < needed:
        label = trained.idxmin()[1]
        examined.faults.append(
            f"datasets.{name}: in a repeat, class {label} has {least} groups to train on, and models need {needed}. "
            "Add images of it, merge classes (merge:), or lower evaluation.validation"
        )
    tested = drawn.loc[drawn["role"] == "test", ["image_id", "group"]].drop_duplicates()
    counts = Counter(roles["role"])
    shares = ", ".join(
        f"{role} {counts[role] / dataset.evaluation.runs:.0f}" for role in ("train", "validation", "test")
    )
    return [
        f"{dataset.evaluation.runs} splits into {shares} images",
        outlook(tested["group"].nunique(), len(tested)),
    ]


def _views(config: StudiesConfig, name: str, found: Survey, examined: Examined) -> list[str]:
    lines = []
    for view_name in dict.fromkeys(model.view for model in config.trained(name).values()):
        view = config.views[view_name]
        sides = found.above_bar if view.cuts_data_bar else found.sizes
        small = (sides.min(axis=1) < view.minimum_side).mean()
        if small:
            examined.warnings.append(
                f"views.{view_name}: needs images of {view.minimum_side} px a side; {100 * small:.0f} % of those of "
                f"{name} are smaller and would be set aside"
            )
        large = [(int(height), int(width)) for height, width in sides if min(height, width) >= view.minimum_side]
        lines.append(" ".join([f"{view_name}: {view.in_words()}.", *describe_view(view, large)]))
        if not large:
            examined.faults.append(f"views.{view_name}: all images of {name} are too small for it")
    return lines


def _effort(config: StudiesConfig, name: str, count: int, found: Survey, machine: Machine, examined: Examined) -> str:
    height, width = (int(side) for side in np.median(found.sizes, axis=0))
    views = {model.view for model in config.trained(name).values()}
    samples = {
        view: samples_per_image(config.views[view], (max(height, side), max(width, side)))
        for view in views
        for side in [config.views[view].minimum_side]
    }
    evaluation = config.datasets[name].evaluation
    tested = evaluation.holdout or (1 / evaluation.folds if evaluation.folds else 0.2)
    work = Workload(count, height * width / 1e6, samples, (1 - tested) * (1 - evaluation.validation))
    needs = estimate(config, name, work, machine)
    if needs.memory_mb > machine.memory_mb:
        examined.warnings.append(
            f"datasets.{name}: its largest job requests {needs.memory_mb / 1000:.1f} GB of memory, and this machine "
            f"has {machine.memory_mb / 1000:.1f}; make views smaller or keep fewer tiles"
        )
    return (
        f"about {_rounded(needs.seconds)} on {machine.cores} cores{' and a GPU' if machine.has_gpu else ''} "
        f"(to a factor of two or three), {needs.memory_mb / 1000:.1f} GB of memory for the largest job, "
        f"{needs.disk_mb / 1000:.1f} GB of disk for the views"
    )


def _rounded(seconds: float) -> str:
    """A time that is known roughly: minutes, tens of minutes, hours."""
    minutes = max(1, round(seconds / 60))
    if minutes < 20:
        return f"{minutes} min"
    return f"{10 * round(minutes / 10)} min" if minutes < 120 else f"{round(minutes / 60)} h"
