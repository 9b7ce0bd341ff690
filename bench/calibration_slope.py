"""How often calibrated and overconfident probabilities are called wrong, in simulated experiments.

    python bench/calibration_slope.py --experiments 500 > bench/calibration_slope.txt

Log-odds are normal and partly shared within groups, and so is the luck of the outcomes. The true probabilities are
those of the log-odds; what is stated are the log-odds times a factor. Compared are the calibration slope, wrong where
its interval leaves out 1, and the calibration error, wrong where its interval lies above what chance alone makes of it.
"""

from __future__ import annotations

import argparse
import zlib

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from gradewise.evaluation.calibration import calibrate
from gradewise.evaluation.calibration_slope import calibration_slope

CLASSES = ["bad", "good"]


def experiment(groups: int, size: int, shared: float, factor: float, rng: np.random.Generator) -> pd.DataFrame:
    """Verdicts on one test set whose log-odds are stated `factor` times too large."""
    group = np.repeat(np.arange(groups), size)

    def partly_shared() -> np.ndarray:
        return np.sqrt(shared) * rng.normal(size=groups)[group] + np.sqrt(1 - shared) * rng.normal(size=len(group))

    log_odds = 2 * partly_shared()
    truth = (norm.cdf(partly_shared()) < expit(log_odds)).astype(int)
    stated = expit(factor * log_odds)
    names = np.array(CLASSES)
    return pd.DataFrame(
        {
            "repeat": 0,
            "image_id": np.arange(len(group)).astype(str),
            "group": group.astype(str),
            "label": names[truth],
            "predicted": names[(stated > 0.5).astype(int)],
            "p_bad": 1 - stated,
            "p_good": stated,
        }
    )


def compare(experiments: int) -> None:
    print(
        f"{'groups':>6} {'images':>6} {'shared':>6} {'log-odds':>8}  {'slope':>6} {'error':>6}  {'holds the slope':>15}"
    )
    for groups, size, shared in ((8, 8, 0.3), (16, 6, 0.0), (16, 6, 0.3), (50, 1, 0.0), (50, 4, 0.3), (150, 1, 0.0)):
        for factor in (1.0, 2.0, 0.5):
            rng = np.random.default_rng(zlib.crc32(repr((groups, size, shared, factor)).encode()))
            called = np.zeros(3)
            for _ in range(experiments):
                verdicts = experiment(groups, size, shared, factor, rng)
                slope, measured = calibration_slope(verdicts, CLASSES), calibrate(verdicts, CLASSES)
                called += (
                    not slope.low <= 1 <= slope.high,
                    measured.error.low > measured.by_chance,
                    slope.low <= 1 / factor <= slope.high,
                )
            shares = called / experiments
            print(
                f"{groups:6} {groups * size:6} {shared:6} {f'x {factor:g}':>8}  "
                f"{shares[0]:6.3f} {shares[1]:6.3f}  {shares[2]:15.3f}",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=500)
    compare(parser.parse_args().experiments)
