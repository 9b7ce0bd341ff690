"""Accidents of processes: killed while they write, told to end, left by their parent."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from gradewise import command, processes, tables

WRITER = """
import sys, time
from pathlib import Path
from gradewise import command, tables

def write(*, output: Path) -> None:
    with tables.replacing(output) as partial:
        partial.write_text("half")
        print("writing", flush=True)
        time.sleep(60)

command.run(write)
"""


@pytest.fixture
def writer(tmp_path):
    """A command that is in the middle of writing `note`."""
    script = tmp_path / "writer.py"
    script.write_text(WRITER)
    command_line = [sys.executable, str(script), "--output", str(tmp_path / "results" / "note")]
    with subprocess.Popen(command_line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        yield process
        process.kill()


@pytest.fixture(autouse=True)
def forgets_folders():
    tables._clear.cache_clear()


@pytest.mark.slow
def test_what_a_killed_writer_left_is_removed_by_the_next(writer, tmp_path):
    writer.kill()
    writer.wait()
    assert len(list((tmp_path / "results").iterdir())) == 1
    with tables.replacing(tmp_path / "results" / "note") as partial:
        partial.write_text("whole")
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["note"]


def test_what_living_processes_and_other_hosts_are_writing_stays(tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    here = processes.place()
    alive, elsewhere = f".note.{here}-{os.getppid()}.partial", f".note.another0-{gone.pid}.partial"
    for name in (alive, elsewhere, f".note.{here}-{gone.pid}.partial"):
        (tmp_path / name).touch()
    processes.remove_abandoned(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {alive, elsewhere}


@pytest.mark.slow
def test_a_writer_that_is_told_to_end_removes_its_partial_file(writer, tmp_path):
    writer.send_signal(signal.SIGTERM)
    _, said = writer.communicate(timeout=30)
    assert writer.returncode == 128 + signal.SIGTERM
    assert said == "write: told to end (SIGTERM)\n"
    assert list((tmp_path / "results").iterdir()) == []


def test_a_full_disk_is_reported_with_the_path(tmp_path, monkeypatch):
    def write(*, output: str) -> None:
        with tables.replacing(tmp_path / "note"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sys, "argv", ["write", "--output", "x"])
    monkeypatch.setattr(command, "end_orderly_when_told", lambda: None)
    with pytest.raises(SystemExit, match=r"^write: .*/note: cannot be written: the disk is full .* MB free in "):
        command.run(write)


def test_a_full_disk_that_a_library_reports_is_recognised(tmp_path, monkeypatch):
    def write(*, output: str) -> None:
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(sys, "argv", ["write", "--output", str(tmp_path / "model")])
    monkeypatch.setattr(command, "end_orderly_when_told", lambda: None)
    with pytest.raises(SystemExit, match=r"^write: .*/model: cannot be written: the disk is full"):
        command.run(write)
