"""Snakemake is killed again and again at random moments; run to the end, it finds what an undisturbed run finds.

GRADEWISE_KILLS says how often, twice if it is not set. A run that ends before its turn gives way to a new one. Jobs of
the undisturbed run are started by Python, those of the others are forked.
"""

import itertools
import os
import random
import signal
import subprocess
import time

import pytest

from gradewise.forkserver.start import SWITCH

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("GRADEWISE_KILLS", "2"))
WAYS = {
    "Snakemake alone, at once": (os.kill, signal.SIGKILL),  # its jobs live on
    "Snakemake and its jobs, at once": (os.killpg, signal.SIGKILL),
    "Snakemake alone, orderly": (os.kill, signal.SIGTERM),  # it waits for its jobs
    "Snakemake and its jobs, orderly": (os.killpg, signal.SIGTERM),
    "Ctrl-C": (os.killpg, signal.SIGINT),
}


def test_a_run_that_is_killed_again_and_again_ends_in_the_results_of_an_undisturbed_one(
    start, finish, check_equal, tmp_path
):
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    begin = time.monotonic()
    finish(start(undisturbed, "--cores", 2, **{SWITCH: "no"}), undisturbed)
    duration = time.monotonic() - begin
    moments = random.Random(1)
    runs = (tmp_path / f"run{number}" for number in itertools.count())
    folder = next(runs)
    folder.mkdir()
    ways = itertools.cycle(WAYS.items())
    kills = 0
    while kills < KILLS:
        process = start(folder, "--cores", 2)
        seconds = moments.uniform(0, duration / 2)
        try:
            assert process.wait(seconds) == 0, (folder / "printed.txt").read_text()[-5000:]
        except subprocess.TimeoutExpired:
            way, (kill, number) = next(ways)
            kill(process.pid, number)
            process.wait(300)
            kills += 1
            with (folder / "printed.txt").open("a") as printed:
                printed.write(f"killed after {seconds:.1f} s: {way}\n")
            finish(start(folder, "--unlock"), folder)
        else:
            check_equal(folder, undisturbed)
            folder = next(runs)
            folder.mkdir()
    finish(start(folder, "--cores", 2), folder)
    check_equal(folder, undisturbed)
