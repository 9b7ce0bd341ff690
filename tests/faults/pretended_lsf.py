"""Stands in for the commands of LSF that Snakemake calls, which are links to this file: jobs run here, at once.

The folder LSF_PRETENDED has, for each job, the arguments of `bsub`, its output, and how it ended.
"""

import fnmatch
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

FOLDER = Path(os.environ["LSF_PRETENDED"])


def badmin(arguments):
    print(f"MBD configuration\nLSB_SHAREDIR = {FOLDER}\nLSF_CONFDIR = {FOLDER}")


def lsclusters(arguments):
    print("CLUSTER_NAME STATUS\npretended ok")


def bhist(arguments):
    sys.exit("No matching job found")


def bsub(arguments):
    number = 1 + len(list(FOLDER.glob("*.json")))
    (FOLDER / f"{number}.json").write_text(json.dumps(arguments))
    folder = arguments[arguments.index("-cwd") + 1]
    done, failed = (f"echo {state} > {FOLDER}/{number}.state" for state in ("DONE", "EXIT"))
    with open(arguments[arguments.index("-o") + 1], "w") as output:
        command = f"cd {folder} && {{ {arguments[-1]}; }} && {done} || {failed}"
        job = subprocess.Popen(["sh", "-c", command], stdout=output, stderr=output, start_new_session=True)
    (FOLDER / f"{number}.pid").write_text(str(job.pid))
    print(f"Job <{number}> is submitted to queue <{arguments[arguments.index('-q') + 1]}>.")


def bjobs(arguments):
    for file in FOLDER.glob("*.json"):
        name = json.loads(file.read_text())[1]
        if fnmatch.fnmatch(name, arguments[-1]):
            state = file.with_suffix(".state")
            print(file.stem, state.read_text().strip() if state.exists() else "RUN")


def bkill(arguments):
    for number in arguments:
        os.killpg(int((FOLDER / f"{number}.pid").read_text()), signal.SIGKILL)
        (FOLDER / f"{number}.state").write_text("EXIT")


if __name__ == "__main__":
    globals()[Path(sys.argv[0]).name](sys.argv[1:])
