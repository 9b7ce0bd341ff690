from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined

CAPTIONS = Path(__file__).parents[2] / "workflow" / "report"


def render(name: str, figure: str = "accuracy") -> str:
    snakemake = SimpleNamespace(wildcards=SimpleNamespace(dataset="mangoes", figure=figure))
    environment = Environment(undefined=StrictUndefined)
    text = environment.from_string((CAPTIONS / name).read_text()).render(snakemake=snakemake)
    return publish_parts(text, writer="html", settings_overrides={"halt_level": 2})["body"]


@pytest.mark.parametrize("name", [path.name for path in CAPTIONS.glob("*.rst")])
def test_captions_are_restructured_text(name):
    assert "<p>" in render(name)


def test_captions_name_the_dataset():
    assert all("mangoes" in render(name) for name in ("page.rst", "figure.rst", "study_page.rst", "study_figure.rst"))


@pytest.mark.parametrize("name", ["figure.rst", "study_figure.rst"])
def test_a_caption_names_its_figure_and_the_page_that_explains_it(name):
    caption = render(name, "2.4-marks")
    assert "2.4-marks" in caption
    assert "reports/mangoes" in caption
