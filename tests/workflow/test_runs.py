"""Whole runs: from nothing to reports, nothing the second time, and only what a change touches after that."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image, ImageOps

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.sources import Source
from gradewise.deployment.apply import apply
from gradewise.deployment.classify import classify
from gradewise.deployment.export import export
from gradewise.deployment.external import external
from gradewise.deployment.verdict_page import write_page
from gradewise.deployment.verify_references import verify_references
from gradewise.predict import load_predictor
from gradewise.predict.artefact import read_artefact
from gradewise.predict.predict import predict
from gradewise.provenance import hash_file

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SMALL = Path(__file__).parent / "small.yaml"


@pytest.fixture(scope="module")
def run(tmp_path_factory, run_in):
    """A run of the small configuration: its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("run")
    return folder, run_in(folder, SMALL)


@pytest.fixture(scope="module")
def finished(run):
    """Folder of the finished run."""
    return run[0]


@pytest.fixture
def replan(finished, replan_changed):
    """Jobs planned for the finished run under a changed configuration."""
    return partial(replan_changed, finished, SMALL)


def test_every_promised_file_is_there(finished):
    for dataset, models in (("fibres", ["cnn", "svm", "forest"]), ("fruit", ["svm-colour", "forest-colour", "both"])):
        results = finished / "results" / dataset
        for name in ("manifest", "splits", "metrics", "comparisons", "calibration", "attributions"):
            assert len(tables.read(results / f"{name}.parquet"))
        # no column of the fibres forms subgroups of enough test images
        assert len(tables.read(results / "subgroups.parquet")) == {"fibres": 0, "fruit": 9}[dataset]
        assert (results / "quarantine.csv").read_text().startswith("path,reason")
        for model in models:
            assert (results / "models" / model / "0/run.json").is_file()
        assert (finished / "reports" / f"{dataset}.html").is_file()
    assert (finished / "reports/index.html").is_file()
    assert (finished / "reports/fibres-studies.html").is_file()


def test_the_terminal_shows_progress_and_ends_with_the_recommendations(run):
    folder, printed = run
    assert re.search(r"^(\d+) of \1 steps \(100%\) done$", printed, flags=re.M)
    assert "Finished jobid" not in printed
    assert "\n    input:" not in printed
    end = printed.partition("(100%) done")[2]
    for dataset in ("fibres", "fruit"):
        headline = json.loads((folder / f"results/{dataset}/summary.json").read_text())["headline"]
        assert f"{dataset}: {' '.join(headline.split())}" in " ".join(end.split())
    assert str(folder / "reports/index.html") in end
    (log,) = (folder / ".snakemake/log").glob("*.log")
    assert "Finished jobid" in log.read_text()


def test_masks_label_tiles_and_the_two_most_suspicious_decide_on_an_image(finished):
    results = finished / "results/fibres"
    samples = tables.read(results / "models/forest/0/predictions.parquet")
    assert samples.groupby("image_id")["label"].nunique().max() == 2
    top = samples.groupby("image_id")["p_NHNF"].apply(lambda shares: shares.nlargest(2).mean())
    verdicts = tables.read(results / "verdicts.parquet")
    forest = verdicts.loc[verdicts["model"] == "forest"].set_index("image_id")["p_NHNF"]
    np.testing.assert_allclose(forest, top.loc[forest.index], rtol=1e-6)


def test_where_cost_decides_verdicts_have_the_least_expected_cost_and_models_are_ranked_by_it(finished):
    results = finished / "results/fibres"
    verdicts = tables.read(results / "verdicts.parquet")
    defective = verdicts["p_NHNF"] * 5 > verdicts["p_HNF"]
    assert list(verdicts["predicted"]) == list(np.where(defective, "NHNF", "HNF"))
    assert (defective & (verdicts["p_NHNF"] < 0.5)).any()
    recommendation = json.loads((results / "recommendation.json").read_text())
    metrics = tables.read(results / "metrics.parquet").query("metric == 'cost_per_100' and level == 'sample'")
    measured = metrics.query("role == 'test' and `repeat`.isna()").set_index("model")["value"]
    scores = {candidate["model"]: candidate["score"]["value"] for candidate in recommendation["ranking"]}
    assert scores == measured.sort_values().to_dict()
    assert list(scores.values()) == sorted(scores.values())
    for model in scores:
        test = tables.read(results / f"models/{model}/0/predictions.parquet", role="test")
        called = np.where(test["p_NHNF"] * 5 > test["p_HNF"], "NHNF", "HNF")
        paid = np.where(test["label"] == called, 0, np.where(called == "HNF", 5, 1))
        assert scores[model] == pytest.approx(100 * paid.mean())


