"""Parts of the page on studies that look inside models, made from models that were really trained."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.datasets import Dataset
from gradewise.evaluation.recommendation import Recommendation
from gradewise.families.cnn.settings import CnnSettings
from gradewise.families.fit_pca import fit_pca
from gradewise.families.forest.classifier import read_forest
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.families.train import train
from gradewise.images.corrections import Corrections
from gradewise.report.evidence import Evidence, Run
from gradewise.results import Results
from gradewise.studies.kinds.components import Study as ComponentsStudy
from gradewise.studies.kinds.components import page as components
from gradewise.studies.kinds.embedding import Study as EmbeddingStudy
from gradewise.studies.kinds.embedding import page as embedding
from gradewise.studies.kinds.embedding.embed import embed
from gradewise.studies.kinds.explanations import Study as ExplanationsStudy
from gradewise.studies.kinds.explanations import page as explanations
from gradewise.studies.kinds.explanations.explain import explain
from gradewise.studies.kinds.feature_maps import Study as FeatureMapsStudy
from gradewise.studies.kinds.feature_maps import page as feature_maps
from gradewise.studies.kinds.feature_maps.feature_maps import feature_maps as write_feature_maps
from gradewise.studies.kinds.trees import Study as TreesStudy
from gradewise.studies.kinds.trees import page as trees
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.planned import PlannedStudies
from gradewise.studies.schemas import WEIGHT_ON_REGIONS

pytestmark = pytest.mark.slow

HELPER = Path(__file__).parents[1] / "studies" / "marked_images.py"
specification = importlib.util.spec_from_file_location("marked_images", HELPER)
marked_images = importlib.util.module_from_spec(specification)
sys.modules["marked_images"] = marked_images
specification.loader.exec_module(marked_images)
CLASSES = marked_images.CLASSES

NO_PLAN = PlannedStudies(scale=None, studies={}, varied={}, views={}, models={})
NETWORK = {"channels": [4, 5], "dense": [8], "epochs": 2, "batch_size": 8, "precision": "fp32"}
FORESTS = {"forest": {}, "forest-selected": {"select": 1.5}, "forest-components": {"components": 3}}


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> StudyEvidence:
    """A dataset with a run of every family and what the steps of studies wrote of them."""
    folder = tmp_path_factory.mktemp("results")
    data = marked_images.write(folder)
    common = {**data.inputs, "repeat": 0, "dataset": "made-up", "view": "small", "classes": CLASSES, "seed": 0}
    common |= {"threads": 1}

    def place(model: str) -> dict:
        return {"model": model, "output": folder / "models" / model / "0"}

    fit_pca(**data.inputs, repeat=0, components=10, threads=1, output=folder / "pca")
    pca = {"features": folder / "pca" / "features.parquet", "pca": folder / "pca" / "pca.safetensors"}
    train(family="cnn", **common, **place("cnn"), candidates=[CnnSettings.model_validate(NETWORK)])
    train(family="pca_svm", **common, **pca, **place("svm"), candidates=[SvmSettings(components=8)])
    for name, settings in FORESTS.items():
        candidates = [ForestSettings.model_validate({"trees": 8, **settings})]
        train(family="forest", **common, **place(name), candidates=candidates)
    studies = folder / "studies"
    model, samples = folder / "models" / "cnn" / "0", data.samples
    write_feature_maps(model=model, samples=samples, layers=["conv1", "conv2"], threads=1, output=studies / "maps")
    explain(
        model=model,
        samples=samples,
        manifest=data.manifest,
        methods=["lime", "grad_cam", "occlusion"],
        each=5,
        seed=0,
        threads=1,
        output=studies / "why",
        objects=data.objects,
    )
    embed(
        model=folder / "models" / "svm" / "0",
        features=pca["features"],
        dimensions=[2, 3],
        perplexity=8.0,
        seed=0,
        threads=1,
        output=studies / "near",
    )
    return StudyEvidence(base=evidence(folder), folder=studies, plan=NO_PLAN)


def evidence(folder: Path) -> Evidence:
    models = ["cnn", "svm", *FORESTS]
    places = [folder / "models" / model / "0" for model in models]
    runs = [Run(json.loads((place / "run.json").read_text()), place) for place in places]
    nothing = pd.DataFrame()
    return Evidence(
        dataset="made-up",
        results=Results(folder),
        settings=Dataset.model_validate(
            {"images": "images", "classes": CLASSES, "models": models, "evaluation": {"holdout": 0.2}}
        ),
        seed=0,
        manifest=tables.read(folder / "manifest.parquet"),
        manifest_hash="",
        quarantine=nothing,
        splits=tables.read(folder / "splits.parquet"),
        metrics=pd.DataFrame({"model": models}),
        comparisons=nothing,
        standings=nothing,
        test=nothing,
        calibration=nothing,
        subgroups=nothing,
        audit=nothing,
        runs=tuple(runs),
        recommendation=Recommendation.model_construct(),
        prediction_sets=nothing,
        suspect_labels=nothing,
        corrections=Corrections(),
    )


def study(kind, **settings):
    return kind.model_validate({"dataset": "made-up", "title": "As published", **settings})


def kinds(blocks) -> dict[str, list]:
    grouped: dict[str, list] = {"text": [], "figure": [], "table": []}
    for block in blocks:
        grouped[block.kind].append(block)
    return grouped


@pytest.fixture(scope="module")
def parts(found) -> dict[str, dict[str, list]]:
    """The blocks of every part by their kind."""
    shown = {
        "maps": (feature_maps, study(FeatureMapsStudy, show="feature_maps", model="cnn", layers=["conv1", "conv2"])),
        "why": (explanations, study(ExplanationsStudy, show="explanations", model="cnn", each=5)),
        "near": (embedding, study(EmbeddingStudy, show="embedding", model="svm", perplexity=8.0)),
        "axes": (components, study(ComponentsStudy, show="components", model="svm", count=5)),
        **{name: (trees, study(TreesStudy, show="trees", model=name)) for name in FORESTS},
    }
    return {name: kinds(part.blocks(name, section, found)) for name, (part, section) in shown.items()}


@pytest.mark.parametrize("part", ["maps", "why", "near", "axes", *FORESTS])
def test_every_figure_is_a_drawing_with_a_caption_and_words_to_read_instead(parts, part):
    figures = parts[part]["figure"]
    assert figures
    for figure in figures:
        assert ElementTree.fromstring(figure.svg).tag.endswith("svg")
        assert figure.caption
        assert len(figure.alt) > 40


def test_names_of_figures_and_tables_are_unlike(parts):
    for kind in ("figure", "table"):
        names = [block.name for part in parts.values() for block in part[kind]]
        assert len(set(names)) == len(names)


def test_there_is_a_sheet_of_maps_for_each_layer(parts):
    assert [figure.name for figure in parts["maps"]["figure"]] == ["maps-conv1", "maps-conv2"]
    assert "4\u00a0maps of 16 × 16 px" in parts["maps"]["figure"][0].caption
    assert "5\u00a0maps of 8 × 8 px" in parts["maps"]["figure"][1].caption


def test_it_is_said_that_maps_are_after_norm_and_activation(parts):
    assert "after batch norm and ReLU, before pooling" in parts["maps"]["text"][0].text


def test_64_maps_make_a_sheet_of_eight_by_eight_each_with_its_own_contrast():
    maps = np.zeros((64, 8, 8), np.float32)
    maps[:, 2, 3] = np.arange(64)
    sheet = feature_maps.sheet(maps)[..., 0]
    assert sheet.shape == (8 * 9 - 1, 8 * 9 - 1)
    assert [int(sheet[row * 9 + 2, column * 9 + 3]) for row, column in ((0, 0), (0, 1), (7, 7))] == [0, 255, 255]


def test_large_maps_are_averaged_down_to_what_print_shows():
    assert feature_maps.sheet(np.random.default_rng(0).random((16, 500, 400)))[..., 0].shape[1] < 900


def test_the_first_sample_of_each_class_is_shown(parts):
    assert len(parts["why"]["figure"]) == 2
    assert all(figure.caption.count("predicted") == 1 for figure in parts["why"]["figure"])


def test_the_share_of_the_weight_stands_beside_the_share_of_the_area(parts, found):
    table = parts["why"]["table"][0]
    means = tables.read(found.file("why", "weight_on_regions.parquet"))
    assert len(table.rows) == len(means)
    headings = [column.heading for column in table.columns]
    object_rows = [row for row in table.rows if row[headings.index("Region")] == "object"]
    assert {row[headings.index("Share of the area")] for row in object_rows} == {"37.5\u00a0%"}


def test_it_is_said_where_no_mask_is_known(found, tmp_path):
    copied = tmp_path / "why"
    copied.mkdir()
    for file in found.file("why", "").iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
    means = tables.read(copied / "weight_on_regions.parquet").head(0)
    tables.write(means, copied / "weight_on_regions.parquet", WEIGHT_ON_REGIONS)
    alone = StudyEvidence(base=found.base, folder=tmp_path, plan=NO_PLAN)
    blocks = kinds(explanations.blocks("why", study(ExplanationsStudy, show="explanations", model="cnn"), alone))
    assert any("No mask marks anything" in block.text for block in blocks["text"])
    assert blocks["table"] == []


def test_separation_stands_with_its_interval_beside_guessing(parts):
    table = parts["near"]["table"][0]
    assert [row[0] for row in table.rows[::2]] == [
        "8\u00a0components",
        "t-SNE in two dimensions",
        "t-SNE in three dimensions",
    ]
    assert all(" to " in row[2] for row in table.rows)
    assert "50.0\u00a0%" in table.rows[0][3]


def test_the_alternative_text_of_a_scatter_has_the_numbers(parts):
    assert all("Vote of 15 neighbours" in figure.alt for figure in parts["near"]["figure"])


def test_explained_variance_is_cumulative_and_of_all_variance(parts):
    shares = parts["axes"]["table"][0].data["explained"].to_numpy()
    assert (np.diff(shares) > 0).all()
    assert 0 < shares[0] < shares[-1] <= 1


def test_a_component_is_mid_grey_where_it_has_no_weight():
    image = components.component_as_image(np.array([0.0, -0.5, 0.25, 0.5]), (2, 2, 1))
    assert image.ravel().tolist() == [128, 1, 192, 255]


def test_importances_of_pixels_sum_to_one(found):
    for name in ("forest", "forest-selected"):
        importance = trees.pixel_importance(read_forest(found.first_run(name).folder))
        assert importance.shape == (16, 16, 3)
        assert importance.sum() == pytest.approx(1)


def test_pixels_that_were_not_selected_have_no_importance(found, parts):
    forest = read_forest(found.first_run("forest-selected").folder)
    importance = trees.pixel_importance(forest).ravel()
    assert not np.delete(importance, forest.features.kept).any()
    assert "selected values" in parts["forest-selected"]["text"][0].text


def test_a_forest_on_components_has_no_image_of_importance(parts):
    assert "components" in parts["forest-components"]["text"][0].text
    assert [figure.name for figure in parts["forest-components"]["figure"]] == ["forest-components-tree"]


def test_importance_by_colour_names_the_channels(parts):
    assert [row[0] for row in parts["forest"]["table"][0].rows] == ["red", "green", "blue"]


def test_features_of_a_selected_forest_are_named_by_their_place_in_the_sample(found):
    forest = read_forest(found.first_run("forest-selected").folder)
    place = int(forest.features.kept[3])
    row, column, channel = place // 48, place // 3 % 16, place % 3
    assert trees.feature_names(forest)[3] == f"row {row}, col. {column}\n{('red', 'green', 'blue')[channel]}"


def test_a_model_without_runs_is_named(found):
    with pytest.raises(UserError, match="no run of 'other'"):
        found.first_run("other")
