"""The step from maps and masks to tables of measures, defects and images."""

from __future__ import annotations

import json
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gradewise import tables
from gradewise.command import UserError
from gradewise.images.masks import hash_mask, read_mask
from gradewise.images.schemas import MANIFEST
from gradewise.localisation.frames import Frame
from gradewise.localisation.localise import localise
from gradewise.localisation.schemas import MAPS
from gradewise.report.sections.localisation import in_short, section
from gradewise.results import Results
from gradewise.views.schemas import samples_schema
from gradewise.views.stored import read_view

CELLS = (6, 8)
REPEATS = 2


@pytest.fixture
def results(tmp_path):
    """Eight images of 48 x 64 with a defect of 16 x 16, two good ones; maps that show the defect, and noise."""
    generator = np.random.default_rng(0)
    folder = tmp_path / "results/made-up"
    manifest, maps = [], {repeat: [] for repeat in range(REPEATS)}
    for number in range(10):
        name, bad = f"{number}.png", number < 8
        facts = {"mask": None, "mask_hash": None}
        scores = generator.uniform(0, 0.3, CELLS)
        if bad:
            mask = np.zeros((48, 64), np.uint8)
            mask[16:32, 8 * (number % 4) : 8 * (number % 4) + 16] = 255
            path = tmp_path / f"mask-{name}"
            Image.fromarray(mask).save(path)
            facts = {"mask": str(path), "mask_hash": hash_mask(read_mask(path))}
            scores[2:4, number % 4 : number % 4 + 2] += 0.6
        label = "bad" if bad else "good"
        manifest.append({"image_id": name, "path": name, "label": label, "group": f"g{number // 2}", **facts})
        maps[number % REPEATS].append(
            {
                **{"image_id": name, "group": f"g{number // 2}", "label": label, "cell": 8},
                **{"rows": CELLS[0], "columns": CELLS[1]},
                **asdict(Frame(48, 64)),
                "scores": scores.astype(np.float32).ravel(),
            }
        )
    constants = {"role": None, "width": 64, "height": 48, "mode": "L", "bits": 8, "pixel_hash": "0", "bar_rows": 0}
    constants["file_hash"] = None
    tables.write(pd.DataFrame(manifest).assign(pixel_size_nm=None, **constants), folder / "manifest.parquet", MANIFEST)
    view = samples_schema(64, {"shape": [8, 8, 1], "view": ["grey", {"tile": 8}]})
    tables.write(pd.DataFrame(columns=view.names), folder / "views/tiles.parquet", view)
    (folder / "models/cnn/0").mkdir(parents=True)
    (folder / "models/cnn/0/run.json").write_text(json.dumps({"view": "tiles"}))
    for repeat, rows in maps.items():
        tables.write(pd.DataFrame(rows), folder / f"localisation/cnn/{repeat}.parquet", MAPS)
    return folder


def measured(results, **changed):
    arguments = {
        "dataset": "made-up",
        "results": results,
        "models": ["cnn"],
        "repeats": REPEATS,
        "positive": "bad",
        "false_alarm_share": 0.05,
        "output": results / "localisation.parquet",
        "defects": results / "defects.parquet",
        "located": results / "located.parquet",
    }
    localise(**(arguments | changed))
    return tuple(tables.read(results / f"{name}.parquet") for name in ("localisation", "defects", "located"))


def test_maps_that_show_the_defects_are_measured_as_good(results):
    rows, defects, images = measured(results)
    whole = rows.loc[rows["defects"].isna()].set_index("metric")
    assert whole.loc["auroc", "value"] > 0.97
    assert whole.loc["auroc", "low"] < whole.loc["auroc", "value"] < whole.loc["auroc", "high"]
    assert whole.loc["coverage_worst", "value"] > 0.5
    assert whole.loc["missed", "value"] == 0
    assert (whole["images"].max(), whole["groups"].max(), whole["regions"].max()) == (10, 5, 8)
    assert len(defects) == 8
    assert (defects["area"] == 256).all()
    assert list(defects.loc[defects["image_id"] == "1.png", ["row", "column"]].to_numpy()[0]) == [24, 16]
    assert len(images) == 10
    assert images.loc[images["label"] == "good", "auroc"].isna().all()


def test_no_more_than_the_share_of_the_area_without_defects_is_marked(results):
    _, _, images = measured(results, false_alarm_share=0.02)
    marked = images["marked"].to_numpy() * 48 * 64
    covered = images["covered"].fillna(0).to_numpy() * 256
    assert 0 <= (marked - covered).sum() <= 0.02 * (10 * 48 * 64 - 8 * 256)


def test_a_positive_image_without_a_mask_does_not_count(results):
    manifest = tables.read(results / "manifest.parquet")
    manifest.loc[manifest["image_id"] == "0.png", ["mask", "mask_hash"]] = None
    tables.write(manifest, results / "manifest.parquet", MANIFEST)
    _, defects, images = measured(results)
    assert "0.png" not in set(images["image_id"])
    assert len(defects) == 7


def test_a_mask_that_shows_something_else_than_before_is_refused(results, tmp_path):
    Image.fromarray(np.full((48, 64), 255, np.uint8)).save(tmp_path / "mask-3.png")
    with pytest.raises(UserError, match=r"mask-3\.png: shows something else"):
        measured(results)


def test_without_known_defects_nothing_is_measured(results):
    manifest = tables.read(results / "manifest.parquet").assign(mask=None, mask_hash=None)
    tables.write(manifest, results / "manifest.parquet", MANIFEST)
    for repeat in range(REPEATS):
        path = results / f"localisation/cnn/{repeat}.parquet"
        tables.write(tables.read(path).assign(label="bad"), path, MAPS)
    assert [len(table) for table in measured(results)] == [0, 0, 0]


def test_the_report_shows_measures_and_maps_of_chosen_images(results, tmp_path):
    rows, _, images = measured(results)
    manifest = tables.read(results / "manifest.parquet")
    manifest["path"] = str(tmp_path / "photo.png")
    Image.fromarray(np.full((48, 64), 90, np.uint8)).save(tmp_path / "photo.png")
    evidence = SimpleNamespace(
        localisation=rows,
        located=images,
        model_to_use="cnn",
        settings=SimpleNamespace(positive="bad", page=None, grey_range=None, factor=1),
        results=Results(results),
        view=lambda name: (read_view(Results(results).view(name)), []),
        runs_of=lambda model: [SimpleNamespace(record={"view": "tiles"})],
        manifest=manifest,
    )
    shown = section(evidence)
    told, models, defects, sizes, gallery = shown.blocks
    assert shown.title == "Where bad shows"
    assert "5\N{NO-BREAK SPACE}% of the area without defects" in told.text
    assert [row[0] for row in models.rows] == ["cnn"]
    assert [column.heading for column in defects.columns][1:] == [
        *("Coverage, median", "Coverage, worst", "Missed defects", "False alarms per image")
    ]
    assert "the larger half" in [row[0] for row in sizes.rows]
    assert len({picture.lines[0] for picture in gallery.pictures}) == len(gallery.pictures) >= 6
    first = gallery.pictures[0]
    assert first.lines[1] == "defects covered best"
    assert first.image.size == first.detail.size
    assert in_short(evidence).startswith("Maps of where bad shows were compared with masks: those of cnn have a pixel")
    evidence.localisation = rows.assign(regions=0)
    assert in_short(evidence) == ""
    evidence.localisation = None
    assert section(evidence) is None
    assert in_short(evidence) == ""
