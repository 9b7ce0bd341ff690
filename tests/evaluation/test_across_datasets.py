"""Families over datasets: the mean and its interval, what to expect on a new dataset, and which datasets count."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gradewise.config.datasets import Dataset
from gradewise.evaluation.across_datasets import (
    FamiliesOnDataset,
    FamilyDifference,
    combine,
    compare_families,
    families_on_dataset,
)
from gradewise.evaluation.measured import Measured, Run
from gradewise.results import Results

DRAWS = 500


def on(dataset, *differences, metric="accuracy"):
    """A dataset with differences (first, second, difference, standard error)."""
    families = dict.fromkeys(name for pair in differences for name in pair[:2])
    return FamiliesOnDataset(
        dataset=dataset,
        metric=metric,
        level="image",
        models={family: f"{family}-a" for family in families},
        differences=[
            FamilyDifference(first=first, second=second, difference=value, error=error, freedom=12.0)
            for first, second, value, error in differences
        ],
    )


def three(*values, error=0.02):
    return [on(f"data-{place}", ("cnn", "forest", value, error)) for place, value in enumerate(values)]


@pytest.mark.parametrize("datasets", [4, 8])
@pytest.mark.parametrize("errors", [(0.03,), (0.015, 0.045)])
def test_the_interval_contains_the_mean_and_the_new_dataset_as_often_as_it_says(datasets, errors):
    rng = np.random.default_rng(datasets)
    mean, spread = 0.05, 0.08
    covered = new = 0
    for _ in range(DRAWS):
        error = np.resize(errors, datasets)
        combined = combine(rng.normal(mean, spread, datasets) + rng.normal(0, error), error)
        covered += combined.mean.low <= mean <= combined.mean.high
        new += combined.expected.low <= rng.normal(mean, spread) <= combined.expected.high
    assert 0.92 <= covered / DRAWS <= 0.98
    assert 0.91 <= new / DRAWS <= 0.99


def test_the_spread_is_that_between_datasets_without_the_standard_errors():
    rng = np.random.default_rng(5)
    error = np.full(400, 0.05)
    combined = combine(rng.normal(0.1, 0.03, 400) + rng.normal(0, error), error)
    assert combined.spread == pytest.approx(0.03, abs=0.006)
    assert combined.mean.value == pytest.approx(0.1, abs=0.01)


def test_with_equal_errors_mean_and_interval_are_those_of_a_t_test():
    differences = np.array([0.02, 0.11, 0.05, 0.16])
    combined = combine(differences, np.full(4, 0.01))
    low, high = stats.t.interval(0.95, 3, differences.mean(), stats.sem(differences))
    assert combined.mean.value == pytest.approx(differences.mean())
    assert combined.mean.bounds == pytest.approx((low, high))
    assert combined.p_value == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    assert combined.spread**2 == pytest.approx(differences.var(ddof=1) - 0.01**2)
    half = stats.t.ppf(0.975, 2) * math.hypot(combined.spread, stats.sem(differences))
    assert combined.expected.bounds == pytest.approx((differences.mean() - half, differences.mean() + half))


def test_datasets_that_agree_by_chance_claim_no_certainty():
    combined = combine(np.full(4, 0.05), np.full(4, 0.04))
    half = stats.t.ppf(0.975, 3) * 0.04 / 2
    assert combined.spread == 0
    assert combined.mean.bounds == pytest.approx((0.05 - half, 0.05 + half))


def test_precise_datasets_weigh_more_where_datasets_agree():
    assert combine(np.array([0.0, 0.0, 0.06]), np.array([0.1, 0.1, 0.02])).mean.value > 0.05


def test_intervals_stay_within_what_is_possible():
    combined = combine(np.array([0.9, -0.9, 0.95, -0.95]), np.full(4, 0.01))
    assert combined.mean.bounds == (-1.0, 1.0)
    assert combined.expected.bounds == (-1.0, 1.0)


def test_a_new_dataset_is_foreseen_from_four_datasets_on():
    assert combine(np.array([0.1, 0.2, 0.3]), np.full(3, 0.1)).expected.bounds is None
    assert combine(np.array([0.1, 0.2, 0.3, 0.2]), np.full(4, 0.1)).expected.bounds is not None


def test_two_datasets_are_not_combined():
    with pytest.raises(ValueError, match="give 3 or more"):
        combine(np.array([0.1, 0.2]), np.full(2, 0.1))
    assert compare_families(three(0.1, 0.2))[0].combined is None
    assert compare_families(three(0.1, 0.2, 0.3))[0].combined is not None


@pytest.mark.parametrize("error", [0.0, -0.1, math.nan, math.inf])
def test_a_standard_error_that_is_none_is_refused(error):
    with pytest.raises(ValueError, match="above zero"):
        combine(np.full(3, 0.1), np.array([0.1, 0.1, error]))


@pytest.mark.parametrize("error", [None, 0.0])
def test_a_dataset_without_a_standard_error_is_left_out_by_name(error):
    datasets = [*three(0.1, 0.2, 0.3), on("odd", ("cnn", "forest", -0.9, error))]
    pair = compare_families(datasets)[0]
    assert pair.unknown == ("odd",)
    assert list(pair.differences) == ["data-0", "data-1", "data-2"]
    assert pair.combined == compare_families(three(0.1, 0.2, 0.3))[0].combined


def test_a_dataset_decided_by_something_else_than_a_share_does_not_count():
    datasets = [*three(0.1, 0.2), on("costly", ("cnn", "forest", 3.0, 0.1), metric="cost_per_100")]
    assert compare_families(datasets)[0].combined is None


def test_families_are_subtracted_in_one_order_whatever_the_order_of_models():
    turned = [on(f"data-{place}", ("forest", "cnn", -value, 0.02)) for place, value in enumerate((0.1, 0.2, 0.3))]
    mixed = [*three(0.1), *turned[1:]]
    assert compare_families(mixed)[0] == compare_families(three(0.1, 0.2, 0.3))[0]


def test_p_values_are_adjusted_for_the_pairs_that_are_combined():
    datasets = [
        on(
            f"data-{place}",
            ("cnn", "forest", 0.1 + shift, 0.03),
            ("cnn", "pca_svm", 0.02 - shift, 0.03),
            *([("forest", "lda", 0.5, 0.1)] if place < 2 else []),
        )
        for place, shift in enumerate((0.0, 0.01, -0.01, 0.02))
    ]
    pairs = {(pair.first, pair.second): pair for pair in compare_families(datasets)}
    clear, unclear = pairs["cnn", "forest"], pairs["cnn", "pca_svm"]
    assert clear.p_adjusted == pytest.approx(2 * clear.combined.p_value)
    assert unclear.p_adjusted == pytest.approx(2 * unclear.combined.p_value)
    for pair in (clear, unclear):
        low, high = pair.combined.mean.bounds
        assert (pair.p_adjusted < 0.05) == (low > 0 or high < 0)
    assert math.isnan(pairs["forest", "lda"].p_adjusted)
    assert ("pca_svm", "lda") not in pairs


def test_the_interval_of_a_dataset_is_that_of_its_standard_error():
    estimate = FamilyDifference(first="cnn", second="forest", difference=0.1, error=0.05, freedom=12.0).estimate
    assert estimate.bounds == pytest.approx(stats.t.interval(0.95, 12, 0.1, 0.05))


def measured(families, *, decide_by="accuracy", differences=None):
    """What was measured of models, whose families are given by name; differences between pairs as (value, error)."""
    names = list(families)
    pairs = [(first, second) for place, first in enumerate(names) for second in names[place + 1 :]]
    values = differences or {}
    rows = [
        {"first": first, "second": second, "baseline": False} | dict(zip(("difference", "error"), value, strict=True))
        for first, second in pairs
        for value in [values.get((first, second), (0.1, 0.02))]
    ]
    rows.append({"first": names[0], "second": "always A", "baseline": True, "difference": 0.4, "error": 0.02})
    comparisons = pd.DataFrame(rows).assign(role="test", level="image", metric=decide_by, freedom=9.0)
    settings = {"images": "data", "classes": ["A", "B", "C"], "ordered": True, "models": names, "decide_by": decide_by}
    nothing = pd.DataFrame()
    return Measured(
        dataset="data",
        results=Results("results/data"),
        settings=Dataset.model_validate(settings),
        metrics=pd.DataFrame({"model": names}),
        comparisons=comparisons,
        standings=nothing,
        test=nothing,
        audit=nothing,
        runs=tuple(Run({"model": model, "family": family}, "results") for model, family in families.items()),
    )


def test_the_first_model_of_a_family_stands_for_it_and_a_blend_for_none():
    models = {"both": "blend", "svm": "pca_svm", "net": "cnn", "deeper-net": "cnn"}
    families = families_on_dataset(measured(models, differences={("svm", "net"): (0.03, 0.01)}))
    assert families.models == {"pca_svm": "svm", "cnn": "net"}
    (difference,) = families.differences
    assert (difference.first, difference.second) == ("pca_svm", "cnn")
    assert (difference.difference, difference.error, difference.freedom) == (0.03, 0.01, 9.0)


def test_where_less_is_better_the_family_with_less_is_ahead():
    (difference,) = families_on_dataset(measured({"svm": "pca_svm", "net": "cnn"}, decide_by="far_errors")).differences
    assert difference.difference == -0.1


def test_what_is_undefined_is_kept_as_unknown():
    table = measured({"svm": "pca_svm", "net": "cnn"}, differences={("svm", "net"): (0.1, math.nan)})
    (difference,) = families_on_dataset(table).differences
    assert difference.error is None
    assert not difference.usable
    assert difference.estimate.bounds is None
