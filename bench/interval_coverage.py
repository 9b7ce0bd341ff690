"""How often 95 % intervals contain the true value, in simulated experiments.

    python bench/interval_coverage.py --experiments 500 > bench/interval_coverage.txt

For outcomes without a model the true value is the bias of the coin; for fitted models it is the expected value over
training sets of that size and new groups, estimated by simulation. With 500 experiments a coverage of 0.95 is known to
+-0.02.
"""

from __future__ import annotations

import argparse
import zlib

import numpy as np
from simulated import CLASSES, SCHEMES, Trained, outcomes

from gradewise.evaluation.compare import compare_each
from gradewise.evaluation.estimates import estimate
from gradewise.metrics import METRICS


def cover_outcomes(experiments: int) -> None:
    print("Accuracy, outcomes without a model; a third of the outcomes is redrawn in each repeat")
    print(f"{'accuracy':>8} {'groups':>6} {'images':>6} {'correl.':>7} {'repeats':>7} {'coverage':>8} {'width':>6}")
    for accuracy in (0.8, 0.9):
        for groups, size, correlation in ((5, 10, 0.1), (16, 10, 0.0), (16, 10, 0.1), (16, 10, 0.3), (48, 4, 0.2)):
            for repeats in (1, 5):
                _cover(accuracy, groups, size, correlation, repeats, experiments)
        for groups in (30, 48, 150):
            for repeats in (1, 5):
                _cover(accuracy, groups, 1, 0.0, repeats, experiments)


def _cover(accuracy: float, groups: int, size: int, correlation: float, repeats: int, experiments: int) -> None:
    rng = np.random.default_rng(zlib.crc32(repr((accuracy, groups, size, correlation, repeats)).encode()))
    covered, width = 0, 0.0
    for _ in range(experiments):
        totals = outcomes(accuracy, groups, size, correlation, repeats, 1 / 3, rng)
        interval = estimate(totals, CLASSES, False)["accuracy", None]
        covered += interval.low <= accuracy <= interval.high
        width += (interval.high - interval.low) / experiments
    coverage = covered / experiments
    print(
        f"{accuracy:8} {groups:6} {groups * size:6} {correlation:7} {repeats:7} {coverage:8.3f} {width:6.3f}",
        flush=True,
    )


def cover_trained(experiments: int) -> None:
    print("\nFitted models: accuracy and ROC AUC of one, difference in accuracy between two equally good ones")
    print(f"{'groups':>6} {'images':>6} {'shared':>6}  {'splits':14} {'accuracy':>8} {'ROC AUC':>8} {'difference':>10}")
    for groups, size, shared in ((16, 10, 0.5), (48, 4, 0.5), (160, 1, 0.0)):
        for scheme in SCHEMES:
            rng = np.random.default_rng(zlib.crc32(repr((groups, size, shared, scheme)).encode()))
            setting = Trained(groups, size, shared)
            tested = groups // 5 if "folds" in scheme else max(2, round(0.3 * groups))
            validation = max(1, groups // 14) if scheme == "5 x same test" else 0
            truth = setting.truth(groups - tested - validation, rng)
            covered = np.zeros(3)
            for _ in range(experiments):
                totals, _, design, first, second = setting.run(scheme, rng)
                estimates = estimate(totals, CLASSES, False)
                for index, metric in enumerate(("accuracy", "roc_auc")):
                    covered[index] += estimates[metric, None].low <= truth[metric] <= estimates[metric, None].high
                both = {"first": first, "second": second}
                deletions = {name: tested.deletions(METRICS["accuracy"]) for name, tested in both.items()}
                (row,) = compare_each(both, [("first", "second")], design, deletions, 1.0)
                covered[2] += row["low"] <= 0 <= row["high"]
            shares = covered / experiments
            columns = f"{shares[0]:8.3f} {shares[1]:8.3f} {shares[2]:10.3f}"
            print(f"{groups:6} {groups * size:6} {shared:6}  {scheme:14} {columns}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=500)
    experiments = parser.parse_args().experiments
    cover_outcomes(experiments)
    cover_trained(experiments)
