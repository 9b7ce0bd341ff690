"""Memory and time of the steps on verdicts for very many images, and what a prediction costs.

    python bench/evaluate_memory.py [--images 100000 1000000] [--models 2] [--package ../other/workflow/src]

`package` measures another version of gradewise as well, on the same results. Memory is the highest resident one, less
what the step has when its libraries are imported; processor time is that of all threads, start-up included.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from many_classes import STAGES, make, steps
from peak import in_process, run

LIBRARIES = """
import importlib, sys
from pathlib import Path
importlib.import_module(sys.argv[1])
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""
"""Imports a module and prints the highest resident memory of the process [kB]."""

MEASURED = ("evaluate", "compare", "recommend", "prediction_sets", "suspect_labels", "report")
GROUPS = 3000


def of_libraries(module: str) -> float:
    """Memory of a module with all that it imports [MB]."""
    printed = subprocess.run([sys.executable, "-c", LIBRARIES, module], capture_output=True, text=True, check=True)
    return int(printed.stdout) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--models", type=int, default=2)
    parser.add_argument("--package", type=Path)
    parser.add_argument("--steps", nargs="+", default=MEASURED)
    given = parser.parse_args()
    own = str(Path(__file__).resolve().parents[1] / "workflow/src")
    for images in given.images:
        print(f"{images} images, {given.models} models, {GROUPS} groups", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            results = Path(folder) / "results/many"
            in_process(make, results, 2, GROUPS, images, 1, given.models)
            classes = json.loads((results / "plan/settings.json").read_text())["classes"]
            flags = steps(Path(folder), results, classes)
            for package in [*([str(given.package.resolve())] if given.package else []), own]:
                os.environ["PYTHONPATH"] = package
                print(f"  {'this version' if package == own else 'version before'}", flush=True)
                for step in given.steps:
                    module = f"{STAGES[step]}.{step}"
                    used = run(module, dataset="many", results=results, **flags[step])
                    beyond = used.megabytes - of_libraries(f"gradewise.{module}")
                    rows = images * given.models
                    print(
                        f"      {beyond:5.0f} MB beyond the libraries, {1000 * beyond / rows:.2f} KB per verdict",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
