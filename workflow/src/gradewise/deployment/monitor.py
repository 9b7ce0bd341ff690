"""The step `monitor` tells whether verdicts and images change over time, from the new images in their order."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from gradewise import command, tables
from gradewise.deployment.drift import STATISTICS
from gradewise.deployment.martingale import ALARM, evidence, ranks
from gradewise.deployment.monitor_page import sections_of
from gradewise.deployment.verdict_page import ranked
from gradewise.evaluation.estimates import Estimate, share
from gradewise.evaluation.intervals import cells, delete_each, difference_interval, effective, spread
from gradewise.images.schemas import PRINTS
from gradewise.predict.artefact import Artefact, read_artefact
from gradewise.provenance import derive_seed
from gradewise.report import page as pages
from gradewise.results import Results
from gradewise.tables import filled, nullable

MOST = 5000
"""Images of the reference, and of each set of new images, that are bet on; more say little more."""

MONITOR = pa.schema(
    [
        filled("name", pa.string()),
        filled("kind", pa.string()),
        filled("score", pa.string()),
        filled("images", pa.int64()),
        filled("groups", pa.int64()),
        nullable("value", pa.float64()),
        nullable("low", pa.float64()),
        nullable("high", pa.float64()),
        nullable("evidence", pa.float64()),
        nullable("alarm", pa.bool_()),
    ]
)
"""One row per set of new images (`name`) and score. `kind` is `class` (the score is a class, and `value` the share of
verdicts that name it), `margin` (mean margin between the first and the second class) or `statistic` (mean of an image
statistic on its scale, see `drift.STATISTICS`); `low` and `high` bound the 95 % interval. `evidence` is the largest
evidence for a change of the score so far, divided by the number of scores; from 20 on, `alarm` is true. Both are null
where there is no reference yet."""

log = logging.getLogger(__name__)


def monitor(*, dataset: str, results: Path, model: Path, names: list[str], seed: int, output: Path, page: Path) -> None:
    """Follow verdicts and image statistics over sets of new images.

    Parameters
    ----------
    dataset : str
        Its name in the configuration.
    results : Path
        Folder of the dataset's results.
    model : Path
        Folder of the model that is handed over.
    names : list of str
        Names of the new images, in the order of time.
    seed : int
        Draws one image of each group, and ranks equal scores.
    output : Path
        Table of all scores, `monitor.parquet`.
    page : Path
        Page with figures; its tables and figures are in the folder of its name.
    """
    files, artefact = Results(results), read_artefact(model)
    known = [_known_verdicts(files, artefact), _known_statistics(files)]
    watched = [
        [_verdict_scores(_read_verdicts(files, name), artefact) for name in names],
        [_statistic_scores(tables.read(files.folder / f"applied/{name}-images.parquet")) for name in names],
    ]
    scores = [score for reference, sets in zip(known, watched, strict=True) for score in _scores(reference, sets)]
    trained = _training_shares(artefact)
    rows = [
        row
        for score in scores
        for row in _follow(score, names, len(scores), seed, trained.get(score.name) if score.kind == "class" else None)
    ]
    frame = pd.DataFrame(rows, columns=MONITOR.names).astype({"alarm": "boolean"})
    tables.write(frame, output, MONITOR)
    sections = sections_of(frame, names, known[0] is not None)
    assets = page.with_suffix("")
    pages.write_assets(sections, assets)
    pages.render(
        "report.html",
        page,
        title=f"{dataset} over time",
        simulated=None,
        related=None,
        sections=sections,
        assets=pages.relative(assets, page),
    )
    alarms = frame.loc[frame["alarm"].fillna(False), "score"].unique()
    log.info("%d sets of images, %d scores, alarms: %s", len(names), len(scores), ", ".join(alarms) or "none")


def _training_shares(artefact: Artefact) -> dict[str, float]:
    counts = {} if artefact.fitted_on is None else artefact.fitted_on.per_class
    return {name: count / sum(counts.values()) for name, count in counts.items()}


@dataclass(frozen=True)
class _Score:
    """A score of the reference (None: the first set stands for it) and of each set of new images, with groups."""

    kind: str
    name: str
    reference: pd.DataFrame | None
    sets: list[pd.DataFrame]


def _known_verdicts(files: Results, artefact: Artefact) -> pd.DataFrame | None:
    """Scores of the verdicts on test images; None where the model has learnt from these.

    The verdicts of models fitted on fewer images differ from those of the model that is handed over, so that they would
    raise false alarms.
    """
    if artefact.fitted_on is None or artefact.fitted_on.what == "all":
        return None
    repeat = 0 if artefact.verification is None else artefact.verification.repeat
    tested = tables.read(files.table("verdicts"), model=artefact.name, role="test", repeat=repeat)
    if artefact.judgement is not None and artefact.judgement.shares is not None:
        facts = artefact.description
        costs = None if facts.costs is None else np.array(facts.costs)
        tested = artefact.judgement.shares.adjust_verdicts(tested, facts.classes, costs)
    return _verdict_scores(tested.rename(columns={"predicted": "class", "image_id": "path"}), artefact)


def _known_statistics(files: Results) -> pd.DataFrame:
    manifest = tables.read(files.table("manifest"))[["image_id", "group", "width", "height", "pixel_size_nm"]]
    prints = tables.read(files.table("fingerprints"), columns=PRINTS.names)
    return _statistic_scores(manifest.merge(prints, on="image_id"))


def _read_verdicts(files: Results, name: str) -> pd.DataFrame:
    """Verdicts on new images other than copies of the dataset's, with their groups."""
    verdicts = tables.read(files.folder / f"applied/{name}.parquet")
    if "copy_of" in verdicts:
        verdicts = verdicts.loc[verdicts["copy_of"].isna()]
    else:
        verdicts = verdicts.assign(group=verdicts["path"])
    return verdicts.loc[verdicts["class"].notna()]


