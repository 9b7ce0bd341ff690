"""The report in a real browser: first screen, phone, print, accessibility, and what the script does."""

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from gradewise import tables
from gradewise.report.index import index

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")]

WIDTHS = (1280, 375)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, fibres):
    """Opens the report and fails the test where the page writes an error to the console."""
    contexts, errors = [], []

    def open_page(width: int = 1280, **settings: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, **settings)
        context.set_default_timeout(120_000)  # a busy machine is slow
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(fibres.page.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors


@pytest.mark.parametrize("width", WIDTHS)
def test_answer_number_and_reservation_are_on_the_first_screen(opened, width):
    page = opened(width)
    for selector in (".state", ".answer", ".score", ".reservation"):
        box = page.locator(selector).bounding_box()
        assert box["x"] >= 0, selector
        assert box["x"] + box["width"] <= width, selector
        assert box["y"] + box["height"] <= 800, selector
    assert re.search(r"\d\.\d\s%", page.locator(".score").inner_text())


def test_the_ranking_is_on_the_first_screen_of_a_desk(opened):
    box = opened().locator(".glance svg").bounding_box()
    assert box["y"] + box["height"] <= 800


def test_less_than_1800_words_are_shown_until_a_reader_asks_for_more(opened):
    page = opened()
    shown = len(page.inner_text("main").split())
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert shown < 1800
    assert len(page.inner_text("main").split()) > 2 * shown


def test_a_phone_never_scrolls_sideways_with_everything_unfolded(opened):
    page = opened(375)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert page.evaluate(
        "[...document.querySelectorAll('figure img, figure svg')].every((part) => part.clientWidth <= 375)"
    )


def test_a_table_sorts_by_the_column_that_is_clicked(opened):
    page = opened()
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    table = page.locator("table", has=page.locator("caption", has_text="What training and using each model costs"))
    button = table.get_by_role("button", name="Training time")
    times = []
    for _ in range(2):
        button.click()
        times.append(table.locator("tbody td:nth-child(2)").all_inner_texts())
    assert times[0] == times[1][::-1]
    assert len(set(times[0])) > 1


def test_a_filter_hides_rows_that_lack_its_words(opened):
    page = opened()
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    search = page.get_by_label("Filter rows: Metrics on test images").first
    search.fill("balanced")
    rows = page.locator("table", has=page.locator("caption", has_text="Metrics on test images")).first.locator(
        "tbody tr"
    )
    assert [row.inner_text().split("\t")[0] for row in rows.all() if row.is_visible()] == ["Balanced accuracy"]


def test_a_cell_of_the_confusion_matrix_leads_to_its_pictures(opened):
    page = opened()
    link = page.locator(".matrix a").first
    link.click()
    chosen = page.locator("li.chosen")
    assert chosen.count() >= 1
    assert chosen.first.get_attribute("data-cell") == link.get_attribute("href")[1:]
    # pages scroll by whole pixels
    assert 0 <= round(chosen.first.bounding_box()["y"]) < 800


def visible(page, model: str) -> list[bool]:
    """Of every part of a figure that belongs to a model, whether it is shown; drawings of other models left out."""
    parts = page.locator(f'figure.drawing [data-model="{model}"]')
    return parts.evaluate_all(
        """(parts, model) => parts
          .filter((part) => (part.closest("svg[data-model]") ?? part).dataset.model === model)
          .map((part) => part.getClientRects().length > 0)""",
        model,
    )


def test_a_model_can_be_hidden_in_all_figures_and_shown_again(opened):
    page = opened()
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    boxes = page.get_by_role("checkbox", name="svm-plain")
    assert boxes.count() >= 4
    before = visible(page, "svm-plain") + visible(page, "cnn-small")
    assert all(before)
    boxes.first.uncheck()
    assert not any(visible(page, "svm-plain"))
    assert all(visible(page, "cnn-small"))
    assert not any(box.is_checked() for box in boxes.all())
    boxes.last.check()
    assert visible(page, "svm-plain") + visible(page, "cnn-small") == before
    assert all(box.is_checked() for box in boxes.all())


def test_marks_of_figures_tell_the_values_of_the_table(opened, fibres):
    page = opened()
    told = page.locator("#accuracy figure.drawing title").all_text_contents()
    row = page.locator("#accuracy table tbody tr", has_text="Accuracy").first
    cells = [cell.strip() for cell in row.locator("td").all_text_contents()]
    heads = [head.strip() for head in page.locator("#accuracy table thead th button").all_text_contents()]
    values = {text.split(": ")[0]: text.split(": ")[1] for text in told}
    for model in fibres.world.models:
        assert values[model].split(" (")[0] == cells[heads.index(model) - 1].split(" (")[0]


@pytest.mark.parametrize("percent", [20, 50, 85])
def test_the_slider_tells_the_numbers_of_the_table_of_thresholds(opened, fibres, percent):
    rows = tables.read(fibres.results.table("thresholds"))
    model = fibres.results.folder.joinpath("recommendation.json")
    chosen = pd.read_json(model, typ="series")["choice"]
    deployed = "cnn-small" if set(rows["model"]) >= {"cnn-small"} else chosen
    row = rows.loc[(rows["model"] == deployed) & (rows["threshold"].sub(percent / 100).abs() < 1e-9)].iloc[0]
    page = opened()
    page.locator(".in-use input[type=range]").fill(str(percent))
    for name, share in (("missed", row["missed"]), ("alarms", row["false_alarms"])):
        shown = page.locator(f"[data-value={name}]").inner_text()
        part, whole = map(int, re.search(r"\((\d+) of (\d+)\)", shown).groups())
        assert part / whole == pytest.approx(share)


def test_costs_of_mistakes_are_added_up(opened):
    page = opened()
    numbers = page.locator(".in-use input[type=number]")
    numbers.nth(0).fill("10")
    numbers.nth(1).fill("2")
    shown = [page.locator(f"[data-value={name}]").inner_text() for name in ("missed", "alarms", "cost")]
    (missed, positives), (alarms, negatives) = (
        map(int, re.search(r"\((\d+) of (\d+)\)", text).groups()) for text in shown[:2]
    )
    assert float(shown[2]) == pytest.approx(100 * (10 * missed + 2 * alarms) / (positives + negatives), abs=0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violations(opened, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = opened(color_scheme=scheme, bypass_csp=True)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    found = axe.run(page, options={"resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()


def test_print_shows_what_is_folded(opened):
    page = opened(java_script_enabled=False)
    page.emulate_media(media="print")
    folded = page.locator("details:not([open]) table")
    assert folded.count() > 3
    assert all(table.bounding_box()["height"] > 20 for table in folded.all())


def test_everything_but_tools_is_there_without_a_script(opened):
    page = opened(java_script_enabled=False)
    assert page.locator(".answer").is_visible()
    assert page.locator(".matrix a").first.is_visible()
    assert page.locator("button").count() == 0
    assert page.locator("fieldset").count() == 0
    assert page.locator("#accuracy figure.drawing [data-model]").count() > 2
    assert not page.locator(".in-use").first.is_visible()
    page.locator("summary", has_text="Why: what speaks for and against").click()
    assert page.get_by_text("How the recommendation is made").first.is_visible()


@pytest.fixture(scope="module")
def overview(fibres, grades, tmp_path_factory):
    """The index of two datasets, of which one is of an earlier configuration."""
    folder = tmp_path_factory.mktemp("index")
    for made in (fibres, grades):
        summary = made.arguments["summary"]
        (folder / "results" / summary.parent.name).mkdir(parents=True)
        shutil.copy(summary, folder / "results" / summary.parent.name)
    index(
        results=folder / "results",
        datasets=["grades"],
        studied=[],
        output=folder / "index.html",
        assets=folder / "index",
    )
    return folder / "index.html"


def test_the_index_fits_a_phone_and_has_no_violations(opened, overview):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = opened(375, bypass_csp=True)
    page.goto(overview.as_uri())
    assert page.locator(".card").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    found = axe.run(page, options={"resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()
    page.locator("thead button").first.click()
    assert page.locator("tbody th a").all_inner_texts() == ["fibres", "grades"]


def test_two_hundred_classes_and_forty_models_stay_usable(opened, crowded):
    assert crowded.page.stat().st_size < 8e6
    page = opened(375)
    page.goto(crowded.page.as_uri())
    # what a reader waits for; a busy machine is slow, so that the limit is that of the browser's own work
    busy = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert busy < 10_000
    assert re.search(r"\d\.\d\s%", page.locator(".score").inner_text())
    # names of classes and models are most of them
    assert len(page.inner_text("main").split()) < 2000
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    best = page.locator("#confusion details.whole[open]").first
    assert best.locator("img").count() == 1
