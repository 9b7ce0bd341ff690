"""How often the monitor raises a false alarm, and after how many dates it finds a drift, on simulated scores.

    python bench/monitor.py > bench/monitor.txt

Three images in ten are of the class; its stated probability follows the true class, with errors, and doubt follows from
it. Brightness, contrast and sharpness are normal. The reference are test images. A drift begins at a date and stays:
the share of the class grows by 10 points, or brightness by 0.3 standard deviations. All five scores are watched, and
each is an alarm where its evidence, divided by five, reaches 20, as on the page. The class has its share in training,
from which bets on its probability follow; without it ("by rank alone"), they are those on any other score.
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
) -> tuple[np.ndarray, np.ndarray]:
    """The largest evidence at each date, shape (dates, experiments): with the share of the class, and by rank alone."""
    rng = np.random.default_rng([1, images, reference, start, round(1000 * points), round(1000 * shift)])
    drifted = np.arange(dates * images) >= start * images
    p_values = np.empty((len(drifted), experiments, SCORES))
    for number in range(experiments):
        before = scores(reference, SHARE, 0.0, rng)
        new = scores(len(drifted), SHARE + points * drifted, shift * drifted, rng)
        for column in range(SCORES):
            p_values[:, number, column] = ranks(before[:, column], new[:, column], rng)
    of_class = evidence(p_values[..., 0], reference, SHARE)
    by_rank = evidence(p_values[..., 0], reference)
    of_others = evidence(p_values[..., 1:], reference).max(axis=-1)
    joint = (np.maximum(first, of_others) / SCORES for first in (of_class, by_rank))
    with_share, alone = (values.reshape(dates, images, -1).max(axis=1) for values in joint)
    return with_share, alone


def main() -> None:
    """Print false alarms, and the delay of alarms after a drift."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=500, help="with 100 images a date")
    parser.add_argument("--further", type=int, default=200, help="with other numbers of images")
    arguments = parser.parse_args()
    print("At the right what bets by rank alone find")
    print(
        "images a date  reference  drift                after dates  experiments  false alarms  median delay"
        "  found in 10 dates  by rank alone"
    )
    for images, reference in ((30, 1000), (100, 300), (100, 1000), (100, 3000), (300, 1000), (300, 3000)):
        experiments = arguments.experiments if images == 100 else arguments.further
        for name, points, shift, start in (
            ("none", 0.0, 0.0, 100),
            ("share + 10 points", 0.1, 0.0, 0),
            ("share + 10 points", 0.1, 0.0, 20),
            ("brightness + 0.3 sd", 0.0, 0.3, 20),
        ):
            dates = start if name == "none" else start + 10
            found = run(experiments, images, reference, dates, start, points, shift)
            early = [(evidence[:start] >= ALARM).any(axis=0) for evidence in found]
            line = f"{images:13d}  {reference:9d}  {name:19s}  {start:11d}  {experiments:11d}  {early[0].mean():12.3f}"
            if dates > start:
                late = [evidence[start:] >= ALARM for evidence in found]
                delay = np.where(late[0].any(axis=0), late[0].argmax(axis=0) + 1.0, np.inf)[~early[0]]
                told = [after.any(axis=0)[~before].mean() for after, before in zip(late, early, strict=True)]
                line += f"  {np.median(delay):12.0f}  {told[0]:17.3f}  {told[1]:13.3f}"
            else:
                line += f"{early[1].mean():48.3f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
