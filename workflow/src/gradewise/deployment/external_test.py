"""What a test on new, labelled images shows, compared with what was measured on the dataset's own test images.

The two have no image in common, since copies are left out, and no group. Metrics and intervals of either are those of
the evaluation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import Field

from gradewise.config.section import Section
from gradewise.deployment.drift import Drift, measure_drift
from gradewise.deployment.new_images import NewImages
from gradewise.evaluation.calibration_slope import calibration_slope
from gradewise.evaluation.estimates import Estimate, estimate, known
from gradewise.evaluation.evaluate import add_up_verdicts, target_classes
from gradewise.evaluation.independent import minus
from gradewise.evaluation.measured import Measured
from gradewise.judgement.shares import Shares
from gradewise.metrics import Key


class Measure(Section):
    """A number with the ends of its 95 % interval; null where undefined, unknown or infinite."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    @staticmethod
    def of(estimate: Estimate) -> Measure:
        """An estimate as it is stored."""
        ends = (estimate.value, estimate.low, estimate.high)
        return Measure(
            **{name: end if known(end) else None for name, end in zip(Measure.model_fields, ends, strict=True)}
        )

    @property
    def estimate(self) -> Estimate:
        """The same for the functions that write numbers."""
        return Estimate(self.value, self.low, self.high)


class Score(Section):
    """A metric on new images, what was measured before, and the difference, new minus measured."""

    metric: str
    of_class: str | None = Field(description="the class that it describes; null: all together")
    new: Measure
    measured: Measure
    difference: Measure


class Copy(Section):
    """A new image that is a copy of one of the dataset, and therefore no part of the test."""

    path: str
    image_id: str = Field(description="of the dataset's image")


class ExternalTest(Section):
    """A test of the model that is handed over on new, labelled images."""

    dataset: str
    name: str
    model: str
    metric: str = Field(description="the metric that decides for the dataset")
    images: int
    groups: int
    classes: tuple[str, ...]
    measured_images: int = Field(description="test images of the dataset, over all repeats")
    measured_groups: int
    set_aside: int = Field(description="files that cannot be used")
    copies: tuple[Copy, ...] = Field(description="left out of the test")
    shared_groups: tuple[str, ...] = Field(description="groups of the same name as one of the dataset's")
    scores: tuple[Score, ...]
    calibration_slope: Measure
    measured_slope: Measure
    adjusted: bool = Field(
        default=False, description="whether probabilities are adjusted to expected shares, also those measured before"
    )
    confusion: tuple[tuple[int, ...], ...] = Field(description="rows true classes, columns predicted ones")
    drift: tuple[Drift, ...]

    def score(self, metric: str, of_class: str | None = None) -> Score | None:
        """The score of a metric, if there is one."""
        return next((score for score in self.scores if (score.metric, score.of_class) == (metric, of_class)), None)


def compare_with_labels(
    name: str, model: str, verdicts: pd.DataFrame, new: NewImages, known: Measured, shares: Shares | None = None
) -> ExternalTest:
    """Compare verdicts on new images with their labels.

    Parameters
    ----------
    name : str
        Of the new images.
    model : str
        The model that is handed over.
    verdicts : DataFrame
        image_id, group, label, predicted and ``p_<class>`` of the new images that could be classified.
    new : NewImages
    known : Measured
        What was measured on the dataset.
    shares : Shares, optional
        The mixes of classes between which the model adjusts its probabilities; what was measured is adjusted alike.
    """
    settings, classes = known.settings, known.classes
    copies = new.listed.loc[new.listed["copy_of"].notna()]
    used = verdicts.loc[~verdicts["image_id"].isin(copies["image_id"])].assign(repeat=0)
    facts = new.facts.loc[new.facts["copy_of"].isna()]
    costs = None if settings.cost_matrix is None else np.array(settings.cost_matrix)
    tested = known.test.loc[known.test["model"] == model]
    if shares is not None:
        decisive = None if settings.verdict_costs is None else np.array(settings.verdict_costs)
        tested = shares.adjust_verdicts(tested, classes, decisive)

    def estimates(images: pd.DataFrame) -> dict[Key, Estimate]:
        groups, targets = pd.Index(images["group"].unique()), target_classes(classes, settings.positive)
        by_repeat = [add_up_verdicts(part, classes, groups, targets) for _, part in images.groupby("repeat")]
        return estimate(by_repeat, classes, settings.ordered, costs)

    adjusted = {} if shares is None else estimates(tested)
    scores = [
        _score(*key, found, adjusted[key] if adjusted else known.estimate(model, key[0], "image", key[1]))
        for key, found in estimates(used).items()
    ]
    counts = pd.crosstab(used["label"], used["predicted"]).reindex(index=classes, columns=classes, fill_value=0)
    named = new.dataset["group"] != new.dataset["image_id"]
    return ExternalTest(
        dataset=known.dataset,
        name=name,
        model=model,
        metric=settings.deciding_metric,
        images=len(used),
        groups=used["group"].nunique(),
        classes=tuple(classes),
        measured_images=len(tested),
        measured_groups=tested["group"].nunique(),
        set_aside=len(new.listed) - len(verdicts),
        copies=tuple(Copy(path=row.path, image_id=row.copy_of) for row in copies.itertuples()),
        shared_groups=tuple(sorted(set(used["group"]) & set(new.dataset.loc[named, "group"]))),
        scores=tuple(scores),
        calibration_slope=Measure.of(calibration_slope(used, classes)),
        measured_slope=Measure.of(calibration_slope(tested, classes)),
        adjusted=shares is not None,
        confusion=tuple(map(tuple, counts.to_numpy().tolist())),
        drift=tuple(measure_drift(facts, new.dataset)),
    )


def _score(metric: str, of_class: str | None, new: Estimate, measured: Estimate) -> Score:
    return Score(
        metric=metric,
        of_class=of_class,
        new=Measure.of(new),
        measured=Measure.of(measured),
        difference=Measure.of(minus(new, measured)),
    )
