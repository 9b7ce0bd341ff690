"""Runs a step as the workflow does and tells its highest resident memory and the time of processors."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

STEP = """
import atexit, runpy, sys, time
from pathlib import Path

def tell():
    status = Path("/proc/self/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    print("\\n" + peak, time.process_time())

atexit.register(tell)
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""Runs a module and prints the highest resident memory of the process [kB] and the time of processors [s]. The kernel's
`ru_maxrss` will not do: it includes that of the process which started this one."""


@dataclass(frozen=True)
class Used:
    """Highest resident memory of a process [MB] and time of processors [s]."""

    megabytes: float
    seconds: float


def run(module: str, told: str = "", **flags: object) -> Used:
    """Run a step, print its peak and time of processors, and return them."""
    command = [sys.executable, "-c", STEP, f"gradewise.{module}"]
    for name, value in flags.items():
        command += [f"--{name}", str(value) if isinstance(value, str | Path) else json.dumps(value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kilobytes, seconds = done.stdout.split()[-2:]
    used = Used(int(kilobytes) * 1024 / 1e6, float(seconds))
    name = told or module.split(".")[-1]
    print(f"    {name:12s} {used.megabytes:6.0f} MB {used.seconds:6.0f} s of processors", flush=True)
    return used


def in_process(work: Callable[..., None], *arguments: object) -> None:
    """Call a function in a process of its own, so that its memory is given back."""
    process = get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0, f"{work.__name__} failed"
