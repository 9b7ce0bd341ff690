"""Kind `groups`: what is known of each group, its images of each class, and the accuracy of a model on it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from gradewise.command import UserError
from gradewise.evaluation import estimates, intervals
from gradewise.report import column_names, numbers
from gradewise.report.blocks import Block, Column, Table, Text
from gradewise.report.evidence import Evidence
from gradewise.studies.kinds.groups import Study
from gradewise.studies.pages import published, wording
from gradewise.studies.pages.evidence import StudyEvidence


def blocks(name: str, study: Study, evidence: StudyEvidence) -> list[Block]:
    """The table of groups, and that of the source where there is one."""
    base = evidence.base
    missing = [key for key in study.columns if key not in base.manifest]
    if missing:
        further = [key for key in base.manifest if key not in ("path", "pixel_hash", "mask")]
        raise UserError(
            f"studies.{name}.columns: the label table has no {', '.join(missing)}; it has {', '.join(further)}"
        )
    return [
        _table(name, study, base),
        Text(
            f"Accuracy of {study.model} on images of the group in those of the {base.test['repeat'].nunique()} repeats "
            "in which they were test images, with the 95 % CI for further images of the same group; a dash if they "
            "never were.",
            "small",
        ),
        *published.as_published(name, study, headings=study.columns),
    ]


def natural(text: str) -> list[tuple[int, float, str]]:
    """Sorts 'xi_2' before 'xi_10'."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return [(1, float(part), "") if place % 2 else (0, 0.0, part) for place, part in enumerate(parts)]


def _table(name: str, study: Study, base: Evidence) -> Table:
    manifest, group = base.manifest, base.settings.group
    # the column of the label table where groups come from one, since its values need not be unique in `group`
    column = group if isinstance(group, str) and group in manifest else "group"
    test = base.test.loc[base.test["model"] == study.model]
    group_of_test = test["image_id"].map(manifest.set_index("image_id")[column])
    rows: list[dict[str, Any]] = []
    for value in sorted(manifest[column].dropna().unique(), key=lambda value: natural(str(value))):
        images, verdicts = manifest.loc[manifest[column] == value], test.loc[group_of_test == value]
        estimate = _accuracy(verdicts) if len(verdicts) else estimates.Estimate(np.nan, np.nan, np.nan)
        rows.append(
            {
                "group": str(value),
                **{key: _values(images[key]) for key in study.columns},
                **{f"class {label}": int((images["label"] == label).sum()) for label in base.classes},
                "test_images": verdicts["image_id"].nunique(),
                "accuracy": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
            }
        )
    heading = column_names.in_words(column, base.settings.labels)
    return Table(
        name,
        f"Groups ({heading}), their images of each class, and accuracy on them",
        pd.DataFrame(rows),
        (
            Column.name(heading.capitalize(), "group"),
            *(Column(heading, key) for key, heading in study.columns.items()),
            *(Column(label, f"class {label}", numbers.count) for label in base.classes),
            Column("Tested", "test_images", numbers.count),
            Column.interval("Accuracy", "accuracy", numbers.percent_interval, ("low", "high")),
        ),
    )


def _accuracy(verdicts: pd.DataFrame) -> estimates.Estimate:
    """Share of right verdicts; within a single group its images are what further ones would be drawn like."""
    unit = verdicts["group"] if verdicts["group"].nunique() > 1 else verdicts["image_id"]
    right = (verdicts["label"] == verdicts["predicted"]).to_numpy(dtype=np.float64)
    repeat, units = pd.factorize(verdicts["repeat"])[0], pd.factorize(unit)[0]
    return estimates.share(intervals.cells(repeat, units, np.column_stack([right, np.ones(len(right))])))


def _values(column: pd.Series) -> str:
    """The value that all images of a group share, or all that there are."""
    values = [wording.number(value) if isinstance(value, float) else str(value) for value in column.dropna().unique()]
    return ", ".join(sorted(values, key=natural)) or numbers.NONE
