"""Step: the report on one dataset, as a page with its tables and figures beside it."""

from __future__ import annotations

import logging
from pathlib import Path

from gradewise import command
from gradewise.evaluation.across_datasets import families_on_dataset
from gradewise.records import write_json
from gradewise.report import evidence, page, sections
from gradewise.report.sentences import headline

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
        JSON with the recommendation, the main numbers and the differences between families, for the index of all
        reports.
    studies_page : Path, optional
        The page on the dataset's studies, to link to.

    Raises
    ------
    UserError
        Where the metrics hold nothing about the dataset, or an image has gone since the manifest was made.
    """
    known = evidence.read(results, dataset, seed)
    shown = list(sections.make(known))
    page.write(
        known,
        shown,
        title=f"Which classifier for {known.dataset}?",
        output=output,
        assets=assets,
        related=studies_page,
        words="Published results, reproduced",
    )
    advice = headline(known.recommendation)
    write_json(
        summary,
        {
            "dataset": known.dataset,
            "page": str(output),
            "simulated": known.settings.simulate is not None,
            "images": len(known.manifest),
            "classes": known.classes,
            "models": known.models,
            "headline": advice,
            "glance": next(section.contents["glance"] for section in shown if section.front),
            "families": families_on_dataset(known).model_dump(),
        },
    )
    log.info("%s: %s", known.dataset, advice)


if __name__ == "__main__":
    command.run(report)
