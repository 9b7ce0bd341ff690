"""Step: the page on a dataset's studies, every published table and figure made again, in the order of the source."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from gradewise import command
from gradewise.command import UserError
from gradewise.families.run import write_json
from gradewise.report import evidence, numbers, page
from gradewise.report.blocks import Block, Column, Section, Table, Text
from gradewise.report.evidence import Evidence
from gradewise.report.sections.settings import origin
from gradewise.studies.pages import (
    classes,
    components,
    embedding,
    examples,
    explanations,
    feature_maps,
    groups,
    layers,
    published,
    recommendation,
    results,
    scaling,
    settings,
    trees,
)
from gradewise.studies.pages.evidence import Cell, StudyEvidence
from gradewise.studies.settings import Study

KINDS: Mapping[str, Callable[[str, Any, StudyEvidence], list[Block]]] = {
    "settings": settings.blocks,
    "results": results.blocks,
    "classes": classes.blocks,
    "groups": groups.blocks,
    "layers": layers.blocks,
    "examples": examples.blocks,
    "feature_maps": feature_maps.blocks,
    "explanations": explanations.blocks,
    "components": components.blocks,
    "embedding": embedding.blocks,
    "trees": trees.blocks,
    "scaling": scaling.blocks,
    "recommendation": recommendation.blocks,
}
"""What makes the part of the page on a study of each kind."""

SHORT: Mapping[str, Callable[[str, Any, StudyEvidence], tuple[str, str]]] = {
    "settings": settings.short,
    "results": results.short,
    "classes": classes.short,
    "recommendation": recommendation.short,
}
"""What sums up a study of a kind in a few words: (published, found here)."""

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
    studies: str,
    cells: str,
    models: str,
    folder: Path,
    output: Path,
    assets: Path,
    summary: Path,
    report_page: Path | None = None,
    scale: Literal["small", "full"] | None = None,
) -> None:
    """Write the page on the studies of a dataset.

    Parameters
    ----------
    results : Path
        Folder of the dataset's results.
    dataset : str
        Its name.
    seed : int
        The configured seed; draws the example pictures.
    studies : str
        JSON: the section of each study by its name, in the order of the page. Text rather than typed fields, so that
        published values reach the page letter by letter.
    cells : str
        JSON: for each study that varies settings, its combinations as a list of {name, family, view,
        operations, published}.
    models : str
        JSON: family, view and settings of each model that a study varies, by its name.
    folder : Path
        Where the studies' steps wrote, a folder each.
    output : Path
        The page.
    assets : Path
        Folder for the tables as CSV and the figures as SVG or PNG.
    summary : Path
        JSON that tells the index of this page.
    report_page : Path, optional
        The report on the dataset, to link to.
    scale : {"small", "full"}, optional
        Which values were used of a configuration that has values for both.

    Raises
    ------
    UserError
        Where sections or tables do not belong together.
    """
    sections = _parse("studies", dict[str, Study], studies)
    found = StudyEvidence(
        evidence.read(results, dataset, seed),
        folder,
        _parse("cells", dict[str, tuple[Cell, ...]], cells),
        _parse("models", dict[str, dict[str, Any]], models),
    )
    parts = [Section(name, study.title, tuple(_part(name, study, found))) for name, study in sections.items()]
    base = found.base
    every = [
        Section("overview", "Overview", _overview(sections, found, scale)),
        *parts,
        origin(base, f"reports/{base.dataset}-studies.html"),
    ]
    page.write_assets(every, assets)
    page.render(
        "report.html",
        output,
        title=f"{base.dataset}: {'published results made again' if _published(sections) else 'studies'}",
        simulated=base.settings.simulate,
        related=page.link(report_page, output, f"The report on {base.dataset}: which classifier to use"),
        sections=every,
        assets=page.relative(assets, output),
    )
    titles = [study.title for study in sections.values()]
    write_json(summary, {"dataset": base.dataset, "page": str(output), "titles": titles})
    log.info("%s: %d studies on %s", base.dataset, len(parts), output)


def _parse(flag: str, expected: Any, text: str) -> Any:
    try:
        return TypeAdapter(expected).validate_json(text)
    except ValidationError as error:
        raise UserError(f"--{flag}: {error}") from None


def _part(name: str, study: Any, found: StudyEvidence) -> list[Block]:
    """What stands under a study's heading: source, text, erratum, then the blocks of its kind."""
    head = [
        (f"Source: {study.source}" if study.source else None, "small"),
        (study.text, "plain"),
        (f"Erratum: {study.erratum}" if study.erratum else None, "notice"),
    ]
    return [*(Text(text, tone) for text, tone in head if text), *KINDS[study.show](name, study, found)]


def _overview(sections: Mapping[str, Any], found: StudyEvidence, scale: str | None) -> tuple[Block, ...]:
    base = found.base
    rows = []
    for name, study in sections.items():
        if study.show in SHORT:
            theirs, ours = SHORT[study.show](name, study, found)
            rows.append({"study": study.title, "source": study.source, "published": theirs, "here": ours})
    comparable = all(study.comparable for study in sections.values() if study.published)
    repeats = numbers.rounds(base.splits["repeat"].nunique(), base.settings.evaluation.folds)
    blocks: list[Block] = [
        Text(_purpose(sections, base, comparable)),
        Text(
            f"Everything was run with seed {base.seed} over {repeats}{f', at {SCALES[scale]}' if scale else ''}. The "
            f"highest of several validation accuracies is too high by the luck of the choice; test accuracy had no "
            f"part in it. Versions and hashes stand at the end of the page.",
            "small",
        ),
    ]
    if rows:
        told = "" if comparable else f" (published: {published.NOT_COMPARABLE.removeprefix('published ')})"
        columns = (
            Column.text("Study", "study"),
            Column.text("Source", "source", lambda source: source or numbers.NONE),
            Column.text("Published", "published"),
            Column.text("Here", "here"),
        )
        blocks.append(
            Table("overview", f"What was published and what was found here{told}", pd.DataFrame(rows), columns)
        )
    return tuple(blocks)


def _purpose(sections: Mapping[str, Any], base: Evidence, comparable: bool) -> str:
    groups = base.manifest["group"].nunique()
    data = f"the {numbers.many(len(base.manifest), 'image')} ({numbers.many(groups, 'group')}) of {base.dataset}"
    if not _published(sections):
        return f"Each part is a study of {data}, with intervals."
    told = (
        f"Each part makes a published table or figure again on {data}, with intervals, beside the published values as "
        f"they were published. The parts stand in the order of the source."
    )
    if comparable:
        return told
    return (
        f"{told} Published values are of other images: they show what was claimed, and are not to be compared with the "
        f"numbers found here."
    )


def _published(sections: Mapping[str, Any]) -> bool:
    """Whether any study names a source."""
    return any(study.source for study in sections.values())


if __name__ == "__main__":
    command.run(study_page)
