"""One process at a time works in a folder; what a killed one left does not keep others out."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from gradewise import locks
from gradewise.command import UserError
from gradewise.locks import locked, writing

HOLDER = """
import sys, time
from pathlib import Path
from gradewise.locks import locked
with locked(Path(sys.argv[1])):
    print("working", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(locks, "WAIT", 0.4)
    monkeypatch.setattr(locks, "BEAT", 0.05)
    monkeypatch.setattr(locks, "PAUSE", 0.02)


@pytest.fixture
def holder(tmp_path):
    """Another process that works in the folder."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "working\n"
        yield process
        process.kill()


def lock_of_another_host(folder):
    text = json.dumps({"host": "node7", "pid": 41, "place": "another0", "started": 7})
    (folder / ".lock").write_text(text)
    return folder / ".lock"


def test_a_second_process_stops_and_names_the_first_whose_files_stay(tmp_path, holder):
    (tmp_path / "checkpoint-1.safetensors").touch()
    with pytest.raises(UserError, match=f"process {holder.pid} on .* is working in this folder"), locked(tmp_path):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {".lock", "checkpoint-1.safetensors"}


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    holder.kill()
    holder.wait()
    with locked(tmp_path):
        assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_new_process_with_the_number_of_a_killed_one_does_not_count(tmp_path):
    with locked(tmp_path):
        record = json.loads((tmp_path / ".lock").read_text())
    (tmp_path / ".lock").write_text(json.dumps(record | {"pid": os.getppid(), "started": 1}))
    with locked(tmp_path):
        pass


def test_a_lock_that_another_host_no_longer_touches_is_taken_over(tmp_path):
    lock_of_another_host(tmp_path)
    start = time.monotonic()
    with locked(tmp_path):
        assert time.monotonic() - start >= locks.WAIT


def test_a_process_on_another_host_that_touches_its_lock_keeps_it(tmp_path):
    file = lock_of_another_host(tmp_path)
    finished = threading.Event()
    heart = threading.Thread(target=locks._touch_until, args=(finished, file, file.read_text()))
    heart.start()
    try:
        with pytest.raises(UserError, match="process 41 on node7 is working"), locked(tmp_path):
            pass
    finally:
        finished.set()
        heart.join()
    assert "node7" in file.read_text()


def test_a_lock_whose_process_was_killed_while_it_wrote_is_taken_over(tmp_path):
    (tmp_path / ".lock").write_text("")
    with locked(tmp_path):
        pass


def test_a_process_that_takes_over_last_leaves_the_lock_of_the_first(tmp_path):
    file = lock_of_another_host(tmp_path)
    locks._remove(file, "what the lock said before the first took it over")
    assert "node7" in file.read_text()


def test_the_lock_is_removed_when_the_work_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        print(1 // 0)
    assert list(tmp_path.iterdir()) == []


def test_who_finds_a_file_being_written_here_stops_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "WAIT", 1000)
    with writing(tmp_path / "new/out.csv"):
        with writing(tmp_path / "new/other.csv"):
            pass
        with (
            pytest.raises(UserError, match=f"out.csv: process {os.getpid()} on .* is writing this file"),
            writing(tmp_path / "new/out.csv"),
        ):
            pass
    assert list((tmp_path / "new").iterdir()) == []


def test_who_finds_a_file_being_written_elsewhere_stops_when_the_writer_shows_life(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "WAIT", 1000)
    file = lock_of_another_host(tmp_path).rename(tmp_path / ".out.csv.lock")
    finished = threading.Event()
    heart = threading.Thread(target=locks._touch_until, args=(finished, file, file.read_text()))
    heart.start()
    try:
        with pytest.raises(UserError, match="process 41 on node7 is writing"), writing(tmp_path / "out.csv"):
            pass
    finally:
        finished.set()
        heart.join()


def test_a_file_whose_writer_elsewhere_shows_no_life_is_taken_over(tmp_path):
    lock_of_another_host(tmp_path).rename(tmp_path / ".out.csv.lock")
    start = time.monotonic()
    with writing(tmp_path / "out.csv"):
        assert time.monotonic() - start >= locks.WAIT
