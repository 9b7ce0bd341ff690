"""Drawings: what they tell, whether a phone shows their letters, and whether they can be part of a page."""

import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Canvas

from gradewise.report import drawing, numbers, sections
from gradewise.report.blocks import Figure
from gradewise.report.evidence import read
from gradewise.report.figures import curves, dots
from gradewise.report.numbers import Estimate
from gradewise.report.palette import RULE, Style
from gradewise.report.sections import efficiency
from gradewise.report.sections.dataset import sizes_of_images

PHONE = 340
"""Width that a phone has for a figure [px]."""


@pytest.fixture(scope="module")
def drawn(fibres, grades):
    """All figures of both reports, by name."""
    found = {}
    for made in (fibres, grades):
        evidence = read(**{name: made.arguments[name] for name in ("results", "dataset", "seed")})
        blocks = [block for section in sections.make(evidence) for block in section.walk()]
        found |= {f"{made.world.dataset} {block.name}": block for block in blocks if isinstance(block, Figure)}
    assert len(found) > 15
    return found


def test_letters_are_legible_on_a_phone(drawn):
    for name, figure in drawn.items():
        for svg in figure.drawings.values():
            text = svg.decode()
            width = float(re.search(r'<svg [^>]*width="([\d.]+)pt"', text)[1]) * 96 / 72
            letters = [100 * float(size) for size in re.findall(r"scale\(([\d.]+) -[\d.]+\)", text)]
            assert min(letters) * 96 / 72 * min(1, PHONE / width) >= 8.8, name


def luminance(colour: str) -> float:
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_what_is_drawn_has_a_contrast_of_three_to_one(drawn):
    for name, figure in drawn.items():
        if "confusion" in name:
            continue  # shades of cells, whose numbers are written in them
        for svg in figure.drawings.values():
            styles = re.findall(r'style="([^"]*)"', svg.decode())
            opaque = [style for style in styles if not re.search(r"(^|[; ])(fill-)?opacity", style)]
            colours = {colour for style in opaque for colour in re.findall(r"(?:stroke|fill): (#\w{6})", style)}
            for colour in colours - {"#ffffff", RULE}:
                assert 1.05 / (luminance(colour) + 0.05) >= 3, (name, colour)


def test_a_drawing_becomes_part_of_a_page_without_styles_and_with_names_of_its_own(drawn):
    figure = next(figure for name, figure in drawn.items() if name.endswith("reliability"))
    (first, second, *_) = [drawing.to_inline(svg, name) for name, svg in figure.drawings.items()]
    for text in (first, second):
        assert not re.search(r"style=|<style|<metadata|<\?xml", text)
        identifiers = re.findall(r' id="([^"]+)"', text)
        assert identifiers
        assert len(set(identifiers)) == len(identifiers)
        assert set(re.findall(r'(?:href="|url\()#([\w-]+)', text)) == set(identifiers)
    assert not set(re.findall(r' id="([^"]+)"', first)) & set(re.findall(r' id="([^"]+)"', second))


def test_parts_of_a_drawing_tell_their_model_and_text_whatever_these_contain():
    with drawing.style():
        canvas = Canvas(figsize=(2, 2))
        (line,) = canvas.subplots().plot([0, 1], [0, 1])
        drawing.tag(line, model='a "b" <c>', title="90 % & more")
        text = drawing.to_svg(canvas).decode()
    assert '<g data-model="a &quot;b&quot; &lt;c&gt;"><title>90 % &amp; more</title>' in text


def test_marks_tell_their_values(drawn):
    for name in ("fibres accuracy", "fibres ranking", "fibres reliability", "fibres coverage", "fibres efficiency"):
        text = b"".join(drawn[name].drawings.values()).decode()
        assert re.search(r"<title>[^<]*\d\.\d\u00a0%", text), name


def test_reliability_and_coverage_have_a_drawing_for_each_model_the_recommended_one_first(drawn):
    for name in ("reliability", "coverage"):
        owners = [
            re.search(r'<svg data-model="([^"]+)"', svg.decode())[1]
            for svg in drawn[f"fibres {name}"].drawings.values()
        ]
        assert len(owners) == 3
        assert owners[0] == "cnn-small"


def test_curves_of_coverage_have_bands_of_their_intervals(drawn):
    for svg in drawn["fibres coverage"].drawings.values():
        assert svg.count(b"fill-opacity: 0.16") == 1


def test_names_at_the_right_edge_do_not_overlap():
    ends = [0.8, 0.801, 0.802, 0.5, 0.81]
    panel = curves.Panel(
        [
            curves.Curve([0, 1], [0.4, end], Style("#0072b2", "o", "-"), f"m{place}", model=f"m{place}")
            for place, end in enumerate(ends)
        ],
        direct=True,
    )
    text = curves.draw([panel], height=2.5)[0].decode()
    heights = {}
    for place in range(len(ends)):
        part = re.search(
            rf'<g data-model="m{place}">\s*<!-- m{place} -->.*?translate\([\d.]+ ([\d.]+)\)', text, flags=re.DOTALL
        )
        heights[ends[place]] = float(part[1])
    ordered = [heights[end] for end in sorted(ends)]
    assert (-np.diff(ordered) > 9).all()


def test_panels_that_are_drawn_each_by_itself_have_one_axis():
    near, far = (
        dots.Panel([dots.Line("net", (dots.Mark(Estimate(value, value - 0.1, value + 0.1), Style("#000", "o", "-")),))])
        for value in (0.3, 0.8)
    )
    first, second = dots.draw([near, far], "Accuracy [%]")
    ticks = [re.findall(rb"<!-- (\d+) -->", svg) for svg in (first, second)]
    assert ticks[0] == ticks[1]
    assert len(ticks[0]) > 2


@pytest.fixture
def words_alone() -> None:
    """Here, figures are drawn."""


def test_sizes_of_images_are_drawn_where_they_differ(make_grades):
    made = make_grades()
    evidence = read(**made.known)
    assert sizes_of_images(evidence) == []
    wider = evidence.manifest.assign(width=96 + 10 * (evidence.manifest["label"] == "C").astype("int32"))
    (figure,) = sizes_of_images(replace(evidence, manifest=wider))
    assert len(figure.drawings) == 1
    counts = wider["label"].value_counts()
    told = re.findall(r"<title>([^<]+)</title>", figure.drawings["sizes"].decode())
    assert told == [
        f"A, 96: {numbers.many(counts['A'], 'image')}",
        f"B, 96: {numbers.many(counts['B'], 'image')}",
        f"C, 106: {numbers.many(counts['C'], 'image')}",
    ]
    assert "C: width 106 to 106 px, median 106 px" in figure.alt


def test_numbers_of_threads_are_told_where_they_differ(make_fibres):
    made = make_fibres()
    evidence = read(**made.known)
    assert "training time on 2 threads" in efficiency.section(evidence).contents["shown"][0].caption
    for run in evidence.runs:
        run.record["threads"] = 1 if run.model == "cnn-small" else 4
    figure = efficiency.section(evidence).contents["shown"][0]
    assert "different numbers of threads" in figure.caption
    assert "cnn-small" in figure.alt
    assert "(1 thread)" in figure.alt
    assert "(4 threads)" in figure.alt


def test_names_of_users_cannot_become_elements_of_the_page(make_grades):
    hostile = '<script>alert(1)</script> --> style="x" id="y"'
    made = make_grades(changed_settings={"labels": {"camera": hostile}})
    made.report()
    assert "<script>alert(" not in made.html
    assert 'id="y"' not in made.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; --&gt;" in made.html
