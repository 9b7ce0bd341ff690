"""Jobs that are forked: as if Python had run them, with the libraries of their kind, and gone with their clients."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import psutil
import pytest

from gradewise.forkserver import client, start, usage
from gradewise.forkserver.server import SETS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="jobs are forked on Linux")

PROBE = """
import json, os, sys, threadpoolctl, numpy
import gradewise.tables, gradewise.command
import scipy.special
from pathlib import Path

loaded = [name for name in ("sklearn", "torch") if name in sys.modules]
if "--import" in sys.argv:
    import sklearn.linear_model

print(json.dumps({
    "arguments": sys.argv[1:], "name": __name__, "module": sys.modules["__main__"].__spec__.name,
    "folder": os.getcwd(), "variable": os.environ.get("VARIABLE"), "read": sys.stdin.read(),
    "forked": os.getppid() != int(os.environ["CLIENT_OF"]),
    "loaded": loaded,
    "threads": sorted({library["num_threads"] for library in threadpoolctl.threadpool_info()}),
    "orders": sys.orig_argv[1:],
    "random": numpy.random.random(),
    "memory": int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]),
}), flush=True)
print("error", file=sys.stderr)
os.umask(os.umask(0))
Path("made").touch()
if "--status" in sys.argv:
    sys.exit(int(sys.argv[-1]))
if "--kill" in sys.argv:
    os.kill(os.getpid(), 9)
"""
PATIENT = """
import sys, time
from gradewise.processes import Terminated, end_orderly_when_told

end_orderly_when_told()
try:
    print("begun", flush=True)
    time.sleep(60)
except Terminated:
    time.sleep(0.6)
    print("in order", flush=True)
    sys.exit(143)
"""


@pytest.fixture
def modules(tmp_path):
    """A folder with the steps of these tests."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "probe.py").write_text(PROBE)
    (folder / "patient.py").write_text(PATIENT)
    return folder


@pytest.fixture
def server(tmp_path, modules):
    """Start the server, and end it as the end of Snakemake does."""
    folder = tmp_path / "sockets"
    folder.mkdir()
    with start.launch(folder, os.pathsep.join([str(modules), *filter(None, sys.path)])) as process:
        yield process
    assert process.returncode == 0
    assert not folder.exists()


def wait_for(condition):
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < 30
        time.sleep(0.02)


@pytest.fixture
def begin(tmp_path, modules):
    """Start a client in the way of a job's shell."""

    begun = []

    def popen(*arguments, **variables):
        environment = os.environ | {
            client.FOLDER: str(tmp_path / "sockets"),
            "PYTHONPATH": os.pathsep.join([str(modules), *filter(None, sys.path)]),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "CLIENT_OF": str(os.getpid()),
            "OMP_NUM_THREADS": "1",
        }
        process = subprocess.Popen(
            [sys.executable, "-IS", client.__file__, "-m", *arguments],
            cwd=tmp_path,
            env=environment | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        return process

    yield popen
    for process in begun:
        with process:
            process.kill()


@pytest.fixture
def probe(begin):
    """Run the probe; what it saw."""

    def run(*arguments, status=0, **variables):
        process = begin("probe", *arguments, **variables)
        printed, errors = process.communicate("text", timeout=60)
        assert process.returncode == status, errors
        return json.loads(printed) | {"errors": errors}

    return run


def test_a_forked_step_sees_what_python_would_give_it(server, probe, tmp_path):
    arguments, variables = ("--flag", "a value with spaces"), {"VARIABLE": "ü"}
    forked = probe(*arguments, **variables)
    ordinary = probe(*arguments, **variables | {client.FOLDER: str(tmp_path / "nowhere")})
    assert (forked.pop("forked"), ordinary.pop("forked")) == (True, False)
    for differs in ("memory", "random"):
        del forked[differs], ordinary[differs]
    assert forked == ordinary
    assert (forked["read"], forked["errors"], forked["folder"]) == ("text", "error\n", str(tmp_path))


def test_memory_of_a_forked_step_is_what_it_is_with_python(server, probe, tmp_path):
    for arguments in ((), ("--import",)):
        ordinary = probe(*arguments, **{client.FOLDER: str(tmp_path / "nowhere")})["memory"]
        for _ in range(2):  # the second is forked where libraries are that the first imported
            assert probe(*arguments)["memory"] == pytest.approx(ordinary, rel=0.1)


def test_a_forked_step_has_random_numbers_of_its_own(server, probe):
    assert probe()["random"] != probe()["random"]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_forked_step_has_the_threads_of_its_job(server, probe, threads):
    assert set(probe(OMP_NUM_THREADS=str(threads))["threads"]) == {threads}


def test_a_forked_step_makes_files_with_the_rights_of_its_client(server, probe, tmp_path):
    before = os.umask(0o077)
    try:
        probe()
    finally:
        os.umask(before)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("arguments", "status"), [((), 0), (("--status", "3"), 3), (("--kill",), 128 + signal.SIGKILL)]
)
def test_the_client_ends_as_the_step_does(server, probe, arguments, status):
    probe(*arguments, status=status)


def test_a_step_that_cannot_be_found_fails_as_with_python(server, begin):
    process = begin("nothing")
    assert "No module named nothing" in process.communicate(timeout=60)[1]
    assert process.returncode == 1


