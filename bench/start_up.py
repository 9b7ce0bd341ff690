"""Where the processor time of the embedded example goes, from nothing to its reports, and how much of it is start-up.

Runs `snakemake --cores 2` in a copy of the tracked files. A module that Python loads when it starts (`sitecustomize`)
notes for each process, as the kernel counts it, the processor time at its end, with that of its children, and what it
spent until then on starting Python and on imports, wherever they stand. From the top of the repository:

    python bench/start_up.py
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

HOOK = '''
import atexit, json, os, resource, sys, time
from importlib import _bootstrap

python, importing, depth = time.process_time(), 0.0, 0
load = _bootstrap._find_and_load


def timed(name, import_):
    """Imports of imported modules are part of the outermost import."""
    global importing, depth
    begun, depth = time.thread_time(), depth + 1
    try:
        return load(name, import_)
    finally:
        depth -= 1
        if not depth:
            importing += time.thread_time() - begun


def write():
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    record = {
        "pid": os.getpid(), "parent": os.getppid(), "command": sys.orig_argv[1:],
        "python": python, "imports": importing,
        "own": own.ru_utime + own.ru_stime, "children": children.ru_utime + children.ru_stime,
    }
    with open(os.path.join(os.environ["START_UP_RECORDS"], f"{os.getpid()}.json"), "w") as file:
        json.dump(record, file)


_bootstrap._find_and_load = timed
atexit.register(write)
'''


def run_example(folder: Path, records: Path) -> float:
    """Run the example in a copy of the tracked files; its duration [s]."""
    copy = folder / "copy"
    for name in subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, copy / name)
    (folder / "sitecustomize.py").write_text(HOOK)
    records.mkdir()
    path = os.pathsep.join([str(copy / "workflow/src"), str(folder)])
    environment = os.environ | {"PYTHONPATH": path, "START_UP_RECORDS": str(records)}
    begun = time.monotonic()
    subprocess.run(
        ["snakemake", "--cores", "2"],
        cwd=copy,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.monotonic() - begun


def rule_of(record: dict) -> str | None:
    """The rule of a job, None for any other process."""
    command = record["command"]
    if command[:1] != ["-m"] or not command[1].startswith("gradewise."):
        return None
    step = command[1].rpartition(".")[2]
    return f"{step}_{command[command.index('--family') + 1]}" if step == "train" else step


def main() -> None:
    """Print a line for each rule, those with most processor time first, and Snakemake's own."""
    with tempfile.TemporaryDirectory() as folder:
        load = os.getloadavg()[0]
        duration = run_example(Path(folder), Path(folder) / "records")
        records = [json.loads(path.read_text()) for path in (Path(folder) / "records").iterdir()]
    rules = {record["pid"]: rule for record in records if (rule := rule_of(record))}
    spent: dict[str, list[float]] = defaultdict(list)
    started: dict[str, float] = defaultdict(float)
    for record in records:
        if rule := rules.get(record["pid"]):
            spent[rule].append(record["own"] + record["children"])
        elif (rule := rules.get(record["parent"])) is None:
            continue
        started[rule] += record["python"] + record["imports"]
    snakemake = max(records, key=lambda record: record["children"])
    print(f"took {duration:.0f} s; load of the machine at the start: {load:.1f} on {os.cpu_count()} cores\n")
    print(f"{'rule':18}{'jobs':>5}{'processor time [s]':>20}{'of it start-up [s]':>20}")
    for rule, times in sorted(spent.items(), key=lambda item: -sum(item[1])):
        print(f"{rule:18}{len(times):5}{sum(times):20.1f}{started[rule]:20.1f}")
    jobs = sum(map(sum, spent.values()))
    print(f"{'shells of jobs':23}{snakemake['children'] - jobs:20.1f}")
    own = snakemake["python"] + snakemake["imports"]
    print(f"{'Snakemake itself':23}{snakemake['own']:20.1f}{own:20.1f}")
    total, starting = snakemake["own"] + snakemake["children"], own + sum(started.values())
    print(f"{'all':18}{len(rules):5}{total:20.1f}{starting:20.1f}  ({starting / total:.0%})")


if __name__ == "__main__":
    sys.exit(main())
