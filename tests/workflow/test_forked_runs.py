"""Jobs of a run on this machine are forked from the server, which leaves nothing behind, unless a user turns it off."""

import os
import sys
from pathlib import Path

import pytest

from gradewise.forkserver.start import SERVER, SWITCH

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="jobs are forked on Linux")]

HOOK = """
import atexit, os, sys
from pathlib import Path


def write():
    words = sys.orig_argv[1:]
    if words[:1] == ["-m"] and words[1].startswith("gradewise.") and words[1] != os.environ["SERVER"]:
        parent = Path(f"/proc/{os.getppid()}/cmdline").read_text().split("\\0")
        with open(os.environ["PARENTS"], "a") as file:
            print(os.environ["SERVER"] in parent, file=file)


atexit.register(write)
"""


@pytest.mark.parametrize("switch", ["yes", "no"])
def test_jobs_are_forked(snakemake, tmp_path, monkeypatch, switch):
    for name in ("hook", "run", "t"):
        (tmp_path / name).mkdir()
    (tmp_path / "hook/sitecustomize.py").write_text(HOOK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hook"), prepend=os.pathsep)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "t"))
    monkeypatch.setenv("PARENTS", str(tmp_path / "parents"))
    monkeypatch.setenv("SERVER", SERVER)
    monkeypatch.setenv(SWITCH, switch)
    configuration = Path(__file__).with_name("small.yaml")
    steps = ("read_images", "manifest", "split")
    arguments = ("--cores", 2, "--directory", tmp_path / "run", "--configfile", configuration, "--until", *steps)
    snakemake(*arguments)
    forked = (tmp_path / "parents").read_text().split()
    assert set(forked) == {str(switch == "yes")}
    assert len(forked) >= 6
    assert not list((tmp_path / "t").iterdir())
