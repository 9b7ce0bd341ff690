from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.families import train as step
from gradewise.families.forest.reduction import AllPixels
from gradewise.families.forest.rows import training_rows
from gradewise.families.forest.settings import ForestSettings
from gradewise.families.load import load
from gradewise.symmetry import elements
from gradewise.views.samples import read_samples

BOTH = ("rows", "groups")


@pytest.fixture
def train(tmp_path):
    """Trains on a cache and returns the run's folder."""

    def run(made, candidates, name="run", seed=1, threads=1):
        step.train(
            family="forest",
            **made.inputs,
            repeat=0,
            dataset="made-up",
            model="forest",
            view="whole",
            classes=made.classes,
            candidates=candidates,
            seed=seed,
            threads=threads,
            output=tmp_path / name,
        )
        return tmp_path / name

    return run


def record_of(folder):
    return json.loads((folder / "run.json").read_text())


def probabilities_of(folder):
    return tables.read(folder / "predictions.parquet")[["p_A", "p_B", "p_C"]].to_numpy()


def test_it_learns_and_writes_what_every_family_writes(cache, train):
    folder = train(cache(), [ForestSettings(trees=60, out_of_bag=BOTH)])
    predictions = tables.read(folder / "predictions.parquet")
    test = predictions[predictions["role"] == "test"]
    assert (test["predicted"] == test["label"]).mean() > 0.6
    record = record_of(folder)
    assert (record["family"], record["training_rows"], record["training_accuracy"]) == ("forest", 36, 1.0)
    assert min(record["oob_groups"], record["oob_rows"]) > 0.6
    assert record["oob_covered"] == {"rows": 1.0, "groups": 1.0}
    for unit in ("oob_rows", "oob_groups"):
        hits = record["oob_hits"][unit]
        assert len(hits["group"]) == 18
        assert sum(hits["right"]) / sum(hits["rows"]) == pytest.approx(record[unit])
    assert record["mean_leaves"] > 1
    assert record["model_bytes"] > 0


def test_a_loaded_model_gives_the_stored_predictions(cache, train):
    made = cache()
    folder = train(made, [ForestSettings(trees=30, min_samples_leaf=3)])
    data = read_samples(made.samples, made.splits, made.manifest, 0)
    model = load(folder)
    assert model.classes == made.classes
    np.testing.assert_array_equal(model.predict_proba(data.pixels).astype(np.float32), probabilities_of(folder))


def test_the_forest_kept_is_that_of_scikit_learn_on_the_same_rows(cache, train):
    made = cache()
    folder = train(made, [ForestSettings(trees=40)])
    data = read_samples(made.samples, made.splits, made.manifest, 0)
    flat, fit_on = data.pixels.reshape(len(data.pixels), -1), data.of("train")
    reference = RandomForestClassifier(40, oob_score=True, random_state=record_of(folder)["seed"])
    reference.fit(flat[fit_on], data.targets(made.classes)[fit_on])
    np.testing.assert_allclose(probabilities_of(folder), reference.predict_proba(flat), atol=1e-6)
    assert record_of(folder)["oob_rows"] == pytest.approx(reference.oob_score_)


def test_settings_are_chosen_by_accuracy_on_validation_samples(cache, train):
    made = cache(contrast=25.0)
    candidates = [ForestSettings(trees=trees, max_depth=depth) for trees, depth in ((1, 1), (80, None), (2, 2))]
    folder = train(made, candidates)
    accuracies = []
    for number, settings in enumerate(candidates):
        alone = tables.read(train(made, [settings], name=str(number)) / "predictions.parquet")
        validation = alone[alone["role"] == "validation"]
        accuracies.append((validation["predicted"] == validation["label"]).mean())
    record = record_of(folder)
    assert [entry["score"] for entry in record["tried"]] == pytest.approx(accuracies)
    assert record["settings"] == candidates[int(np.argmax(accuracies))].model_dump(mode="json")
    assert len(set(accuracies)) > 1


