"""Faults of a SLURM cluster: a run that meets one ends, perhaps started again, in what an undisturbed run finds.

The tests start a cluster of their own on this machine where SLURM is installed (Debian: slurmctld, slurmd, munge). They
use a cluster that is running already where GRADEWISE_SLURM_PROFILE names a profile for it; `--basetemp` must then be a
folder that its nodes share.
"""

import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from string import Template

import pytest

ROOT = Path(__file__).parents[2]
PROFILE = os.environ.get("GRADEWISE_SLURM_PROFILE")
SBIN = f"{os.environ['PATH']}:/usr/sbin"
INSTALLED = all(shutil.which(name, path=SBIN) for name in ("munged", "slurmctld", "slurmd"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROFILE and not INSTALLED, reason="needs SLURM"),
]


def wait_until(condition, what, seconds=200):
    """Wait until a condition holds; returns its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.2)
    return value


def slurm(*command):
    """What a command of SLURM prints; empty if it fails."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True).stdout


def free_ports(number):
    """Ports that nobody uses now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in sockets]


class Cluster:
    """SLURM with two pretended nodes on this machine."""

    def __init__(self, folder):
        self.folder = folder
        self.daemons = {}

    def start(self):
        """Write the configuration and start all daemons."""
        port, port_n1, port_n2 = free_ports(3)
        template = Template(Path(__file__).with_name("slurm.conf").read_text())
        filled = template.substitute(
            folder=self.folder,
            host=socket.gethostname().partition(".")[0],
            user=getpass.getuser(),
            port=port,
            port_n1=port_n1,
            port_n2=port_n2,
        )
        (self.folder / "slurm.conf").write_text(filled)
        (self.folder / "gres.conf").write_text("Name=gpu Count=1 File=/dev/null\n")
        (self.folder / "state").mkdir()
        for name in ("n1", "n2"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        files = {"key-file": key} | {f"{name}-file": self.folder / f"munge.{name}" for name in ("pid", "log", "seed")}
        flags = [f"--{name}={file}" for name, file in files.items()]
        self.daemon("munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket", *flags)
        wait_until((self.folder / "munge.socket").exists, "munged")
        self.daemon("slurmctld", "-D")
        for name in ("n1", "n2"):
            self.start_node(name)

    def daemon(self, program, *arguments, name=None):
        """Start a daemon in the foreground of a session of its own."""
        name = name or program
        with (self.folder / f"{name}.out").open("a") as out:
            command = [shutil.which(program, path=SBIN), *arguments]
            self.daemons[name] = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)

    def start_node(self, name):
        """Start a node and wait until it takes jobs."""
        self.daemon("slurmd", "-D", "-N", name, name=name)
        wait_until(lambda: slurm("sinfo", "-h", "-N", "-n", name, "-o", "%T").startswith(("idle", "mixed")), name)

    def lose(self, name):
        """Let a node vanish: its daemon is gone and the controller takes it for lost; its processes live on."""
        self.daemons[name].kill()
        self.daemons[name].wait()
        slurm("scontrol", "update", f"nodename={name}", "state=down", "reason=lost")

    def stop(self):
        """End all jobs and daemons."""
        slurm("scancel", f"--user={getpass.getuser()}")
        with suppress(AssertionError):
            wait_until(lambda: not slurm("squeue", "-h", "-o", "%i"), "end of all jobs", 20)
        for process in reversed(self.daemons.values()):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster of this machine alone; None where the tests use one that is running already."""
    if PROFILE:
        yield None
        return
    folder = tmp_path_factory.mktemp("slurm")
    programs = folder / "bin"
    programs.mkdir()
    # jobs of Snakemake drop all variables of SLURM before they start their step
    (programs / "srun").write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
    (programs / "srun").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        cluster = Cluster(folder)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture
