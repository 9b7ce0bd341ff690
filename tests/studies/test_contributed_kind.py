"""The kind of study that CONTRIBUTING.md shows, laid into a folder of kinds, is checked and shown like any other."""

import copy
import re
import sys
from pathlib import Path

import pytest
import yaml

from gradewise.config.faults import ConfigError
from gradewise.studies import kinds
from gradewise.studies.config import load
from gradewise.studies.planning import StudiesPlan
from gradewise.studies.study_page import study_page

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text().partition("## How to add a kind of study")[2].partition("\n## ")[0]


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """A configuration with a study of the new kind, which is laid into a folder of kinds for as long as a test runs."""
    section, page = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    folder = tmp_path / "kinds/sizes"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(section)
    (folder / "page.py").write_text(page)
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(folder.parent)])
    raw = yaml.safe_load((ROOT / "tests/workflow/studies.yaml").read_text())
    raw["studies"] = {"how-large": {"title": "Sizes", "dataset": "fruit", "show": "sizes"}}
    yield raw
    for name in [name for name in sys.modules if name.startswith("gradewise.studies.kinds.sizes")]:
        del sys.modules[name]


def test_its_settings_are_checked(raw):
    assert load(raw).studies["how-large"].small == 64
    for settings, message in (
        ({"small": 0}, "studies.how-large.small = 0"),
        ({"smal": 8}, "unknown key 'smal' (value 8). Did you mean 'small'?"),
        ({"small": 10}, "studies.how-large.small: 10 counts nothing, as min_side is 16"),
    ):
        changed = copy.deepcopy(raw)
        changed["studies"]["how-large"] |= settings
        with pytest.raises(ConfigError, match=re.escape(message)):
            load(changed)


def test_it_has_its_part_of_the_page(raw, make_grades):
    results = make_grades(images=24, models=("svm-plain",), repeats=1)
    folder = results.known["results"]
    (folder / "studies").mkdir(exist_ok=True)
    (folder / "studies/plan.json").write_text(StudiesPlan(load(raw), None).planned("fruit").model_dump_json())
    page = results.folder / "studies.html"
    paths = {"output": page, "assets": results.folder / "studies", "summary": results.folder / "summary.json"}
    study_page(**results.known, **paths)
    assert re.search(r"Class A.*?px.*?small", page.read_text(), re.S)
