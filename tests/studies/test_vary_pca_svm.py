"""Cells that are support vector classifiers: those of the model's own step, with shared work."""

from __future__ import annotations

import json

import pytest
from sklearn.decomposition import PCA
from sklearn.svm import SVC

from gradewise import tables
from gradewise.command import UserError
from gradewise.families import train as step
from gradewise.families.pca_svm import svm_grid
from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.images.schemas import SPLITS
from gradewise.views.samples import read_samples

SETTINGS = {
    "scale": {"components": 20},
    "few": {"components": 4},
    "large C": {"components": 20, "C": 10.0},
    "wide": {"components": 20, "gamma": 1e-5},
    "narrow": {"components": 12, "gamma": 1e-3, "C": 2.0},
    "whitened": {"components": 12, "whiten": True},
    "linear": {"components": 4, "kernel": "linear", "C": 1e-4},
    "linear, whitened": {"components": 6, "whiten": True, "kernel": "linear"},
}


@pytest.fixture
def train(tmp_path):
    """Trains the model `pca_svm` on a cache; returns its predictions and its record."""

    def run(made, settings):
        output, pca = tmp_path / "model", tmp_path / "results/pca/view/0"
        step.train(
            family="pca_svm",
            **made.inputs,
            features=pca / "features.parquet",
            pca=pca / "pca.safetensors",
            repeat=0,
            dataset="made-up",
            model="pca_svm",
            view="view",
            classes=made.classes,
            candidates=[SvmSettings(**settings)],
            seed=1,
            threads=1,
            output=output,
        )
        return tables.read(output / "predictions.parquet"), json.loads((output / "run.json").read_text())

    return run


def plain(made, settings):
    """A plain classifier on components of the training pixels."""
    settings = SvmSettings(**settings)
    data = read_samples(made.samples, made.splits, made.manifest, 0)
    flat = data.pixels.reshape(len(data.pixels), -1).astype(float)
    at = data.of("train")
    pca = PCA(settings.components, whiten=settings.whiten, svd_solver="full").fit(flat[at])
    scores = pca.transform(flat)
    svc = SVC(C=settings.C, kernel=settings.kernel, gamma=settings.gamma)
    return pca, svc.fit(scores[at], data.targets(made.classes)[at])


@pytest.mark.parametrize("largest", [8000, 10], ids=["shared kernels", "kernels of their own"])
def test_a_cell_has_the_probabilities_and_the_record_of_a_model_with_its_settings(
    cache, vary_cells, cells_of, train, monkeypatch, largest
):
    monkeypatch.setattr(svm_grid, "LARGEST_KERNEL", largest)
    made = cache(groups=60, contrast=18.0)
    varied = vary_cells(made, cells_of("pca_svm", SETTINGS), threads=2)
    wrong = set()
    for name, settings in SETTINGS.items():
        expected, record = train(made, settings)
        ours = tables.read(varied.folder / "predictions.parquet", cell=name)
        assert ours.drop(columns="cell")[["sample_id", "role", "group", "label", "predicted"]].equals(
            expected[["sample_id", "role", "group", "label", "predicted"]]
        )
        probabilities = ["p_A", "p_B", "p_C"]
        assert ours[probabilities].to_numpy() == pytest.approx(expected[probabilities].to_numpy(), abs=0.01)
        mine = varied.records[name]
        assert set(record) - set(mine) == {"seconds_pca", "train_accuracy", "validation_accuracy", "tried"}
        for key in ("components", "support_vectors", "converged", "calibration_folds", "seed", "counts", "parameters"):
            assert mine[key] == record[key], key
        for key in ("explained_variance_ratio", "gamma"):
            assert mine[key] == pytest.approx(record[key])
        wrong.add(tuple(ours.loc[ours["predicted"] != ours["label"], "sample_id"]))
    assert len(wrong) > 5


