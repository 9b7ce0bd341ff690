"""Step: the index of all reports, one card per dataset, and families of models compared over all datasets."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from gradewise import command
from gradewise.evaluation.across_datasets import FamiliesOnDataset
from gradewise.report import across_datasets, numbers, page


def index(*, results: Path, datasets: list[str], studied: list[str], output: Path, assets: Path) -> None:
    """Write the page that links to the reports.

    Parameters
    ----------
    results : Path
        Folder that holds one folder per dataset, with what its report wrote as summary.
    datasets : list of str
        Names of the datasets; their cards are sorted by name.
    studied : list of str
        Those of them that have a page on studies.
    output : Path
        The page.
    assets : Path
        Folder for the tables as CSV and the figures as SVG.
    """
    cards = [_card(results / dataset) for dataset in datasets]
    earlier = _earlier(results, datasets)
    studies = {dataset: _read(results / dataset / "studies") for dataset in studied} | _studies_of(results, earlier)
    links = {card["dataset"]: page.relative(Path(card["page"]), output) for card in [*cards, *earlier]}
    published = {
        dataset: (page.relative(Path(study["page"]), output), numbers.many(len(study["titles"]), "published result"))
        for dataset, study in studies.items()
    }
    families = [FamiliesOnDataset.model_validate(card["families"]) for card in cards]
    sections = [across_datasets.section(families, [card["dataset"] for card in cards if card["simulated"]])]
    page.write_assets(sections, assets)
    page.render(
        "index.html",
        output,
        title="Which classifier to use",
        cards=sorted(cards, key=_in_order),
        earlier=sorted(earlier, key=_in_order),
        links=links,
        studied=published,
        sections=sections,
        assets=page.relative(assets, output),
    )


def _earlier(results: Path, datasets: list[str]) -> list[dict[str, Any]]:
    """Summaries of other datasets in the folder whose page is still there.

    They belong to other configurations, so they are shown and take no part in comparisons.
    """
    folders = [path.parent for path in sorted(results.glob("*/summary.json")) if path.parent.name not in datasets]
    return [card for card in map(_card, folders) if "glance" in card and Path(card["page"]).is_file()]


def _studies_of(results: Path, earlier: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Summaries of the studies of earlier datasets whose page is still there."""
    folders = {card["dataset"]: results / card["dataset"] / "studies" for card in earlier}
    known = {name: _read(folder) for name, folder in folders.items() if (folder / "summary.json").is_file()}
    return {name: summary for name, summary in known.items() if Path(summary["page"]).is_file()}


def _in_order(card: dict[str, Any]) -> tuple[str, str]:
    return card["dataset"].casefold(), card["dataset"]


def _card(folder: Path) -> dict[str, Any]:
    """The summary of a dataset, with the day of its report and the folder of its results."""
    written = datetime.fromtimestamp((folder / "summary.json").stat().st_mtime)
    day = {"written": written.strftime("%d %b %Y").lstrip("0"), "day": written.strftime("%Y%m%d")}
    return _read(folder) | day | {"folder": str(folder)}


def _read(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return summary


if __name__ == "__main__":
    command.run(index)
