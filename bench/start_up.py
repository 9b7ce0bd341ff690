"""Where the processor time of the embedded example goes, from nothing to its reports, and how much of it is start-up.

Runs `snakemake --cores 2` in a copy of the tracked files, with a new Python for each job and with jobs forked from a
process that has imported libraries. A module that Python loads when it starts (`sitecustomize`) notes for each process,
as the kernel counts it, the processor time at its end, with that of its children, and what it spent until then on
starting Python and on imports, wherever they stand. All that shells, clients and processes to fork from spend counts as
start-up, and what processes spend on their ends. From the top of the repository:

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
from collections.abc import Callable
from pathlib import Path

from gradewise.forkserver.start import SERVER, SWITCH

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


def reset():
    """A process that is forked has not spent what its parent spent."""
    global python, importing, depth
    python, importing, depth = 0.0, 0.0, 0


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
os.register_at_fork(after_in_child=reset)
atexit.register(write)
'''


def run_example(folder: Path, forked: bool) -> tuple[float, list[dict]]:
    """Run the example in a copy of the tracked files; its duration [s] and a record of each of its processes."""
    copy, records = folder / "copy", folder / "records"
    for name in subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, copy / name)
    (folder / "sitecustomize.py").write_text(HOOK)
    records.mkdir()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(copy / "workflow/src"), str(folder)]),
        "START_UP_RECORDS": str(records),
        SWITCH: "yes" if forked else "no",
    }
    begun = time.monotonic()
    subprocess.run(
        ["snakemake", "--cores", "2"],
        cwd=copy,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    duration = time.monotonic() - begun
    while any(map(is_server_of(folder), Path("/proc").glob("[0-9]*"))):
        time.sleep(0.1)
    return duration, [json.loads(path.read_text()) for path in records.iterdir()]


def is_server_of(folder: Path) -> Callable[[Path], bool]:
    """Whether a process of `/proc` forks jobs of the run in a folder, and has not ended yet."""

    def serves(process: Path) -> bool:
        try:
            return (
                SERVER.encode() in (process / "cmdline").read_bytes() and folder in (process / "cwd").readlink().parents
            )
        except OSError:
            return False

    return serves


def rule_of(record: dict) -> str | None:
    """The rule of a job, None for any other process."""
    command = record["command"]
    if command[:1] != ["-m"] or not command[1].startswith("gradewise.") or command[1] == SERVER:
        return None
    step = command[1].rpartition(".")[2]
    return f"{step}_{command[command.index('--family') + 1]}" if step == "train" else step


def show(records: list[dict]) -> None:
    """Print a line for each rule, those with most processor time first, and what is no job."""
    rules = {record["pid"]: rule for record in records if (rule := rule_of(record))}
    servers = {record["pid"]: record for record in records if record["command"][:2] == ["-m", SERVER]}
    spent: dict[str, list[float]] = defaultdict(list)
    started: dict[str, float] = defaultdict(float)
    of_shells = 0.0
    for record in records:
        if rule := rules.get(record["pid"]):
            spent[rule].append(record["own"] + record["children"])
            of_shells += 0 if record["parent"] in servers else spent[rule][-1]
        elif (rule := rules.get(record["parent"])) is None:
            continue
        started[rule] += record["python"] + record["imports"]
    print(f"{'rule':24}{'jobs':>5}{'processor time [s]':>20}{'of it start-up [s]':>20}")
    for rule, times in sorted(spent.items(), key=lambda item: -sum(item[1])):
        print(f"{rule:24}{len(times):5}{sum(times):20.1f}{started[rule]:20.1f}")
    others = [record for record in records if record["pid"] not in rules.keys() | servers.keys()]
    snakemake = max(others, key=lambda record: record["children"])
    # what processes spend after their records are written shows in the records of those that waited for their ends
    of_servers = sum(map(sum, spent.values())) - of_shells
    shells = snakemake["children"] - of_shells + sum(record["children"] for record in servers.values()) - of_servers
    forking = sum(record["own"] for record in servers.values())
    own = snakemake["python"] + snakemake["imports"]
    print(f"{'shells, clients, ends':29}{shells:20.1f}{shells:20.1f}")
    print(f"{'processes to fork from':29}{forking:20.1f}{forking:20.1f}")
    print(f"{'Snakemake itself':29}{snakemake['own']:20.1f}{own:20.1f}")
    total = sum(map(sum, spent.values())) + shells + forking + snakemake["own"]
    starting = sum(started.values()) + shells + forking + own
    print(f"{'all':24}{len(rules):5}{total:20.1f}{starting:20.1f}  ({starting / total:.0%})")


def main() -> None:
    """Run the example both ways."""
    for forked in (False, True):
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as folder:
            duration, records = run_example(Path(folder), forked)
        way = "Jobs forked" if forked else "A new Python for each job"
        print(f"{way}: took {duration:.0f} s; load at the start: {load:.1f} on {os.cpu_count()} cores\n")
        show(records)
        print(flush=True)


if __name__ == "__main__":
    sys.exit(main())
