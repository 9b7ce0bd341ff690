"""The splits: which images are used for training, validation and test in each repeat; groups stay together."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.config.evaluation import Evaluation
from gradewise.images import foresight
from gradewise.images.counts import check_counts
from gradewise.images.schemas import SPLITS
from gradewise.provenance import derive_seed

log = logging.getLogger(__name__)

DRAWS = 32
"""Number of random draws of groups of which the best is kept."""


def split(
    *, manifest: Path, evaluation: Evaluation, classes: list[str], limited_by_class: bool, seed: int, output: Path
) -> None:
    """Draw the splits of a dataset.

    Parameters
    ----------
    manifest : Path
        Table of images.
    evaluation : Evaluation
        How to split, as JSON.
    classes : list of str
        Classes of the dataset.
    limited_by_class : bool
        Whether each class needs groups in training, validation and test; false if tiles have their own labels.
    seed : int
    output : Path
        `splits.parquet`.

    Raises
    ------
    UserError
        If a class has too few images or groups.
    """
    images = tables.read(manifest)
    roles = draw_splits(images, evaluation, classes if limited_by_class else [], seed)
    tables.write(roles, output, SPLITS)
    log_counts(roles)
    if limited_by_class:
        log.info("%s", outlook(images, roles))
    never = never_tested(images, roles, evaluation)
    if len(never):
        log.warning(
            "%d of %d groups are larger than the share held out (the largest: %s) and are never tested; use folds, "
            "which test every group",
            *(len(never), images["group"].nunique(), never.index[0]),
        )


def outlook(images: pd.DataFrame, roles: pd.DataFrame) -> str:
    """What the tested groups could show, see `foresight.outlook`."""
    tested = images.loc[images["image_id"].isin(roles.loc[roles["role"] == "test", "image_id"]), "group"]
    return foresight.outlook(tested.nunique(), len(tested))


def never_tested(images: pd.DataFrame, roles: pd.DataFrame, evaluation: Evaluation) -> pd.Series:
    """Sizes of the groups that a holdout never tests since each is larger than its share, the largest first."""
    if evaluation.holdout is None:
        return pd.Series(dtype=np.int64)
    tested = images.loc[images["image_id"].isin(roles.loc[roles["role"] == "test", "image_id"]), "group"]
    sizes = images["group"].value_counts()
    return sizes.loc[(sizes > evaluation.holdout * len(images)) & ~sizes.index.isin(tested)]


def log_counts(roles: pd.DataFrame) -> None:
    """Log the mean number of images per repeat for each role of `splits.parquet`."""
    counts = roles.groupby("role").size() / roles["repeat"].nunique()
    log.info("images per repeat: %s", ", ".join(f"{role} {count:.0f}" for role, count in counts.items()))


def draw_splits(images: pd.DataFrame, evaluation: Evaluation, classes: list[str], seed: int) -> pd.DataFrame:
    """Roles of images in every repeat.

    Parameters
    ----------
    images : DataFrame
        image_id, label, group, and role if roles are predefined.
    evaluation : Evaluation
    classes : list of str
        Classes that must be present in every role.
    seed : int

    Returns
    -------
    DataFrame
        repeat, image_id, role. Images of another role that share a group with a predefined test (or validation) image
        have no row, because using them would leak.

    Raises
    ------
    UserError
        If a class has too few groups.
    """
    check_counts(images, evaluation, classes)
    repeats: list[pd.DataFrame] = []
    if evaluation.train_only is not None:
        return _train_only(images, evaluation, evaluation.train_only, seed)
    same_test = None
    if evaluation.same_test:
        same_test = draw_groups(images, evaluation.holdout or 0.0, np.random.default_rng(derive_seed(seed, "test")))
    for number in range(evaluation.repeats):
        rng = np.random.default_rng(derive_seed(seed, "split", number))
        for roles in _draw_roles(images, evaluation, same_test, rng):
            repeat = pd.DataFrame({"repeat": len(repeats), "image_id": images["image_id"], "role": roles})
            _check_roles(repeat.assign(label=images["label"]), classes, evaluation.predefined)
            repeats.append(repeat.dropna(subset="role"))
    return pd.concat(repeats, ignore_index=True)


def _train_only(images: pd.DataFrame, evaluation: Evaluation, normal: str, seed: int) -> pd.DataFrame:
    """Roles where training takes images of one class alone, and only from groups that have no others.

    All images that do not train are tested. None is for validation, which could not choose anything without images of
    the other class.
    """
    can_train = ~np.isin(images["group"], images.loc[images["label"] != normal, "group"])
    if evaluation.predefined:
        roles = images["role"].to_numpy(dtype=object)
        can_train &= ~np.isin(images["group"], images.loc[images["role"] == "test", "group"])
        roles = np.where(can_train & (roles != "test"), "train", roles)
        roles[~can_train & (roles != "test")] = None
        parts = [roles]
    else:
        normals = images.loc[can_train]
        parts = []
        for number in range(evaluation.rounds):
            rng = np.random.default_rng(derive_seed(seed, "split", number))
            if evaluation.same_test:
                rng = np.random.default_rng(derive_seed(seed, "test"))
            tests = [np.zeros(len(normals), dtype=bool)]
            if evaluation.folds:
                tests = _folds(normals, evaluation.folds, rng)
            elif evaluation.holdout is not None:
                tests = [draw_groups(normals, evaluation.holdout, rng)]
            for test in tests:
                roles = np.full(len(images), "test", dtype=object)
                roles[np.flatnonzero(can_train)[~test]] = "train"
                parts.append(roles)
    repeats = [
        pd.DataFrame({"repeat": number, "image_id": images["image_id"], "role": roles})
        for number, roles in enumerate(parts)
    ]
    return pd.concat(repeats, ignore_index=True).dropna(subset="role", ignore_index=True)


def _draw_roles(
    images: pd.DataFrame, evaluation: Evaluation, same_test: np.ndarray | None, rng: np.random.Generator
) -> list[np.ndarray]:
    """Roles of all images, once or once per fold; None marks images left out."""
    if evaluation.predefined:
        return [_predefined(images, evaluation.validation, rng)]
    if evaluation.folds:
        tests = _folds(images, evaluation.folds, rng)
    elif same_test is not None:
        tests = [same_test]
    else:
        tests = [draw_groups(images, evaluation.holdout or 0.0, rng)]
    drawn = []
    for test in tests:
        roles = np.full(len(images), "test", dtype=object)
        rest = images.loc[~test]
        roles[~test] = np.where(draw_groups(rest, evaluation.validation, rng), "validation", "train")
        drawn.append(roles)
    return drawn


def _predefined(images: pd.DataFrame, validation: float, rng: np.random.Generator) -> np.ndarray:
    roles: np.ndarray = images["role"].to_numpy(dtype=object).copy()
    groups = images["group"].to_numpy()
    for kept, others in (("test", ["train", "validation"]), ("validation", ["train"])):
        leaks = np.isin(groups, groups[roles == kept]) & np.isin(roles, others)
        if leaks.any():
            log.warning("%d images left out: they share a group with %s images", leaks.sum(), kept)
            roles[leaks] = None
    if not (roles == "validation").any():
        train = np.flatnonzero(roles == "train")
        roles[train[draw_groups(images.iloc[train], validation, rng)]] = "validation"
    return roles


def _folds(images: pd.DataFrame, folds: int, rng: np.random.Generator) -> list[np.ndarray]:
    # takes longer to import than all else here, and jobs that vary splits make no folds
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=int(rng.integers(2**31)))
    with warnings.catch_warnings():
        # Classes with fewer images than folds were rejected earlier if they matter.
        warnings.filterwarnings("ignore", message="The least populated class")
        parts = list(splitter.split(images, images["label"], images["group"]))
    masks = []
    for _, test in parts:
        mask = np.zeros(len(images), dtype=bool)
        mask[test] = True
        masks.append(mask)
    return masks


def draw_groups(images: pd.DataFrame, share: float, rng: np.random.Generator) -> np.ndarray:
    """Draw whole groups that together have about a given share of the images of every class.

    Groups are visited in random order and taken if that brings the drawn counts closer to the target; the best of
    several such draws is kept. With one image per group this is a stratified random draw.

    Returns
    -------
    ndarray of bool, shape (len(images),)
        True for the drawn images; at least one group is drawn and at least one is not.
    """
    codes, names = pd.factorize(images["group"])
    counts = pd.crosstab(codes, images["label"].to_numpy()).to_numpy().astype(float)
    target = counts.sum(axis=0) * share
    # Classes with few images count as much as those with many.
    scale = np.maximum(counts.sum(axis=0), 1.0)
    best: tuple[float, np.ndarray] | None = None
    for _ in range(DRAWS):
        drawn = np.zeros(len(names), dtype=bool)
        drawn_counts = np.zeros_like(target)
        for group in rng.permutation(len(names)):
            before = np.sum(((drawn_counts - target) / scale) ** 2)
            after = np.sum(((drawn_counts + counts[group] - target) / scale) ** 2)
            if after < before:
                drawn[group] = True
                drawn_counts += counts[group]
        if not drawn.any():
            drawn[rng.integers(len(names))] = True
        distance = float(np.sum(((counts[drawn].sum(axis=0) - target) / scale) ** 2))
        lacking = int(((counts[drawn].sum(axis=0) == 0) | (counts[~drawn].sum(axis=0) == 0)).sum())
        if best is None or lacking + distance < best[0]:
            best = (lacking + distance, drawn)
    assert best is not None
    return np.asarray(best[1][codes])


def _check_roles(repeat: pd.DataFrame, classes: list[str], predefined: bool) -> None:
    for role in ("train", "validation", "test"):
        present = set(repeat.loc[repeat["role"] == role, "label"])
        lacking = [name for name in classes if name not in present]
        # A class may be missing if the user's own roles leave it out, or if validation gets few images.
        if lacking and present and (role == "validation" or (role == "test" and predefined)):
            log.warning("repeat %d: no %s image of %s", repeat["repeat"].iloc[0], role, ", ".join(lacking))
        elif lacking:
            raise UserError(
                f"repeat {repeat['repeat'].iloc[0]}: no group of class {lacking} could be drawn for {role}; "
                "its groups are too few or too large. Add groups, or change evaluation: (holdout, validation)"
            )


if __name__ == "__main__":
    command.run(split)
