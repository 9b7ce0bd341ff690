"""The server: ``python -m gradewise.forkserver.server FOLDER SOCKET ..``; sockets are given as numbers of open files.

For each set of libraries there is a socket in the folder, and a process. It forks before it imports anything of the
set, so that sets that no job needs cost nothing. A training holds the heavy libraries that it would import itself and
no others, so that its memory is what it is without the server: the first job of a kind is forked from the plain
process, and notes which it imported for those that follow.

Only the main thread of a job has the job's number of threads where libraries use OpenMP; other threads have one.

The server ends with Snakemake, at the end of its standard input, once no job is running.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import math
import os
import runpy
import selectors
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from gradewise.forkserver.client import PLAIN, STARTED, kind, process_file

COMMON = (
    "gradewise.command",
    "gradewise.config.section",
    "gradewise.tables",
    "docstring_parser",
    "scipy.special",
    "typeshed_client",
)
"""Modules that most steps import, the libraries among them that `command` needs once it reads a signature."""

HEAVY = {"sklearn": ("sklearn.linear_model", "sklearn.svm"), "torch": ("torch",)}
"""Libraries that only some steps import, and the modules that bring most of them."""

SETS = {
    PLAIN: (),
    "sklearn": HEAVY["sklearn"],
    "torch": HEAVY["torch"],
    "sklearn torch": (*HEAVY["sklearn"], *HEAVY["torch"]),
}
"""Which modules the process behind each socket has imported beyond `COMMON`."""

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15
"""Numbers of the settings in Linux's `sys/prctl.h`."""

SECONDS_TO_SEND = 10.0
"""How long a client may take for each part of its job [s]. Others wait meanwhile."""

BLOCK = 2**16
"""What Linux maps of a file when one page of it is read [bytes]."""

AT_ONCE = 0.2
"""Within which time a signal reaches all processes that it is sent to [s]."""