def test_settings_are_chosen_by_what_decides(finished):
    record = json.loads((finished / "results/fibres/models/svm/0/run.json").read_text())
    assert record["chosen_by"] == {"metric": "cost_per_100", "level": "sample", "where": "folds of the training groups"}
    costs = {trial["settings"]["C"]: trial["score"] for trial in record["tried"]}
    assert costs[record["settings"]["C"]] == min(costs.values())


def test_maps_of_test_images_are_compared_with_masks(finished):
    measured = tables.read(finished / "results/fibres/localisation.parquet").set_index(["metric", "defects"])["value"]
    images = tables.read(finished / "results/fibres/located.parquet")
    assert 0 <= measured[("auroc", None)] <= 1
    assert images["regions"].sum() == len(tables.read(finished / "results/fibres/defects.parquet")) > 0
    # the threshold keeps to the share of the area without defects that may be marked
    clean = images.loc[images["regions"] == 0]
    assert (clean["marked"] < 0.5).all()
    assert "Where NHNF shows" in (finished / "reports/fibres.html").read_text()


def test_the_report_says_which_class_is_the_verdict_where_mistakes_cost(finished):
    assert "The verdict is the class of least expected cost" in (finished / "reports/fibres.html").read_text()
    assert "The verdict is" not in (finished / "reports/fruit.html").read_text()


def test_another_metric_that_decides_trains_only_the_model_that_chooses_settings(replan):
    jobs = replan(lambda raw: raw["datasets"]["fibres"].update(decide_by="accuracy"))
    evaluated = {
        "train_pca_svm": 1,
        "plan": 1,
        "evaluate": 1,
        "compare": 1,
        "recommend": 1,
        "prediction_sets": 1,
        "thresholds": 1,
        "suspect_labels": 1,
        "attribute": 1,
        "report": 1,
        "summarise": 1,
        "unknown": 1,
    }
    handed_over = {"describe": 1, "verify": 1, "deploy": 1}
    assert jobs == evaluated | handed_over | {"study_page": 1, "index": 1, "all": 1}


def test_another_way_from_tiles_to_verdicts_trains_no_model_of_fixed_settings_again(replan):
    jobs = replan(lambda raw: raw["datasets"]["fibres"].update(aggregate="mean"))
    assert jobs["describe"] == 1
    assert not {"train_cnn", "train_forest"} & set(jobs)


@pytest.mark.parametrize(
    ("dataset", "model"),
    [("fibres", "cnn"), ("fibres", "svm"), ("fibres", "forest"), ("fruit", "svm-colour"), ("fruit", "forest-colour")],
)
def test_the_command_gives_files_of_test_images_the_verdicts_of_the_run(finished, tmp_path, dataset, model):
    results = finished / "results" / dataset
    verdicts = tables.read(results / "verdicts.parquet").query("model == @model and role == 'test' and `repeat` == 0")
    paths = tables.read(results / "manifest.parquet").set_index("image_id")["path"].loc[verdicts["image_id"]]
    command = [sys.executable, "-m", "gradewise", "predict", results / "models" / model / "0", *paths]
    subprocess.run([*command, "--output", tmp_path / "out.csv"], cwd=finished, check=True)
    written = pd.read_csv(tmp_path / "out.csv")
    assert list(written["path"]) == list(paths)
    assert written["error"].isna().all()
    assert list(written["class"]) == list(verdicts["predicted"])
    columns = [name for name in verdicts if name.startswith("p_") and verdicts[name].notna().all()]
    assert len(columns) == {"fibres": 2, "fruit": 3}[dataset]
    np.testing.assert_allclose(written[columns], verdicts[columns], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("dataset", "images"), [("fibres", 32), ("fruit", 60)])
def test_the_recommended_model_is_handed_over_complete(finished, monkeypatch, dataset, images):
    monkeypatch.chdir(finished)
    folder = Path("results") / dataset / "deployed"
    record = json.loads((folder.parent / "recommendation.json").read_text())
    artefact = read_artefact(folder)
    assert artefact.name == record["choice"]
    assert artefact.expected.value == record["ranking"][0]["score"]["value"]
    assert (artefact.fitted_on.images, artefact.fitted_on.what) == (images, "all")
    assert artefact.verification.equal
    assert artefact.verification.onnx_verdicts.other_class == ()
    assert len(pd.read_csv(folder / "reference.csv")) == 12
    card = (folder / "MODEL_CARD.md").read_text()
    assert card.startswith(f"# Model card: {artefact.name}")
    assert f"on all {images} images" in card
    assert "<h1>Model card" in (folder / "MODEL_CARD.html").read_text()
    with zipfile.ZipFile(folder.with_suffix(".zip")) as archive:
        assert {name.partition("/")[2] for name in archive.namelist()} == {"model.json", *artefact.files}


