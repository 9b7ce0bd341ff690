"""Keeps two processes from working in one folder or writing one file.

Snakemake was killed, its jobs live on, and it is started again; or a command is given twice.

The lock is a file that exists as long as a process works, and names it. It is not a lock of the operating
system (`flock`, `fcntl`): on network file systems these depend on server and mount options, where some are refused and
others granted on two nodes at once, and they do not tell who holds them. Creating a file only if there is none is
atomic on local disks and on NFS. But such a file outlives a process that is killed. If that process ran here, its
number tells that it is gone. If it ran elsewhere, the file tells: who holds it touches it every `BEAT` seconds, and who
waits for it sees whether its time changes, since clocks of two hosts cannot be compared.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from gradewise.command import UserError
from gradewise.processes import is_running, partial_file, place, start_time

WAIT, BEAT, PAUSE = 60.0, 10.0, 0.5
"""How long to wait for a lock, how often its holder touches it, and how often those who wait look [s]."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Holder:
    host: str
    pid: int
    place: str
    started: int | None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Work in a folder, which is created if necessary, while no other process does.

    Raises
    ------
    UserError
        If another process still works there after `WAIT` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    advice = (
        "is working in this folder, perhaps a job of a run of Snakemake that was killed; wait for it or end it, and "
        "run the workflow again"
    )
    with _holding(folder / ".lock", folder, WAIT, advice):
        yield


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Write a file, whose folder is created if necessary, while no other process does.

    Raises
    ------
    UserError
        As soon as it is clear that another process is writing it: at once, or after `BEAT` seconds on another host.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _holding(path.with_name(f".{path.name}.lock"), path, 0, "is writing this file; wait for it or end it"):
        yield


@contextmanager
def _holding(file: Path, subject: Path, patience: float, advice: str) -> Iterator[None]:
    own = json.dumps(asdict(_Holder(socket.gethostname(), os.getpid(), place(), start_time(os.getpid()))))
    _acquire(file, own, subject, patience, advice)
    finished = threading.Event()
    heart = threading.Thread(target=_touch_until, args=(finished, file, own), daemon=True)
    heart.start()
    try:
        yield
    finally:
        finished.set()
        heart.join()
        if _read(file)[0] == own:
            file.unlink(missing_ok=True)


def _acquire(file: Path, own: str, subject: Path, patience: float, advice: str) -> None:
    start = last_change = time.monotonic()
    seen = _read(file)
    while not _create(file, own):
        now = time.monotonic()
        state = _read(file)
        if state != seen:
            seen, last_change = state, now
        text, _ = state
        holder = _parse(text)
        if holder is not None and holder.place == place():
            working = is_running(holder.pid, holder.started)
            abandoned = not working
        else:
            working = holder is not None and last_change > start
            abandoned = now - last_change >= WAIT
        if abandoned:
            log.warning("%s: taking over from %s, which has ended", subject, _describe(holder))
            _remove(file, text)
        elif working and now - start >= patience:
            raise UserError(f"{subject}: {_describe(holder)} {advice}")
        else:
            time.sleep(PAUSE)


def _create(file: Path, own: str) -> bool:
    """Whether this process could create the lock."""
    try:
        with file.open("x") as stream:
            stream.write(own)
    except FileExistsError:
        return False
    return True


def _read(file: Path) -> tuple[str, int]:
    """Text and time of a lock; empty and 0 if there is none."""
    try:
        # opening a file makes a network file system ask its server again
        with file.open() as stream:
            return stream.read(), os.fstat(stream.fileno()).st_mtime_ns
    except FileNotFoundError:
        return "", 0


def _parse(text: str) -> _Holder | None:
    """Who holds a lock; None if its process was killed while it wrote, or has not finished writing."""
    try:
        return _Holder(**json.loads(text))
    except (ValueError, TypeError):
        return None


def _describe(holder: _Holder | None) -> str:
    return "an unknown process" if holder is None else f"process {holder.pid} on {holder.host}"


def _remove(file: Path, text: str) -> None:
    """Remove an abandoned lock, but not that of a process that has just taken it over."""
    aside = partial_file(file)
    with suppress(FileNotFoundError):
        file.rename(aside)
        if aside.read_text() == text:
            aside.unlink()
        else:
            aside.rename(file)


def _touch_until(finished: threading.Event, file: Path, own: str) -> None:
    while not finished.wait(BEAT):
        # a hiccup of the file system does not end the job
        with suppress(OSError):
            if _read(file)[0] == own:
                os.utime(file)
