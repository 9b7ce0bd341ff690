"""Peak memory and time of the steps after training, on made-up results of many classes and groups.

python bench/many_classes.py [--classes 200] [--groups 1200] [--images 6000] [--repeats 5] [--models 3]

Where Chromium and Playwright are installed, it also tells how large the page is and how long a browser takes to load
it.
"""

import argparse
import importlib.util
import json
import shutil
import tempfile
from pathlib import Path

from peak import in_process, run

STAGES = {
    "evaluate": "evaluation",
    "compare": "evaluation",
    "recommend": "evaluation",
    "prediction_sets": "judgement",
    "suspect_labels": "judgement",
    "report": "report",
}
FAMILIES = {"cnn": "cnn", "svm": "pca_svm", "forest": "forest"}


def names_of(models: int) -> list[str]:
    """Names of so many models: cnn-1, svm-1, forest-1, cnn-2 .."""
    kinds = list(FAMILIES)
    return [f"{kinds[place % len(kinds)]}-{place // len(kinds) + 1}" for place in range(models)]


def make(results: Path, classes: int, groups: int, images: int, repeats: int, models: int) -> None:
    """Write what the steps read: images, a manifest, splits, a view and the runs of each model in each fold."""
    import numpy as np
    import pandas as pd
    from PIL import Image

    from gradewise import tables
    from gradewise.config.datasets import Dataset
    from gradewise.config.section import to_json
    from gradewise.families.schemas import predictions_schema
    from gradewise.images.schemas import AUDIT, CLUE_PREDICTIONS, MANIFEST, SPLITS
    from gradewise.views.schemas import samples_schema

    rng = np.random.default_rng(0)
    names = [f"class {number:03d}" for number in range(classes)]
    group = rng.permutation(np.arange(images) % groups)
    # the images of a group are of one class, as the photos of one plant are of one species
    label = rng.integers(classes, size=groups)[group]
    photo = results / "photo.png"
    photo.parent.mkdir(parents=True)
    pixels = rng.integers(256, size=(16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(photo)
    ids = np.array([f"{number:06d}.png" for number in range(images)])
    manifest = pd.DataFrame({"image_id": ids, "path": str(photo), "label": np.take(names, label)})
    manifest = manifest.assign(group=[f"g{number}" for number in group], role=None, width=16, height=16, mode="RGB")
    manifest = manifest.assign(bits=8, pixel_hash=ids, mask=None, camera=rng.choice(["old", "new"], images))
    missing = [field for field in MANIFEST if field.name not in manifest]
    manifest = manifest.assign(**{field.name: None if field.nullable else 0 for field in missing})
    tables.write(manifest, results / "manifest.parquet", MANIFEST)
    tables.write(
        pd.DataFrame({"image_id": ids, "predicted": rng.choice(names, images)}),
        results / "clues.parquet",
        CLUE_PREDICTIONS,
    )
    (results / "quarantine.csv").write_text("path,reason\n")
    (results / "read").mkdir()
    (results / "read/corrections.json").write_text("{}")
    numbers = dict.fromkeys(("value", "low", "high", "baseline"), "float64")
    tables.write(pd.DataFrame(columns=AUDIT.names).astype(numbers), results / "audit.parquet", AUDIT)
    samples = pd.DataFrame({"sample_id": ids, "image_id": ids, "row": 0, "column": 0, "label": manifest["label"]})
    tables.write(
        samples.assign(masked_fraction=None, pixels=pixels.tobytes()),
        results / "views/small.parquet",
        samples_schema(pixels.size, {"shape": list(pixels.shape), "view": ["rgb", {"resize": 16}]}),
    )
    fold = rng.permutation(np.arange(groups) % max(repeats, 5))[group]
    roles = []
    for repeat in range(repeats):
        role = np.where(fold == repeat, "test", np.where(fold == (repeat + 1) % max(repeats, 5), "validation", "train"))
        roles.append(pd.DataFrame({"repeat": repeat, "image_id": ids, "role": role}))
        for place, model in enumerate(names_of(models)):
            logits = rng.normal(size=(images, classes)).astype(np.float32)
            logits[np.arange(images), label] += 3.5 - 0.9 * place / max(3, models)
            chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            frame = samples.assign(group=manifest["group"], role=role, predicted=np.take(names, chances.argmax(axis=1)))
            frame = pd.concat([frame, pd.DataFrame(chances, columns=[f"p_{name}" for name in names])], axis=1)
            folder = results / "models" / model / str(repeat)
            tables.write(frame, folder / "predictions.parquet", predictions_schema(names))
            family = FAMILIES[model.split("-")[0]]
            record = {"dataset": "many", "model": model, "family": family, "view": "small", "repeat": repeat}
            record |= {"classes": names, "settings": {}, "seed": 0, "seconds_fit": 1.0, "samples_per_image": 1.0}
            record |= {"seconds_predict_per_sample": 0.001, "peak_memory_mb": 100.0, "threads": 1, "device": "cpu"}
            record |= {"parameters": 1, "model_bytes": 1, "counts": {}, "view_hash": "", "versions": {}}
            (folder / "run.json").write_text(json.dumps(record))
    tables.write(pd.concat(roles, ignore_index=True), results / "splits.parquet", SPLITS)
    (results / "plan").mkdir()
    settings = {
        "images": "photos",
        "classes": names,
        "models": names_of(models),
        "deploy": False,
        "unknown": False,
        "attributions": False,
        "evaluation": {"folds": max(repeats, 5)},
    }
    (results / "plan/settings.json").write_text(to_json(Dataset.model_validate(settings)))
    (results / "plan/runs.json").write_text(json.dumps({"repeats": repeats, "models": {"": names_of(models)}}))


def load(page: Path) -> str:
    """How long a browser takes to load a page, in words; empty without one."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or importlib.util.find_spec("playwright") is None:
        return ""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": 375, "height": 800})
        opened.goto(page.as_uri())
        milliseconds = opened.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        browser.close()
    return f", loaded in {milliseconds / 1000:.1f} s"


def steps(root: Path, results: Path, names: list[str]) -> dict[str, dict[str, object]]:
    """Flags of each step beside the dataset and its results."""
    return {
        "evaluate": {
            "classes": names,
            **{name: results / f"{name}.parquet" for name in ("metrics", "verdicts", "calibration", "subgroups")},
        },
        "compare": {
            "classes": names,
            "clues": results / "clues.parquet",
            "seed": 0,
            "output": results / "comparisons.parquet",
            "standings": results / "standings.parquet",
        },
        "recommend": {"output": results / "recommendation.json"},
        "prediction_sets": {"classes": names, "seed": 0, "output": results / "prediction_sets.parquet"},
        "suspect_labels": {
            "output": results / "suspect_labels.parquet",
            "table": results / "suspect-labels.csv",
            "relabel": results / "relabel.csv",
        },
        "report": {
            "seed": 0,
            "output": root / "reports/many.html",
            "assets": root / "reports/many",
            "summary": results / "summary.json",
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in {"classes": 200, "groups": 1200, "images": 6000, "repeats": 5, "models": 3}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--steps", nargs="+", default=list(STAGES))
    parser.add_argument("--keep", type=Path, help="folder for the results")
    given = parser.parse_args()
    sizes = (given.classes, given.groups, given.images, given.repeats, given.models)
    print("{} classes, {} groups, {} images, {} repeats, {} models".format(*sizes), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        root = given.keep or Path(folder)
        results = root / "results/many"
        if not results.exists():
            in_process(make, results, *sizes)
        names = json.loads((results / "plan/settings.json").read_text())["classes"]
        of_steps = steps(root, results, names)
        for step in given.steps:
            run(f"{STAGES[step]}.{step}", dataset="many", results=results, **of_steps[step])
        page = root / "reports/many.html"
        if page.exists():
            print(f"    page         {page.stat().st_size / 1e6:6.1f} MB{load(page)}", flush=True)


if __name__ == "__main__":
    main()