def submit(cluster, start, prepared, tmp_path):
    """Train and evaluate on the cluster; returns the process and its folder."""
    folder = shutil.copytree(prepared, tmp_path / "run")

    def submit(*arguments):
        profile = PROFILE or ROOT / "profiles/slurm"
        quick = ["--slurm-init-seconds-before-status-checks", 1, "--seconds-between-status-checks", 1]
        return start(folder, "--workflow-profile", profile, "--until", "evaluate", *quick, *arguments), folder

    return submit


def job_of(rule, folder, with_step=True):
    """Number and node of the job of a rule once it is running and, as a rule, its step has begun."""
    log = folder / "logs" / rule
    comment = f"rule_{rule}_"

    def running():
        jobs = (line.split() for line in slurm("squeue", "-h", "-t", "R", "-o", "%i %N %Z %k").splitlines())
        for number, node, where, label in jobs:
            if label.startswith(comment) and Path(where) == folder and (not with_step or any(log.rglob("*.log"))):
                return number, node
        return None

    return wait_until(running, f"job of {rule}")


def state(job):
    """State of a job, such as RUNNING or NODE_FAIL; a job whose processes are just being ended is waited for."""

    def settled():
        name = re.search(r"JobState=(\w+)", slurm("scontrol", "show", "job", job))[1]
        return name if name != "COMPLETING" else None

    return wait_until(settled, f"state of job {job}")


def processes_of(family, folder):
    """Processes that train models of a family in a folder of results."""
    numbers = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes().split(b"\0")
            where = command.with_name("cwd").readlink()
        except OSError:
            continue
        if where == folder and {b"gradewise.families.train", family.encode()} <= set(words):
            numbers.append(int(command.parent.name))
    return numbers


def test_a_run_without_faults_finds_what_one_machine_finds(submit, finish, evaluated, check_equal):
    process, folder = submit()
    finish(process, folder)
    check_equal(folder, evaluated)


def test_a_node_is_lost_and_its_process_lives_on(cluster, submit, finish, evaluated, check_equal):
    if cluster is None:
        pytest.skip("takes a node from the cluster")
    process, folder = submit()
    job, node = job_of("train_cnn", folder)
    cluster.lose(node)
    assert state(job) == "NODE_FAIL"
    finish(process, folder)
    cluster.start_node(node)
    check_equal(folder, evaluated)


def test_a_job_is_cancelled(submit, finish, evaluated, check_equal):
    process, folder = submit()
    job, _ = job_of("train_forest", folder)
    slurm("scancel", job)
    finish(process, folder)
    assert state(job) == "CANCELLED"
    check_equal(folder, evaluated)


def test_a_job_runs_out_of_memory(submit, finish, evaluated, check_equal):
    process, folder = submit("--set-resources", "train_pca_svm:mem_mb=200 * 10**(attempt - 1)")
    job, _ = job_of("train_pca_svm", folder, with_step=False)
    wait_until(lambda: state(job) != "RUNNING", "end for lack of memory")
    assert state(job) in {"OUT_OF_MEMORY", "FAILED", "CANCELLED"}
    finish(process, folder)
    check_equal(folder, evaluated)


def test_a_job_hangs_until_its_time_is_up(submit, finish, evaluated, check_equal):
    process, folder = submit("--set-resources", "train_cnn:runtime=attempt")
    job, _ = job_of("train_cnn", folder)
    # other families may train at the same time, whose jobs have longer
    for number in wait_until(lambda: processes_of("cnn", folder), "process of the step"):
        os.kill(number, signal.SIGSTOP)
    finish(process, folder)
    assert state(job) == "TIMEOUT"
    check_equal(folder, evaluated)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_snakemake_ends_and_is_started_again(submit, finish, evaluated, check_equal, number):
    process, folder = submit()
    job, _ = job_of("train_cnn", folder)
    process.send_signal(number)
    assert process.wait(100) != 0
    if number == signal.SIGKILL:
        # its jobs live on, and so does its lock
        assert state(job) == "RUNNING"
        finish(submit("--unlock")[0], folder)
    else:
        assert state(job) == "CANCELLED"
    finish(submit()[0], folder)
    check_equal(folder, evaluated)
