"""The example of CONTRIBUTING.md: a module and a template make a section of the report."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import gradewise

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_the_section_of_the_example_is_on_the_page(make_fibres, tmp_path):
    source = tmp_path / "source/workflow/src"
    shutil.copytree(Path(gradewise.__file__).parent, source / "gradewise", ignore=shutil.ignore_patterns("__pycache__"))
    example = (
        (ROOT / "CONTRIBUTING.md").read_text().partition("## How to add a report section")[2].partition("\n## ")[0]
    )
    for path, text in re.findall(r"```\w+\n(?:#|{#) (\S+).*?\n(.*?)```", example, flags=re.DOTALL):
        assert not (tmp_path / "source" / path).exists()
        (tmp_path / "source" / path).write_text(text)
    results = make_fibres(models=("forest-d4",), repeats=1)
    results.recommend()
    command = [sys.executable, "-m", "gradewise.report.report", *results.flags]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(source)})
    assert done.returncode == 0, done.stderr
    assert re.search(r"Dataset.*Group sizes.*Data audit", results.html, flags=re.DOTALL)
    assert "The largest group has 2\u00a0images." in results.html
    assert pd.read_csv(results.assets / "group-sizes.csv").to_dict("records") == [{"images": 2, "groups": 24}]
