"""Which test images are worth looking at."""

import numpy as np
import pandas as pd
import pytest

from gradewise.evaluation.examples import EACH, MOST, PICTURED, choose_examples


def verdicts(classes: list[str], images: int, seed: int = 0) -> pd.DataFrame:
    """Verdicts of two repeats, each image tested in both."""
    generator = np.random.default_rng(seed)
    said = generator.dirichlet(np.ones(len(classes)), 2 * images)
    frame = pd.DataFrame(said, columns=[f"p_{name}" for name in classes])
    names = [f"{number:03d}.png" for number in range(images)] * 2
    return frame.assign(
        image_id=names,
        unit=names,
        repeat=np.repeat([0, 1], images),
        label=list(generator.choice(classes, images)) * 2,
        predicted=np.take(classes, said.argmax(axis=1)),
    )


def test_of_each_class_the_most_and_the_least_certain_right_verdicts_are_chosen():
    classes = ["A", "B", "C"]
    frame = verdicts(classes, 120).query("repeat == 0")
    chosen = choose_examples(frame, classes)
    assert chosen["image_id"].is_unique
    ordered = np.sort(frame[["p_A", "p_B", "p_C"]].to_numpy(), axis=1)
    frame = frame.assign(margin=ordered[:, -1] - ordered[:, -2])
    for name in classes:
        right = frame.loc[(frame["label"] == name) & (frame["predicted"] == name)]
        mine = chosen.loc[(chosen["label"] == name) & (chosen["predicted"] == name)].set_index("kind")
        assert mine.loc["typical", "unit"] == right.loc[right[f"p_{name}"].idxmax(), "unit"]
        assert mine.loc["borderline", "unit"] == right.loc[right["margin"].idxmin(), "unit"]


def test_of_each_kind_of_mistake_the_most_confident_ones_are_chosen():
    classes = ["A", "B", "C"]
    frame = verdicts(classes, 200)
    wrong = choose_examples(frame, classes).query("kind == 'wrong'")
    assert (wrong["label"] != wrong["predicted"]).all()
    for (true, predicted), part in wrong.groupby(["label", "predicted"]):
        alike = frame.loc[(frame["label"] == true) & (frame["predicted"] == predicted)]
        assert len(part) == EACH
        assert part["probability"].max() == alike[f"p_{predicted}"].max()


@pytest.mark.parametrize(("number", "pictured"), [(PICTURED, True), (PICTURED + 1, False)])
def test_of_many_classes_only_mistakes_are_chosen_and_never_more_than_a_page_can_show(number, pictured):
    classes = [f"c{place}" for place in range(number)]
    chosen = choose_examples(verdicts(classes, 800), classes)
    assert (chosen["kind"] != "wrong").any() == pictured
    assert MOST - EACH < len(chosen) <= MOST if pictured else len(chosen) == MOST // 2


def test_without_mistakes_there_are_right_verdicts_alone():
    frame = verdicts(["A", "B"], 20).assign(predicted=lambda frame: frame["label"])
    assert set(choose_examples(frame, ["A", "B"])["kind"]) == {"typical", "borderline"}


def test_of_samples_those_of_other_images_are_taken_where_an_image_has_been_chosen():
    frame = verdicts(["A", "B"], 30)
    # the same images have the most confident samples of all kinds
    frame["image_id"] = [f"{place % 5}.png" for place in range(len(frame))]
    frame["unit"] = [f"s{place}" for place in range(len(frame))]
    chosen = choose_examples(frame, ["A", "B"])
    assert chosen["image_id"].is_unique
    assert len(chosen) == 5
    assert list(chosen["kind"]) == ["typical", "borderline", "typical", "borderline", "wrong"]
