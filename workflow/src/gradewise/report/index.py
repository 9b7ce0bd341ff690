"""Step: the index of all reports, one card per dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gradewise import command
from gradewise.report import numbers, page


def index(*, results: Path, datasets: list[str], studied: list[str], output: Path) -> None:
    """Write the page that links to the reports.

    Parameters
    ----------
    results : Path
        Folder that holds one folder per dataset, with what its report wrote as summary.
    datasets : list of str
        Names of the datasets, in the order of the cards.
    studied : list of str
        Those of them that have a page on studies.
    output : Path
        The page.
    """
    cards = [_read(results / dataset) for dataset in datasets]
    studies = {dataset: _read(results / dataset / "studies") for dataset in studied}
    links = {card["dataset"]: page.relative(Path(card["page"]), output) for card in cards}
    published = {
        dataset: (page.relative(Path(study["page"]), output), numbers.many(len(study["titles"]), "published result"))
        for dataset, study in studies.items()
    }
    page.render("index.html", output, title="Which classifier to use", cards=cards, links=links, studied=published)


def _read(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return summary


if __name__ == "__main__":
    command.run(index)
