"""Settings are chosen as the dataset compares models, on validation or on folds of the training groups."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from gradewise import tables
from gradewise.command import UserError
from gradewise.config.aggregation import Top
from gradewise.config.choosing import ChooseBy, most_fits
from gradewise.families import train as step
from gradewise.families.candidates import FEWEST_GROUPS
from gradewise.families.choose import choose
from gradewise.families.forest import Forest
from gradewise.families.judge import VerdictJudge
from gradewise.images.schemas import SPLITS
from gradewise.verdicts import gather

CLASSES = ["sound", "faulty"]
COSTS = ((0.0, 1.0), (9.0, 0.0))


class Numbered(BaseModel):
    """Settings that name a row of probabilities."""

    number: int


def judge_of(images: dict[str, int], by: ChooseBy, labels: dict[str, str], of_samples: list[str] | None = None):
    """A judge of images with so many samples each."""
    names = [name for name, count in images.items() for _ in range(count)]
    samples = pd.DataFrame({"image_id": names, "group": names, "role": "validation"})
    samples["label"] = samples["image_id"].map(labels) if of_samples is None else of_samples
    return VerdictJudge(by, CLASSES, pd.Series(labels), samples, "validation")


def faulty(*chances: float) -> np.ndarray:
    return np.stack([1 - np.array(chances), np.array(chances)], axis=1)


TEN = {f"i{number}": "faulty" if number >= 8 else "sound" for number in range(10)}
CAUTIOUS = faulty(*[0.3] * 3, *[0.05] * 5, 0.4, 0.4)
"""Calls nothing faulty by probability; by costs it finds both faulty images and alarms about three sound ones."""
SURE = faulty(*[0.01] * 8, 0.01, 0.99)
"""Right about all but one faulty image, of which it is sure."""


@pytest.mark.parametrize(
    ("by", "scores", "chosen"),
    [
        (ChooseBy(), [0.8, 0.9], 1),
        (ChooseBy(metric="balanced_accuracy"), [0.5, 0.75], 1),
        (ChooseBy(metric="cost_per_100", costs=COSTS), [30.0, 90.0], 0),
    ],
)
def test_the_metric_that_decides_chooses(by, scores, chosen):
    judge = judge_of(dict.fromkeys(TEN, 1), by, TEN)
    candidates = [Numbered(number=number) for number in range(2)]
    choice = choose(candidates, lambda settings: [CAUTIOUS, SURE][settings.number], lambda chances: chances, judge)
    assert [trial["score"] for trial in choice.facts["tried"]] == pytest.approx(scores)
    assert choice.settings.number == chosen
    assert choice.facts["chosen_by"] == {"metric": by.metric, "level": "image", "where": "validation"}


def test_of_equal_candidates_the_first_is_chosen_and_a_single_one_is_not_scored():
    judge = judge_of(dict.fromkeys(TEN, 1), ChooseBy(), TEN)
    same = [Numbered(number=3), Numbered(number=4)]
    assert choose(same, lambda settings: settings, lambda _: SURE, judge).settings.number == 3
    assert choose(same[:1], lambda settings: settings, lambda _: SURE, None).facts == {"tried": []}
    with pytest.raises(ValueError, match="has none"):
        choose(same, lambda settings: settings, lambda _: SURE, None)


@pytest.mark.parametrize("aggregate", ["mean", "vote", "max", Top(top=2)])
def test_images_are_gathered_as_the_dataset_gathers_them(aggregate):
    labels = {f"i{number}": CLASSES[number % 2] for number in range(40)}
    chances = faulty(*np.random.default_rng(0).uniform(size=120))
    judge = judge_of(dict.fromkeys(labels, 3), ChooseBy(aggregate=aggregate, positive="faulty"), labels)
    predictions = judge.samples.assign(p_sound=chances[:, 0], p_faulty=chances[:, 1])
    verdicts = gather(predictions, pd.Series(labels), CLASSES, "faulty", aggregate)
    assert judge.score(chances) == (verdicts["label"] == verdicts["predicted"]).mean()


def test_where_samples_decide_their_own_labels_are_the_truth():
    by = ChooseBy(metric="cost_per_100", level="sample", costs=COSTS)
    judge = judge_of({"i": 4}, by, {"i": "faulty"}, of_samples=["sound", "sound", "faulty", "faulty"])
    assert judge.score(faulty(0.05, 0.2, 0.2, 0.05)) == 100 * (0 + 1 + 0 + 9) / 4


def test_accuracy_chooses_where_the_metric_needs_a_class_that_is_absent():
    labels = dict.fromkeys(TEN, "sound")
    absent = judge_of(dict.fromkeys(TEN, 1), ChooseBy(metric="balanced_accuracy"), labels)
    assert (absent.metric.name, absent.score(SURE)) == ("accuracy", 0.9)
    cost = judge_of(dict.fromkeys(TEN, 1), ChooseBy(metric="cost_per_100", costs=COSTS), labels)
    assert (cost.metric.name, cost.score(SURE)) == ("cost_per_100", 10.0)


def test_any_score_is_better_than_an_undefined_one():
    judge = judge_of(dict.fromkeys(TEN, 1), ChooseBy(metric="cost_per_100", costs=COSTS), TEN)
    assert judge.better(1.0, 2.0)
    assert not judge.better(2.0, 2.0)
    assert judge.better(5.0, np.nan)
    assert not judge.better(np.nan, 5.0)


@pytest.fixture
def train(tmp_path):
    """Trains a forest and returns what `run.json` holds."""

    def run(made, candidates, **options):
        step.train(
            family="forest",
            **made.inputs,
            repeat=0,
            dataset="made-up",
            model="forest",
            view="whole",
            classes=made.classes,
            candidates=candidates,
            seed=1,
            threads=1,
            output=tmp_path / "run",
            **options,
        )
        return json.loads((tmp_path / "run/run.json").read_text())

    return run


GOOD, BAD = {"trees": 40}, {"trees": 1, "max_depth": 1}


def keep_validation(made, groups):
    """Leave so many groups for validation; the others take no part."""
    splits = tables.read(made.splits)
    group = splits["image_id"].str.extract(r"(g\d+)")[0]
    kept = sorted(group[splits["role"] == "validation"].unique())[:groups]
    tables.write(splits[(splits["role"] != "validation") | group.isin(kept)], made.splits, SPLITS)


@pytest.mark.parametrize(
    ("groups", "where"), [(FEWEST_GROUPS, "validation"), (FEWEST_GROUPS - 1, "folds of the training groups")]
)
def test_few_validation_groups_leave_the_choice_to_folds(cache, train, groups, where):
    made = cache(contrast=25.0)
    keep_validation(made, groups)
    record = train(made, [BAD, GOOD])
    assert record["chosen_by"] == {"metric": "accuracy", "level": "image", "where": where}
    assert record["settings"]["trees"] == 40
    # of training samples that it was fitted to, a forest is right about all
    assert 1 / 3 <= record["tried"][0]["score"] < record["tried"][1]["score"] < 1
    assert record["training_accuracy"] == 1


def test_without_validation_folds_choose_by_cost_and_any_image_is_in_one_fold(cache, train):
    made = cache(contrast=15.0, tiles_per_image=2)
    keep_validation(made, 0)
    costs = ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (20.0, 20.0, 0.0))
    by_cost = train(made, [GOOD, BAD], choose_by=ChooseBy(metric="cost_per_100", costs=costs))
    assert by_cost["chosen_by"]["metric"] == "cost_per_100"
    # a third of the images are C: to call all of them so costs 67, to be wrong about half of C 300 or more
    assert 0 < min(trial["score"] for trial in by_cost["tried"]) < 100
    assert train(made, [GOOD, BAD])["tried"][0]["score"] < 1


def test_a_choice_on_folds_takes_as_many_fits_as_time_is_requested_for(cache, train, monkeypatch):
    fits, fit_best = [], Forest.fit_best
    monkeypatch.setattr(Forest, "fit_best", lambda *given: fits.append(given) or fit_best(*given))
    made = cache()
    keep_validation(made, 0)
    train(made, [GOOD, BAD])
    assert len(fits) == most_fits(2)


def test_folds_give_way_to_few_validation_groups_where_training_groups_cannot_be_divided(cache, train):
    made = cache(groups=9)
    keep_validation(made, 0)
    splits = tables.read(made.splits)
    lone = splits["image_id"].str.contains("A/g003")
    splits.loc[lone, "role"] = "validation"
    splits = splits[~(splits["image_id"].str.startswith("A/") & ~lone & (splits["role"] == "test"))]
    single = (
        splits["image_id"].str.startswith("A/") & (splits["role"] == "train") & ~splits["image_id"].str.contains("g000")
    )
    tables.write(splits[~single], made.splits, SPLITS)
    assert train(made, [BAD, GOOD])["chosen_by"]["where"] == "validation"
    tables.write(splits[~single & (splits["role"] != "validation")], made.splits, SPLITS)
    with pytest.raises(UserError, match="2 candidates need validation samples, but this repeat has none"):
        train(made, [BAD, GOOD])
