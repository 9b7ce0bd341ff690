"""Runs that nothing disturbs, and whether a disturbed one has their results."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from gradewise import tables

ROOT = Path(__file__).parents[2]
TINY = Path(__file__).with_name("tiny.yaml")
MEASURED = re.compile("seconds|memory|bytes|^facts$|^files$|^cost$")
"""Keys of JSON with times, memory, sizes and hashes of files that hold times, or sentences about them; all else is
reproducible."""


@pytest.fixture(scope="session")
def start():
    """Start Snakemake on the tiny configuration in a folder, with variables of the environment; what it prints goes to
    `printed.txt` there."""
    processes = []

    def start(folder, *arguments, **variables):
        words = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
        command = [str(word) for word in (*words, "--configfile", TINY, *arguments)]
        with (folder / "printed.txt").open("a") as printed:
            process = subprocess.Popen(
                command, stdout=printed, stderr=printed, env=os.environ | variables, start_new_session=True
            )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def finish():
    """Wait for Snakemake, started in a folder, to come to a good end."""

    def finish(process, folder, seconds=600):
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            code = "did not end"
        assert code == 0, (folder / "printed.txt").read_text()[-5000:]

    return finish


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, start, finish):
    """The folder of a run before training; tests go on from copies of it."""
    folder = tmp_path_factory.mktemp("prepared")
    finish(start(folder, "--cores", 2, "--until", "fit_pca"), folder)
    return folder


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory, prepared, start, finish):
    """The folder of a run on this machine, undisturbed until its models were evaluated."""
    folder = shutil.copytree(prepared, tmp_path_factory.mktemp("evaluated") / "run")
    finish(start(folder, "--cores", 2, "--until", "evaluate"), folder)
    return folder


@pytest.fixture(scope="session")
def check_equal():
    """Assert that two runs left the same files with the same contents, measured times and sizes apart."""

    def check_equal(folder, undisturbed):
        actual, expected = results(folder), results(undisturbed)
        assert actual.keys() == expected.keys()
        for name, contents in expected.items():
            if isinstance(contents, pd.DataFrame):
                pd.testing.assert_frame_equal(actual[name], contents, check_exact=True, obj=name)
            else:
                assert actual[name] == contents, name

    return check_equal


def results(folder):
    """Contents of all files of results by their path; None for models, which hold times or the order of writing."""
    contents = {}
    for path in sorted(path for path in (folder / "results").rglob("*") if path.is_file()):
        if path.suffix == ".parquet":
            value = tables.read(path)
        elif path.suffix == ".json":
            value = without_measured(json.loads(path.read_text()))
        else:
            value = path.read_bytes() if path.suffix in {".csv", ".npy", ".png"} else None
        contents[str(path.relative_to(folder))] = value
    return contents


def without_measured(value):
    """JSON without what differs between two runs."""
    if isinstance(value, dict):
        return {key: without_measured(inner) for key, inner in value.items() if not MEASURED.search(key)}
    if isinstance(value, list):
        return [without_measured(inner) for inner in value]
    return value
