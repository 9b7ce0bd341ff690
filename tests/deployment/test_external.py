"""What a test on new images is said to show."""

import pytest

from gradewise.deployment.drift import Drift
from gradewise.deployment.external_page import drift_sentence, sections_of
from gradewise.deployment.external_test import Copy, ExternalTest, Measure, Score
from gradewise.evaluation.independent import minus
from gradewise.report.blocks import Table, Text


def measure(*ends):
    return Measure(**dict(zip(("value", "low", "high"), ends, strict=False)))


def result(new, before=(0.9, 0.86, 0.93), metric="accuracy", **more):
    sides = measure(*new), measure(*before)
    difference = Measure.of(minus(*(side.estimate for side in sides)))
    facts = {
        "dataset": "fruit",
        "name": "june",
        "model": "svm",
        "metric": metric,
        "images": 80,
        "groups": 20,
        "classes": ("A", "B"),
        "measured_images": 200,
        "measured_groups": 50,
        "set_aside": 0,
        "copies": (),
        "shared_groups": (),
        "scores": (Score(metric=metric, of_class=None, new=sides[0], measured=sides[1], difference=difference),),
        "calibration_slope": measure(1.0, 0.8, None),
        "measured_slope": measure(),
        "confusion": ((30, 10), (10, 30)),
        "drift": (Drift(statistic="brightness", new=120, dataset=100, difference=1.0, low=0.5, high=1.5),),
    }
    return ExternalTest(**facts | more)


def sentences(test):
    return [block.text for section in sections_of(test) for block in section.blocks if isinstance(block, Text)]


def test_an_interval_without_zero_says_that_the_model_does_worse():
    lead = sentences(result((0.75, 0.68, 0.81)))[0]
    assert "On 80 new images in 20 groups, the accuracy of svm is 75.0 % (95 % CI 68.0 to 81.0 %)" in lead.replace(
        "\u00a0", " "
    )
    assert "15.0 points below 90.0" in lead
    assert "the model does worse on these images" in lead


def test_an_interval_with_zero_says_that_nothing_can_be_told():
    lead = sentences(result((0.84, 0.74, 0.91)))[0]
    assert "6.0 points below" in lead
    assert "cannot tell whether the model does better or worse" in lead
    assert "the 95 % CI of the difference is −16.4 to +2.1 points" in lead


def test_where_less_is_better_more_is_worse():
    lead = sentences(result((0.9, 0.8, 1.0), (0.2, 0.1, 0.3), metric="log_loss"))[0]
    assert "above 0.200" in lead
    assert "does worse" in lead


def test_too_few_groups_have_no_verdict():
    assert "too few groups to tell" in sentences(result((0.7,)))[0]


def test_a_test_tells_of_copies_shared_groups_absent_classes_and_images_without_groups():
    told = " ".join(
        sentences(
            result(
                (0.8, 0.7, 0.9),
                groups=80,
                copies=(Copy(path="new/1.png", image_id="1.png"),),
                shared_groups=("batch 7",),
                confusion=((60, 20), (0, 0)),
                adjusted=True,
            )
        )
    )
    assert "1\u00a0image is a copy of images of the dataset" in told
    assert "batch 7" in told
    assert "Each image counts as independent" in told
    assert "No image is of class B" in told
    assert "adjusts its probabilities to the mix of classes" in told
    told = " ".join(sentences(result((0.8, 0.7, 0.9))))
    assert not any(
        word in told for word in ("copy", "copies", "the name of a group", "independent", "No image is", "adjusts")
    )


def test_the_difference_stands_in_the_table_in_full_precision():
    tables = {block.name: block for block in sections_of(result((0.8, 0.7, 0.9)))[0].blocks if isinstance(block, Table)}
    assert tables["test-scores"].data["difference"].tolist() == pytest.approx([-0.1])


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(0.1, 1.9, "brightness (higher by 1.0"), (-0.1, 2.1, "is shown to differ"), (None, None, "too few")],
)
def test_images_are_said_to_differ_where_the_interval_leaves_out_zero(low, high, told):
    drift = Drift(statistic="brightness", new=1, dataset=1, difference=1.0, low=low, high=high)
    assert told in drift_sentence((drift,))
