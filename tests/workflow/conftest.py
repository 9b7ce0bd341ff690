"""Runs of the workflow in a folder of their own."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def snakemake():
    """Run Snakemake on the project's Snakefile; returns the finished process with its output in `stdout`."""

    def run(*arguments, check=True):
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0 or not check, done.stdout[-5000:]
        return done

    return run


@pytest.fixture(scope="session")
def planned():
    """Which jobs a dry run's output plans: names of rules and their number."""

    def parse(output):
        table = output.split("Job stats:")[1] if "Job stats:" in output else ""
        return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, flags=re.M) if name != "total"}

    return parse


@pytest.fixture(scope="session")
def run_in(snakemake):
    """Run a configuration from a copy in a folder of its own, `mine.yaml`; returns what was printed."""

    def run(folder, configuration):
        file = shutil.copy(configuration, folder / "mine.yaml")
        # a file of the user's that is called as a library
        shadow = folder / "cv2.py"
        shadow.write_text("raise ImportError('jobs import from the folder they run in')")
        try:
            return snakemake("--cores", 2, "--directory", folder, "--configfile", file).stdout
        finally:
            shadow.unlink()

    return run


@pytest.fixture
def replan_changed(snakemake, planned):
    """Jobs planned in the folder of a finished run when its configuration has changed."""

    def plan(folder, configuration, change):
        raw = yaml.safe_load(configuration.read_text())
        change(raw)
        file = folder / "mine.yaml"
        file.write_text(yaml.safe_dump(raw, sort_keys=False))
        return planned(snakemake("-n", "--directory", folder, "--configfile", file).stdout)

    return plan
