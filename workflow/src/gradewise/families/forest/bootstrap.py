"""Random forests whose bootstrap draws whole groups, so that out-of-bag estimates are honest.

scikit-learn's forests draw rows. If rows have siblings (tiles of one image, photos of one fruit, the eight rotations
and flips of a sample), nearly every tree has seen a sibling of the rows it is tested on. Here all rows of a group enter
a tree's bag together, so the trees that vote on a row have seen nothing of its group. With one row per group the result
is scikit-learn's forest, tree for tree.
"""

from __future__ import annotations

import numpy as np
from joblib import Parallel, delayed
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import check_random_state, compute_sample_weight

from gradewise.families.forest.settings import ForestSettings
from gradewise.progress import track


def grow_forest(
    X: np.ndarray, y: np.ndarray, groups: np.ndarray, settings: ForestSettings, seed: int, threads: int
) -> RandomForestClassifier:
    """Grow a forest on bootstraps over groups.

    Each tree draws as many groups as there are, with replacement, and counts a row as often as its group was drawn.
    `class_weight: balanced` weighs classes within each bag and does not affect the draw (scikit-learn's
    `balanced_subsample`; its `balanced` would draw rare classes more often and thus distort out-of-bag estimates).

    Parameters
    ----------
    X : ndarray of float32, shape (n, features)
        Shared by all threads without a copy.
    y : ndarray of int64, shape (n,)
        Classes 0 .. k - 1, all present.
    groups : ndarray of int64, shape (n,)
        Groups 0 .. m - 1; ``np.arange(n)`` for a bootstrap over rows.
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
    # The same draws as in scikit-learn, so that both forests agree with one row per group.
    seeds = check_random_state(seed).randint(np.iinfo(np.int32).max, size=settings.trees)
    target = y.astype(np.float64)[:, None]

    def grow(tree_seed: int) -> DecisionTreeClassifier:
        counts = draw_bag(tree_seed, groups)
        weights = counts.astype(np.float64)
        if settings.class_weight == "balanced":
            weights *= compute_sample_weight("balanced", y, indices=np.repeat(np.arange(len(y)), counts))
        return DecisionTreeClassifier(**common, random_state=tree_seed).fit(X, target, weights, check_input=False)

    trees = parallel(threads)(delayed(grow)(int(tree_seed)) for tree_seed in seeds)
    forest.estimators_ = list(track(trees, settings.trees, "trees"))
    forest.estimator_ = DecisionTreeClassifier()
    forest.classes_ = np.unique(y)
    forest.n_classes_ = len(forest.classes_)
    forest.n_outputs_ = 1
    forest.n_features_in_ = X.shape[1]
    return forest


def unit_kept(settings: ForestSettings) -> str:
    """What the bootstrap of the stored forest draws: `rows` or `groups`."""
    return "groups" if settings.out_of_bag == ("groups",) else "rows"


def draw_bag(tree_seed: int, groups: np.ndarray) -> np.ndarray:
    """How often the tree grown with a seed counts each row, shape (n,)."""
    m = int(groups.max()) + 1
    return np.asarray(np.bincount(check_random_state(tree_seed).randint(0, m, m), minlength=m)[groups])


def parallel(threads: int) -> Parallel:
    """Workers that share memory and return results in order, so that sums do not depend on their number."""
    return Parallel(threads, require="sharedmem", return_as="generator")
