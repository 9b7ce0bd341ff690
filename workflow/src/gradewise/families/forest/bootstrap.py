"""Random forests whose trees draw whole groups within classes, so that out-of-bag estimates are honest.

scikit-learn's forests draw rows. If rows have siblings (tiles of one image, photos of one fruit, the eight rotations
and flips of a sample), nearly every tree has seen a sibling of the rows it is tested on. Here all rows of a group enter
a tree's bag together, so the trees that vote on a row have seen nothing of its group.

A group left out of a bootstrap leaves its class rarer there than it is, and is mistaken more often than new groups
are. Of few groups with nothing to learn far fewer than by chance would be right (`bench/out_of_bag.txt`). Every bag of
groups therefore holds the same share of each class, without replacement, so that each class misses as many groups as
any other (Janitza & Hornung 2018, PLoS ONE 13:e0201904, recommend such stratified subsamples). A bootstrap over rows
stays that of scikit-learn, tree for tree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import check_random_state, compute_sample_weight

from gradewise.families.forest.byte_rows import ByteRows
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.forest.stored import decision_tree
from gradewise.progress import track
from gradewise.provenance import derive_seed

IN_BAG = 1 - np.exp(-1)
"""Share of the groups of a class that a bag holds: as many different ones as a bootstrap holds on average."""


@dataclass(frozen=True)
class Bags:
    """What each tree draws.

    Attributes
    ----------
    units : ndarray of int64, shape (n,)
        The unit that each row belongs to, 0 .. m - 1: all of its rows are drawn together.
    strata : tuple of ndarray of int64
        Units that are drawn from each other.
    replace : bool
        Whether each stratum is drawn with replacement, as many units as it has, or a share `IN_BAG` of it without.
    """

    units: np.ndarray
    strata: tuple[np.ndarray, ...]
    replace: bool

    def draw(self, tree_seed: int) -> np.ndarray:
        """How often the tree grown with a seed counts each row, shape (n,)."""
        random = check_random_state(tree_seed)
        drawn = np.concatenate([self._draw_from(units, random) for units in self.strata])
        return np.asarray(np.bincount(drawn, minlength=self.units.max() + 1)[self.units])

    def _draw_from(self, units: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        count = len(units)
        if self.replace:
            return np.asarray(units[random.randint(0, count, count)])
        return np.asarray(random.permutation(units)[: max(1, min(count - 1, round(IN_BAG * count)))])


def bags_of_rows(rows: int) -> Bags:
    """Bags that draw single rows, as scikit-learn's do."""
    return Bags(np.arange(rows), (np.arange(rows),), replace=True)


def bags_of_groups(groups: np.ndarray, y: np.ndarray) -> Bags:
    """Bags that draw whole groups, each from the groups with the same most frequent class.

    The only group of a class is in every bag, and so gets no vote: no other group could teach its class. Those that are
    alone with their most frequent class but hold others as well are drawn from each other.

    Parameters
    ----------
    groups : ndarray of int64, shape (n,)
        Groups 0 .. m - 1.
    y : ndarray of int64, shape (n,)
        Classes 0 .. k - 1.
    """
    counts = np.zeros((groups.max() + 1, y.max() + 1), dtype=np.int64)
    np.add.at(counts, (groups, y), 1)
    stratum = counts.argmax(axis=1)
    alone = np.bincount(stratum)[stratum] == 1
    mixed = np.count_nonzero(counts, axis=1) > 1
    stratum[alone & mixed] = counts.shape[1]
    strata = tuple(np.flatnonzero(stratum == name) for name in np.unique(stratum))
    return Bags(groups, strata, replace=False)


def grow_forest(
    X: np.ndarray | ByteRows, y: np.ndarray, bags: Bags, settings: ForestSettings, seed: int, threads: int
) -> RandomForestClassifier:
    """Grow a forest, each tree on its own bag.

    `class_weight: balanced` weighs classes within each bag and does not affect the draw (scikit-learn's
    `balanced_subsample`; its `balanced` would draw rare classes more often and thus distort out-of-bag estimates).

    Parameters
    ----------
    X : ndarray of float32 or ByteRows, shape (n, features)
        Shared by all threads without a copy. On bytes, trees have other random numbers than those of scikit-learn.
    y : ndarray of int64, shape (n,)
        Classes 0 .. k - 1, all present.
    bags : Bags
        From `bags_of_rows` or `bags_of_groups`.
    settings : ForestSettings
    seed : int
        The result depends on it, but not on `threads`.
    threads : int

    Returns
    -------
    RandomForestClassifier
        Fitted; scikit-learn's own methods work on it.
    """
    common = {
        "max_features": settings.max_features,
        "min_samples_leaf": settings.min_samples_leaf,
        "min_samples_split": settings.min_samples_split,
        "max_depth": settings.max_depth,
    }
    forest = RandomForestClassifier(settings.trees, **common, random_state=seed)
    # The same draws as in scikit-learn, so that both forests agree where rows are drawn.
    seeds = check_random_state(seed).randint(np.iinfo(np.int32).max, size=settings.trees)
    target = y.astype(np.float64)[:, None]

    def grow(tree_seed: int) -> DecisionTreeClassifier:
        counts = bags.draw(tree_seed)
        weights = counts.astype(np.float64)
        if settings.class_weight == "balanced":
            weights *= compute_sample_weight("balanced", y, indices=np.repeat(np.arange(len(y)), counts))
        if isinstance(X, ByteRows):
            return _grow_on_bytes(X, y, weights, settings, tree_seed)
        return DecisionTreeClassifier(**common, random_state=tree_seed).fit(X, target, weights, check_input=False)

    trees = parallel(threads)(delayed(grow)(int(tree_seed)) for tree_seed in seeds)
    forest.estimators_ = list(track(trees, settings.trees, "trees"))
    forest.estimator_ = DecisionTreeClassifier()
    forest.classes_ = np.unique(y)
    forest.n_classes_ = len(forest.classes_)
    forest.n_outputs_ = 1
    forest.n_features_in_ = X.shape[1]
    return forest


def _grow_on_bytes(
    X: ByteRows, y: np.ndarray, weights: np.ndarray, settings: ForestSettings, tree_seed: int
) -> DecisionTreeClassifier:
    # imported here, since a machine-code compiler takes a quarter of a second that small forests do not need
    from gradewise.families.forest.byte_trees import FIELDS, grow_tree

    features, classes = X.shape[1], int(y.max()) + 1
    share = settings.max_features
    tried = (
        {"sqrt": np.sqrt(features), "log2": np.log2(features)}[share] if isinstance(share, str) else share * features
    )
    nodes = grow_tree(
        X.columns,
        X.turns,
        y.astype(np.int32),
        weights,
        classes,
        max(1, int(tried)),
        settings.max_depth or len(y),
        settings.min_samples_split,
        settings.min_samples_leaf,
        derive_seed(tree_seed, "bytes") + 1,
    )
    tree = decision_tree(dict(zip(FIELDS, nodes, strict=True)), features, classes)
    # says again which rows were in the bag
    return tree.set_params(random_state=tree_seed)


def unit_kept(settings: ForestSettings) -> str:
    """What the bootstrap of the stored forest draws: `rows` or `groups`."""
    return "groups" if settings.out_of_bag == ("groups",) else "rows"


def parallel(threads: int) -> Parallel:
    """Workers that share memory and return results in order, so that sums do not depend on their number."""
    return Parallel(threads, require="sharedmem", return_as="generator")
