"""How often the tests report a difference between two models whose true accuracies are equal, at the 5 % level.

    python bench/null_rejection.py --experiments 1000 > bench/null_rejection.txt

Two discriminants on different, equally informative features are fitted on every split. With 1000 experiments a rate of
0.05 is known to +-0.014.
"""

from __future__ import annotations

import argparse
import zlib
from collections import Counter

import numpy as np
from simulated import SCHEMES, Trained

from gradewise.evaluation.compare import compare_pair
from gradewise.metrics import METRICS


def reject(experiments: int) -> None:
    print(f"{'groups':>6} {'images':>6} {'shared':>6}  {'splits':14} {'rejected':>8}  test")
    for groups, size, shared in ((16, 10, 0.5), (48, 4, 0.5), (160, 1, 0.0), (600, 1, 0.0)):
        for scheme in SCHEMES:
            rng = np.random.default_rng(zlib.crc32(repr((groups, size, shared, scheme)).encode()))
            setting = Trained(groups, size, shared)
            rejected, tests = 0, Counter()
            for number in range(experiments):
                *_, design, first, second = setting.run(scheme, rng)
                row = compare_pair(first, second, design, METRICS["accuracy"], number)
                rejected += row["p_value"] < 0.05
                tests[row["test"]] += 1
            names = ", ".join(name for name, _ in tests.most_common())
            print(
                f"{groups:6} {groups * size:6} {shared:6}  {scheme:14} {rejected / experiments:8.3f}  {names}",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=1000)
    reject(parser.parse_args().experiments)