def test_the_eight_rotations_and_flips_raise_out_of_bag_over_rows_but_not_over_groups(cache, train):
    made = cache(groups=45, contrast=12.0, shape=(4, 4, 1))
    record = record_of(train(made, [ForestSettings(trees=60, augment="d4", out_of_bag=BOTH)]))
    assert (record["training_rows"], record["repeated_rows"]) == (8 * 54, 0)
    assert record["oob_rows"] > record["oob_groups"] + 0.1
    assert 0 <= record["oob_groups_unaugmented"] <= 1


def test_a_second_forest_is_asked_for_by_name_and_groups_alone_make_the_model(cache, train):
    made = cache()
    both, groups, rows, none = (
        train(made, [ForestSettings(trees=10, **chosen)], name=f"run{number}")
        for number, chosen in enumerate(({"out_of_bag": BOTH}, {"out_of_bag": ("groups",)}, {}, {"out_of_bag": ()}))
    )
    assert "oob_groups" not in record_of(rows)
    assert record_of(rows)["oob_rows"] == record_of(both)["oob_rows"]
    np.testing.assert_array_equal(probabilities_of(rows), probabilities_of(both))
    assert "oob_rows" not in record_of(groups)
    assert not [key for key in record_of(none) if key.startswith("oob_") and record_of(none)[key]]
    assert record_of(groups)["oob_groups"] == record_of(both)["oob_groups"]
    assert not np.array_equal(probabilities_of(groups), probabilities_of(both))
    np.testing.assert_array_equal(probabilities_of(none), probabilities_of(both))


def test_threads_change_nothing_and_the_seed_does(cache, train):
    made = cache(groups=15)
    one, two, other = (
        train(
            made,
            [ForestSettings(trees=20, min_samples_leaf=2, out_of_bag=BOTH)],
            name=f"{seed}-{threads}",
            seed=seed,
            threads=threads,
        )
        for seed, threads in ((1, 1), (1, 2), (2, 1))
    )
    np.testing.assert_array_equal(probabilities_of(one), probabilities_of(two))
    assert record_of(one)["oob_groups"] == record_of(two)["oob_groups"]
    assert not np.array_equal(probabilities_of(one), probabilities_of(other))


def test_samples_that_are_not_square_cannot_be_rotated(cache, train):
    with pytest.raises(UserError, match="need square samples, but those of this view are 4 x 8"):
        train(cache(shape=(4, 8, 1)), [ForestSettings(trees=2, augment="d4")])


def test_rows_that_repeat_an_earlier_one_are_counted():
    generator = np.random.default_rng(0)
    distinct = generator.integers(0, 256, (3, 4, 4, 1), dtype=np.uint8)
    even = np.full((1, 4, 4, 1), 9, np.uint8)
    pixels = np.concatenate([distinct, distinct[:1], np.rot90(distinct[1:2], axes=(1, 2)), even])
    at, codes = np.arange(6), np.zeros(6, np.int64)
    assert training_rows(pixels, at, codes, codes, elements("none"), AllPixels()).repeated == 1
    assert training_rows(pixels, at, codes, codes, elements("d4"), AllPixels()).repeated == 8 + 8 + 7


def test_siblings_follow_their_sample_and_share_its_class_and_group():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)
    rows = training_rows(pixels, np.array([1, 3]), np.array([0, 1]), np.array([1, 0]), elements("d4"), AllPixels())
    np.testing.assert_array_equal(rows.X[::8], pixels[[1, 3]].reshape(2, -1))
    np.testing.assert_array_equal(rows.X[9].reshape(4, 4, 3), np.rot90(pixels[3]))
    assert rows.y.tolist() == [0] * 8 + [1] * 8
    assert rows.groups.tolist() == [1] * 8 + [0] * 8


def test_it_runs_as_a_command(cache, tmp_path, monkeypatch):
    made = cache(groups=15)
    flags = [f"--{name}={path}" for name, path in made.inputs.items()]
    flags += [
        "--repeat=0",
        "--dataset=d",
        "--model=m",
        "--view=v",
        '--classes=["A","B","C"]',
        "--seed=0",
        "--threads=2",
    ]
    flags += ['--candidates=[{"trees": 4, "augment": "d4", "out_of_bag": ["groups"]}]', f"--output={tmp_path / 'run'}"]
    monkeypatch.setattr(sys, "argv", ["train", "--family=forest", *flags])
    command.run(step.train)
    assert record_of(tmp_path / "run")["settings"]["trees"] == 4
