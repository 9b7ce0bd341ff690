"""Step: the report on one dataset, as a page with its tables and figures beside it."""

from __future__ import annotations

import logging
from pathlib import Path

from gradewise import command
from gradewise.families.run import write_json
from gradewise.report import (
    accuracy,
    answer,
    audit,
    card,
    confusion,
    efficiency,
    evidence,
    leak,
    learning_curve,
    mistakes,
    out_of_bag,
    page,
    pairs,
    probabilities,
    recipe,
    subgroups,
    training,
)

SECTIONS = (
    answer,
    card,
    audit,
    accuracy,
    confusion,
    pairs,
    leak,
    learning_curve,
    probabilities,
    subgroups,
    efficiency,
    training,
    out_of_bag,
    mistakes,
    recipe,
)

log = logging.getLogger(__name__)


def report(
    *,
    results: Path,
    dataset: str,
    seed: int,
    output: Path,
    assets: Path,
    summary: Path,
    studies_page: Path | None = None,
) -> None:
    """Write the report on a dataset.

    Parameters
    ----------
    results : Path
        Folder of the dataset's results.
    dataset : str
        Its name.
    seed : int
        The configured seed; draws the example pictures.
    output : Path
        The page.
    assets : Path
        Folder for the tables as CSV and the figures as SVG or PNG.
    summary : Path
        JSON with the verdict and the main numbers, for the index of all reports.
    studies_page : Path, optional
        The page on the dataset's studies, to link to.

    Raises
    ------
    UserError
        Where the metrics hold nothing about the dataset, or an image has gone since the manifest was made.
    """
    found = evidence.read(results, dataset, seed)
    sections = [section for module in SECTIONS if (section := module.section(found)) is not None]
    page.write_assets(sections, assets)
    page.render(
        "report.html",
        output,
        title=f"Which classifier for {found.dataset}?",
        notice=card.simulated(found),
        related=page.link(studies_page, output, "Published results made again"),
        sections=sections,
        assets=page.relative(assets, output),
    )
    verdict = answer.answer(found)
    write_json(
        summary,
        {
            "dataset": found.dataset,
            "page": str(output),
            "simulated": found.settings.simulate is not None,
            "images": len(found.manifest),
            "classes": found.classes,
            "models": found.models,
            "headline": verdict.headline,
            "facts": verdict.facts,
        },
    )
    log.info("%s: %s", found.dataset, verdict.headline)


if __name__ == "__main__":
    command.run(report)
