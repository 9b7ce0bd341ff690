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


def test_each_drawing_of_a_report_has_a_caption_of_its_own(grades):
    drawings = [path.stem for path in grades.assets.glob("*.svg")]
    captions = {render("figure.rst", figure) for figure in drawings}
    assert len(captions) == len(drawings) > 5
    assert not any("Figure " in caption for caption in captions)


def test_captions_name_the_dataset():
    assert all("mangoes" in render(name) for name in ("page.rst", "figure.rst", "study_page.rst", "study_figure.rst"))


@pytest.mark.parametrize("kind", ["marks", "line", "heat-map", "curves", "curves-together", "agreement", "growth"])
def test_captions_of_drawings_name_the_study_and_say_what_is_drawn(kind):
    caption = render("study_figure.rst", f"2.4-{kind}")
    assert "2.4 on mangoes: " in caption
