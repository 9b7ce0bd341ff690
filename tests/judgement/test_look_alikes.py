"""Scenes that were photographed twice are found by their features, and what they do to accuracy is measured."""

import numpy as np
import pandas as pd
import pytest

from gradewise.judgement.described import Described
from gradewise.judgement.look_alikes import (
    LEAST_IMAGES,
    MOST_PAIRS,
    measure,
    most_alike,
    nearest,
    of_images,
    parted_in,
    similarities,
)

IMAGES = pd.Index([f"{number:03d}.png" for number in range(120)])
GROUPS = IMAGES.to_numpy()


@pytest.fixture(scope="module")
def scenes():
    """Features of 120 images in 117 scenes: 0 and 60, 1 and 61, 2 and 62 show one each."""
    rng = np.random.default_rng(3)
    features = rng.normal(5, 1, (120, 40)) * np.linspace(1, 9, 40)
    for image in range(3):
        features[60 + image] = features[image] + rng.normal(0, 0.3, 40)
    statistics = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    return of_images(Described(IMAGES.to_numpy(), statistics, (1, 1, 40)), IMAGES)


def splits(test, repeats=1, images=IMAGES):
    """The images at the given places are tested in every repeat."""
    roles = np.where(np.isin(np.arange(len(images)), list(test)), "test", "train")
    parts = [pd.DataFrame({"repeat": repeat, "image_id": images, "role": roles}) for repeat in range(repeats)]
    return pd.concat(parts, ignore_index=True)


def found(vectors, groups=GROUPS, test=range(60)):
    pairs = most_alike(similarities(vectors, groups), *parted_in(splits(test), IMAGES))
    return [(row.first, row.other) for row in pairs.itertuples()], pairs["similarity"].to_numpy()


def test_pairs_of_one_scene_come_first(scenes):
    pairs, similarity = found(scenes)
    assert set(pairs[:3]) == {(0, 60), (1, 61), (2, 62)}
    assert similarity[2] > 0.9 > 0.7 > similarity[3]
    assert (np.diff(similarity) <= 0).all()


def test_images_of_one_group_and_pairs_on_one_side_of_every_split_do_not_count(scenes):
    groups = GROUPS.copy()
    groups[60] = groups[0]
    pairs, _ = found(scenes, groups, test=[*range(60), 61])
    assert pairs[0] == (2, 62)
    assert not {(0, 60), (1, 61)} & set(pairs)


def test_no_image_is_in_two_pairs_and_the_list_ends(scenes):
    pairs, _ = found(scenes)
    images = [image for pair in pairs for image in pair]
    assert len(images) == len(set(images))
    assert len(pairs) <= MOST_PAIRS


def test_a_pair_that_one_repeat_parts_counts(scenes):
    apart = pd.concat([splits([]), splits(range(60)).assign(repeat=1)])
    pairs = most_alike(similarities(scenes, GROUPS), *parted_in(apart, IMAGES))
    assert set(zip(pairs["first"][:3], pairs["other"][:3], strict=True)) == {(0, 60), (1, 61), (2, 62)}


def test_samples_of_an_image_count_together():
    statistics = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0, 0, 1]], np.float32)
    images = pd.Index(["a", "b", "c"])
    vectors = of_images(Described(np.array(["a", "a", "b", "c"]), statistics, (1, 1, 3)), images)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert vectors[0] @ vectors[1] == pytest.approx(1)
    assert vectors[0] @ vectors[2] == pytest.approx(-1)


def test_resemblance_is_to_the_most_similar_image_of_another_group_that_is_fitted_on(scenes):
    near = nearest(similarities(scenes, GROUPS), splits(range(60)), IMAGES).set_index("image_id")["similarity"]
    assert list(near.index) == list(IMAGES[:60])
    assert near["000.png"] == pytest.approx(float(scenes[0] @ scenes[60]), abs=1e-6)
    groups = GROUPS.copy()
    groups[60] = groups[0]
    without = nearest(similarities(scenes, groups), splits(range(60)), IMAGES).set_index("image_id")["similarity"]
    assert without["000.png"] < 0.7
    pd.testing.assert_series_equal(without.iloc[1:], near.iloc[1:])


def judged(images, right, repeats=1):
    """Verdicts on images, the most similar to training first."""
    frame = pd.DataFrame({"image_id": [str(number) for number in range(images)], "label": "A"})
    frame = frame.assign(group=frame["image_id"], predicted=np.where(right, "A", "B"))
    frame["similarity"] = np.linspace(0.9, 0.1, images)
    return pd.concat([frame.assign(repeat=repeat) for repeat in range(repeats)], ignore_index=True)


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_model_that_knows_only_look_alikes_shows_a_gap(repeats):
    rows = pd.DataFrame(measure(judged(90, np.arange(90) < 40, repeats))).set_index("third")
    assert rows["accuracy"].tolist() == pytest.approx([1, 1 / 3, 0])
    assert rows["similarity"].is_monotonic_decreasing
    assert rows["images"].tolist() == [30, 30, 30]
    assert (rows["gap"] == 1).all()
    assert rows["gap_low"].iloc[0] > 0.8


def test_where_right_and_wrong_do_not_depend_on_resemblance_the_interval_holds_zero():
    rows = measure(judged(90, np.arange(90) % 3 > 0))
    assert rows[0]["gap_low"] < 0 < rows[0]["gap_high"]
    assert rows[0]["gap"] == pytest.approx(0)


@pytest.mark.parametrize(("images", "measured"), [(3 * LEAST_IMAGES - 1, 0), (3 * LEAST_IMAGES, 3)])
def test_thirds_of_few_images_are_not_measured(images, measured):
    assert len(measure(judged(images, np.arange(images) % 2 == 0))) == measured
