"""Which process wrote a file, whether it is still running, and how a process ends when it is told to.

Numbers of processes have a meaning only where they were given: on one host, and in a container of its own within it.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import threading
from contextlib import suppress
from functools import cache
from multiprocessing import parent_process
from pathlib import Path
from types import FrameType

SECONDS_TO_END = 20
"""How long an orderly exit may take. Schedulers usually kill a job 30 s after they told it to end."""


class Terminated(BaseException):
    """The process was told to end (SIGTERM). Not an `Exception`, so that no step takes it for an error."""


@cache
def place() -> str:
    """Eight hexadecimal digits for the host and, on Linux, the container in which numbers of processes hold."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return hashlib.sha256(f"{socket.gethostname()} {namespace}".encode()).hexdigest()[:8]


def is_running(pid: int, started: int | None = None) -> bool:
    """Whether a process of this place is running; with its `start_time`, not another one that has its number now."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user
        pass
    return started is None or started == start_time(pid)


def start_time(pid: int) -> int | None:
    """When a process of this place started, in the kernel's ticks; None if it has ended, or other than on Linux."""
    try:
        # the name of the program, in parentheses, may contain spaces
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[19])


def partial_file(path: Path) -> Path:
    """Where this process writes a file before it takes its place at `path`."""
    return path.with_name(f".{path.name}.{place()}-{os.getpid()}.partial")


def remove_abandoned(folder: Path) -> None:
    """Remove the partial files in a folder whose processes, at this place, were killed while they wrote them."""
    for file in folder.glob(f".*.{place()}-*.partial"):
        pid = file.name.removesuffix(".partial").rpartition("-")[2]
        if pid.isdecimal() and not is_running(int(pid)):
            file.unlink(missing_ok=True)


def end_orderly_when_told() -> None:
    """Let SIGTERM raise `Terminated` in the main thread, so that `finally` runs; a second one ends the process at once.

    A process that has not ended after `SECONDS_TO_END` is ended by the operating system.
    """

    def terminate(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.alarm(SECONDS_TO_END)
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)


def end_with_parent() -> None:
    """Let this process, started by `multiprocessing`, end as soon as its parent has, even if that was killed."""
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        with suppress(KeyboardInterrupt):
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
