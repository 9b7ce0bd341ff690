"""Synthetic results of two datasets, as the earlier stages leave them: one binary with tiles, one of ordered grades."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from gradewise import tables
from gradewise.config.datasets import Dataset
from gradewise.config.section import to_json
from gradewise.config.sources import Reading
from gradewise.evaluation import measured
from gradewise.evaluation.calibration import calibrate
from gradewise.evaluation.calibration_slope import calibration_slope
from gradewise.evaluation.examples import choose_examples
from gradewise.evaluation.recommend import recommend
from gradewise.evaluation.recommendation import Recommendation
from gradewise.evaluation.schemas import (
    CALIBRATION,
    COMPARISONS,
    EXTRAPOLATIONS,
    LEAKS,
    LEARNING_CURVE,
    METRICS,
    STANDINGS,
    SUBGROUPS,
    verdicts_schema,
)
from gradewise.evaluation.subgroups import describe, measure_subgroups
from gradewise.families.schemas import predictions_schema
from gradewise.images.corrections import Corrections
from gradewise.images.schemas import AUDIT, MANIFEST, SPLITS
from gradewise.judgement.prediction_sets import prediction_sets
from gradewise.judgement.suspect_labels import suspect_labels
from gradewise.judgement.thresholds import thresholds
from gradewise.judgement.unknown import unknown
from gradewise.localisation.schemas import ATTRIBUTIONS
from gradewise.predict.verification import Verification
from gradewise.report import drawing
from gradewise.report.report import report
from gradewise.results import Results
from gradewise.views.schemas import samples_schema

FAMILIES = {"cnn-small": "cnn", "svm-plain": "pca_svm", "forest-d4": "forest"}
CHANGED = {
    "audit": AUDIT,
    "comparisons": COMPARISONS,
    "standings": STANDINGS,
    "extrapolations": EXTRAPOLATIONS,
    "leaks": LEAKS,
    "learning_curve": LEARNING_CURVE,
    "manifest": MANIFEST,
}
"""Schemas of the tables that a test may write itself."""

SKILL = {"cnn-small": 1.9, "svm-plain": 1.1, "forest-d4": 1.0}


def kind(model: str) -> str:
    """The model that one of many is like: cnn-small for cnn-small-7."""
    return next(name for name in FAMILIES if model.startswith(name))


@dataclass(frozen=True)
class World:
    """What a made-up dataset is like."""

    dataset: str
    settings: dict[str, Any]
    classes: tuple[str, ...]
    tiles: int
    models: tuple[str, ...] = tuple(FAMILIES)
    images: int = 48
    repeats: int = 3
    duplicates: bool = False
    quarantine: tuple[tuple[str, str], ...] = ()
    changed_settings: dict[str, Any] = field(default_factory=dict)
    null_metrics: bool = False
    names: tuple[str, ...] = ()


@dataclass
class Written:
    """Where a made-up dataset's results lie and what the report on it is called with."""

    folder: Path
    world: World
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def results(self) -> Results:
        return Results(self.arguments["results"])

    @property
    def page(self) -> Path:
        return self.arguments["output"]

    @property
    def assets(self) -> Path:
        return self.arguments["assets"]

    @property
    def html(self) -> str:
        return self.page.read_text()

    def report(self, **changed: Any) -> None:
        """Recommend a model and write the report."""
        self.recommend()
        report(**(self.arguments | changed))

    def recommend(self) -> None:
        """Decide on what the tables hold now, and list suspects."""
        output = self.results.folder / "recommendation.json"
        recommend(dataset=self.world.dataset, results=self.results.folder, output=output)
        names = {"output": "suspect_labels.parquet", "table": "suspect-labels.csv", "relabel": "relabel.csv"}
        written = {name: self.results.folder / file for name, file in names.items()}
        suspect_labels(dataset=self.world.dataset, results=self.results.folder, **written)
        self._look()

    def _look(self) -> None:
        """Maps of where the model looks: at the left half of each image."""
        known = measured.read(self.results.folder, self.world.dataset)
        record = Recommendation.model_validate_json((self.results.folder / "recommendation.json").read_text())
        model = record.ranked(known.models)[0]
        weights = np.tile(np.repeat([1.0, 0.0], 4), (8, 1)).ravel()
        chosen = choose_examples(known.tested(model, known.deciding_level), known.classes)
        chosen = chosen.assign(model=model, method="occlusion", rows=8, columns=8, weights=[weights] * len(chosen))
        tables.write(
            chosen.assign(unmapped=None, share=None, area=None),
            self.results.table("attributions"),
            ATTRIBUTIONS,
        )

    @property
    def known(self) -> dict[str, Any]:
        """The arguments that say what there is to report on, with a recommendation made of it."""
        self.recommend()
        return {name: self.arguments[name] for name in ("results", "dataset", "seed")}

    @property
    def flags(self) -> list[str]:
        """The arguments as a shell gives them."""
        return [part for name, value in self.arguments.items() for part in (f"--{name}", str(value))]

    def change(self, **settings: Any) -> None:
        """Change the dataset's section of the configuration."""
        _plan(self.results.folder, self.world, settings)

    def write(self, **frames: pd.DataFrame) -> None:
        """Write tables by name."""
        for name, frame in frames.items():
            tables.write(frame, self.results.table(name), CHANGED[name])


