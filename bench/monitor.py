"""How often the monitor raises a false alarm, and after how many dates it finds a drift, on simulated scores.

    python bench/monitor.py > bench/monitor.txt

Three images in ten are of the class; its stated probability follows the true class, with errors, and doubt follows from
it. Brightness, contrast and sharpness are normal. The reference are test images. A drift begins at a date and stays:
the share of the class grows by 10 points, or brightness by 0.3 standard deviations. All five scores are watched, and
each is an alarm where its evidence, divided by five, reaches 20, as on the page.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.special import expit

from gradewise.deployment.martingale import ALARM, evidence, ranks

SHARE, SCORES = 0.3, 5


def scores(images: int, share: np.ndarray | float, shift: np.ndarray | float, rng: np.random.Generator) -> np.ndarray:
    """Probability of the class, margin, brightness, contrast and sharpness of each image, shape (images, 5)."""
    truth = rng.random(images) < share
    probability = expit(rng.normal(np.where(truth, 2.0, -2.0), 1.5))
    statistics = rng.normal(size=(images, 3))
    statistics[:, 0] += shift
    return np.column_stack([probability, np.abs(2 * probability - 1), statistics])


def run(
    experiments: int, images: int, reference: int, dates: int, start: int, points: float, shift: float
) -> np.ndarray:
    """The largest evidence at each date, shape (dates, experiments)."""
    rng = np.random.default_rng([1, images, reference, start, round(1000 * points), round(1000 * shift)])
    drifted = np.arange(dates * images) >= start * images
    p_values = []
    for _ in range(experiments):
        before = scores(reference, SHARE, 0.0, rng)
        new = scores(len(drifted), SHARE + points * drifted, shift * drifted, rng)
        p_values.append([ranks(before[:, column], new[:, column], rng) for column in range(new.shape[1])])
    joint = evidence(np.moveaxis(np.array(p_values), -1, 0), reference).max(axis=-1) / SCORES
    return np.asarray(joint.reshape(dates, images, -1).max(axis=1))


def main() -> None:
    """Print false alarms, and the delay of alarms after a drift."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=200)
    experiments = parser.parse_args().experiments
    print(f"{experiments} experiments")
    print("images a date  reference  drift                after dates  false alarms  median delay  found in 10 dates")
    for images, reference in ((100, 300), (100, 1000), (300, 1000)):
        for name, points, shift, start in (
            ("none", 0.0, 0.0, 100 if images == 100 else 30),
            ("share + 10 points", 0.1, 0.0, 0),
            ("share + 10 points", 0.1, 0.0, 20),
            ("brightness + 0.3 sd", 0.0, 0.3, 0),
            ("brightness + 0.3 sd", 0.0, 0.3, 20),
        ):
            dates = start if name == "none" else start + 10
            alarm = run(experiments, images, reference, dates, start, points, shift) >= ALARM
            early = alarm[:start].any(axis=0)
            line = f"{images:13d}  {reference:9d}  {name:19s}  {start:11d}  {early.mean():12.3f}"
            if dates > start:
                late = alarm[start:]
                delay = np.where(late.any(axis=0), late.argmax(axis=0) + 1.0, np.inf)[~early]
                line += f"  {np.median(delay):12.0f}  {np.mean(delay <= 10):17.3f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
