"""How much of the processor time of a finished run goes into starting its jobs.

For each rule: its jobs and their processor time, as Snakemake's benchmarks have them, and the processor time of a
process that only imports the module of the step (for training also that of the family), as the median of five.
Snakemake samples the time of a job now and then, so that short jobs seem to take less than their start. Run it from the
folder in which a workflow ran: `python bench/start_up.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from statistics import median

STAGES = ("images", "views", "families", "evaluation", "judgement", "predict", "report", "deployment", "simulate")


def modules(rule: str) -> list[str]:
    """Modules that a job of a rule imports."""
    if rule.startswith("train_"):
        family = rule.removeprefix("train_")
        return ["gradewise.families.train", f"gradewise.families.{family}.fit"]
    names = ["gradewise.plan"] if rule == "plan" else [f"gradewise.{stage}.{rule}" for stage in STAGES]
    return [name for name in names if find_spec(name)]


def seconds_to_import(names: list[str]) -> float:
    """Processor time of a process that imports modules and ends [s]."""
    times = []
    for _ in range(5):
        before = os.times()
        subprocess.run([sys.executable, "-c", f"import {', '.join(names)}"], check=True)
        after = os.times()
        times.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return median(times)


def main() -> None:
    """Print a line for each rule, those with most processor time first."""
    spent: dict[str, list[float]] = defaultdict(list)
    for path in Path("benchmarks").rglob("*.jsonl"):
        rule = path.relative_to("benchmarks").parts[0].removesuffix(".jsonl")
        for line in path.read_text().splitlines():
            spent[rule].append(float(json.loads(line)["cpu_time"] or 0))
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print(f"{'rule':18}{'jobs':>5}{'processor time [s]':>20}{'of it start-up [s]':>20}")
    started = 0.0
    for rule, times in sorted(spent.items(), key=lambda item: -sum(item[1])):
        start_up = seconds_to_import(modules(rule)) * len(times)
        started += start_up
        print(f"{rule:18}{len(times):5}{sum(times):20.1f}{start_up:20.1f}")
    total = sum(map(sum, spent.values()))
    print(f"{'all':18}{sum(map(len, spent.values())):5}{total:20.1f}{started:20.1f}")


if __name__ == "__main__":
    main()
