import html
import itertools
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gradewise import tables
from gradewise.command import UserError
from gradewise.evaluation.schemas import METRICS
from gradewise.report.index import index

pytestmark = pytest.mark.slow

NO_BREAK = "\u00a0"


class Elements(HTMLParser):
    """Start tags of a page in order, and the text of table cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in_cell = tag in ("td", "th")
        if self._in_cell:
            self.cells.append("")

    def handle_endtag(self, tag):
        self._in_cell = False

    def handle_data(self, data):
        if self._in_cell:
            self.cells[-1] += data

    def named(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module", params=["fibres", "grades"])
def written(request):
    return request.getfixturevalue(request.param)


def text_of(results) -> str:
    visible = re.sub(r"<style>.*?</style>|<script.*?</script>|<[^>]*>", " ", results.html, flags=re.DOTALL)
    return " ".join(html.unescape(visible).split())


def test_a_number_stays_with_its_per_cent_sign(written):
    visible = html.unescape(
        re.sub(r"<style>.*?</style>|<script.*?</script>|<[^>]*>", " ", written.html, flags=re.DOTALL)
    )
    assert re.findall(r".{0,30}\d ?%", visible) == []


def test_nothing_is_loaded_from_elsewhere(written):
    elements = Elements(written.html)
    assert all(tag["src"].startswith("data:image/") for tag in elements.named("img"))
    assert not elements.named("iframe", "object", "embed")
    assert all("src" not in tag for tag in elements.named("script"))
    assert "@import" not in written.html
    assert not re.search(r"url\((?!#)", written.html)
    links = [tag["href"] for tag in elements.named("a", "link")]
    assert not [link for link in links if re.match(r"[a-z]+:(?!,)|//", link)]


def test_every_link_leads_somewhere(written):
    elements = Elements(written.html)
    anchors = {attributes["id"] for _, attributes in elements.tags if "id" in attributes}
    for link in (tag["href"] for tag in elements.named("a")):
        assert link[1:] in anchors if link.startswith("#") else (written.page.parent / link).is_file()


def test_anchors_are_unique(written):
    anchors = [attributes["id"] for _, attributes in Elements(written.html).tags if "id" in attributes]
    assert len(anchors) == len(set(anchors))


def test_every_picture_has_an_alternative_text_and_every_figure_a_caption(written):
    elements = Elements(written.html)
    assert all(tag.get("alt") for tag in elements.named("img"))
    drawings = [tag for tag in elements.named("div") if tag.get("role") == "img"]
    assert all(tag["aria-label"] for tag in drawings)
    assert len(elements.named("svg")) >= len(drawings) > 5
    assert len(elements.named("figure")) == len(elements.named("figcaption"))


def test_every_table_has_a_caption_and_scoped_headings(written):
    elements = Elements(written.html)
    assert len(elements.named("table")) == len(elements.named("caption")) > 5
    assert all(tag.get("scope") in ("col", "row") for tag in elements.named("th"))


def test_headings_skip_no_level(written):
    levels = [int(tag[1]) for tag, _ in Elements(written.html).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_the_page_names_language_title_and_skip_link(written):
    elements = Elements(written.html)
    assert elements.named("html")[0]["lang"] == "en"
    assert f"<title>Which classifier for {written.world.dataset}?</title>" in written.html
    assert elements.named("a")[0]["href"] == "#content"


def test_sections_follow_the_order_of_the_questions(written):
    titles = re.findall(r"<h2[^>]*>([^<]*)</h2>", written.html)
    always = ["Recommendation", "Confusion matrices", "Dataset", "Data audit", "Accuracy", "Comparison of pairs"]
    always += ["Probabilities", "Labels worth a second look", "Subgroups", "Efficiency", "Training curves"]
    always += ["Out-of-bag accuracy", "Most confident mistakes", "Settings and origin", "Checklist"]
    assert [title for title in titles if title in always] == always
    in_use = titles[titles.index("Probabilities") + 1 : titles.index("Labels worth a second look")]
    further = {
        "Sets of possible classes",
        "Another mix of classes",
        "Images unlike those of training",
    }
    assert set(in_use) <= further
    assert set(titles) - {*always, *in_use} <= {"The model to use", "Other thresholds"}


@pytest.mark.parametrize("shrink", [None, 2])
def test_the_page_says_at_what_part_of_their_size_images_are_read(make_grades, shrink):
    made = make_grades(changed_settings={"shrink": shrink})
    made.report()
    assert ("Files are read at 1/2 of their width and height" in made.html) == (shrink == 2)


def test_the_banner_stands_on_simulated_data_alone(fibres, grades):
    assert "These images are simulated." in fibres.html
    assert "simulated" not in grades.html


def test_accuracies_on_the_page_are_those_of_the_csv_file(written):
    row = pd.read_csv(written.assets / "metrics-image.csv").set_index("metric").loc["accuracy"]
    cells = Elements(written.html).cells
    for model in written.world.models:
        value, low, high = (100 * row[f"{model} {name}"] for name in ("value", "low", "high"))
        assert f"{value:.1f}{NO_BREAK}% ({low:.1f} to {high:.1f})" in cells


def test_csv_files_hold_the_metrics_in_full_precision(written):
    metrics = tables.read(written.results.table("metrics"))
    chosen = metrics.loc[metrics["repeat"].isna() & (metrics["role"] == "test") & (metrics["level"] == "image")]
    chosen = chosen.loc[chosen["class"].isna()].set_index(["metric", "model"])["value"]
    rows = pd.read_csv(written.assets / "metrics-image.csv").set_index("metric")
    for metric, model in chosen.index:
        assert rows.loc[metric, f"{model} value"] == pytest.approx(chosen[metric, model], rel=1e-15)


def test_confusion_counts_add_up_to_the_test_verdicts(written):
    verdicts = tables.read(written.results.table("verdicts"))
    for model in written.world.models:
        counted = pd.read_csv(written.assets / f"confusion-{model}.csv")
        mine = verdicts.loc[(verdicts["model"] == model) & (verdicts["role"] == "test")]
        right = counted.loc[counted["true"] == counted["predicted"], "verdicts"].sum()
        assert (counted["verdicts"].sum(), right) == (len(mine), (mine["label"] == mine["predicted"]).sum())


def test_every_figure_is_also_a_file(written):
    names = {path.name for path in written.assets.iterdir()}
    assert {"accuracy.svg", "comparisons.svg", "efficiency.svg", "training-curves.svg", "out-of-bag.svg"} <= names
    assert {f"confusion-{model}.svg" for model in written.world.models} <= names
    assert {"examples.png", "views.png", "mistakes-svm-plain.png"} <= names


def test_only_ordered_classes_count_grades_off(fibres, grades):
    assert (grades.assets / "grades-off.csv").exists()
    assert not (fibres.assets / "grades-off.csv").exists()
    rows = pd.read_csv(grades.assets / "grades-off.csv")
    assert (rows["right"] + rows["one_off"] + rows["further_off"] == rows["verdicts"]).all()


def test_samples_are_reported_only_where_images_are_cut(fibres, grades):
    assert "Metrics on test samples" in fibres.html
    assert "Metrics on test samples" not in grades.html


def test_mistakes_are_wrong_test_verdicts_most_confident_first(written):
    worst = pd.read_csv(written.assets / "mistakes-svm-plain.csv")
    verdicts = tables.read(written.results.table("verdicts"))
    wrong = verdicts.loc[
        (verdicts["model"] == "svm-plain") & (verdicts["role"] == "test") & (verdicts["label"] != verdicts["predicted"])
    ]
    highest = max(row[f"p_{row['predicted']}"] for _, row in wrong.iterrows())
    assert worst["probability"].is_monotonic_decreasing
    assert worst["probability"].iloc[0] == pytest.approx(highest)
    assert worst["image_id"].is_unique
    assert len(worst) == min(8, wrong["image_id"].nunique())


def test_beside_a_cut_image_stands_the_sample_that_argued_most(fibres):
    worst = pd.read_csv(fibres.assets / "mistakes-svm-plain.csv").iloc[0]
    samples = tables.read(fibres.results.run("svm-plain", worst["repeat"]).predictions)
    mine = samples.loc[samples["image_id"] == worst["image_id"]].set_index("sample_id")
    loudest = mine.loc[mine[f"p_{worst['predicted']}"].idxmax()]
    place = f"sample in row {loudest['row'] + 1}, column {loudest['column'] + 1}"
    assert place in text_of(fibres)
    assert f"The sample of {worst['image_id']} that counts most" in fibres.html


def test_what_was_set_aside_is_told(fibres, grades):
    assert "truncated or damaged" in grades.html
    assert "none was set aside" in fibres.html


def test_settings_tried_and_kept_are_told(fibres):
    tried = pd.read_csv(fibres.assets / "tried-svm-plain.csv")
    assert list(tried["settings"][:2]) == ["C 1.5", "C 10"]
    assert list(tried["kept"].fillna("")[:2]) == ["kept", ""]
    assert tried[["metric", "level", "where", "score"]].iloc[0].tolist() == ["accuracy", "image", "validation", 0.715]


def test_the_manifest_and_view_are_named_by_their_hashes(fibres):
    assert "ab" * 32 in fibres.html
    assert re.search("[0-9a-f]{64}", text_of(fibres))


def test_where_only_rows_were_drawn_the_report_says_so_and_shows_no_empty_column(make_fibres):
    results = make_fibres(models=("forest-d4",))
    for path in results.results.dataset.glob("models/forest-d4/*/run.json"):
        record = json.loads(path.read_text())
        del record["oob_groups"], record["oob_hits"]
        path.write_text(json.dumps(record))
    results.report()
    text = text_of(results)
    assert "Out-of-bag over rows" in text
    assert "Out-of-bag over groups" not in text
    assert "out_of_bag: [rows, groups] of a forest grows a second forest for it" in text


def test_a_second_run_writes_the_same_bytes(fibres, tmp_path):
    again = {"output": tmp_path / "fibres.html", "assets": tmp_path / "fibres", "summary": tmp_path / "summary.json"}
    fibres.report(**again)
    assert again["output"].read_bytes() == fibres.page.read_bytes()
    for path in fibres.assets.iterdir():
        assert (again["assets"] / path.name).read_bytes() == path.read_bytes(), path.name


# in place of the fixture, so that figures are drawn
@pytest.mark.parametrize("words_alone", [None])
def test_hostile_names_and_labels_are_shown_not_obeyed(words_alone, make_grades):
    classes = ("<b>ripe</b>", "$rot_{$", 'C & "D"')
    names = tuple(f"<script>alert({number})</script> $x_{number}$ 果.png" for number in range(48))
    changed = {"classes": list(classes)}
    results = make_grades(classes=classes, changed_settings=changed, names=names, models=("svm-plain",))
    results.report()
    elements = Elements(results.html)
    assert not elements.named("b")
    assert "<script>alert(" not in results.html
    assert "<script>alert(" in text_of(results)
    assert "<b>ripe</b>" in elements.cells


def test_a_metric_that_is_best_in_between_is_not_said_to_be_better_where_it_is_higher(make_fibres):
    results = make_fibres(models=("forest-d4",))
    rows = tables.read(results.results.table("metrics"))
    slope = rows.loc[(rows["metric"] == "calibration_error")].assign(metric="calibration_slope")
    tables.write(pd.concat([rows, slope], ignore_index=True), results.results.table("metrics"), METRICS)
    results.report()
    assert "The calibration slope is best at 1. For all other metrics, higher is better." in text_of(results)


def test_what_masks_mark_is_shown_with_its_share(make_grades, tmp_path):
    results = make_grades()
    manifest = tables.read(results.results.table("manifest"))
    mask = np.zeros((96, 96), np.uint8)
    mask[:24, :48] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    manifest["mask"] = [str(tmp_path / "mask.png") if number == 1 else None for number in range(len(manifest))]
    results.write(manifest=manifest)
    results.report()
    assert "12.5 % marked" in text_of(results).replace(NO_BREAK, " ")
    assert f'alt="What the mask of {manifest["image_id"][1]} marks"' in results.html
    assert (results.assets / "masks.png").is_file()


def test_one_model_with_null_metrics_and_nothing_set_aside(bare):
    bare.report()
    titles = re.findall(r"<h2[^>]*>([^<]*)</h2>", bare.html)
    assert not {"Training curves", "Out-of-bag accuracy"} & set(titles)
    assert "Comparison of pairs" in titles
    assert "It is the only model here" in text_of(bare)
    cells = Elements(bare.html).cells
    assert cells[cells.index("ROC AUC") + 1] == "–"


def test_more_than_fifty_files_set_aside_are_cut_short_and_counted(make_grades):
    rows = tuple((f"bad-{number}.png", "the file is empty") for number in range(60))
    results = make_grades(quarantine=rows, models=("svm-plain",))
    results.report()
    assert "bad-49.png" in results.html
    assert "bad-50.png" not in results.html
    assert "10 further rows in the file" in text_of(results)
    assert len(pd.read_csv(results.assets / "quarantine.csv")) == 60


def test_many_classes_are_all_shown(make_grades):
    classes = tuple(f"kind of fruit {number}" for number in range(12))
    changed = {"classes": list(classes), "ordered": False}
    results = make_grades(classes=classes, changed_settings=changed, models=("svm-plain",), duplicates=False)
    results.report()
    counts = pd.read_csv(results.assets / "confusion-svm-plain.csv")["verdicts"]
    assert (counts > 0).all()
    assert list(counts) == sorted(counts, reverse=True)
    verdicts = tables.read(results.results.table("verdicts"))
    assert counts.sum() == (verdicts["role"] == "test").sum()
    assert set(classes) <= set(Elements(results.html).cells)


def test_an_image_that_has_gone_is_named(bare):
    manifest = tables.read(bare.results.table("manifest"))
    for path in manifest["path"]:
        Path(path).unlink()
    with pytest.raises(UserError, match=r"\.png: no such file"):
        bare.report()


def test_metrics_of_another_dataset_are_refused(bare):
    with pytest.raises(UserError, match="no rows about dataset 'other'"):
        bare.report(dataset="other")


def test_the_index_has_a_card_with_verdict_and_link_for_each_dataset(fibres, grades, tmp_path):
    output = tmp_path / "index.html"
    for results in (fibres, grades):
        shutil.copytree(results.results.folder, tmp_path / "results" / results.world.dataset)
    arguments = {"datasets": ["fibres", "grades"], "studied": [], "assets": tmp_path / "index"}
    index(results=tmp_path / "results", output=output, **arguments)
    elements = Elements(output.read_text())
    shown = html.unescape(output.read_text())
    for results in (fibres, grades):
        glance = json.loads(results.arguments["summary"].read_text())["glance"]
        texts = {line.strip() for line in re.split("<[^>]*>", shown)}
        assert {glance["answer"], glance["steps"][0]["title"]} <= texts
    links = [tag["href"] for tag in elements.named("a")]
    assert all((output.parent / link).is_file() for link in links if not link.startswith("#"))
    assert shown.count("These images are simulated.") == 1
    assert "Here at most 2 do." in shown


def test_the_report_runs_from_the_shell_with_settings_of_every_shape(make_fibres):
    settings = {"aggregate": {"top": 3}, "group": {"regex": "^(.*)_[0-9]+"}, "mask_suffix": "_gt"}
    results = make_fibres(changed_settings=settings, models=("forest-d4",), repeats=1)
    results.recommend()
    command = [sys.executable, "-m", "gradewise.report.report", *results.flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "forest-d4 is the only model here" in done.stderr.replace(NO_BREAK, " ")
    assert "file names agree" in results.html


def test_where_samples_decide_the_verdict_speaks_of_them(make_fibres):
    results = make_fibres(changed_settings={"decide_on": "sample"})
    results.write(comparisons=tables.read(results.results.table("comparisons")).assign(level="sample"))
    results.report()
    text = text_of(results).replace(NO_BREAK, " ")
    tested = [tables.read(results.results.run("cnn-small", repeat).predictions) for repeat in range(3)]
    count = pd.concat(frame.loc[frame["role"] == "test", "sample_id"] for frame in tested).nunique()
    assert re.search(rf"({count:,} test samples in \d+ groups, over 3 repeats)".replace(",", "."), text)
    assert "of test samples correctly" in text
    assert "sample-level accuracy on test samples" in text
    assert "On whole images, whose verdicts combine those of their samples," in text
    assert "The sample is shown next to the image that it comes from." in text


def test_what_a_view_shows_of_the_images_and_how_it_stretches_them_is_told(written):
    tiled = written.world.tiles > 1
    view = "tiles-32: grey, tiles of 32 x 32 px, all kept" if tiled else "whole-96: colour, resized to 96 x 96 px"
    assert f"View {view}. It shows whole images. It keeps proportions." in text_of(written)
