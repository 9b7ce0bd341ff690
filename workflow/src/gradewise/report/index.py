"""Step: the index of all reports, one card a dataset."""

from __future__ import annotations

import json
from pathlib import Path

from gradewise import command
from gradewise.report import numbers, page


def index(*, summaries: list[Path], output: Path, studies: list[Path] | None = None) -> None:
    """Write the page that links to the reports.

    Parameters
    ----------
    summaries : list of Path
        What each report wrote as its summary, in the order of the cards.
    output : Path
        The page.
    studies : list of Path, optional
        What each page on studies wrote as its summary.
    """
    cards = [json.loads(path.read_text()) for path in summaries]
    links = {card["dataset"]: page.relative(Path(card["page"]), output) for card in cards}
    found = [json.loads(path.read_text()) for path in studies or []]
    studied = {
        one["dataset"]: (page.relative(Path(one["page"]), output), numbers.many(len(one["titles"]), "published result"))
        for one in found
    }
    page.render("index.html", output, title="Which classifier to use", cards=cards, links=links, studied=studied)


if __name__ == "__main__":
    command.run(index)
