"""Step: the index of all reports, one card a dataset."""

from __future__ import annotations

import json
from pathlib import Path

from gradewise import command
from gradewise.report import page


def index(*, summaries: list[Path], output: Path) -> None:
    """Write the page that links to the reports.

    Parameters
    ----------
    summaries : list of Path
        What each report wrote as its summary, in the order of the cards.
    output : Path
        The page.
    """
    cards = [json.loads(path.read_text()) for path in summaries]
    links = {card["dataset"]: page.relative(Path(card["page"]), output) for card in cards}
    page.render("index.html", output, title="Which classifier to use", cards=cards, links=links)


if __name__ == "__main__":
    command.run(index)
