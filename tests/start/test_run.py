import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gradewise.command import UserError
from gradewise.start.run import command, snakefile

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--cores", "2"],
        ["-c2"],
        ["--cores=2"],
        ["--jobs", "4"],
        ["-j4"],
        ["--workflow-profile", "profiles/slurm"],
        ["--profile=mine"],
        ["-e", "slurm"],
    ],
)
def test_all_cores_are_used_unless_the_arguments_or_a_profile_say_how_many(arguments):
    assert "all" not in command(Path("mine.yaml"), arguments)


@pytest.mark.parametrize("arguments", [[], ["-n"], ["--config", "scale=full"], ["--conda-frontend", "conda"]])
def test_all_cores_are_used_where_nothing_else_is_said(arguments):
    words = command(Path("mine.yaml"), arguments)
    assert words[words.index("--cores") + 1] == "all"


def test_arguments_are_passed_on_before_the_configuration_so_that_they_do_not_take_it_for_theirs():
    words = command(Path("mine.yaml"), ["reports/index.html", "--config", "scale=full"])
    assert words[-5:] == [
        "reports/index.html",
        "--config",
        "scale=full",
        "--configfile",
        str(Path("mine.yaml").absolute()),
    ]


def test_a_second_configuration_is_refused():
    with pytest.raises(UserError, match="the configuration is the first argument"):
        command(Path("mine.yaml"), ["--configfile=other.yaml"])


def test_the_workflow_is_that_of_the_checkout():
    assert snakefile() == ROOT / "Snakefile"


def gradewise(*arguments, cwd, **environment):
    words = [sys.executable, "-m", "gradewise", *map(str, arguments)]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment})


@pytest.mark.slow
def test_a_run_works_in_the_current_folder_and_passes_the_exit_code_on(tmp_path):
    shutil.copy(ROOT / "tests/workflow/small.yaml", tmp_path / "my own.yaml")
    done = gradewise("run", "my own.yaml", "-n", "--quiet", "rules", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".snakemake").is_dir()
    assert gradewise("run", "my own.yaml", "no-such-target", cwd=tmp_path).returncode == 1


def test_a_fault_in_the_file_is_told_before_snakemake_starts(tmp_path):
    (tmp_path / "mine.yaml").write_text("datasets:\n\tfruit: {}\n")
    done = gradewise("run", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("run: mine.yaml, line 2: a tab")
