"""The step `describe` writes what prediction needs to know of a dataset beyond the files of its models.

It is a step of its own so that models are not retrained when, say, `aggregate` changes.
"""

from __future__ import annotations

import json
from pathlib import Path

from gradewise import command, tables
from gradewise.command import UserError
from gradewise.config.datasets import Dataset
from gradewise.predict.description import DescribedView, Description
from gradewise.provenance import versions
from gradewise.records import write_json
from gradewise.results import Results
from gradewise.views.stored import read_view


def describe(*, dataset: str, results: Path, seed: int, output: Path) -> None:
    """Write `prediction.json`.

    Parameters
    ----------
    dataset : str
        Its name in the configuration.
    results : Path
        Folder of the dataset's results: its settings, manifest, views and runs.
    seed : int
        The configuration's seed, from which the seeds of tiles drawn at random are derived.
    output : Path
        See `Description`.

    Raises
    ------
    UserError
        If two runs with the same view were trained on different samples.
    """
    files = Results(results)
    settings = Dataset.model_validate(files.plan("settings"))
    hashes = _view_hashes(files)
    description = Description(
        dataset=dataset,
        classes=settings.classes,
        positive=settings.positive,
        aggregate=settings.aggregate,
        labels_from=settings.labels_from,
        costs=settings.verdict_costs,
        bits=int(tables.read(files.table("manifest"), columns=["bits"])["bits"].max()),
        min_side=settings.min_side,
        max_megapixels=settings.max_megapixels,
        page=settings.page,
        grey_range=settings.grey_range,
        shrink=settings.shrink,
        seed=seed,
        views={
            name: DescribedView(operations=read_view(files.view(name)), view_hash=found)
            for name, found in hashes.items()
        },
        versions=versions(),
    )
    write_json(output, description)


def _view_hashes(files: Results) -> dict[str, str]:
    """Hash of the cache of each view that runs were trained on; blends have none of their own."""
    hashes: dict[str, str] = {}
    for run in files.runs():
        record = json.loads(run.record.read_text())
        if record["family"] == "blend":
            continue
        if hashes.setdefault(record["view"], record["view_hash"]) != record["view_hash"]:
            raise UserError(f"{run.record}: trained on other samples of the view {record['view']!r} than other runs")
    return hashes


if __name__ == "__main__":
    command.run(describe)