def test_jobs_are_forked_with_the_heavy_libraries_that_the_first_of_their_kind_imported(server, probe):
    assert [probe("--import", "--family", "a")["loaded"] for _ in range(2)] == [[], ["sklearn"]]
    assert [probe("--import", "--family", "a", "--weights", name)["loaded"] for name in "bc"] == [[], ["sklearn"]]
    assert [probe("--family", "b")["loaded"] for _ in range(2)] == [[], []]


def test_a_job_waits_for_a_server_that_is_starting(server, probe):
    assert probe()["forked"]


def test_jobs_run_where_the_server_was_killed(tmp_path, modules, probe, begin):
    folder = tmp_path / "sockets"
    folder.mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / client.PLAIN))
    listener.listen()
    with listener:
        process = begin("probe")
        listener.accept()[0].close()
        assert not json.loads(process.communicate("text", timeout=60)[0])["forked"]
    assert not probe()["forked"]


def test_clients_that_are_killed_while_they_send_disturb_no_other(server, probe, tmp_path):
    for sent in ((1000).to_bytes(8), (1000).to_bytes(8) + b"{"):
        reading, writing = os.pipe()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(tmp_path / "sockets/plain"))
            socket.send_fds(connection, [sent], [writing] * 3)
        os.close(writing)
        with open(reading) as pipe:
            assert pipe.read() == ""  # the server has closed its end
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(tmp_path / "sockets/plain"))
    assert probe()["forked"]


def test_a_step_ends_in_order_when_its_client_is_killed(server, begin, tmp_path):
    process = begin("patient")
    assert process.stdout.readline() == "begun\n"
    (step,) = usage.ShellOfJob(tmp_path / "sockets", os.getpid()).children()[-1:]
    process.kill()
    assert process.stdout.read() == "in order\n"
    wait_for(lambda: not step.is_running())


def test_a_signal_to_all_reaches_a_step_once(server, begin, tmp_path):
    process = begin("patient")
    assert process.stdout.readline() == "begun\n"
    forked = usage.ShellOfJob(tmp_path / "sockets", os.getpid()).children(recursive=True)
    for each in {*forked, psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)}:
        each.terminate()
    assert process.stdout.read() == "in order\n"


def test_the_server_ends_with_snakemake_once_no_job_is_running(server, begin):
    process = begin("patient")
    assert process.stdout.readline() == "begun\n"
    server.stdin.close()
    time.sleep(0.5)
    assert server.poll() is None
    process.kill()


def test_a_benchmark_counts_the_process_of_a_step(server, begin, tmp_path):
    process = begin("patient")
    assert process.stdout.readline() == "begun\n"
    shell = usage.ShellOfJob(tmp_path / "sockets", os.getpid())
    assert {child.pid for child in shell.children()} >= {process.pid}
    (step,) = [child for child in shell.children() if child.ppid() in children_of(server)]
    assert step.memory_info().rss > 5e7
    assert step.name() == "patient"
    process.kill()
    process.wait()
    wait_for(lambda: not step.is_running())


def children_of(server):
    return {server.pid, *(child.pid for child in psutil.Process(server.pid).children())}


def workflow(jobs=start.FEWEST_JOBS, main=True, local=True, deployment=()):
    return SimpleNamespace(
        is_main_process=main,
        local_exec=local,
        deployment_settings=SimpleNamespace(deployment_method=set(deployment)),
        dag=SimpleNamespace(needrun_jobs=lambda: iter(range(jobs))),
    )


@pytest.mark.parametrize(
    ("run", "switch", "starts"),
    [
        (workflow(), "", True),
        (workflow(jobs=start.FEWEST_JOBS - 1), "", False),
        (workflow(main=False), "", False),
        (workflow(local=False), "", False),
        (workflow(deployment=["conda"]), "", False),
        (workflow(), "no", False),
    ],
)
def test_the_server_is_started_where_it_is_of_use(run, switch, starts, monkeypatch):
    monkeypatch.setenv(start.SWITCH, switch)
    assert start.is_of_use(run) == starts


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_the_server_is_started_on_linux_alone(platform, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    assert not start.is_of_use(workflow())


@pytest.mark.parametrize(("longer", "started"), [(0, True), (1, False)])
def test_a_folder_whose_path_is_too_long_for_sockets_is_left_and_no_server_started(monkeypatch, longer, started):
    # Linux allows 107 bytes
    length = 107 - len("/gradewise-12345678/") - max(map(len, SETS)) + longer
    with TemporaryDirectory(prefix="x") as parent:
        folder = Path(parent, "x" * (length - len(parent) - 1))
        folder.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        monkeypatch.setattr("gradewise.forkserver.start.count_forked", lambda folder: None)
        monkeypatch.setenv(client.FOLDER, "of an outer run")
        servers = []
        monkeypatch.setattr("atexit.register", lambda end, server: servers.append(server))
        start.start(workflow(), str(Path(start.__file__).parents[2]))
        assert (client.FOLDER in os.environ, bool(servers)) == (started, started)
        for server in servers:
            start.end(server)
            assert server.wait(30) == 0
        assert not list(folder.iterdir())
