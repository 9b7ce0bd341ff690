"""Section: labels worth a second look, and what a person has decided about labels so far."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gradewise.evaluation.recommendation import GuessingBeatsAll, NotBetterThanBaseline
from gradewise.images.corrections import Corrections
from gradewise.judgement.suspects import judges, pool_tests
from gradewise.report import numbers, pictures
from gradewise.report.blocks import Block, Column, Gallery, Picture, Section, Table
from gradewise.report.evidence import Evidence

ORDER = 86

FOLDED = True

MOST, MOST_ROWS, MOST_GROUPS = 12, 50, 5
"""Pictures, rows of the table and names of groups that are shown."""


def section(evidence: Evidence) -> Section | None:
    """Suspects as pictures and as a table, and what was corrected; None where no image was tested."""
    models = judges(evidence.recommendation.choice, evidence.settings.models)
    tested = pool_tests(evidence.test, models, evidence.classes)
    if tested.empty:
        return None
    suspects, untested = evidence.suspect_labels, len(evidence.manifest) - len(tested)
    most_probable = tested[[f"p_{name}" for name in evidence.classes]].idxmax(axis=1).str.removeprefix("p_")
    shown: list[Block] = [_gallery(evidence), _table(suspects)] if len(suspects) else []
    warned = evidence.recommendation.warned
    contents = {
        "suspects": numbers.basis(len(suspects), suspects["group"].nunique(), "image"),
        "tested": numbers.basis(len(tested), tested["group"].nunique(), "image"),
        "judges": numbers.listed(list(models)),
        "several": len(models) > 1,
        "agree": numbers.percent(float((most_probable == tested["label"]).mean())),
        "groups": whole_groups(suspects, tested),
        "untested": numbers.many(untested, "image") if untested else "",
        "guessing": bool(warned(GuessingBeatsAll) or warned(NotBetterThanBaseline)),
        "by_masks": evidence.settings.labels_from == "masks",
        "folder": f"results/{evidence.dataset}",
        "decided": decided(evidence.corrections, evidence.classes),
        "shown": shown,
    }
    return Section("suspect-labels", "Labels worth a second look", contents=contents)


def whole_groups(suspects: pd.DataFrame, tested: pd.DataFrame) -> str:
    """A sentence about groups of several images all of which are suspect; empty if there is none."""
    sizes = tested["group"].value_counts()
    suspect = suspects["group"].value_counts()
    whole = [str(name) for name, count in suspect.items() if count == sizes[name] > 1]
    if not whole:
        return ""
    named = numbers.listed(whole) if len(whole) <= MOST_GROUPS else f"{', '.join(whole[:MOST_GROUPS])}, .."
    group = "the group" if len(whole) == 1 else "each of these groups"
    return (
        f"All tested images of {named} are listed: {group} may be labelled wrongly as a whole, or show an unusual "
        "specimen."
    )


def decided(corrections: Corrections, classes: list[str]) -> str:
    """What a person has decided, and what that means for the figures; empty without a table of corrections."""
    if corrections.file is None or corrections.sha256 is None:
        return ""
    replaced = [row for row in corrections.changed if row.corrected in classes]
    excluded = len(corrections.changed) - len(replaced)
    confirmed = len(corrections.decided) - len(corrections.changed)
    told = (
        f"{numbers.many(len(replaced), 'label')} corrected, {numbers.many(excluded, 'image')} left out and "
        f"{numbers.many(confirmed, 'label')} confirmed"
    )
    sentence = f"{corrections.file} (SHA-256 {corrections.sha256[:12]}) was applied: {told}."
    if corrections.changed:
        sentence += (
            " Labels that the model agrees with were not questioned, so results with corrected labels are somewhat too "
            "favourable."
        )
    return sentence


def _gallery(evidence: Evidence) -> Gallery:
    bits = evidence.manifest.set_index("image_id")["bits"]
    shown = [
        Picture(
            pictures.thumbnail(Path(row.path), int(bits[row.image_id]), evidence.settings),
            f"Image {row.image_id}: labelled {row.label}, predicted {row.predicted}",
            (
                row.image_id,
                f"labelled {row.label} ({numbers.percent(row.probability_of_label)})",
                f"predicted {row.predicted} ({numbers.percent(row.probability)})",
                *(() if row.group == row.image_id else (f"group {row.group}",)),
            ),
        )
        for row in evidence.suspect_labels.head(MOST).itertuples(index=False)
    ]
    return Gallery("suspect-labels", "Labels worth a second look, the least probable first", tuple(shown))


def _table(suspects: pd.DataFrame) -> Table:
    columns = (
        Column.text("Image", "image_id"),
        Column.text("Group", "group"),
        Column.name("Label", "label"),
        Column("Its probability", "probability_of_label", numbers.percent),
        Column.name("Predicted", "predicted"),
        Column("Probability", "probability", numbers.percent),
        Column("Tests", "tests", numbers.count),
    )
    caption = f"All {len(suspects)} labels worth a second look, the least probable first"
    return Table("suspect-labels", caption, suspects, columns, limit=MOST_ROWS, folded=True)
