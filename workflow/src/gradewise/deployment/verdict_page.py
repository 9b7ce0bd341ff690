"""A page on new images that were classified: how many of each class, the doubtful ones first, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import colormaps
from PIL import Image

from gradewise.command import UserError
from gradewise.config.views import Positions
from gradewise.evaluation.estimates import Estimate
from gradewise.images.files import UnreadableError
from gradewise.localisation.record import Localisation
from gradewise.localisation.regions import regions_of
from gradewise.predict.locating import localisation_of, map_file
from gradewise.predict.predict import CHUNK, read_verdicts
from gradewise.predict.predictor import Predictor, Verdict
from gradewise.report import metric_names, mixes, numbers, overlays, page, pictures
from gradewise.report.blocks import Block, Column, Facts, Gallery, Picture, Section, Table, Text

DOUBTFUL, SUREST, SET_ASIDE, UNKNOWN, LIKELIEST = 60, 4, 200, 60, 60
"""Pictures of the most doubtful verdicts, of the surest of each class, rows of files that were set aside, pictures of
the strangest unknown images, and of those in which the positive class is marked."""

MAP = 480
"""Longest side of a map over an image [px]."""


@dataclass(frozen=True)
class Summary:
    """What a table of verdicts holds, at a size that does not grow with it.

    Attributes
    ----------
    counts : Series of int
        Images by class.
    doubtful : DataFrame
        The closest verdicts: path, class, probability, next, next_probability, margin (see `ranked`).
    surest : DataFrame
        The clearest verdicts of each class.
    errors : DataFrame
        path and error of the first `SET_ASIDE` files that could not be used.
    failed : int
        Number of all of these.
    unknown : DataFrame
        The strangest images that are unlike those of training, with the columns of `doubtful` and their strangeness.
    flagged : int
        Number of all of these.
    likeliest : DataFrame
        The images of the highest probability of the positive class; empty where there is none.
    several : int or None
        Images whose set has several classes; None where sets were not asked for.
    """

    counts: pd.Series
    doubtful: pd.DataFrame
    surest: pd.DataFrame
    errors: pd.DataFrame
    failed: int
    unknown: pd.DataFrame
    flagged: int
    likeliest: pd.DataFrame
    several: int | None = None


def summarise(table: Path, classes: list[str], costs: np.ndarray | None = None, positive: str | None = None) -> Summary:
    """Read a table of `gradewise predict` piece by piece.

    Parameters
    ----------
    table : Path
    classes : list of str
    costs : ndarray, shape (k, k), optional
        Cost of each prediction, a row per true class, where the verdict is the class of least expected cost.
    positive : str, optional
        The class whose likeliest images are kept.
    """
    counts = pd.Series(0, index=classes)
    doubtful, surest, errors, unknown, likeliest = [], [], [], [], []
    failed, flagged, several = 0, 0, None
    for chunk in read_verdicts(table, CHUNK):
        failed += int((chunk["error"] != "").sum())
        if "set" in chunk:
            sizes = chunk.loc[chunk["error"] == "", "set"]
            several = (several or 0) + int((sizes != chunk["class"][sizes.index]).sum())
        errors.append(chunk.loc[chunk["error"] != "", ["path", "error"]].head(SET_ASIDE))
        used = ranked(chunk.loc[chunk["error"] == ""], classes, costs)
        counts = counts.add(used["class"].value_counts(), fill_value=0)
        strange = used.loc[used["unknown"] == "yes"]
        flagged += len(strange)
        unknown.append(strange.nlargest(UNKNOWN, "strangeness"))
        if positive is not None:
            shown = used.assign(of_positive=chunk.loc[chunk["error"] == "", f"p_{positive}"].to_numpy())
            likeliest.append(shown.nlargest(LIKELIEST, "of_positive"))
        doubtful.append(used.nsmallest(DOUBTFUL, "margin"))
        surest.append(used.sort_values("margin", ascending=False).groupby("class").head(SUREST))
    all_surest = pd.concat(surest).sort_values("margin", ascending=False)
    return Summary(
        counts.reindex(classes).astype(int),
        pd.concat(doubtful).nsmallest(DOUBTFUL, "margin"),
        all_surest.groupby("class").head(SUREST),
        pd.concat(errors).head(SET_ASIDE),
        failed,
        pd.concat(unknown).nlargest(UNKNOWN, "strangeness"),
        flagged,
        pd.concat(likeliest).nlargest(LIKELIEST, "of_positive") if likeliest else pd.DataFrame(),
        several,
    )


def ranked(verdicts: pd.DataFrame, classes: list[str], costs: np.ndarray | None) -> pd.DataFrame:
    """Path, class, the class that came next, the probabilities of both, and the margin between them.

    The margin is that of probabilities or, with costs, of expected costs.
    """
    probabilities = verdicts[[f"p_{name}" for name in classes]].to_numpy(dtype=float)
    scores = probabilities if costs is None else -probabilities @ costs
    rows, own = np.arange(len(verdicts)), np.array([classes.index(name) for name in verdicts["class"]], dtype=int)
    others = scores.copy()
    others[rows, own] = -np.inf
    following = others.argmax(axis=1)
    return pd.DataFrame(
        {
            "path": verdicts["path"].to_numpy(),
            "class": verdicts["class"].to_numpy(),
            "probability": probabilities[rows, own],
            "next": np.take(classes, following),
            "next_probability": probabilities[rows, following],
            "margin": scores[rows, own] - scores[rows, following],
            "unknown": verdicts["unknown"].to_numpy(),
            "strangeness": verdicts["strangeness"].to_numpy(),
        }
    )


def write_page(table: Path, predictor: Predictor, output: Path, title: str, tested: Sequence[Section] = ()) -> None:
    """Write the page on a table of verdicts, with its tables and galleries in the folder of its name beside it.

    Parameters
    ----------
    table : Path
        CSV that `gradewise predict` wrote.
    predictor : Predictor
        What it predicted with.
    output : Path
        The page.
    title : str
    tested : sequence of Section
        What a test on these images shows, which comes first.

    Raises
    ------
    UserError
        If another model wrote the table.
    """
    classes = list(predictor.description.classes)
    with closing(read_verdicts(table, 1)) as rows:
        first = next(rows, None)
    if first is None or first["model"].iloc[0] != predictor.fingerprint:
        raise UserError(f"{table}: was not written with this model, {predictor.name}")
    costs = predictor.description.costs
    maps = localisation_of(predictor)
    summary = summarise(
        table, classes, None if costs is None else np.array(costs), None if maps is None else maps.label
    )
    expectation = None if tested else _expectation(predictor)
    sections = [*tested, *_sections(summary, predictor, expectation)]
    assets = output.with_suffix("")
    page.write_assets(sections, assets)
    page.render(
        "report.html",
        output,
        title=title,
        simulated=None,
        related=None,
        sections=sections,
        assets=page.relative(assets, output),
    )


def _sections(summary: Summary, predictor: Predictor, expectation: str | None) -> Iterator[Section]:
    counts = summary.counts
    classified = int(counts.sum())
    shares = pd.DataFrame({"class": counts.index, "images": counts.to_numpy()})
    shares["share"] = shares["images"] / max(classified, 1)
    facts = [
        ("Classified", numbers.count(classified), "images"),
        ("Set aside", numbers.count(summary.failed), "unusable files"),
    ]
    if summary.several is not None:
        facts.insert(1, ("For a person", numbers.count(summary.several), "images whose set has several classes"))
    if predictor.stranger is not None:
        facts.append(("Unlike training", numbers.count(summary.flagged), "images, see below"))
    blocks: list[Block] = [
        Facts(tuple(facts)),
        Table(
            "classes",
            "How often each class was predicted",
            shares,
            (
                Column.name("Class", "class"),
                Column("Images", "images", numbers.count),
                Column("Share", "share", numbers.percent),
            ),
        ),
    ]
    if expectation is not None:
        blocks.append(Text(expectation))
    yield Section("found", "Summary", tuple(blocks))
    if predictor.stranger is not None and summary.flagged:
        rate = predictor.stranger.false_alarms
        why = Text(
            f"These images differ more from the training images than {numbers.whole_percent(1 - rate)} of the test "
            f"images do. About {numbers.whole_percent(rate)} of images of the same kind are flagged by mistake. If "
            "many more are flagged, something has changed: light, focus, magnification or device. The model still "
            "predicts one of its classes for each of these images."
        )
        strange = _gallery("unknown", "The strangest images first", summary.unknown, predictor)
        yield Section("unknown", "Unlike the training images", (why, *strange))
    maps = localisation_of(predictor)
    if maps is not None:
        marked = _marked(summary.likeliest, predictor, maps)
        told = Text(
            f"A map over each image shows how strongly each place indicates {maps.label}. A place is marked if its "
            f"score reaches {maps.threshold:.3g}: on test images, {numbers.percent(maps.false_alarm_share)} of the "
            "area without defects was marked by mistake. Yellow is below the threshold, orange at it, red above."
        )
        yield Section("marked", f"Where {maps.label} shows", (told, *marked))
    doubtful = _gallery("doubtful", "The least certain verdicts first", summary.doubtful, predictor)
    told = Text(
        "These verdicts deserve a second look first. Each image is shown with the predicted class, the runner-up, and "
        "the probabilities of both. "
        + (
            "If these are close, the verdict is a guess."
            if predictor.description.costs is None
            else "The verdict is the class of least expected cost, which need not be the most probable one."
        )
    )
    yield Section("doubtful", "Most doubtful", (told, *doubtful))
    surest = summary.surest.sort_values(["class", "margin"], ascending=[True, False])
    yield Section(
        "surest", "Most certain of each class", _gallery("surest", "The most certain verdicts", surest, predictor)
    )
    if summary.failed:
        table = Table(
            "set-aside",
            "Unusable files, and why",
            summary.errors,
            (Column.text("File", "path"), Column.text("Reason", "error")),
            limit=50,
            folded=summary.failed > 12,
        )
        yield Section("set-aside", "Set aside", (table,))


def _expectation(predictor: Predictor) -> str:
    expected, shares = predictor.expected, predictor.shares
    if expected is None:
        return "The report on the model's dataset says how often such verdicts are correct."
    unlike = (
        "Images that differ from these by simple statistics of their pixels are shown first below. Not every "
        "difference is noticed: look at some images of each class."
        if predictor.stranger is not None
        else "This page cannot tell whether the images are like these: look at some of each class."
    )
    if shares is not None and shares.accuracy is not None:
        return f"{mixes.adjustment(shares)} {unlike}"
    value = metric_names.with_ci(expected.metric, Estimate(expected.value, expected.low, expected.high))
    return (
        f"On images like those in training, the model's expected {metric_names.in_words(expected.metric)} is "
        f"{value}, measured on {numbers.basis(expected.images, expected.groups, f'test {expected.level}')}. {unlike}"
    )


def _gallery(name: str, caption: str, rows: pd.DataFrame, predictor: Predictor) -> tuple[Block, ...]:
    """Pictures of some verdicts; those whose files cannot be found by the name in the table are left out."""
    tiled = any(view.tiling is not None for view in predictor.views.values())
    shown = [row for row in rows.itertuples(index=False) if Path(row.path).is_file()]
    verdicts = list(predictor.predict(Path(row.path) for row in shown)) if tiled else [None] * len(shown)
    gallery = []
    for row, verdict in zip(shown, verdicts, strict=True):
        values = dict(zip(rows.columns, row, strict=True))
        lines = (
            Path(row.path).name,
            f"{values['class']} {numbers.percent(row.probability)}",
            f"next: {row.next} {numbers.percent(row.next_probability)}",
            *(["unlike the training images"] if row.unknown == "yes" else []),
        )
        sought = predictor.description.positive or values["class"]
        detail = None if verdict is None else evidence_map(verdict, list(predictor.description.classes), sought)
        alt = f"{Path(row.path).name}, predicted {values['class']}"
        image = pictures.thumbnail(Path(row.path), predictor.description.bits)
        gallery.append(Picture(image, alt, lines, detail, f"where the evidence for {sought} lies"))
    if not gallery:
        return ()
    positive = predictor.description.positive
    maps = f" In the map next to an image, tiles that indicate {positive or 'the predicted class'} are bright"
    return (Gallery(name, f"{caption}.{maps}" if tiled else caption, tuple(gallery)),)


def _marked(rows: pd.DataFrame, predictor: Predictor, maps: Localisation) -> tuple[Block, ...]:
    """Pictures of images with maps over them, the highest probability first."""
    mapped = []
    for row in rows.itertuples(index=False):
        try:
            mapped.append((row, map_file(predictor, Path(row.path))))
        except UnreadableError:
            continue
    if not mapped:
        return ()
    scale = overlays.scale_of([image.heat for _, image in mapped], maps.threshold)
    gallery = []
    for row, image in mapped:
        regions = regions_of(image.heat, maps.threshold)
        lines = (
            Path(row.path).name,
            f"{maps.label} {numbers.percent(row.of_positive)}",
            f"{numbers.many(len(regions), 'region')} marked",
        )
        gallery.append(
            Picture(
                overlays.map_over(image.frame, image.heat, scale, side=MAP),
                f"Where {maps.label} shows in {Path(row.path).name}",
                lines,
                overlays.outlined(image.frame),
                Path(row.path).name,
            )
        )
    caption = f"Maps of {maps.label} next to the images, highest probability first"
    return (Gallery("marked", caption, tuple(gallery)),)


def evidence_map(verdict: Verdict, classes: list[str], sought: str) -> Image.Image | None:
    """Probability of a class in each of an image's tiles, as a picture: dark is 0, bright is 1, grey is no tile.

    Where a model has several members, it is the mean over those that cut tiles; None where none does.
    """
    tiled = [said for said in verdict.of_samples if len(said.positions) > 1]
    if not tiled:
        return None
    finest = max(tiled, key=lambda said: len(said.positions))
    column = classes.index(sought)
    same = [said for said in tiled if said.positions == finest.positions]
    values = np.mean([said.probabilities[:, column] for said in same], axis=0)
    grid = _grid(finest.positions, values)
    colours = (colormaps["viridis"](np.nan_to_num(grid))[..., :3] * 255).astype(np.uint8)
    colours[np.isnan(grid)] = 190
    scale = max(1, 160 // max(grid.shape))
    return Image.fromarray(colours.repeat(scale, axis=0).repeat(scale, axis=1))


def _grid(positions: Positions, values: np.ndarray) -> np.ndarray:
    rows, columns = (np.array(axis) for axis in zip(*positions, strict=True))
    grid = np.full((rows.max() + 1, columns.max() + 1), np.nan)
    grid[rows, columns] = values
    return grid
