from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA

from gradewise import tables
from gradewise.families.fit_pca import fit_pca
from gradewise.families.pca import read_pca
from gradewise.views.samples import read_samples


def scores_of(path):
    frame = tables.read(path)
    return frame["sample_id"].to_list(), np.stack(frame["scores"].to_list())


def test_every_sample_gets_the_scores_of_components_fitted_on_training_samples_alone(cache, tmp_path):
    made = cache(repeats=2)
    fit_pca(**made.inputs, repeat=1, components=6, threads=1, output=tmp_path / "pca")
    data = read_samples(**{"view": made.samples, "splits": made.splits, "manifest": made.manifest}, repeat=1)
    flat = data.pixels.reshape(len(data.pixels), -1).astype(float)
    reference = PCA(6, svd_solver="full").fit(flat[data.of("train")])
    names, scores = scores_of(tmp_path / "pca/features.parquet")
    assert names == data.table["sample_id"].to_list()
    np.testing.assert_allclose(scores, reference.transform(flat), atol=0.05)


def test_stored_components_reproduce_the_stored_scores(cache, tmp_path):
    made = cache()
    fit_pca(**made.inputs, repeat=0, components=6, threads=1, output=tmp_path / "pca")
    stored, _ = read_pca(tmp_path / "pca/pca.safetensors")
    data = read_samples(made.samples, made.splits, made.manifest, 0)
    np.testing.assert_array_equal(stored.project(data.pixels), scores_of(tmp_path / "pca/features.parquet")[1])


def test_components_are_capped_and_the_log_says_so(cache, tmp_path, caplog):
    made = cache(groups=15, images_per_group=1)
    with caplog.at_level("INFO"):
        fit_pca(**made.inputs, repeat=0, components=500, threads=1, output=tmp_path / "pca")
    assert scores_of(tmp_path / "pca/features.parquet")[1].shape == (15, 8)
    assert "8 components instead of 500" in caplog.text