def _verdict_scores(verdicts: pd.DataFrame, artefact: Artefact) -> pd.DataFrame:
    """Group, named class, and the scores: probability of each class (of one, where there are two) and margin."""
    facts = artefact.description
    classes = list(facts.classes)
    sought = classes if len(classes) > 2 else [facts.positive or classes[-1]]
    costs = None if facts.costs is None else np.array(facts.costs)
    scores = {("class", name): verdicts[f"p_{name}"].to_numpy(dtype=np.float64) for name in sought}
    # nobody asked whether test images are unlike those of training
    rated = verdicts if "unknown" in verdicts else verdicts.assign(unknown=None, strangeness=np.nan)
    scores["margin", "margin"] = ranked(rated, classes, costs)["margin"].to_numpy()
    own = {("", "group"): verdicts["group"].to_numpy(), ("", "class"): verdicts["class"].to_numpy()}
    return pd.DataFrame(own | scores)


def _statistic_scores(images: pd.DataFrame) -> pd.DataFrame:
    scores = {("statistic", statistic.name): statistic.measure(images) for statistic in STATISTICS}
    return pd.DataFrame({("", "group"): images["group"].to_numpy()} | scores)


def _scores(reference: pd.DataFrame | None, sets: list[pd.DataFrame]) -> Iterator[_Score]:
    """The scores that are known of every set and of the reference."""
    for kind, name in sets[0].columns:
        if kind:
            parts = [
                pd.DataFrame(
                    {"group": frame["", "group"], "value": frame[kind, name]}
                    | ({"named": frame["", "class"] == name} if kind == "class" else {})
                ).dropna()
                for frame in [*sets, *([] if reference is None else [reference])]
            ]
            if all(len(part) for part in parts):
                yield _Score(kind, name, None if reference is None else parts[-1], parts[: len(sets)])


def _follow(
    score: _Score, names: list[str], scores: int, seed: int, share: float | None
) -> Iterator[dict[str, object]]:
    """Rows of the table about a score; `share` is that of the class in training, whose probability it is."""
    # each draw has a seed of its own, so that a further set changes nothing that was told before
    drawn = [_one_per_group(part, seed, name) for name, part in zip(names, score.sets, strict=True)]
    first = 0 if score.reference is not None else 1
    reference = drawn[0] if score.reference is None else _one_per_group(score.reference, seed, "")
    rng = np.random.default_rng(derive_seed(seed, "monitor", score.kind, score.name))
    new = np.concatenate([np.zeros(0), *drawn[first:]])
    largest = np.maximum.accumulate(evidence(ranks(reference, new, rng), len(reference), share)) / scores
    ends = np.cumsum([len(part) for part in drawn[first:]])
    for place, (name, part) in enumerate(zip(names, score.sets, strict=True)):
        value = _estimate(score.kind, part)
        told = None if place < first else float(largest[ends[place - first] - 1])
        yield {
            "name": name,
            "kind": score.kind,
            "score": score.name,
            "images": len(part),
            "groups": part["group"].nunique(),
            "value": value.value,
            "low": value.low,
            "high": value.high,
            "evidence": told,
            "alarm": None if told is None else told >= ALARM,
        }


def _one_per_group(part: pd.DataFrame, seed: int, name: str) -> np.ndarray:
    """Scores of one image of each group, in random order: images of a group are no new evidence."""
    rng = np.random.default_rng(derive_seed(seed, "monitor", name))
    shuffled = part.iloc[rng.permutation(len(part))]
    return np.asarray(shuffled.drop_duplicates("group")["value"].head(MOST))


def _estimate(kind: str, part: pd.DataFrame) -> Estimate:
    """Share of verdicts that name the class, or the mean, with an interval by groups."""
    group = pd.factorize(part["group"])[0]
    ones, repeat = np.ones(len(part)), np.zeros(len(part), dtype=int)
    if kind == "class":
        return share(cells(repeat, group, np.column_stack([part["named"].astype(float), ones])))
    middle = float(part["value"].mean())
    by_cell = cells(repeat, group, np.column_stack([part["value"] - middle, ones]))
    groups = effective(by_cell[0, :, 1])
    found = spread(delete_each(by_cell, lambda sums: sums[:, 0] / sums[:, 1]), groups)
    return Estimate(middle, *difference_interval(middle, found, np.inf))


if __name__ == "__main__":
    command.run(monitor)
