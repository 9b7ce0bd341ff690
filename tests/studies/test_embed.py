"""t-SNE and how well classes separate: the vote never asks a sample's own group, and groups are drawn whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradewise import tables
from gradewise.command import UserError
from gradewise.families.fit_pca import fit_pca
from gradewise.families.pca_svm.settings import SvmSettings
from gradewise.families.train import train
from gradewise.studies.kinds.embedding.embed import draw_groups, embed, separation, t_sne
from gradewise.studies.kinds.embedding.neighbours import vote

pytestmark = pytest.mark.slow


def clusters(distance: float, seed: int = 0) -> tuple[np.ndarray, pd.DataFrame]:
    """Points of two classes, 20 groups of 4 each, whose means are so far apart."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(["A", "B"], 80)
    points = generator.normal(size=(160, 3)) + distance * (labels == "B")[:, None]
    groups = np.repeat([f"g{number}" for number in range(40)], 4)
    return points, pd.DataFrame({"group": groups, "label": labels})


def test_a_point_is_not_judged_by_its_own_group():
    points = np.array([[0.0], [0.1], [10.0], [10.1]])
    groups = np.array([0, 0, 1, 1])
    assert list(vote(points, np.array([0, 0, 1, 1]), groups, neighbours=1)) == [1, 1, 0, 0]


def test_fewer_neighbours_vote_where_there_are_no_more():
    points = np.array([[0.0], [1.0], [2.0]])
    assert list(vote(points, np.array([1, 0, 0]), np.array([0, 1, 2]), neighbours=15)) == [0, 0, 0]


def test_of_equally_many_votes_the_earlier_class_wins():
    points = np.array([[0.0], [1.0], [1.0]])
    assert vote(points, np.array([0, 1, 0]), np.array([0, 1, 2]), neighbours=2)[0] == 0


def test_classes_far_apart_separate():
    points, table = clusters(distance=20)
    found = separation(points, table, ["A", "B"], embedded=False).set_index("measure")
    assert found.loc["neighbours", "value"] == 1
    assert found.loc["silhouette", "value"] > 0.8
    assert found.loc["neighbours", "baseline"] == 0.5


def test_the_interval_of_classes_that_are_alike_holds_guessing():
    points, table = clusters(distance=0)
    found = separation(points, table, ["A", "B"], embedded=False).set_index("measure")
    assert found.loc["neighbours", "low"] < 0.5 < found.loc["neighbours", "high"]
    assert found.loc["silhouette", "low"] < 0 < found.loc["silhouette", "high"]


def test_groups_that_look_alike_do_not_pass_for_classes():
    generator = np.random.default_rng(3)
    centres = np.repeat(generator.normal(size=(40, 3)) * 50, 4, axis=0)
    _, table = clusters(distance=0)
    found = separation(centres + generator.normal(size=centres.shape), table, ["A", "B"], embedded=False)
    assert found.loc[found["measure"] == "neighbours", "value"].item() < 0.7


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 40), st.integers(0, 100))
def test_groups_are_drawn_whole(sizes, most, seed):
    table = pd.DataFrame({"group": [f"g{group}" for group, size in enumerate(sizes) for _ in range(size)]})
    kept = draw_groups(table, most, seed)["group"].value_counts()
    assert len(kept)
    assert all(kept[group] == sizes[int(group[1:])] for group in kept.index)
    assert kept.sum() <= most or len(kept) == 1


def test_few_samples_stay_near_each_other_in_three_dimensions():
    points, _ = clusters(distance=3)
    places, divergence = t_sne(points, 3, perplexity=30, seed=0, threads=1)
    assert np.abs(places).max() < 10 * places.std()
    assert divergence < 0.6


def test_perplexity_gives_way_to_few_samples():
    places, _ = t_sne(np.random.default_rng(0).normal(size=(12, 4)), 2, perplexity=30, seed=0, threads=1)
    assert np.isfinite(places).all()


@pytest.fixture
def trained(cache, tmp_path):
    """A run of the family pca_svm, and the scores that it was trained on."""
    data = cache(groups=30, shape=(8, 8, 1))
    fit_pca(**data.inputs, repeat=0, components=12, threads=1, output=tmp_path / "pca")
    train(
        family="pca_svm",
        **data.inputs,
        features=tmp_path / "pca" / "features.parquet",
        pca=tmp_path / "pca" / "pca.safetensors",
        repeat=0,
        dataset="made-up",
        model="svm",
        view="small",
        classes=data.classes,
        candidates=[SvmSettings(components=6)],
        seed=0,
        threads=1,
        output=tmp_path / "svm",
    )
    return {"model": tmp_path / "svm", "features": tmp_path / "pca" / "features.parquet"}, data


def run(trained, output, **options) -> tuple[pd.DataFrame, pd.DataFrame]:
    given = {"dimensions": [2, 3], "perplexity": 10.0, "seed": 0, "threads": 1, **options}
    embed(**trained[0], output=output, **given)
    return tables.read(output / "embedding.parquet"), tables.read(output / "separation.parquet")


def test_all_training_samples_are_embedded_in_each_number_of_dimensions(trained, tmp_path):
    embedding, _ = run(trained, tmp_path / "out")
    splits = tables.read(trained[1].splits)
    images = set(splits.loc[splits["role"] == "train", "image_id"])
    assert all(set(part["image_id"]) == images for _, part in embedding.groupby("dimensions"))
    assert embedding.groupby("dimensions")["z"].count().to_dict() == {2: 0, 3: len(images)}


def test_separation_is_told_of_the_components_in_use_and_of_each_embedding(trained, tmp_path):
    _, found = run(trained, tmp_path / "out")
    assert list(zip(found["dimensions"], found["embedded"], strict=True))[::2] == [(6, False), (2, True), (3, True)]
    assert found["seconds"].notna().equals(found["embedded"])


def test_many_samples_are_reduced_to_whole_groups(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("gradewise.studies.kinds.embedding.embed.MOST_SAMPLES", 20)
    embedding, _ = run(trained, tmp_path / "out", dimensions=[2])
    assert len(embedding) == 20


def test_the_same_seed_gives_the_same_embedding(trained, tmp_path):
    first, _ = run(trained, tmp_path / "a", dimensions=[2])
    second, _ = run(trained, tmp_path / "b", dimensions=[2])
    pd.testing.assert_frame_equal(first, second)


def test_more_dimensions_than_can_be_drawn_are_refused(trained, tmp_path):
    with pytest.raises(UserError, match=r"dimensions: .*2 and in 3"):
        run(trained, tmp_path / "out", dimensions=[2, 4])
