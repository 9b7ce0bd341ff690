"""Lets the server run a step in place of `python`: ``python -IS client.py -m gradewise.<stage>.<step> --flag ..``.

Imports as little as it can, since each job starts it. It gives the server its own files for input, output and errors,
waits, and ends as the step ended. Without a server that answers, it becomes an ordinary Python that runs the step.
"""

import json
import os
import signal
import socket
import sys
from itertools import pairwise

FOLDER = "GRADEWISE_FORKSERVER"
"""The environment variable with the server's folder."""

STARTED = b"+"
"""What the server answers once the step has a process."""

PLAIN = "plain"
"""The server with the libraries that most steps import."""

FAMILY, PRETRAINED = "--family", "--weights"
"""Flags of training that decide which libraries it imports: the first by its value, the other by being there."""


def kind(arguments: list[str]) -> str:
    """What jobs that import the same libraries share, as the name of a file.

    Parameters
    ----------
    arguments : list of str
        Those of `python`: "-m", the module, and the step's own.
    """
    family = [value for flag, value in pairwise(arguments) if flag == FAMILY]
    return " ".join([arguments[1], *family, *({PRETRAINED} & set(arguments))]).replace("/", " ")


def process_file(folder: str | os.PathLike[str], client: int) -> str:
    """The link in the server's folder that names the process of a client's step, by the client's number."""
    return os.path.join(folder, f"{client}.process")


def connect(folder: str, arguments: list[str]) -> socket.socket:
    """Connect to the server that has the libraries of the first job of this kind, or to the plain one.

    Raises
    ------
    OSError
        If there is none, or if input, output or errors of this process are closed, so that there are none to give.
    """
    for file in range(3):
        os.fstat(file)
    try:
        server = os.readlink(os.path.join(folder, kind(arguments)))
    except OSError:
        server = PLAIN
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.path.join(folder, server))
    return connection


def send(connection: socket.socket, arguments: list[str]) -> None:
    """Send what a process inherits: arguments, folder, environment, and files."""
    umask = os.umask(0)
    os.umask(umask)
    job = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ), "umask": umask}
    message = json.dumps(job).encode()
    socket.send_fds(connection, [len(message).to_bytes(8)], [0, 1, 2])
    connection.sendall(message)


def main() -> None:
    """Run a step by the server, or by Python where there is none, and end as it ends."""
    arguments = sys.argv[1:]
    # Ctrl-C reaches the step as well, whose end this process awaits
    on_interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        connection = connect(os.environ[FOLDER], arguments)
        send(connection, arguments)
        started = connection.recv(len(STARTED)) == STARTED
    except (KeyError, OSError):
        started = False
    if not started:
        signal.signal(signal.SIGINT, on_interrupt)
        os.execvp("python", ["python", *arguments])
    status = connection.recv(4)
    if not status:
        sys.exit("the server that this job was forked from was killed, and the job with it; run the workflow again")
    number = int.from_bytes(status, signed=True)
    if number < 0:  # the shell says so of its own processes
        print(signal.strsignal(-number), file=sys.stderr)
        number = 128 - number
    sys.exit(number)


if __name__ == "__main__":
    main()