class Job(NamedTuple):
    """What a client asks for, in the process that was forked for it."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]
    umask: int


class Start(NamedTuple):
    """What the server had before it or its libraries changed it, and the pages that `COMMON` takes."""

    environment: dict[str, str]
    on_interrupt: Any
    pages: list[int]


class Server:
    """Forks a process for each client, and tells the client how it ended.

    Parameters
    ----------
    folder : Path
        Where the sockets are.
    libraries : str
        Name of a set of `SETS`.
    listener : socket
    start : Start
    """

    def __init__(self, folder: Path, libraries: str, listener: socket.socket, start: Start) -> None:
        self.folder = folder
        self.start = start
        self.pages = start.pages
        self.missing: tuple[str, ...] = SETS[libraries]
        self.listener = listener
        self.clients: dict[int, tuple[socket.socket, Path]] = {}
        self.told_to_end = -math.inf
        self.selector = selectors.DefaultSelector()
        signal.signal(signal.SIGTERM, self._note_termination)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self.awake, asleep = socket.socketpair()
        for end in (self.awake, asleep):
            end.setblocking(False)
        self.wakeup = asleep
        signal.set_wakeup_fd(asleep.fileno(), warn_on_full_buffer=False)

    def next_job(self) -> Job | None:
        """Serve clients. Returns in each process that is forked, with its job; None in the server, at its end."""
        self.selector.register(sys.stdin, selectors.EVENT_READ)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(self.awake, selectors.EVENT_READ)
        ending = False
        while not ending or self.clients:
            for key, _ in self.selector.select():
                if key.fileobj is sys.stdin:
                    ending = True
                    self.selector.unregister(sys.stdin)
                    self.selector.unregister(self.listener)
                elif key.fileobj is self.awake:
                    self._tell_clients()
                elif key.fileobj is self.listener:
                    if (job := self._accept()) is not None:
                        return job
                elif key.data in self.clients:
                    self._end_job(key.data)
        return None

    def _accept(self) -> Job | None:
        """Fork for a client; its job in the process that is forked, None in the server.

        A client that is not told of a process runs its step itself.
        """
        connection, _ = self.listener.accept()
        if self.missing:
            read(self.pages)
            for module in self.missing:
                import_module(module)
            self.missing = ()
            gc.freeze()
            self.pages = pages_of_files()
        files: list[int] = []
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            job = receive(connection, files)
            process = os.fork()
        except (OSError, ValueError):
            process = None
            connection.close()
        if process == 0:
            self._become(job, files)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        if process == 0:
            return job
        for file in files:
            os.close(file)
        if process is None:
            return None
        client = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        note = Path(process_file(self.folder, client))
        with suppress(OSError):  # a full disk costs a benchmark
            note.symlink_to(str(process))
        self.clients[process] = connection, note
        self.selector.register(connection, selectors.EVENT_READ, data=process)
        with suppress(OSError):  # the client was killed, which the selector tells
            connection.sendall(STARTED)
        return None

    def _become(self, job: Job, files: list[int]) -> None:
        """Take on what a process of this job would have inherited, and nothing of the server's.

        If the server is killed, the process is told to end. `ps` and `top` show the name of the step.
        """
        import numpy as np

        system = ctypes.CDLL(None)
        system.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        system.prctl(PR_SET_NAME, kind(job.arguments).rpartition(".")[2].encode())
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, self.start.on_interrupt)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.selector.close()
        for end in (self.listener, self.awake, self.wakeup, *(client for client, _ in self.clients.values())):
            end.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(job.folder)
        os.umask(job.umask)
        added = {name: value for name, value in os.environ.items() if name not in self.start.environment}
        os.environ.clear()
        os.environ.update(added | job.environment)
        tempfile.tempdir = None
        np.random.seed()  # noqa: NPY002 - the generator of those who use none of their own
        read(self.pages)
        # libraries that are loaded already have not seen the variable
        threadpool_limits(int(job.environment.get("OMP_NUM_THREADS", 0)) or None)
        sys.orig_argv = ["python", *job.arguments]
        atexit.register(self._note_libraries, kind(job.arguments))

    def _note_libraries(self, jobs: str) -> None:
        """Let jobs of this kind be forked where the heavy libraries are that this one imported."""
        imported = " ".join(name for name in HEAVY if name in sys.modules)
        with suppress(OSError):  # another job was faster
            (self.folder / jobs).symlink_to(imported or PLAIN)

    def _tell_clients(self) -> None:
        """Tell clients whose processes have ended how they ended."""
        with suppress(BlockingIOError):
            while self.awake.recv(4096):
                pass
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                process, status = ended
                if process in self.clients:
                    connection, note = self.clients.pop(process)
                    note.unlink(missing_ok=True)
                    with suppress(KeyError):  # the client was killed
                        self.selector.unregister(connection)
                    with suppress(OSError), connection:
                        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))

    def _end_job(self, process: int) -> None:
        """End the job of a client that was killed, unless the signal was sent to all and the job has it too."""
        self.selector.unregister(self.clients[process][0])
        time.sleep(AT_ONCE)
        if time.monotonic() - self.told_to_end > 2 * AT_ONCE:
            os.kill(process, signal.SIGTERM)

    def _note_termination(self, number: int, frame: object) -> None:
        self.told_to_end = time.monotonic()


def receive(connection: socket.socket, files: list[int]) -> Job:
    """What a client sends; its files for input, output and errors are added to a list.

    Raises
    ------
    OSError, ValueError
        If the client was killed before it had sent all.
    """
    connection.settimeout(SECONDS_TO_SEND)
    length, received, _, _ = socket.recv_fds(connection, 8, 3)
    files += received
    with connection.makefile("rb") as stream:
        message = stream.read(int.from_bytes(length))
    connection.settimeout(None)
    return Job(**json.loads(message))


def pages_of_files() -> list[int]:
    """Addresses at which a process that is forked reads a byte, to count the same pages of files as this one.

    Libraries are files in memory. A process that is forked begins without their pages, which cost nothing as long as
    another process holds them too. With them, its memory is what a training says of itself without the server. There is
    an address in each block of `BLOCK` that this process has read; the system maps blocks as a whole.
    """
    import numpy as np

    size = os.sysconf("SC_PAGE_SIZE")
    addresses: list[int] = []
    with open("/proc/self/maps") as maps, open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
        for line in maps:
            area, rights, _, _, _, *path = line.split(maxsplit=5)
            if rights[0] == "r" and path and path[0].startswith("/") and not path[0].startswith("/dev"):
                first, last = (int(end, 16) for end in area.split("-"))
                entries = os.pread(pagemap.fileno(), (last - first) // size * 8, first // size * 8)
                here = first + size * np.flatnonzero(np.frombuffer(entries, "<u8") >> 63)
                addresses += here[np.unique(here // BLOCK, return_index=True)[1]].tolist()
    return addresses


def read(addresses: list[int]) -> None:
    """Read a byte at each address."""
    for address in addresses:
        ctypes.string_at(address, 1)


def main() -> None:
    """Start a process for each set of libraries, and run the steps of those that are forked."""
    environment, on_interrupt = dict(os.environ), signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = Path(sys.argv[1])
    listeners = {name: socket.socket(fileno=int(file)) for name, file in zip(SETS, sys.argv[2:], strict=True)}
    for module in COMMON:
        import_module(module)
    gc.freeze()
    start = Start(environment, on_interrupt, pages_of_files())
    mine = next((name for name in SETS if name != PLAIN and not os.fork()), PLAIN)
    for name, listener in listeners.items():
        if name != mine:
            listener.close()
    job = Server(folder, mine, listeners[mine], start).next_job()
    if job is not None:
        sys.argv[1:] = job.arguments[2:]
        runpy.run_module(job.arguments[1], run_name="__main__", alter_sys=True)
    elif mine == PLAIN:
        shutil.rmtree(folder, ignore_errors=True)  # other processes may still be leaving it


if __name__ == "__main__":
    main()
