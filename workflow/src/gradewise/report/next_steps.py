"""What to try next to get a better model: what each step would gain, the evidence for it and the lines that do it.

Steps with a measured gain come first, by its size; then those of which only an upper limit is known; then those whose
gain only a run can tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import yaml

from gradewise import tables
from gradewise.config.known_backbones import KNOWN
from gradewise.evaluation.recommendation import ClassNeverPredicted
from gradewise.images.foresight import FOUND, LEAST_GROUPS, groups_needed
from gradewise.report import numbers
from gradewise.report.evidence import Evidence, bounded
from gradewise.report.sections.look_alikes import resemblance_of_chosen
from gradewise.views.coverage import Coverage, measure_coverage

WHOLE = 0.75
"""Share of an image below which a view that shows more of it is proposed."""

FEWEST_FOLDS = 3
"""Groups of the normal class from which folds of it are proposed."""

UNEVEN = 0.15
"""Difference in recall between the best and the worst class from which class weights are proposed."""


@dataclass(frozen=True)
class Step:
    """Something to try.

    Attributes
    ----------
    title : str
    gain : str
        What it would gain, in words.
    evidence : str
        Why it is proposed.
    lines : str
        YAML for the configuration; empty where images or labels have to change.
    rank : (int, float)
        Place among the steps: 0 what a decision needs, 1 measured, 2 limited, 3 unknown; then by gain, downwards.
    """

    title: str
    gain: str
    evidence: str
    lines: str = ""
    rank: tuple[int, float] = (3, 0.0)


def next_steps(evidence: Evidence, most: int = 3) -> list[Step]:
    """The first few steps that the results speak for, in their order."""
    sources: tuple[Callable[[Evidence], Iterator[Step]], ...] = (
        _more_groups,
        _other_class,
        _class_weights,
        _left_out,
        _backbone,
        _labels,
        _look_alikes,
        _larger_view,
        _learning_curve,
    )
    steps = [step for source in sources for step in source(evidence)]
    return sorted(steps, key=lambda step: (step.rank[0], -step.rank[1]))[:most]


def _more_groups(evidence: Evidence) -> Iterator[Step]:
    record = evidence.recommendation
    ground = record.ground
    if ground.groups < LEAST_GROUPS:
        each = max(1.0, ground.images / max(1, ground.groups))
        needed = numbers.count(groups_needed(FOUND, each))
        yield Step(
            f"Label more groups: {needed} to compare models",
            "an answer",
            f"{numbers.many(ground.groups, 'group')} {'was' if ground.groups == 1 else 'were'} tested. From "
            f"{LEAST_GROUPS} on, intervals are given; {needed} detect a difference of "
            f"{numbers.unsigned_points(FOUND)} points with 80{numbers.SPACE}% power.",
            rank=(0, 0.0),
        )
    outlook = evidence.extrapolations
    if outlook is None:
        return
    grows = [row for row in outlook.itertuples(index=False) if row.finding != "flat" and row.slope > 0]
    for row in sorted(grows, key=lambda row: row.model != record.choice)[:1]:
        gain = bounded(row, "doubled") if row.doubled == row.doubled else bounded(row, "slope")
        now = math.ceil(row.groups)
        unsure = "; the data are also consistent with no gain" if row.finding != "grows" else ""
        yield Step(
            f"Label more groups: train on {numbers.count(2 * now)} instead of {numbers.count(now)}",
            f"{numbers.points_interval(gain)} points",
            f"By the learning curve of {row.model}, doubling the training groups gains this much{unsure}.",
            rank=(1, gain.value or 0.0),
        )


def _other_class(evidence: Evidence) -> Iterator[Step]:
    """Where normal images all train, so that false alarms on them are unknown."""
    evaluation = evidence.settings.evaluation
    if not evaluation.one_split:
        return
    normal = evidence.manifest.loc[evidence.manifest["label"] == evaluation.train_only, "group"].nunique()
    if normal < FEWEST_FOLDS:
        return
    yield Step(
        f"Test images of {evaluation.train_only}, too",
        "an answer",
        f"They all train, so it is unknown how often one is taken for {evidence.settings.positive}. In folds, each is "
        "tested by a model that did not see it.",
        _dataset_lines(
            evidence, {"evaluation": {"train_only": evaluation.train_only, "folds": min(5, normal), "repeats": 1}}
        ),
        rank=(0, 1.0),
    )


def _learning_curve(evidence: Evidence) -> Iterator[Step]:
    """Where more groups may help and nothing tells."""
    if evidence.settings.evaluation.train_only is not None:
        # a learning curve takes training images of both classes
        return
    if evidence.extrapolations is None and evidence.recommendation.choice is not None:
        yield Step(
            "Find out whether more groups would help",
            "not measured here",
            "A learning curve trains the model on parts of the groups and estimates what more groups would gain.",
            _dataset_lines(evidence, {"learning_curve": [_members(evidence)[0]]}),
        )


def _labels(evidence: Evidence) -> Iterator[Step]:
    suspects = len(evidence.suspect_labels)
    tested = evidence.recommendation.ground.images
    if suspects and evidence.deciding_level == "image" and tested:
        share = suspects / tested
        lines = _dataset_lines(evidence, {"corrections": "relabel.csv"})
        yield Step(
            f"Check {numbers.many(suspects, 'label')}",
            f"at most {numbers.unsigned_points(share)} points",
            f"The predictions make these labels improbable. Confirm or correct them in a copy of "
            f"results/{evidence.dataset}/relabel.csv.",
            lines,
            rank=(2, share),
        )


def _look_alikes(evidence: Evidence) -> Iterator[Step]:
    """Where images that resemble those of training are easier, which may be one scene on both sides of a split."""
    rows, pairs = resemblance_of_chosen(evidence), evidence.look_alikes
    if rows is None or pairs is None or pairs.empty:
        return
    gap = bounded(rows.iloc[0], "gap")
    if gap.bounds and gap.bounds[0] > 0:
        yield Step(
            f"Look at {numbers.many(len(pairs), 'pair')} of look-alikes",
            "an accuracy that holds for new scenes",
            f"Accuracy on the third of test images most similar to training images is "
            f"{numbers.points_ci(gap)} above that on the least similar third. Where a pair shows one scene "
            "or specimen, name it in a column and set group to it.",
            rank=(2, 0.0),
        )


def _class_weights(evidence: Evidence) -> Iterator[Step]:
    record = evidence.recommendation
    recalls = {result.name: result.recall.value for result in record.classes if result.recall.value is not None}
    images = evidence.manifest["label"].value_counts()
    unweighted = {
        model: {"class_weight": "balanced"}
        for model in _members(evidence)
        if any("class_weight" in run.record["settings"] for run in evidence.runs_of(model))
        and all(run.record["settings"].get("class_weight") is None for run in evidence.runs_of(model))
    }
    if len(recalls) < 2 or not unweighted:
        return
    worst, best = min(recalls, key=lambda name: recalls[name]), max(recalls, key=lambda name: recalls[name])
    uneven = recalls[best] - recalls[worst] >= UNEVEN and images[worst] < images[best]
    if not uneven and not record.warned(ClassNeverPredicted):
        return
    yield Step(
        "Weight classes equally",
        f"higher recall of {worst}; not measured here",
        f"Recall of {worst} ({numbers.many(int(images[worst]), 'image')}) is {numbers.percent(recalls[worst])}, of "
        f"{best} ({numbers.many(int(images[best]), 'image')}) {numbers.percent(recalls[best])}.",
        _yaml({"models": unweighted}),
        rank=(3, 1.0),
    )


def _left_out(evidence: Evidence) -> Iterator[Step]:
    for model, why in list(evidence.results.left_out().items())[:1]:
        yield Step(f"Try {model}", "not measured here", f"It was left out of this run because {why}.", rank=(3, 0.8))


def _backbone(evidence: Evidence) -> Iterator[Step]:
    if evidence.results.left_out() or any(run.record.get("backbone") for run in evidence.runs):
        return
    views = list(evidence.views)
    if not views:
        return
    known = next(iter(KNOWN.values()))
    family = "linear" if evidence.settings.evaluation.train_only is None else "patches"
    model = {"family": family, "view": views[0], "backbone": known.name}
    name = f"{family}-{known.name}"
    yield Step(
        "Try features of a pretrained network",
        "not measured here",
        "All models here learn from these images alone. If they are few, features learnt from many others often help.",
        _yaml({"backbones": {known.name: known.section}, "models": {name: model}})
        + _dataset_lines(evidence, {"models": [*evidence.models, name]}),
        rank=(3, 0.5),
    )


def _larger_view(evidence: Evidence) -> Iterator[Step]:
    for model in _members(evidence):
        view = next((str(run.record["view"]).split(", ")[0] for run in evidence.runs_of(model)), "")
        if view not in evidence.views:
            continue
        described, sizes = evidence.view(view)
        coverages = [measure_coverage(described, size) for size in sorted(set(sizes))]
        shares = [coverage.shown for coverage in coverages if isinstance(coverage, Coverage)]
        wider = _wider(tables.read_metadata(evidence.views[view])["view"])
        if not shares or median(shares) >= WHOLE or wider is None:
            continue
        yield Step(
            f"Show {model} more of each image",
            "not measured here",
            f"Its view, {view}, covers {numbers.whole_percent(median(shares))} of an image.",
            _yaml({"views": {f"{view}-wider": wider}, "models": {model: {"view": f"{view}-wider"}}}),
            rank=(3, 0.2),
        )
        return


def _wider(operations: list[Any]) -> list[Any] | None:
    """Operations without crops, with twice the tiles; None where nothing changes."""
    wider = [operation for operation in operations if not _crops(operation)]
    wider = [_more_tiles(operation) for operation in wider]
    return wider if wider != operations else None


def _crops(operation: Any) -> bool:
    return isinstance(operation, dict) and not {"crop", "centre_crop"}.isdisjoint(operation)


def _more_tiles(operation: Any) -> Any:
    if isinstance(operation, dict) and operation.get("keep") == "random":
        return operation | {"count": 2 * operation["count"]}
    return operation


def _members(evidence: Evidence) -> list[str]:
    """The recommended model, or the members of a blend."""
    choice = evidence.recommendation.choice
    if choice is None:
        return list(evidence.models)
    members = next((run.record["settings"].get("members") for run in evidence.runs_of(choice)), None)
    return list(members or [choice])


def _dataset_lines(evidence: Evidence, settings: dict[str, Any]) -> str:
    return _yaml({"datasets": {evidence.dataset: settings}})


def _yaml(content: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=60)
    return text
