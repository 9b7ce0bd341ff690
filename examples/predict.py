"""Judge new images with a trained model: python examples/predict.py results/mangoes/models/forest-photos/0 photo.jpg

The folder is that of one run. Images are cut as the model was trained on them; what it says of
the samples of an image is averaged. Prints one line per image, tab-separated: file, class, probabilities. The class is
the most probable one, or that of least expected cost where the dataset decides by cost.
"""

import json
import sys
from pathlib import Path

import numpy as np

from gradewise import tables
from gradewise.config.datasets import Dataset
from gradewise.config.views import View
from gradewise.families.load import load
from gradewise.images.decode import decode, to_uint8
from gradewise.results import Results
from gradewise.verdicts import classify
from gradewise.views.apply import make_samples


def main(folder: Path, images: list[Path]) -> None:
    """Print the classes of images."""
    model = load(folder)
    run = json.loads((folder / "run.json").read_text())
    results = folder.parents[2]
    cache = tables.read_metadata(results / "views" / f"{run['view']}.parquet")
    view = View.model_validate({"operations": cache["view"]})
    bits = int(tables.read(results / "manifest.parquet", columns=["bits"])["bits"].max())
    generator = np.random.default_rng(run["seed"])  # for views that draw tiles at random
    costs = Dataset.model_validate(Results(results).plan("settings")).verdict_costs
    print("file", "class", *(f"p_{name}" for name in model.classes), sep="\t")
    for path in images:
        samples, _ = make_samples(to_uint8(decode(path).pixels, bits), view, generator)
        probabilities = model.predict_proba(samples).mean(axis=0)
        (called,) = classify(probabilities[None], None if costs is None else np.array(costs))
        print(path, model.classes[called], *(f"{p:.4f}" for p in probabilities), sep="\t")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