VERIFICATION = Verification(
    model="cnn-small",
    repeat=0,
    images=14,
    of_images=14,
    samples=126,
    largest_difference=3e-8,
    largest_sample_difference=6e-8,
    other_class=(),
    device="cpu",
    tolerance=1e-6,
    seconds_per_image=0.02,
    threads=1,
    versions={},
)
"""The comparison of a model that is handed over with its test: nothing differs."""

FIBRES = World(
    "fibres",
    {
        "simulate": {"kind": "nanofibres", "images": 48},
        "classes": ["sound", "faulty"],
        "positive": "faulty",
        "group": "experiment",
        "evaluation": {"holdout": 0.3, "repeats": 3},
        "models": list(FAMILIES),
    },
    ("sound", "faulty"),
    tiles=9,
)
GRADES = World(
    "grades",
    {
        "images": "data/grades",
        "classes": ["A", "B", "C"],
        "ordered": True,
        "deploy": False,
        "evaluation": {"holdout": 0.3, "repeats": 3},
        "models": list(FAMILIES),
    },
    ("A", "B", "C"),
    tiles=1,
    duplicates=True,
    quarantine=(("data/grades/A/half.jpg", "truncated or damaged"), ("data/grades/B/empty.png", "the file is empty")),
)


def make(folder: Path, world: World) -> Written:
    """Write every file that the report reads."""
    rng = np.random.default_rng(7)
    results = folder / "results" / world.dataset
    results.mkdir(parents=True)
    (results / "verification.json").write_text(VERIFICATION.model_dump_json())
    manifest = _manifest(folder, world, rng)
    tables.write(manifest, results / "manifest.parquet", MANIFEST)
    correct(results, Corrections())
    pd.DataFrame(world.quarantine, columns=["path", "reason"]).to_csv(results / "quarantine.csv", index=False)
    splits = _splits(manifest, world, rng)
    tables.write(splits, results / "splits.parquet", SPLITS)
    view = results / "views" / ("tiles-32.parquet" if world.tiles > 1 else "whole-96.parquet")
    samples = _view(manifest, world, view)
    verdicts = []
    for model, repeat in itertools.product(world.models, range(world.repeats)):
        run = results / "models" / model / str(repeat)
        frame = _predictions(manifest, samples, splits, world, model, repeat, rng)
        tables.write(frame, run / "predictions.parquet", predictions_schema(list(world.classes)))
        (run / "run.json").write_text(json.dumps(_record(world, model, repeat, view.stem, frame, rng)))
        verdicts.append(_verdicts(frame, world, model, repeat))
    verdict = pd.concat(verdicts, ignore_index=True).copy()
    tables.write(verdict, results / "verdicts.parquet", verdicts_schema(list(world.classes)))
    measured = pd.concat([_metrics(verdict, world), _further(verdict, manifest, world, results)], ignore_index=True)
    tables.write(measured, results / "metrics.parquet", METRICS)
    tables.write(_comparisons(verdict, world), results / "comparisons.parquet", COMPARISONS)
    tables.write(_standings(verdict, world), results / "standings.parquet", STANDINGS)
    tables.write(_nothing_found(), results / "audit.parquet", AUDIT)
    _plan(results, world, {})
    judged = {"reading": Reading(), "seed": 1, "output": results / "unknown.parquet"}
    unknown(dataset=world.dataset, results=results, false_alarms=0.05, **judged)
    return Written(
        folder,
        world,
        {
            "results": results,
            "dataset": world.dataset,
            "seed": 2020,
            "output": folder / "reports" / f"{world.dataset}.html",
            "assets": folder / "reports" / world.dataset,
            "summary": results / "summary.json",
        },
    )


