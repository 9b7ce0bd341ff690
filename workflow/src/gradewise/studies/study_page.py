"""Step: the page on a dataset's studies, which reproduce published tables and figures in the order of the source."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pandas as pd

from gradewise import command
from gradewise.records import write_json
from gradewise.report import numbers, page
from gradewise.report.blocks import Block, Column, Section, Table, Text
from gradewise.report.evidence import read
from gradewise.report.sections.settings import origin
from gradewise.results import Results
from gradewise.studies import kinds
from gradewise.studies.pages import published
from gradewise.studies.pages.evidence import StudyEvidence
from gradewise.studies.planned import read_studies
from gradewise.studies.study import StudySection, section_of

SCALES = {
    "small": "the small scale of the configuration, which keeps times short; at full scale use --config scale=full",
    "full": "the full scale of the configuration",
}

log = logging.getLogger(__name__)


def study_page(
    *,
    results: Path,
    dataset: str,
    seed: int,
    output: Path,
    assets: Path,
    summary: Path,
    report_page: Path | None = None,
) -> None:
    """Write the page on the studies of a dataset.

    Parameters
    ----------
    results : Path
        Folder of the dataset's results: its plan of studies and what their steps wrote.
    dataset : str
        Its name.
    seed : int
        The configured seed; draws the example pictures.
    output : Path
        The page.
    assets : Path
        Folder for the tables as CSV and the figures as SVG or PNG.
    summary : Path
        JSON with which the index lists this page.
    report_page : Path, optional
        The report on the dataset, to link to.

    Raises
    ------
    UserError
        Where tables do not belong together.
    """
    plan = read_studies(Results(results))
    sections = {name: section_of(section["show"]).model_validate(section) for name, section in plan.studies.items()}
    evidence = StudyEvidence(read(results, dataset, seed), results / "studies", plan)
    parts = [Section(name, study.title, tuple(_part(name, study, evidence))) for name, study in sections.items()]
    base = evidence.base
    every = [
        Section("overview", "Overview", _overview(sections, evidence)),
        *parts,
        origin(base, f"reports/{base.dataset}-studies.html"),
    ]
    page.write(
        base,
        every,
        title=f"{base.dataset}: {'published results reproduced' if _published(sections) else 'studies'}",
        output=output,
        assets=assets,
        related=report_page,
        words=f"The report on {base.dataset}: which classifier to use",
    )
    titles = [study.title for study in sections.values()]
    write_json(summary, {"dataset": base.dataset, "page": str(output), "titles": titles})
    log.info("%s: %d studies on %s", base.dataset, len(parts), output)


def page_of(study: StudySection) -> ModuleType:
    """The module that makes the part of the page on a study."""
    return import_module(f"{kinds.__name__}.{study.show}.page")


def _part(name: str, study: StudySection, evidence: StudyEvidence) -> list[Block]:
    """What stands under a study's heading: source, text, erratum, then the blocks of its kind."""
    head = [
        (f"Source: {study.source}" if study.source else None, "small"),
        (study.text, "plain"),
        (f"Erratum: {study.erratum}" if study.erratum else None, "notice"),
    ]
    return [*(Text(text, tone) for text, tone in head if text), *page_of(study).blocks(name, study, evidence)]


def _overview(sections: Mapping[str, StudySection], evidence: StudyEvidence) -> tuple[Block, ...]:
    base = evidence.base
    comparable = all(study.comparable for study in sections.values() if study.published)
    images, groups = len(base.manifest), base.manifest["group"].nunique()
    data = f"the {numbers.many(images, 'image')} ({numbers.many(groups, 'group')}) of {base.dataset}"
    purpose = f"Each part is a study of {data}, with intervals."
    if _published(sections):
        purpose = (
            f"Each part reproduces a published table or figure on {data}, with intervals, next to the published values "
            "as they were published. The parts stand in the order of the source."
        )
        if not comparable:
            purpose += (
                " Published values are of other images: they show what was claimed, and are not to be compared with "
                "the numbers found here."
            )
    scale = f", at {SCALES[evidence.plan.scale]}" if evidence.plan.scale else ""
    repeats = numbers.rounds(base.splits["repeat"].nunique(), base.settings.evaluation.folds)
    chosen = (
        "The highest of several validation accuracies is too high because it was chosen; test accuracy had no part in "
        "the choice. "
    )
    conditions = (
        f"Everything was run with seed {base.seed} over {repeats}{scale}. "
        f"{chosen if (base.splits['role'] == 'validation').any() else ''}Versions and hashes are listed at the end of "
        "the page."
    )
    rows = [
        (study.title, study.source or numbers.NONE, *kind.short(name, study, evidence))
        for name, study in sections.items()
        if hasattr(kind := page_of(study), "short")
    ]
    blocks: list[Block] = [Text(purpose), Text(conditions, "small")]
    if rows:
        headings = {"study": "Study", "source": "Source", "published": "Published", "here": "Here"}
        remark = "" if comparable else f" (published: {published.NOT_COMPARABLE.removeprefix('published ')})"
        caption = f"What was published and what was found here{remark}"
        columns = tuple(Column.text(heading, key) for key, heading in headings.items())
        blocks.append(Table("overview", caption, pd.DataFrame(rows, columns=list(headings)), columns))
    return tuple(blocks)


def _published(sections: Mapping[str, StudySection]) -> bool:
    """Whether any study names a source."""
    return any(study.source for study in sections.values())


if __name__ == "__main__":
    command.run(study_page)
