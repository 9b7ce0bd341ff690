"""Rules: one name for rule, module, function, log and benchmark; every command explains itself."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = {
    match[1]: match[2]
    for path in sorted((ROOT / "workflow/rules").glob("*.smk"))
    for match in re.finditer(r"^(?:rule|checkpoint) (\w+):\n(.*?)(?=^\w|\Z)", path.read_text(), flags=re.M | re.S)
}


def test_there_are_rules():
    assert {"manifest", "split", "view", "fit_pca", "train_cnn", "train_forest", "evaluate", "report"} <= set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_has_log_benchmark_environment_and_resources(name):
    body = RULES[name]
    assert re.search(rf'log:\s+"logs/{name}[/.]', body)
    assert re.search(rf'benchmark:\s+"benchmarks/{name}[/.]', body)
    environment = re.search(r'conda:\s+"\.\./\.\./(envs/[\w-]+\.yaml)"', body)
    assert (ROOT / environment[1]).is_file()
    assert "mem_mb=" in body
    assert "runtime=" in body


@pytest.mark.parametrize("name", RULES)
def test_a_rule_runs_the_step_of_its_name_and_depends_on_its_code(name):
    module = re.search(r'"python -m (gradewise(?:\.\w+)+)"', RULES[name])[1]
    assert module.endswith(f".{name}")
    assert callable(getattr(import_module(module), name))
    assert re.search(rf'code_version\(\s*"{module}"', RULES[name])


@pytest.mark.parametrize("name", RULES)
def test_a_rule_names_only_flags_that_its_step_has_and_help_explains_them(name):
    module = re.search(r'"python -m (gradewise(?:\.\w+)+)"', RULES[name])[1]
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True)
    flags = set(re.findall(r'" (--\w+)', RULES[name]))
    offered = set(re.findall(r"--\w+", done.stdout))
    assert flags <= offered
    assert import_module(module).__dict__[name].__doc__.splitlines()[0] in done.stdout


def test_all_environments_are_used():
    used = {name for body in RULES.values() for name in re.findall(r"envs/([\w-]+\.yaml)", body)}
    assert used == {path.name for path in (ROOT / "envs").glob("*.yaml")}
