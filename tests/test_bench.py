"""The table of benches: a row says how long work takes in a plain way and in ours."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"


@pytest.mark.slow
def test_a_row_of_the_table_tells_both_sides_with_ranges():
    command = [sys.executable, BENCH / "run", "--only", "decisions"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert "decisions: done" in done.stderr
    spread = r"[\d.]+ s \([\d.]+ to [\d.]+\)"
    assert len(re.findall(rf"^SVM, .* {spread} +{spread} +[\d.]+x \(.*\)$", done.stdout, flags=re.M)) == 2


def test_every_table_of_a_bench_has_the_script_that_makes_it():
    for path in sorted(BENCH.glob("*.txt")):
        script = path.with_suffix(".py") if path.stem != "run" else BENCH / "run"
        assert script.exists(), f"{path.name}: no script makes it"
