from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.svm import SVC

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.families.fit_pca import fit_pca
from gradewise.families.pca_svm import svm_grid
from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.studies.cells import SvmCell
from gradewise.studies.vary_pca_svm import vary_pca_svm
from gradewise.views.samples import read_samples

SETTINGS = {
    "scale": SvmSettings(components=20),
    "few": SvmSettings(components=4),
    "large C": SvmSettings(components=20, C=10.0),
    "wide": SvmSettings(components=20, gamma=1e-5),
    "narrow": SvmSettings(components=12, gamma=1e-3, C=2.0),
    "whitened": SvmSettings(components=12, whiten=True),
    "linear": SvmSettings(components=4, kernel="linear", C=1e-4),
    "linear, whitened": SvmSettings(components=6, whiten=True, kernel="linear"),
}


def cells_of(settings, view="view"):
    return [SvmCell(name=name, view=view, settings=given) for name, given in settings.items()]


@pytest.fixture
def vary(tmp_path):
    """Fits components to caches of one dataset and varies settings on them; returns answers and measures."""

    def run(made, cells, *more, repeat=0, components=30, **options):
        views = [made, *more]
        for view in views:
            fit_pca(**view.inputs, repeat=repeat, components=components, threads=1, output=view.samples.parent)
        vary_pca_svm(
            cells=cells,
            samples=[view.samples for view in views],
            features=[view.samples.parent / "features.parquet" for view in views],
            pca=[view.samples.parent / "pca.safetensors" for view in views],
            splits=made.splits,
            manifest=made.manifest,
            repeat=repeat,
            classes=made.classes,
            output=tmp_path / "study",
            **{"threads": 1, **options},
        )
        folder = tmp_path / "study"
        measures = tables.read(folder / "measures.parquet").pivot(index="cell", columns="measure", values="value")
        return tables.read(folder / "answers.parquet"), measures

    return run


def plain(made, settings):
    """A plain classifier on components of the training pixels, the pixels' roles, and what it predicts of them."""
    data = read_samples(made.samples, made.splits, made.manifest, 0)
    flat = data.pixels.reshape(len(data.pixels), -1).astype(float)
    at = data.of("train")
    pca = PCA(settings.components, whiten=settings.whiten, svd_solver="full").fit(flat[at])
    scores = pca.transform(flat)
    svc = SVC(C=settings.C, kernel=settings.kernel, gamma=settings.gamma).fit(
        scores[at], data.targets(made.classes)[at]
    )
    return data.table, np.take(made.classes, svc.predict(scores)), pca, svc


@pytest.mark.parametrize("largest", [8000, 10], ids=["shared kernels", "kernels of their own"])
def test_answers_and_measures_are_those_of_plain_classifiers(cache, vary, monkeypatch, largest):
    monkeypatch.setattr(svm_grid, "LARGEST_KERNEL", largest)
    made = cache(groups=60, contrast=18.0)
    answers, measures = vary(made, cells_of(SETTINGS), threads=2)
    assert list(dict.fromkeys(answers["cell"])) == list(SETTINGS)
    wrong = set()
    for name, settings in SETTINGS.items():
        table, expected, pca, svc = plain(made, settings)
        ours = answers[answers["cell"] == name].set_index("image_id")
        assert ours.loc[table["image_id"], "predicted"].to_list() == list(expected)
        assert ours.loc[table["image_id"], ["role", "group", "label"]].to_numpy().tolist() == (
            table[["role", "group", "label"]].to_numpy().tolist()
        )
        row = measures.loc[name]
        assert row["support_vectors"] == svc.n_support_.sum()
        assert row["explained_variance"] == pytest.approx(pca.explained_variance_ratio_.sum(), rel=1e-4)
        if settings.kernel == "rbf":
            assert row["gamma"] == pytest.approx(svc._gamma, rel=1e-4)
        wrong.add(tuple(ours.index[ours["predicted"] != ours["label"]]))
    assert len(wrong) > 5
    assert measures[["converged", "training_rows"]].drop_duplicates().to_numpy().tolist() == [[1, 72]]
    assert measures.loc[["linear", "linear, whitened"], "gamma"].isna().all()
    assert (measures["optimiser_steps"] > 0).all()
    assert (measures["seconds"] > 0).all()


def test_neither_threads_nor_the_memory_for_kernels_change_an_answer(cache, vary, monkeypatch):
    made = cache(contrast=18.0)
    first, measures = vary(made, cells_of(SETTINGS))
    monkeypatch.setattr(svm_grid, "KERNEL_BYTES", 1)
    second, others = vary(made, cells_of(SETTINGS), threads=2)
    assert first.equals(second)
    timeless = [name for name in measures if name != "seconds"]
    assert measures[timeless].equals(others[timeless])


def test_tiles_vote_on_their_image_and_a_tie_goes_to_the_class_that_comes_first(cache, vary):
    made = cache(groups=60, tiles_per_image=2, contrast=9.0)
    settings = SvmSettings(components=12)
    answers, _ = vary(made, cells_of({"tiles": settings}))
    table, expected, _, _ = plain(made, settings)
    of_image = table.assign(predicted=expected).groupby("image_id", sort=False)["predicted"].agg(list)
    assert answers["image_id"].is_unique
    assert answers.set_index("image_id").loc[of_image.index, "predicted"].to_list() == [min(two) for two in of_image]
    assert of_image.map(lambda two: len(set(two)) > 1).any()


