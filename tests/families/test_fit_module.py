"""The time of a fit is that of fitting, whatever a job had imported before."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gradewise.families import registry

CODE = """
import json, sys
from pathlib import Path
from gradewise.families import train

HEAVY = {"torch", "sklearn", "scipy", "pandas"}
fit_best = train.fit_best


def watched(*arguments):
    before = HEAVY & set(sys.modules)
    fitted = fit_best(*arguments)
    print(json.dumps([sorted(before), sorted(HEAVY & set(sys.modules))]))
    return fitted


train.fit_best = watched
family, settings, classes, *paths = json.loads(sys.argv[1])
samples, splits, manifest, output = map(Path, paths)
train.train(
    family=family, samples=samples, splits=splits, manifest=manifest, repeat=0, dataset="d", model="m", view="v",
    classes=classes, candidates=[settings], seed=1, threads=1, output=output,
)
"""


@pytest.mark.parametrize(
    ("family", "settings"),
    [("cnn", {"epochs": 1, "channels": [4], "dense": []}), ("forest", {"trees": 5}), ("linear", {})],
)
def test_a_fit_imports_no_library_that_was_not_imported_before_its_time_was_measured(cache, tmp_path, family, settings):
    made = cache()
    arguments = json.dumps([family, settings, made.classes, *map(str, made.inputs.values()), str(tmp_path / "run")])
    done = subprocess.run([sys.executable, "-c", CODE, arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout.splitlines()[-1])
    assert before == after
    assert {"torch", "sklearn"} & set(after)


@pytest.mark.parametrize("family", registry.BUILT_IN)
def test_a_family_of_this_package_names_the_module_that_fits(family):
    assert registry.family(family).fit_module == f"{registry.module_of(family)}.fit"
