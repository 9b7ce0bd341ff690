"""Decisions of a support vector machine on new samples: ours against scikit-learn's, per processor time.

    python bench/svm_prediction.py > bench/svm_prediction.txt

Scores are made up, with classes that overlap, so that many samples become support vectors. Both sides decide between
all pairs of classes with the same vectors; what follows, sigmoids and coupling, is the same for both.
"""

from __future__ import annotations

import os

import numpy as np
from sides import Sides, compare, show
from sklearn.svm import SVC

from gradewise.families.pca_svm.machine import Machine

TRAINED, COMPONENTS = 1500, 200


def measure(classes: int, samples: int = 2000, runs: int = 5) -> Sides:
    """Decisions on so many samples of so many classes."""
    generator = np.random.default_rng(0)
    target = np.arange(TRAINED) % classes
    scores = generator.normal(size=(TRAINED, COMPONENTS)) + 0.1 * generator.normal(size=(classes, COMPONENTS))[target]
    gamma = 1 / COMPONENTS
    classifier = SVC(gamma=gamma, decision_function_shape="ovo").fit(scores, target)
    machine, new = Machine.of(classifier, gamma), generator.normal(size=(samples, COMPONENTS))
    # scikit-learn turns the sign where there are two classes
    sign = -1 if classes == 2 else 1
    expected = classifier.decision_function(new).reshape(samples, -1)
    np.testing.assert_allclose(machine.decide(new), sign * expected, atol=1e-9)
    vectors = len(machine.vectors)
    work = f"SVM, {samples} samples, {vectors} vectors of {COMPONENTS} scores, {classes} classes (plain: scikit-learn)"
    return compare(work, lambda: classifier.decision_function(new), lambda: machine.decide(new), runs)


def main() -> None:
    """Print the table."""
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    show([measure(classes) for classes in (2, 4, 10)])


if __name__ == "__main__":
    main()
