"""Checks a stored support vector classifier before it predicts: libsvm trusts the sizes that it is given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.svm import SVC

from gradewise.families.estimators import read_estimator
from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.families.stored import reading, require

FITTED = {
    "_sparse", "n_features_in_", "class_weight_", "classes_", "_effective_probability", "_gamma", "support_",
    "support_vectors_", "_n_support", "dual_coef_", "intercept_", "_probA", "_probB", "fit_status_", "_num_iter",
    "shape_fit_", "_intercept_", "_dual_coef_", "n_iter_",
}  # fmt: skip


def read_svc(path: Path, settings: SvmSettings, features: int, classes: int) -> SVC:
    """Read the scikit-learn classifier of a `PcaSvmClassifier`.

    Parameters
    ----------
    path : Path
        The skops file.
    settings : SvmSettings
        What it was fitted with.
    features, classes : int
        Numbers that it must have.

    Raises
    ------
    UserError
        If the file is damaged, or the classifier is not one that could have been fitted to so many features and
        classes.
    """
    svc = read_estimator(path, ())
    with reading(path):
        require(type(svc) is SVC, path, f"contains a {type(svc).__name__}, not a support vector classifier")
        different = sorted(vars(svc).keys() ^ (vars(SVC()).keys() | FITTED))
        require(not different, path, f"the attributes {', '.join(different[:5])} are missing or unknown")
        # Its parameters are those of a new one, but for what the settings say.
        expected = SVC(
            C=settings.C,
            kernel=settings.kernel,
            gamma=svc.gamma,
            class_weight=settings.class_weight,
            max_iter=-1 if settings.max_iter is None else settings.max_iter,
            decision_function_shape="ovo",
        )
        for name, value in vars(expected).items():
            actual = getattr(svc, name)
            require(type(actual) is type(value) and actual == value, path, f"{name} is {actual!r}, not {value!r}")
        require(isinstance(svc._gamma, float) and 0 < svc._gamma < np.inf, path, "gamma is not above zero")
        require((svc._sparse, svc._effective_probability) == (False, False), path, "is not a dense one of decisions")
        require(svc.n_features_in_ == features, path, f"takes {svc.n_features_in_} components, not {features}")
        vectors, pairs = len(svc.support_vectors_), classes * (classes - 1) // 2
        for name, dtype, shape in (
            ("classes_", np.int64, (classes,)),
            ("support_", np.int32, (vectors,)),
            ("support_vectors_", np.float64, (vectors, features)),
            ("_n_support", np.int32, (classes,)),
            ("_dual_coef_", np.float64, (classes - 1, vectors)),
            ("dual_coef_", np.float64, (classes - 1, vectors)),
            ("_intercept_", np.float64, (pairs,)),
            ("intercept_", np.float64, (pairs,)),
            ("_probA", np.float64, (0,)),
            ("_probB", np.float64, (0,)),
            ("class_weight_", np.float64, (classes,)),
        ):
            values = getattr(svc, name)
            fits = type(values) is np.ndarray and values.dtype == dtype and values.shape == shape
            require(fits, path, f"{name} is not {np.dtype(dtype)} of shape {shape}")
            require(bool(np.isfinite(values).all()), path, f"{name} contains values that are not finite")
            require(values.flags.c_contiguous, path, f"{name} is not stored row by row")
        require(np.array_equal(svc.classes_, np.arange(classes)), path, f"classes_ are not 0 to {classes - 1}")
        counts = svc._n_support
        require(
            bool((counts >= 0).all()) and counts.sum() == vectors >= 1, path, "numbers of support vectors do not add up"
        )
    return svc