def test_a_model_handed_over_is_checked_anywhere_and_refused_if_altered(finished, tmp_path):
    copy = shutil.copytree(finished / "results/fruit/deployed", tmp_path / "copy")
    verify_references(copy)
    table = copy / "reference.csv"
    text = table.read_text()
    table.write_text(text.replace(",A,", ",B,", 1))
    with pytest.raises(UserError, match=r"reference.csv: differs from its hash"):
        verify_references(copy)
    description = json.loads((copy / "model.json").read_text())
    description["files"]["reference.csv"] = hash_file(table)
    (copy / "model.json").write_text(json.dumps(description))
    with pytest.raises(UserError, match=r"predicted A, but reference.csv says B"):
        verify_references(copy)


def test_any_tested_model_is_exported_and_predicts_without_gradewise_what_it_does_with_it(
    finished, monkeypatch, tmp_path
):
    monkeypatch.chdir(finished)
    export(Path("results/fruit/models/both/1"), tmp_path / "both", tmp_path / "both.zip")
    images = "results/fruit/simulated/images"
    script = [sys.executable, tmp_path / "both/predict_onnx.py", images, "--output", tmp_path / "onnx.csv"]
    subprocess.run(script, check=True)
    predict(tmp_path / "both", [images], tmp_path / "native.csv")
    native, onnx = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("native", "onnx"))
    assert list(native["class"]) == list(onnx["class"])
    columns = ["p_A", "p_B", "p_C"]
    np.testing.assert_allclose(native[columns], onnx[columns], atol=1e-5)
    assert "was chosen by name" in (tmp_path / "both/MODEL_CARD.md").read_text()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/letter.txt").touch()
    with pytest.raises(UserError, match="holds something else than a model"):
        export(Path("results/fruit/models/both/1"), tmp_path / "other")
    assert (tmp_path / "other/letter.txt").exists()


def test_a_folder_of_new_images_gets_a_table_and_a_page(finished, monkeypatch, tmp_path):
    monkeypatch.chdir(finished)
    new = shutil.copytree("results/fibres/simulated/images", tmp_path / "new")
    (new / "broken.png").write_bytes(b"no image")
    paths = {"output": tmp_path / "may.parquet", "table": tmp_path / "may.csv", "page": tmp_path / "may.html"}
    paths |= {"statistics": tmp_path / "may-images.parquet"}
    model = Path("results/fibres/deployed")
    classify(model=model, images=new, threads=1, output=paths["table"])
    apply(dataset="fibres", name="may", model=model, threads=1, **paths)
    verdicts = tables.read(paths["output"])
    assert len(verdicts) == 33
    assert list(verdicts.loc[verdicts["class"].isna(), "path"]) == [str(new / "broken.png")]
    page = paths["page"].read_text()
    assert "Most doubtful" in page
    assert "broken.png" in page
    assert "tiles that indicate NHNF are bright" in page
    assert (tmp_path / "may/classes.csv").is_file()
    with pytest.raises(UserError, match="was not written with this model, "):
        write_page(paths["table"], load_predictor(Path("results/fruit/deployed")), tmp_path / "other.html", "Other")


