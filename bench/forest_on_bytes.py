"""Growing a forest on bytes against scikit-learn's: time, peak memory, and accuracy on unseen samples.

    python bench/forest_on_bytes.py > bench/forest_on_bytes.txt

Samples are smooth noise whose brightness and texture differ between three classes, and every sample is there in its
eight rotations and flips. Each side grows its trees in a process of its own, with the same rows, bags and threads, in
turn; `plain` is scikit-learn's forest on floating-point numbers, column by column, which is its fastest order. Compiled
code is there already. Memory is the peak of the process beyond what imports and the samples themselves take.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from statistics import median

import cv2
import numpy as np

CLASSES, VERSIONS = 3, 8


def draw(samples: int, side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples, uint8 (n, side, side, 1), and their classes."""
    generator = np.random.default_rng(seed)
    y = np.arange(samples) % CLASSES
    pixels = np.empty((samples, side, side, 1), np.uint8)
    for number, code in enumerate(y):
        noise = generator.standard_normal((side, side), dtype=np.float32)
        field = cv2.GaussianBlur(noise, (0, 0), 2.5 + 0.15 * code)
        pixels[number, ..., 0] = np.clip(120 + 3 * code + 35 * field / field.std(), 0, 255)
    return pixels, y


def peak() -> float:
    """Most memory that this process has taken [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def grow(kind: str, samples: int, side: int, trees: int, threads: int) -> None:
    """Grow a forest in this process and print its figures as JSON."""
    from gradewise.families.forest import byte_trees, rows
    from gradewise.families.forest.bootstrap import grow_forest
    from gradewise.families.forest.settings import ForestSettings

    rows.LARGE = 0 if kind == "ours" else 2**60
    pixels, y = draw(samples, side, 1)
    unseen, truth = draw(600, side, 2)
    one = np.ones((1, 1), np.uint8), np.zeros((1, 1), np.int32)
    byte_trees.grow_tree(*one, np.zeros(1, np.int32), np.ones(1), CLASSES, 1, 1, 2, 1, 1)
    before, cpu, clock = peak(), time.process_time(), time.perf_counter()
    made = rows.training_rows(
        pixels, np.arange(samples), y, np.arange(samples), tuple(range(VERSIONS)), rows.AllPixels()
    )
    forest = grow_forest(made.X, made.y, made.bags("rows"), ForestSettings(trees=trees), 1, threads)
    cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    memory = peak() - before
    correct = forest.predict(unseen.reshape(len(unseen), -1).astype(np.float32)) == truth
    depth = np.mean([tree.get_depth() for tree in forest.estimators_])
    print(json.dumps({"cpu": cpu, "clock": clock, "memory": memory, "accuracy": correct.mean(), "depth": depth}))


def measure(samples: int, side: int, trees: int, threads: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Figures of each round of both sides."""
    measured: dict[str, list[dict[str, float]]] = {"ours": [], "plain": []}
    sizes = [f"--samples={samples}", f"--side={side}", f"--trees={trees}", f"--threads={threads}"]
    for _ in range(rounds):
        for kind, results in measured.items():
            command = [sys.executable, __file__, "--kind", kind, *sizes]
            results.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    return measured


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind")
    parser.add_argument("--samples", type=int, default=800)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--trees", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.kind:
        grow(given.kind, given.samples, given.side, given.trees, given.threads)
        return
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(
        f"{VERSIONS * given.samples} rows of {given.side**2} pixels, {given.trees} trees, {given.threads} thread(s); "
        f"medians of {given.rounds} rounds, ranges in brackets\n"
    )
    measured = measure(given.samples, given.side, given.trees, given.threads, given.rounds)
    units = {
        "cpu": "processor time [s]",
        "clock": "wall time [s]",
        "memory": "memory [MB]",
        "accuracy": "",
        "depth": "",
    }
    for name, unit in units.items():
        values = {kind: [result[name] for result in results] for kind, results in measured.items()}
        texts = [f"{median(v):9.3f} ({min(v):.3f} to {max(v):.3f})" for v in values.values()]
        ratio = median(values["plain"]) / median(values["ours"])
        print(f"{unit or name:20} ours {texts[0]:32} plain {texts[1]:36} plain / ours {ratio:.2f}")


if __name__ == "__main__":
    main()
