"""The family of `examples/family`, installed as a package beside gradewise, is a family like any other."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/family"
PLAN = {
    "datasets": {
        "fruit": {
            "simulate": {"kind": "mangoes", "images": 30, "side": 64},
            "classes": ["A", "B", "C"],
            "group": "fruit",
            "evaluation": {"holdout": 0.3, "repeats": 1},
            "models": ["lda", "svm"],
        }
    },
    "views": {"photos": ["grey", {"resize": 16}]},
    "models": {
        "lda": {"family": "discriminant", "view": "photos", "components": 8, "shrinkage": {"choose": [0.1, 0.5]}},
        "svm": {"family": "pca_svm", "view": "photos", "components": 5},
    },
}


@pytest.fixture
def run(tmp_path):
    """Runs Python where the package is installed; gives back what it prints."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    information = tmp_path / "installed" / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [f"[{group}]\n" for group in project["entry-points"]]
    lines += [f"{name} = {value}\n" for named in project["entry-points"].values() for name, value in named.items()]
    (information / "entry_points.txt").write_text("".join(lines))
    (tmp_path / "installed/gradewise_discriminant.py").symlink_to(EXAMPLE / "gradewise_discriminant.py")
    paths = os.pathsep.join([str(information.parent), *filter(None, [os.environ.get("PYTHONPATH")])])

    def run(*arguments, check=True):
        command = [sys.executable, *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": paths}
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path
        )
        assert done.returncode == 0 or not check, done.stdout[-4000:]
        return done.stdout

    return run


def dry_run(run, tmp_path, plan):
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(plan, sort_keys=False))
    snakefile = ROOT / "Snakefile"
    return run("-m", "snakemake", "-s", snakefile, "-n", "-p", "-d", tmp_path, "--configfile", file, check=False)


def test_it_keeps_the_contract(run):
    run("-c", "from gradewise.families.check import check_family; check_family('discriminant', {'components': 6})")


def test_the_schema_for_editors_describes_it(run):
    schema = json.loads(run("-m", "gradewise.studies.config"))
    assert {"family", "view", "shrinkage"} <= set(schema["$defs"]["DiscriminantModel"]["properties"])


def test_the_workflow_plans_a_rule_of_its_own_with_the_components_it_asks_for(run, tmp_path):
    plan = dry_run(run, tmp_path, PLAN)
    assert "rule train_discriminant:" in plan
    command = next(line for line in plan.splitlines() if "--family discriminant" in line)
    assert '--candidates \'[{"components":8,"shrinkage":0.1},{"components":8,"shrinkage":0.5}]\'' in command
    assert "--features results/fruit/pca/photos/0/features.parquet" in command
    assert "--components 8" in next(line for line in plan.splitlines() if "fit_pca " in line and "python" in line)


def test_a_mistake_in_its_settings_is_explained_before_any_work(run, tmp_path):
    wrong = {**PLAN, "models": {**PLAN["models"], "lda": {**PLAN["models"]["lda"], "shrinkage": 2}}}
    assert "models.lda.shrinkage = 2: must be less than or equal to 1" in dry_run(run, tmp_path, wrong)
    misspelt = {**PLAN, "models": {**PLAN["models"], "lda": {"family": "discriminant", "view": "photos", "shrink": 1}}}
    assert "models.lda: unknown key 'shrink' (value 1). Did you mean 'shrinkage'?" in dry_run(run, tmp_path, misspelt)


def test_without_the_package_its_name_is_explained(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(PLAN))
    code = "import sys, yaml; from gradewise.studies.config import load; load(yaml.safe_load(open(sys.argv[1])))"
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True)
    assert (
        "models.lda: there is no family 'discriminant'. Families: cnn, pca_svm, forest, linear, patches; a family of"
        in done.stderr
    )