def test_a_fit_that_is_stopped_early_is_reported_and_others_are_not(cache, vary, caplog):
    made = cache(contrast=18.0)
    cells = cells_of(
        {
            "stopped": SvmSettings(components=10, kernel="linear", max_iter=3),
            "free": SvmSettings(components=10, kernel="linear", C=1e-4),
        }
    )
    with caplog.at_level("INFO"):
        _, measures = vary(made, cells, threads=2)
    assert measures["converged"].to_dict() == {"stopped": 0, "free": 1}
    assert measures.loc["stopped", "optimiser_steps"] == 9
    assert [line for line in caplog.messages if "not converged" in line] == [
        "not converged in 3 steps: 10 components, C 1, linear kernel"
    ]


def test_a_cell_is_fitted_to_its_own_view(cache, vary, tmp_path):
    coarse, fine = cache(contrast=18.0), cache("fine", contrast=18.0, shape=(12, 12, 1))
    fine.samples.rename(fine.samples.with_name("fine.parquet"))
    fine = type(fine)(fine.samples.with_name("fine.parquet"), fine.splits, fine.manifest, fine.classes)
    settings = SvmSettings(components=20)
    cells = [*cells_of({"on fine": settings}, "fine"), *cells_of({"on coarse": settings}, "view")]
    answers, measures = vary(coarse, cells, fine)
    assert list(dict.fromkeys(answers["cell"])) == ["on fine", "on coarse"]
    for name, made in {"on fine": fine, "on coarse": coarse}.items():
        table, expected, pca, _ = plain(made, settings)
        ours = answers[answers["cell"] == name].set_index("image_id")
        assert ours.loc[table["image_id"], "predicted"].to_list() == list(expected)
        assert measures.loc[name, "explained_variance"] == pytest.approx(pca.explained_variance_ratio_.sum(), rel=1e-4)


def test_cells_of_equal_settings_get_equal_answers_under_their_own_names(cache, vary):
    answers, measures = vary(cache(), cells_of({"one": SvmSettings(), "two": SvmSettings()}))
    one, two = (answers[answers["cell"] == name].drop(columns="cell").reset_index(drop=True) for name in ("one", "two"))
    assert one.equals(two)
    assert set(measures.index) == {"one", "two"}


def test_components_beyond_those_there_are_count_as_those_in_use(cache, vary):
    _, measures = vary(cache(), cells_of({"all": SvmSettings(components=500)}), components=500)
    assert measures.loc["all", "features"] == 35
    assert measures.loc["all", "explained_variance"] == pytest.approx(1, abs=1e-5)


def test_a_repeat_without_validation_and_test_images_has_answers_on_training_images(cache, vary):
    made = cache()
    splits = tables.read(made.splits)
    tables.write(splits[splits["role"] == "train"], made.splits, tables.SPLITS)
    answers, _ = vary(made, cells_of({"one": SvmSettings()}))
    assert set(answers["role"]) == {"train"}


class TestRefusals:
    def test_a_cell_whose_view_is_not_given(self, cache, vary):
        with pytest.raises(UserError, match=r"cells: 'one' needs the view 'polar', and samples are of view; add"):
            vary(cache(), cells_of({"one": SvmSettings()}, "polar"))

    def test_a_view_given_twice(self, cache, vary):
        made = cache()
        with pytest.raises(UserError, match="a view stands twice in view, view"):
            vary(made, cells_of({"one": SvmSettings()}), made)

    def test_lists_of_different_lengths(self, cache, tmp_path):
        made = cache()
        with pytest.raises(UserError, match="1 samples, 0 features and 0 pca were given"):
            vary_pca_svm(
                cells=cells_of({"one": SvmSettings()}),
                samples=[made.samples],
                features=[],
                pca=[],
                splits=made.splits,
                manifest=made.manifest,
                repeat=0,
                classes=made.classes,
                threads=1,
                output=tmp_path,
            )


def test_the_step_runs_as_a_command(cache, tmp_path, monkeypatch):
    made = cache(groups=15)
    fit_pca(**made.inputs, repeat=0, components=5, threads=1, output=tmp_path)
    cells = [{"name": "C 1, gamma scale", "view": "view", "settings": {"components": 3, "max_iter": 1000}}]
    lists = {"samples": made.samples, "features": tmp_path / "features.parquet", "pca": tmp_path / "pca.safetensors"}
    given = [f"--{name}={json.dumps([str(path)])}" for name, path in lists.items()]
    given += [f"--cells={json.dumps(cells)}", f"--splits={made.splits}", f"--manifest={made.manifest}", "--repeat=0"]
    given += ['--classes=["A","B","C"]', "--threads=1", f"--output={tmp_path / 'study'}"]
    monkeypatch.setattr(sys, "argv", ["vary_pca_svm", *given])
    command.run(vary_pca_svm)
    assert set(tables.read(tmp_path / "study/answers.parquet")["cell"]) == {"C 1, gamma scale"}
