"""Environments: conda files, constraints and package metadata agree on versions."""

import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def requirement_lines(lines):
    parsed = (Requirement(line) for line in lines if line and not line.startswith(("#", "-")))
    return {canonicalize_name(each.name): each for each in parsed}


def version(requirement):
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    return specifier.version.partition("+")[0]


CONSTRAINTS = requirement_lines((ROOT / "envs/constraints.txt").read_text().splitlines())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA = {path.name: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "envs").glob("*.yaml"))}


def pip_part(environment):
    return requirement_lines(next(part["pip"] for part in environment["dependencies"] if isinstance(part, dict)))


def test_constraints_lie_within_the_ranges_of_the_package():
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    for name, requirement in requirement_lines(PROJECT["dependencies"] + extras).items():
        assert requirement.specifier.contains(version(CONSTRAINTS[name])), name


@pytest.mark.parametrize("file", CONDA)
def test_conda_pins_agree_with_the_constraints(file):
    for name, requirement in pip_part(CONDA[file]).items():
        assert version(requirement) == version(CONSTRAINTS[name]), name


@pytest.mark.parametrize("file", CONDA)
def test_conda_environments_hold_what_the_steps_import(file):
    only_for_the_workflow = {"snakemake", "pygments"}
    needed = set(requirement_lines(PROJECT["dependencies"])) - only_for_the_workflow
    assert needed <= set(pip_part(CONDA[file]))


def test_cpu_and_gpu_environments_differ_in_torch_alone():
    cpu, gpu = (pip_part(CONDA[file]) for file in ("gradewise.yaml", "gradewise-gpu.yaml"))
    assert {name for name in cpu if str(cpu[name]) != str(gpu[name])} == {"torch"}
