"""Sections on a test on new images: how well the model did, compared with before, and how the images differ."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd

from gradewise.deployment.drift import STATISTICS, Drift
from gradewise.deployment.external_test import ExternalTest, Score
from gradewise.evaluation.estimates import Estimate, known
from gradewise.metrics import METRICS
from gradewise.report import metric_names, numbers
from gradewise.report.blocks import Block, Column, Section, Table, Text
from gradewise.report.sections.confusion import draw_matrix
from gradewise.report.sections.probabilities import slope_sentence

SHOWN = 12
"""Copies that the page lists; the table has all."""


def sections_of(test: ExternalTest) -> list[Section]:
    """The sections on a test."""
    return [_result(test), _drift(test)]


def _result(test: ExternalTest) -> Section:
    score = test.score(test.metric)
    assert score is not None, "the metric that decides is measured on any images"
    blocks: list[Block] = [Text(verdict_sentence(test, score), "lead")]
    blocks += [Text(sentence) for sentence in _caveats(test)]
    blocks.append(_scores(test))
    slope = test.calibration_slope
    if slope.value is not None and slope.low is not None:
        high = float("inf") if slope.high is None else slope.high
        blocks.append(Text(slope_sentence(test.model, slope.value, slope.low, high, "image")))
    else:
        blocks.append(Text("There are too few images to tell whether probabilities are too extreme or too cautious."))
    counts = pd.DataFrame(test.confusion, index=list(test.classes), columns=list(test.classes))
    blocks += draw_matrix(counts, test.model, "test-confusion", "Images")
    if test.copies:
        blocks.append(_copies(test))
    return Section("test", "Test on these images", tuple(blocks))


def verdict_sentence(test: ExternalTest, score: Score) -> str:
    """Whether the model does as well as was measured, and what the images cannot tell."""
    name, value = metric_names.in_words(score.metric), partial(metric_names.with_ci, score.metric)
    basis = numbers.basis(test.images, test.groups, "new image")
    before = numbers.basis(test.measured_images, test.measured_groups, "test image")
    told = f"On {basis}, the {name} of {test.model} is {value(score.new.estimate)}"
    if score.measured.value is None or score.difference.value is None:
        return f"{told}; there is nothing to compare it with."
    measured = f"{value(score.measured.estimate)} on {before} of the dataset"
    difference = score.difference.estimate
    if difference.bounds is None:
        return f"{told}, compared with {measured}. There are too few groups to tell whether the two differ."
    gap = metric_names.gap(score.metric, abs(difference.value or 0.0))
    ends = metric_names.bounds(score.metric, difference)
    side = "below" if (difference.value or 0.0) < 0 else "above"
    if difference.bounds[0] <= 0 <= difference.bounds[1]:
        return (
            f"{told}, {gap} {side} {measured}. These images cannot tell whether the model does better or worse on "
            f"them: the 95 % CI of the difference is {ends}{_points(score.metric)}."
        )
    worse = (side == "below") != metric_names.lower_is_better(score.metric)
    return (
        f"{told}, {gap} {side} {measured} (95 % CI of the difference {ends}): the model does "
        f"{'worse' if worse else 'better'} on these images than on those of the dataset."
    )


def _points(metric: str) -> str:
    return " points" if metric_names.is_share(metric) else ""


def _caveats(test: ExternalTest) -> list[str]:
    sentences = []
    if test.copies:
        verb = "is a copy" if len(test.copies) == 1 else "are copies"
        sentences.append(
            f"{numbers.many(len(test.copies), 'image')} {verb} of images of the dataset, possibly rotated, cropped or "
            "recompressed. The model may have learnt from these, so they are left out of the test."
        )
    if test.adjusted:
        sentences.append(
            "The model adjusts its probabilities to the mix of classes expected in use. The earlier result is that of "
            "test verdicts adjusted in the same way, but with the mix of classes of the dataset."
        )
    if test.shared_groups:
        names = ", ".join(test.shared_groups[:5])
        sentences.append(
            f"{numbers.many(len(test.shared_groups), 'group')} of these images "
            f"{'has' if len(test.shared_groups) == 1 else 'have'} the name of a group of the dataset ({names}). If "
            "they are the same specimens, this is not a test on new groups."
        )
    if test.images == test.groups:
        sentences.append(
            "Each image counts as independent of the others. If several images show the same specimen, set group in "
            "the configuration, or the intervals are too narrow."
        )
    absent = [name for name, row in zip(test.classes, test.confusion, strict=True) if not sum(row)]
    if absent:
        sentences.append(f"No image is of class {numbers.listed(absent)}, so means over classes are undefined.")
    return sentences


def _scores(test: ExternalTest) -> Table:
    rows = pd.DataFrame(
        [
            {"metric": score.metric, "class": score.of_class or ""}
            | {
                f"{key}{end}": getattr(measure, which)
                for key, measure in (
                    ("new", score.new),
                    ("measured", score.measured),
                    ("difference", score.difference),
                )
                for end, which in (("", "value"), ("_low", "low"), ("_high", "high"))
            }
            for score in test.scores
            if score.of_class is None or score.metric == "recall"
        ]
    )
    return Table(
        "test-scores",
        "Metrics on these images, on the test images of the dataset, and the difference, with 95 % intervals. Only the "
        f"{metric_names.in_words(test.metric)} was chosen beforehand; with so many rows, one may differ by chance",
        rows,
        (
            Column("Metric", ("metric", "class"), _named, "name"),
            Column("New images", _keys("new"), _written(metric_names.interval)),
            Column("Test of the dataset", _keys("measured"), _written(metric_names.interval)),
            Column("Difference", _keys("difference"), _written(metric_names.difference_interval)),
        ),
    )


def _named(metric: str, of_class: str) -> str:
    return f"{METRICS[metric].title} of {of_class}" if of_class else metric_names.name(metric, overall=True)


def _keys(name: str) -> tuple[str, ...]:
    return "metric", name, f"{name}_low", f"{name}_high"


def _written(write: Callable[[str, Estimate], str]) -> Callable[..., str]:
    return lambda metric, *ends: write(metric, Estimate(*ends))


def _copies(test: ExternalTest) -> Table:
    return Table(
        "test-copies",
        "Copies of images of the dataset, left out of the test",
        pd.DataFrame([copy.model_dump() for copy in test.copies]),
        (Column.text("File", "path"), Column.text("Copy of", "image_id")),
        limit=SHOWN,
        folded=True,
    )


def _drift(test: ExternalTest) -> Section:
    titles = {statistic.name: statistic for statistic in STATISTICS}
    rows = pd.DataFrame([drift.model_dump() for drift in test.drift])
    rows.insert(1, "unit", [titles[name].unit for name in rows["statistic"]])
    table = Table(
        "drift",
        "Image statistics: means over these images and over those of the dataset (geometric means, except for "
        "brightness and contrast), and the difference in standard deviations between images of the dataset, with "
        "simultaneous 95 % intervals",
        rows,
        (
            Column.name("Statistic", "statistic", lambda name: titles[name].title),
            Column("New images", "new", _number),
            Column("Dataset", "dataset", _number),
            Column.name("Unit", "unit"),
            Column("Difference [standard deviations]", ("difference", "low", "high"), _deviations),
        ),
    )
    return Section("drift", "How these images differ", (Text(drift_sentence(test.drift)), table))


def drift_sentence(drifts: tuple[Drift, ...]) -> str:
    """Which statistics differ, and what that may mean."""
    titles = {statistic.name: statistic.title.lower() for statistic in STATISTICS}
    shown = [drift for drift in drifts if drift.shown]
    if not any(drift.low is not None for drift in drifts):
        return "There are too few groups to tell whether these images differ from those of the dataset."
    if not shown:
        return (
            "None of the statistics below is shown to differ from the dataset. Differences within the intervals are "
            "possible, and so are differences that these statistics do not measure."
        )
    named = [
        f"{titles[drift.statistic]} ({'higher' if (drift.difference or 0) > 0 else 'lower'} by "
        f"{abs(drift.difference or 0):.1f} standard deviations)"
        for drift in shown
    ]
    return (
        f"These images differ from those of the dataset in {numbers.listed(named)}. Another camera, light or scale "
        "can cause this, and so can another mix of classes. The test above shows whether it harms the model."
    )


def _number(value: float) -> str:
    return f"{value:.3g}" if known(value) else numbers.NONE


def _deviations(*ends: float) -> str:
    return numbers.interval(Estimate(*ends), _signed)


def _signed(value: float | None) -> str:
    return f"{value:+.2f}".replace("-", numbers.MINUS) if value is not None and known(value) else numbers.NONE