def test_the_model_is_tested_on_labelled_new_images_without_copies_of_the_datasets(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(finished)
    simulated = finished / "results/fruit/simulated"
    labels = pd.read_csv(simulated / "labels.csv")
    (tmp_path / "new").mkdir()
    for name in labels["image_id"]:
        # seen from another side, and brighter: no copy, but for the first
        with Image.open(simulated / "images" / name) as image:
            copy = name == labels["image_id"][0]
            (image if copy else ImageOps.autocontrast(image.crop((40, 40, 250, 250)))).save(tmp_path / "new" / name)
    labels.to_csv(tmp_path / "labels.csv", index=False)
    table = {"csv": str(tmp_path / "labels.csv"), "images": str(tmp_path / "new")}
    source = Source.model_validate({"tables": [table], "classes": ["A", "B", "C"], "group": "fruit"})
    paths = {"output": "june.parquet", "table": "june.csv", "test": "june-test.json", "page": "june.html"}
    paths |= {"statistics": "june-images.parquet"}
    paths = {flag: tmp_path / name for flag, name in paths.items()}
    known = {"dataset": "fruit", "model": Path("results/fruit/deployed"), "results": Path("results/fruit")}
    external(name="june", source=source, threads=1, **known, **paths)
    verdicts, found = tables.read(paths["output"]), json.loads(paths["test"].read_text())
    assert list(verdicts["label"]) == list(labels["label"])
    tested = verdicts.loc[verdicts["copy_of"].isna()]
    assert (len(found["copies"]), found["images"]) == (1, len(labels) - 1)
    accuracy = next(score for score in found["scores"] if score["metric"] == "accuracy")
    assert accuracy["new"]["value"] == pytest.approx((tested["label"] == tested["class"]).mean())
    assert accuracy["measured"]["value"] == read_artefact(known["model"]).expected.value
    assert len(found["shared_groups"]) == labels["fruit"].nunique()
    assert "Test on these images" in paths["page"].read_text()


def test_the_example_in_python_predicts_what_the_run_predicted(finished):
    photos = sorted((finished / "results/fruit/simulated/images").iterdir())[:3]
    command = [sys.executable, ROOT / "examples/predict.py", "results/fruit/models/forest-colour/0", *photos]
    printed = subprocess.run(command, cwd=finished, capture_output=True, text=True, check=True).stdout
    verdicts = tables.read(finished / "results/fruit/verdicts.parquet").query("model == 'forest-colour'")
    expected = verdicts.drop_duplicates("image_id").set_index("image_id").loc[[photo.name for photo in photos]]
    assert printed.splitlines() == [
        f"{photo}\t{row.predicted}\tA {row.p_A:.4f}\tB {row.p_B:.4f}\tC {row.p_C:.4f}"
        for photo, row in zip(photos, expected.itertuples(), strict=True)
    ]


def test_snakemake_makes_a_report_of_the_finished_run(finished, snakemake):
    snakemake("--directory", finished, "--configfile", SMALL, "--report", finished / "report.zip")
    assert zipfile.is_zipfile(finished / "report.zip")


def test_a_second_run_does_nothing(replan):
    assert replan(lambda raw: None) == {}


def test_a_setting_of_one_model_reruns_that_model_evaluation_and_report_alone(replan):
    jobs = replan(lambda raw: raw["models"]["forest"].update(trees=30))
    own = {"train_forest": 1, "describe": 1, "evaluate": 1, "compare": 1, "recommend": 1, "report": 1}
    own |= {"unknown": 1, "attribute": 1}
    # the model that is then recommended is handed over, and trained on all images if it is another
    own |= {"verify": 1, "deploy": 1, "prediction_sets": 1, "thresholds": 1, "suspect_labels": 1}
    # a study varies this model, and its page tells what stays the same
    assert jobs == own | {"plan_studies": 1, "study_page": 1, "index": 1, "all": 1}


def test_a_new_view_reruns_what_looks_through_it_alone(replan):
    jobs = replan(lambda raw: raw["views"].update(photos=["rgb", {"resize": 40}]))
    assert jobs == {
        "view": 1,
        "train_forest": 2,
        "blend": 2,
        "evaluate": 1,
        "compare": 1,
        "leak": 1,
        "unknown": 1,
        "recommend": 1,
        "prediction_sets": 1,
        "thresholds": 1,
        "expected_shares": 1,
        "attribute": 1,
        "suspect_labels": 1,
        "describe": 1,
        "verify": 1,
        "deploy": 1,
        "report": 1,
        "index": 1,
        "all": 1,
    }


def test_the_same_configuration_gives_the_same_predictions(finished, snakemake, tmp_path):
    shutil.copytree(finished / "results/fruit/simulated", tmp_path / "results/fruit/simulated")
    blend = "results/fruit/models/both/0/predictions.parquet"
    snakemake(blend, "--cores", 2, "--directory", tmp_path, "--configfile", SMALL)
    pd.testing.assert_frame_equal(tables.read(finished / blend), tables.read(tmp_path / blend))


def test_changed_images_are_noticed(finished, snakemake, planned, tmp_path):
    """A user's folder is watched by names, sizes and times, however deep."""
    shutil.copytree(finished / "results/fruit/simulated/images", tmp_path / "photos")
    labels = (finished / "results/fruit/simulated/labels.csv").read_text()
    (tmp_path / "labels.csv").write_text(labels)
    raw = yaml.safe_load(SMALL.read_text())
    raw["datasets"] = {"fruit": raw["datasets"]["fruit"]}
    del raw["datasets"]["fruit"]["simulate"], raw["studies"]
    raw["datasets"]["fruit"]["tables"] = [{"csv": "labels.csv", "images": "photos"}]
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(raw))
    arguments = ("results/fruit/manifest.parquet", "--directory", tmp_path, "--configfile", file)
    snakemake("--cores", 2, *arguments)
    assert planned(snakemake("-n", *arguments).stdout) == {}
    image = next((tmp_path / "photos").glob("*.png"))
    image.write_bytes(image.read_bytes() + b" ")
    assert planned(snakemake("-n", *arguments).stdout) == {"read_images": 1, "manifest": 1}