def correct(results: Path, corrections: Corrections) -> None:
    """Say what a person decided about labels."""
    (results / "read").mkdir(exist_ok=True)
    (results / "read/corrections.json").write_text(corrections.model_dump_json())


def _plan(results: Path, world: World, changed: dict[str, Any]) -> None:
    section = world.settings | world.changed_settings | {"models": list(world.models)} | changed
    dataset = Dataset.model_validate(section)
    (results / "plan").mkdir(exist_ok=True)
    (results / "plan/settings.json").write_text(to_json(dataset))
    models = {"": dataset.models}
    (results / "plan/runs.json").write_text(json.dumps({"repeats": world.repeats, "models": models}))


def _nothing_found() -> pd.DataFrame:
    numbers = dict.fromkeys(("value", "low", "high", "baseline"), "float64")
    return pd.DataFrame(columns=AUDIT.names).astype(numbers)


def _manifest(folder: Path, world: World, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for number in range(world.images):
        label = world.classes[number % len(world.classes)]
        name = world.names[number] if number < len(world.names) else f"{label}/photo-{number:03d}.png"
        path = folder / "data" / world.dataset / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        _picture(rng, world.classes.index(label), grey=world.tiles > 1).save(path)
        twin = world.duplicates and number in (6, 9)
        rows.append(
            {
                "image_id": name,
                "path": str(path),
                "label": label,
                "group": "g-twins" if twin else f"g{number // 2}",
                "role": None,
                "width": 96,
                "height": 96,
                "mode": "L" if world.tiles > 1 else "RGB",
                "bits": 8,
                "pixel_hash": "same" if twin else f"{number:064x}",
                "pixel_size_nm": None,
                "bar_rows": 0,
                "mask": None,
                "mask_hash": None,
                "file_hash": None,
                "camera": ("old", "new", "phone")[number % 7 % 3],
            }
        )
    return pd.DataFrame(rows).astype({"width": "int32", "height": "int32", "bits": "int8", "bar_rows": "int32"})


def _picture(rng: np.random.Generator, grade: int, grey: bool) -> Image.Image:
    noise = Image.fromarray(rng.integers(60, 200, (96, 96, 3), dtype=np.uint8)).filter(ImageFilter.GaussianBlur(2))
    for _ in range(4 * grade):
        left, top = rng.integers(0, 84, 2)
        noise.paste((40, 30, 20), (int(left), int(top), int(left) + 10, int(top) + 10))
    return noise.convert("L") if grey else noise


def _splits(manifest: pd.DataFrame, world: World, rng: np.random.Generator) -> pd.DataFrame:
    parts = []
    groups = manifest["group"].unique()
    for repeat in range(world.repeats):
        drawn = rng.permutation(groups)
        cut = round(0.3 * len(drawn))
        roles = {group: "test" if place < cut else "train" for place, group in enumerate(drawn)}
        roles |= dict.fromkeys(drawn[cut : cut + 2], "validation")
        roles_of_images = manifest["group"].map(roles)
        parts.append(pd.DataFrame({"repeat": repeat, "image_id": manifest["image_id"], "role": roles_of_images}))
    return pd.concat(parts, ignore_index=True).astype({"repeat": "int32"})


def _view(manifest: pd.DataFrame, world: World, path: Path) -> pd.DataFrame:
    side = 32 if world.tiles > 1 else 96
    rows = []
    for image in manifest.itertuples():
        pixels = np.asarray(Image.open(image.path))
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        for row, column in np.ndindex(96 // side, 96 // side):
            cut = pixels[row * side : (row + 1) * side, column * side : (column + 1) * side]
            rows.append(
                {
                    "sample_id": f"{image.image_id}:{row}:{column}",
                    "image_id": image.image_id,
                    "row": row,
                    "column": column,
                    "label": image.label,
                    "masked_fraction": None,
                    "pixels": cut.tobytes(),
                }
            )
    frame = pd.DataFrame(rows).astype({"row": "int32", "column": "int32", "masked_fraction": "float32"})
    channels = 1 if world.tiles > 1 else 3
    metadata = {
        "shape": [side, side, channels],
        "view": ["grey", {"tile": 32}] if world.tiles > 1 else ["rgb", {"resize": 96}],
    }
    tables.write(frame, path, samples_schema(side * side * channels, metadata))
    return frame.drop(columns="pixels")


def _predictions(
    manifest: pd.DataFrame,
    samples: pd.DataFrame,
    splits: pd.DataFrame,
    world: World,
    model: str,
    repeat: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    roles = splits.loc[splits["repeat"] == repeat].set_index("image_id")["role"]
    frame = samples[["sample_id", "image_id", "row", "column", "label"]].copy()
    frame["group"] = frame["image_id"].map(manifest.set_index("image_id")["group"])
    frame["role"] = frame["image_id"].map(roles)
    right = pd.Categorical(frame["label"], categories=world.classes).codes
    logits = rng.normal(size=(len(frame), len(world.classes)))
    logits[np.arange(len(frame)), right] += SKILL[kind(model)] * (1.3 if world.tiles == 1 else 0.3)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    frame["predicted"] = np.take(world.classes, p.argmax(axis=1))
    probabilities = pd.DataFrame(p.astype(np.float32), columns=[f"p_{name}" for name in world.classes])
    return pd.concat([frame.reset_index(drop=True), probabilities], axis=1)


def _verdicts(frame: pd.DataFrame, world: World, model: str, repeat: int) -> pd.DataFrame:
    p = [f"p_{name}" for name in world.classes]
    found = frame.groupby(["image_id", "group", "role", "label"], as_index=False)[p].mean()
    found["predicted"] = np.take(world.classes, found[p].to_numpy().argmax(axis=1))
    return found.assign(model=model, repeat=np.int32(repeat)).astype({"repeat": "int32"})


def _record(
    world: World, model: str, repeat: int, view: str, frame: pd.DataFrame, rng: np.random.Generator
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "dataset": world.dataset,
        "model": model,
        "family": FAMILIES[kind(model)],
        "view": view,
        "repeat": repeat,
        "classes": list(world.classes),
        "settings": {"trees": 300, "C": [1.5, 10.0][repeat % 2], "class_weight": None},
        "seed": 17 + repeat,
        "seconds_fit": {"cnn": 65.0, "pca_svm": 9.1, "forest": 3.2}[FAMILIES[kind(model)]] * (1 + 0.1 * repeat),
        "seconds_predict_per_sample": 0.0012,
        "samples_per_image": float(world.tiles),
        "peak_memory_mb": 420.5,
        "threads": 2,
        "device": "cpu",
        "parameters": 123456,
        "model_bytes": 2_345_678,
        "counts": {},
        "view_hash": "ab" * 32,
        "versions": {"python": "3.11.2", "gradewise": "0.1.0"},
    }
    if FAMILIES[kind(model)] == "cnn":
        epochs = np.arange(1, 16)
        fall = np.exp(-epochs / (4 + repeat))
        record["curves"] = {
            "epoch": epochs.tolist(),
            "iteration": (epochs * 12).tolist(),
            "train_loss": (0.1 + 0.6 * fall).tolist(),
            "train_accuracy": (0.97 - 0.4 * fall).tolist(),
            "validation_loss": (0.25 + 0.5 * fall + rng.normal(0, 0.02, 15)).tolist(),
            "validation_accuracy": (0.88 - 0.4 * fall).tolist(),
            "seconds": epochs.tolist(),
        }
        record["kept"] = 11
        dense = {"filters": None, "filter_size": None, "stride": None, "padding": None}
        maps = {"filters": 16, "filter_size": [3, 3], "stride": 1, "padding": 1}
        record["layers"] = [
            {"name": "conv1", "input": [32, 32], "output": [32, 32], **maps, "parameters": 160},
            {"name": "FC1", "input": [1024], "output": [2], **dense, "parameters": 2050},
        ]
    if FAMILIES[kind(model)] == "forest":
        record |= {"oob_rows": 0.91 + 0.01 * repeat, "oob_groups": 0.74 + 0.01 * repeat, "oob_covered": {"rows": 1.0}}
        record["oob_hits"] = {"oob_groups": {"group": ["a", "b", "c"], "right": [3, 4, 2], "rows": [4, 4, 4]}}
    if FAMILIES[kind(model)] == "pca_svm":
        record["tried"] = [{"settings": record["settings"] | {"C": c}, "score": 0.7 + 0.01 * c} for c in (1.5, 10.0)]
        record["chosen_by"] = {"metric": "accuracy", "level": "image", "where": "validation"}
    return record


def _metrics(verdicts: pd.DataFrame, world: World) -> pd.DataFrame:
    rows = []
    levels = ("image", "sample")
    for model, role, level in itertools.product(world.models, ("validation", "test"), levels):
        mine = verdicts.loc[(verdicts["model"] == model) & (verdicts["role"] == role)]
        for repeat, part in [(None, mine), *mine.groupby("repeat")]:
            known = {"images": part["image_id"].nunique(), "groups": part["group"].nunique()}
            rows += [
                {"model": model, "repeat": repeat, "role": role, "level": level, "metric": metric, "class": of_class}
                | known
                | _interval(value, len(part), world.null_metrics and metric == "roc_auc")
                for metric, of_class, value in _values(part, world)
            ]
    frame = pd.DataFrame(rows).assign(dataset=world.dataset)
    return frame.astype({"repeat": "Int32"})


def _further(verdicts: pd.DataFrame, manifest: pd.DataFrame, world: World, results: Path) -> pd.DataFrame:
    """Write calibration and subgroups as `evaluate` does; the metrics that come with them."""
    curves, parts, rows = [], [], []
    for model in world.models:
        mine = verdicts.loc[(verdicts["model"] == model) & (verdicts["role"] == "test")].copy()
        found = calibrate(mine, list(world.classes))
        names = {"dataset": world.dataset, "model": model}
        curves.append(found.curves.assign(**names))
        parts += [names | row for row in measure_subgroups(mine, describe(manifest))]
        known = names | {"repeat": None, "role": "test", "level": "image", "class": None}
        known |= {"images": mine["image_id"].nunique(), "groups": mine["group"].nunique()}
        rows += [
            known | {"metric": "calibration_error", **asdict(found.error)},
            known | {"metric": "calibration_error_by_chance", "value": found.by_chance, "low": None, "high": None},
            known | {"metric": "calibration_slope", **asdict(calibration_slope(mine, list(world.classes)))},
            known | {"metric": "accuracy_at_90_coverage", **asdict(found.kept)},
            known | {"metric": "brier_score", **_interval(0.21, len(mine), world.null_metrics)},
            known | {"metric": "cost_per_100", "value": 30.0 + len(rows), "low": 20.0, "high": 50.0},
        ]
    tables.write(pd.concat(curves), results / "calibration.parquet", CALIBRATION)
    frame = pd.DataFrame(parts, columns=SUBGROUPS.names)
    tables.write(frame, results / "subgroups.parquet", SUBGROUPS)
    prediction_sets(
        dataset=world.dataset,
        results=results,
        classes=list(world.classes),
        seed=7,
        output=results / "prediction_sets.parquet",
    )
    scale = ["sound", "faulty"] if "positive" in world.settings else list(world.classes)
    thresholds(dataset=world.dataset, results=results, classes=scale, output=results / "thresholds.parquet")
    return pd.DataFrame(rows).astype({"repeat": "Int32", "low": "float64", "high": "float64"})


def _values(part: pd.DataFrame, world: World) -> list[tuple[str, str | None, float]]:
    hit = part["label"] == part["predicted"]
    recalls = hit.groupby(part["label"]).mean().reindex(world.classes).to_dict()
    values: list[tuple[str, str | None, float]] = [
        ("accuracy", None, float(hit.mean())),
        ("balanced_accuracy", None, float(np.mean(list(recalls.values())))),
        ("roc_auc", None, 0.9),
        *(("recall", name, recall) for name, recall in recalls.items()),
    ]
    return (
        [*values, ("quadratic_kappa", None, 0.7)]
        if {**world.settings, **world.changed_settings}.get("ordered")
        else values
    )


def _interval(value: float, n: int, null: bool) -> dict[str, float | None]:
    if null:
        return {"value": None, "low": None, "high": None}
    half = 1.96 * np.sqrt(max(value * (1 - value), 0.01) / n)
    return {"value": value, "low": max(0.0, value - half), "high": min(1.0, value + half)}


def _comparisons(verdicts: pd.DataFrame, world: World) -> pd.DataFrame:
    test = verdicts.loc[verdicts["role"] == "test"].assign(hit=lambda rows: rows["label"] == rows["predicted"])
    always = test["label"].mode()[0]
    guess = test.assign(model=f"always {always}", hit=test["label"] == always)
    hits = pd.concat([test, guess]).pivot_table(
        index=["repeat", "image_id"], columns="model", values="hit", aggfunc="first"
    )
    pairs = [(*pair, False) for pair in itertools.combinations(world.models, 2)]
    pairs += [(model, f"always {always}", True) for model in world.models]
    rows = []
    for first, second, baseline in pairs:
        difference = float(hits[first].mean() - hits[second].mean())
        rows.append(
            {
                "dataset": world.dataset,
                "first": first,
                "second": second,
                "baseline": baseline,
                "role": "test",
                "level": "image",
                "metric": "accuracy",
                "difference": difference,
                "low": difference - 0.12,
                "high": difference + 0.12,
                "error": 0.05,
                "freedom": 12.0,
                "p_value": 0.01 if abs(difference) > 0.12 else 0.4,
                "p_adjusted": 0.03 if abs(difference) > 0.12 else 0.8,
                "detectable": 0.17,
                "scale": 1.0,
                "first_only_right": int((hits[first] & ~hits[second]).sum()),
                "second_only_right": int((hits[second] & ~hits[first]).sum()),
                "images": test["image_id"].nunique(),
                "groups": test["group"].nunique(),
                "repeats": world.repeats,
                "collapsed": 0,
                "error_correlation": 0.3,
            }
        )
    return pd.DataFrame(rows, columns=COMPARISONS.names)


def _standings(verdicts: pd.DataFrame, world: World) -> pd.DataFrame:
    test = verdicts.loc[verdicts["role"] == "test"]
    values = (test["label"] == test["predicted"]).groupby(test["model"]).mean()[list(world.models)]
    frame = pd.DataFrame({"model": values.index, "value": values.to_numpy()})
    best = np.where(values == values.max(), 0.8, 0.1)
    return frame.assign(dataset=world.dataset, level="image", metric="accuracy", probability_best=best, optimism=0.012)


@pytest.fixture(scope="session")
def fibres(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The report on the binary dataset with tiles, written."""
    results = make(tmp_path_factory.mktemp("fibres"), FIBRES)
    results.report()
    return results


@pytest.fixture(scope="session")
def grades(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The report on the ordered dataset, written."""
    results = make(tmp_path_factory.mktemp("grades"), GRADES)
    results.report()
    return results


@pytest.fixture(scope="session")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The report on forty models of two hundred classes, written."""
    classes = tuple(f"class {number:03d}" for number in range(200))
    models = tuple(f"{name}-{number}" for number in range(14) for name in FAMILIES)[:40]
    settings = GRADES.settings | {"classes": list(classes), "ordered": False}
    many = {"dataset": "crowded", "classes": classes, "models": models, "settings": settings}
    results = make(tmp_path_factory.mktemp("crowded"), replace(GRADES, **many, images=400, repeats=1, duplicates=False))
    results.report()
    return results


@pytest.fixture
def words_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures stay empty: drawing them takes most of the time of a page."""
    empty = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>'
    monkeypatch.setattr(drawing, "to_svg", lambda figure, model="": empty)


@pytest.fixture
def make_fibres(tmp_path: Path, words_alone: None) -> Callable[..., Written]:
    """Makes results like those of `fibres`, changed in the fields of `World` that are given."""
    return lambda **changes: make(tmp_path, replace(FIBRES, **changes))


@pytest.fixture
def make_grades(tmp_path: Path, words_alone: None) -> Callable[..., Written]:
    """Makes results like those of `grades`, changed in the fields of `World` that are given."""
    return lambda **changes: make(tmp_path, replace(GRADES, **changes))


@pytest.fixture
def bare(make_grades: Callable[..., Written]) -> Written:
    """Results of one model that is neither CNN nor forest, with nothing set aside and metrics that are null."""
    return make_grades(models=("svm-plain",), quarantine=(), duplicates=False, null_metrics=True, repeats=1)
