"""Step: the report on one dataset, as a page with its tables and figures beside it."""

from __future__ import annotations

import logging
from pathlib import Path

from gradewise import command
from gradewise.config import Dataset
from gradewise.models.run import write_json
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
    dataset: str,
    settings: Dataset,
    seed: int,
    manifest: Path,
    quarantine: Path,
    splits: Path,
    metrics: Path,
    comparisons: Path,
    verdicts: Path,
    calibration: Path,
    subgroups: Path,
    runs: list[Path],
    predictions: list[Path],
    views: list[Path],
    leaks: Path | None = None,
    curves: Path | None = None,
    extrapolations: Path | None = None,
    findings: Path | None = None,
    output: Path,
    assets: Path,
    summary: Path,
) -> None:
    """Write the report on a dataset.

    Parameters
    ----------
    dataset : str
        Name of the dataset.
    settings : Dataset
        Its section of the configuration.
    seed : int
        The configured seed; draws the example pictures.
    manifest, quarantine, splits, metrics, comparisons, verdicts, calibration, subgroups : Path
        The tables of that name.
    runs : list of Path
        `run.json` of every run.
    predictions : list of Path
        `predictions.parquet` of the runs, each in the folder of its `run.json`.
    views : list of Path
        Caches of the views that the models use, `{view}.parquet`.
    leaks, curves, extrapolations : Path, optional
        `leaks.parquet`, `learning_curve.parquet` and `extrapolations.parquet`, where the configuration asks for them.
    findings : Path, optional
        `audit.parquet`, what the data audit found.
    output : Path
        The page.
    assets : Path
        Folder for the tables as CSV and the figures as SVG or PNG.
    summary : Path
        JSON with the verdict and the main numbers, for the index of all reports.

    Raises
    ------
    UserError
        Where the metrics hold nothing about the dataset, or an image has gone since the manifest was made.
    """
    found = evidence.read(
        dataset,
        settings,
        seed,
        manifest=manifest,
        quarantine=quarantine,
        splits=splits,
        metrics=metrics,
        comparisons=comparisons,
        verdicts=verdicts,
        calibration=calibration,
        subgroups=subgroups,
        runs=runs,
        predictions=predictions,
        views=views,
        leaks=leaks,
        learning_curve=curves,
        extrapolations=extrapolations,
        audit=findings,
    )
    sections = [section for module in SECTIONS if (section := module.section(found)) is not None]
    page.write_assets(sections, assets)
    page.render(
        "report.html",
        output,
        title=f"Which classifier for {dataset}?",
        notice=card.simulated(found),
        sections=sections,
        assets=page.relative(assets, output),
    )
    verdict = answer.answer(found)
    write_json(
        summary,
        {
            "dataset": dataset,
            "page": str(output),
            "simulated": settings.simulate is not None,
            "images": len(found.manifest),
            "classes": found.classes,
            "models": found.models,
            "headline": verdict.headline,
            "facts": verdict.facts,
        },
    )
    log.info("%s: %s", dataset, verdict.headline)


if __name__ == "__main__":
    command.run(report)
