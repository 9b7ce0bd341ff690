"""A wheel contains the whole workflow, so that `gradewise run` needs no checkout."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("envs", "profiles", "workflow/report", "workflow/rules", "workflow/schemas")


def test_every_file_of_the_workflow_is_listed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    shipped = {
        path.relative_to(ROOT): Path(target).relative_to("share/gradewise") / path.name
        for target, patterns in listed.items()
        for pattern in patterns
        for path in ROOT.glob(pattern)
    }
    files = {path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()}
    needed = {path for path in files if path.name != "README.md"} | {Path("Snakefile"), Path("config.yaml")}
    assert needed - set(shipped) == set()
    # where rules look for them
    assert all(source == target for source, target in shipped.items())
