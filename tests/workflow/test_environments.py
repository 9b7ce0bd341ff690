"""Environments: conda files, constraints and package metadata agree on versions."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
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


def imported_packages(path):
    """Top-level packages that a Python file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


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
    only_for_the_workflow = {"snakemake", "psutil", "pygments"}
    needed = set(requirement_lines(PROJECT["dependencies"])) - only_for_the_workflow
    assert needed <= set(pip_part(CONDA[file]))


def test_cpu_and_gpu_environments_differ_in_torch_alone():
    cpu, gpu = (pip_part(CONDA[file]) for file in ("gradewise.yaml", "gradewise-gpu.yaml"))
    assert {name for name in cpu if str(cpu[name]) != str(gpu[name])} == {"torch"}


@pytest.mark.parametrize("folder", ["workflow/src", "tests"])
def test_libraries_that_are_imported_are_declared(folder):
    # what an extra installs is imported only where it is there
    extras = ["heic", "dev"] if folder == "tests" else ["heic"]
    lines = [*PROJECT["dependencies"], *(line for name in extras for line in PROJECT["optional-dependencies"][name])]
    declared = set(requirement_lines(lines)) | {"gradewise"}
    # what a declared library pins exactly is a part of it, as pydantic-core is of pydantic
    parts = [part for name in declared for part in requirement_lines(requires(name) or []).values()]
    declared |= {canonicalize_name(part.name) for part in parts if str(part.specifier).startswith("==")}
    distributions = packages_distributions()
    local = {path.stem for path in (ROOT / "tests").rglob("*.py")}
    for path in (ROOT / folder).rglob("*.py"):
        imported = set(imported_packages(path)) - sys.stdlib_module_names - local
        undeclared = {
            name for name in imported if not declared & {canonicalize_name(each) for each in distributions[name]}
        }
        assert undeclared == set(), path