def test_measures_are_those_of_plain_classifiers(cache, vary_cells, cells_of):
    made = cache(groups=60, contrast=18.0)
    varied = vary_cells(made, cells_of("pca_svm", SETTINGS))
    for name, settings in SETTINGS.items():
        pca, svc = plain(made, settings)
        record = varied.records[name]
        assert record["support_vectors"] == svc.n_support_.sum()
        assert record["explained_variance_ratio"] == pytest.approx(pca.explained_variance_ratio_.sum(), rel=1e-4)
        if settings.get("kernel") != "linear":
            assert record["gamma"] == pytest.approx(svc._gamma, rel=1e-4)
        assert record["optimiser_steps"] > 0
        assert record["seconds_fit"] > 0
    assert varied.records["linear"]["gamma"] is None


def test_neither_threads_nor_the_memory_for_kernels_change_a_prediction(cache, vary_cells, cells_of, monkeypatch):
    made = cache(contrast=18.0)
    first = vary_cells(made, cells_of("pca_svm", SETTINGS)).predictions
    monkeypatch.setattr(svm_grid, "KERNEL_BYTES", 1)
    assert vary_cells(made, cells_of("pca_svm", SETTINGS), threads=2).predictions.equals(first)


def test_a_fit_that_is_stopped_early_is_reported_and_others_are_not(cache, vary_cells, cells_of, caplog):
    cells = cells_of(
        "pca_svm",
        {
            "stopped": {"components": 10, "kernel": "linear", "max_iter": 3},
            "free": {"components": 10, "kernel": "linear", "C": 1e-4},
        },
    )
    with caplog.at_level("INFO"):
        records = vary_cells(cache(contrast=18.0), cells, threads=2).records
    assert {name: record["converged"] for name, record in records.items()} == {"stopped": False, "free": True}
    assert records["stopped"]["optimiser_steps"] == 9
    assert [line for line in caplog.messages if "not converged" in line] == [
        "not converged in 3 steps: 10 components, C 1, linear kernel"
    ]


def test_a_cell_is_fitted_to_its_own_view(cache, vary_cells, cells_of):
    coarse, fine = cache(contrast=18.0), cache("fine", contrast=18.0, shape=(12, 12, 1))
    fine.samples.rename(fine.samples.with_name("fine.parquet"))
    fine = type(fine)(fine.samples.with_name("fine.parquet"), fine.splits, fine.manifest, fine.classes)
    settings = {"components": 20}
    cells = [
        *cells_of("pca_svm", {"on fine": settings}, "fine"),
        *cells_of("pca_svm", {"on coarse": settings}, "view"),
    ]
    varied = vary_cells(coarse, cells, fine)
    for name, made in {"on fine": fine, "on coarse": coarse}.items():
        variance = plain(made, settings)[0].explained_variance_ratio_.sum()
        assert varied.records[name]["explained_variance_ratio"] == pytest.approx(variance, rel=1e-4)
        assert varied.records[name]["view"] == made.samples.stem


def test_cells_of_equal_settings_get_equal_predictions_under_their_own_names(cache, vary_cells, cells_of):
    varied = vary_cells(cache(), cells_of("pca_svm", {"one": {}, "two": {}}))
    assert varied.of("one").equals(varied.of("two"))


def test_components_beyond_those_there_are_count_as_those_in_use(cache, vary_cells, cells_of):
    record = vary_cells(cache(), cells_of("pca_svm", {"all": {"components": 500}}), components=500).records["all"]
    assert record["components"] == 35
    assert record["explained_variance_ratio"] == pytest.approx(1, abs=1e-5)


def test_a_repeat_without_validation_and_test_images_has_predictions_on_training_images(cache, vary_cells, cells_of):
    made = cache()
    splits = tables.read(made.splits)
    tables.write(splits[splits["role"] == "train"], made.splits, SPLITS)
    assert set(vary_cells(made, cells_of("pca_svm", {"one": {}})).predictions["role"]) == {"train"}


def test_groups_too_few_to_calibrate_are_refused_as_for_a_model(cache, vary_cells, cells_of):
    made = cache(groups=15, images_per_group=4)
    splits = tables.read(made.splits)
    groups = splits["image_id"].str.extract(r"g(\d+)")[0].astype(int)
    tables.write(splits[groups < 3], made.splits, SPLITS)
    with pytest.raises(UserError, match="cross-validation needs training groups"):
        vary_cells(made, cells_of("pca_svm", {"one": {"components": 2}}), components=2)
