"""Starts the server for a run, where it is of use."""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from gradewise.forkserver import client
from gradewise.forkserver.server import SETS
from gradewise.forkserver.usage import count_forked

if TYPE_CHECKING:
    from snakemake.workflow import Workflow

SERVER = "gradewise.forkserver.server"

SWITCH = "GRADEWISE_FORK"
"""The environment variable that turns the server off: no."""

FEWEST_JOBS = 5
"""A run of fewer jobs ends before the server has saved what it takes to start."""

SHELL = (
    f'python() {{ if [ -n "${{{client.FOLDER}:-}}" ] && [ "${{1:-}}" = -m ]; '
    f'then command python -IS {shlex.quote(client.__file__)} "$@"; else command python "$@"; fi; }}; '
)
"""Lets `python -m ..` of a job be run by the server of this run, if there is one."""


def is_of_use(workflow: Workflow) -> bool:
    """Whether jobs of a run are processes on this machine that use the Python of this one, and are many.

    With conda or containers, Python is another one. Other than on Linux, it is not safe to fork a process that has
    loaded libraries.
    """
    return bool(
        sys.platform == "linux"
        and os.environ.get(SWITCH) != "no"
        and workflow.is_main_process
        and workflow.local_exec
        and not workflow.deployment_settings.deployment_method
        and sum(1 for _ in workflow.dag.needrun_jobs()) >= FEWEST_JOBS
    )


def start(workflow: Workflow, package: str) -> None:
    """Start the server for a run, if it is of use.

    Parameters
    ----------
    workflow : Workflow
    package : str
        The folder of the package that jobs use.
    """
    os.environ.pop(client.FOLDER, None)  # of a run that this one is a job of
    if not is_of_use(workflow):
        return
    folder = Path(tempfile.mkdtemp(prefix="gradewise-"))
    try:
        server = launch(folder, package)
    except OSError:  # the path of the folder is too long for a socket
        shutil.rmtree(folder)
        return
    # It ends when its input does, which is when this process ends, in whatever way.
    atexit.register(end, server)
    os.environ[client.FOLDER] = str(folder)
    count_forked(folder)


def launch(folder: Path, package: str) -> subprocess.Popen[bytes]:
    """Start the server with its sockets, at which jobs may wait from now on.

    Parameters
    ----------
    folder : Path
        Where the sockets are; the server removes it at its end.
    package : str
        The folder of the package that jobs use.

    Raises
    ------
    OSError
        If the path of the folder is too long for a socket.
    """
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    # Libraries start no threads, which processes that are forked would lack. Each job sets its own number.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    threads["JE_ARROW_MALLOC_CONF"] = "background_thread:false"
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in SETS]
        for name, listener in zip(SETS, sockets, strict=True):
            listener.bind(str(folder / name))
            listener.listen(128)
        files = [listener.fileno() for listener in sockets]
        return subprocess.Popen(
            [shutil.which("python") or sys.executable, "-m", SERVER, str(folder), *map(str, files)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=os.environ | threads | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
            pass_fds=files,
        )


def end(server: subprocess.Popen[bytes]) -> None:
    """Let the server end once no job is running."""
    assert server.stdin is not None
    server.stdin.close()
