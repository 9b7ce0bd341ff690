"""Step `feature_maps`: the maps that layers of a network make of a test sample of each class.

Figure 4 of the nanofibre paper shows 16 maps of the first convolution and 64 of the third for an image of each class.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch

from gradewise import command, tables
from gradewise.config.section import suggestion
from gradewise.families.cnn.classifier import CnnClassifier, load_cnn, to_floats
from gradewise.families.cnn.pooling import pooling_last
from gradewise.studies import shown
from gradewise.studies.arrays import write_arrays
from gradewise.studies.schemas import SHOWN
from gradewise.views.chosen import read_pixels

log = logging.getLogger(__name__)


def feature_maps(*, model: Path, samples: Path, layers: list[str], threads: int, output: Path) -> None:
    """Write `maps.npz` and `maps.parquet`.

    Of each class the sample is shown that the model classifies correctly with the highest probability; where it
    classifies none correctly, the one whose wrong prediction has the lowest.

    Parameters
    ----------
    model : Path
        Folder of a run of a convolutional network.
    samples : Path
        Cache of the view that the network was trained on.
    layers : list of str
        Convolutions: conv1, conv2 ..
    threads : int
        For the network.
    output : Path
        Folder to write into: in `maps.parquet` the samples shown, in `maps.npz` their `pixels` (n, height, width,
        channels) and, under the name of each layer, its maps (n, maps, height, width) after batch norm and activation,
        before pooling.

    Raises
    ------
    UserError
        Where the network has no such layer.
    """
    torch.set_num_threads(threads)
    network = load_cnn(model)
    table = shown.surest(shown.read_test(model, network.classes), network.classes)
    pixels = read_pixels(samples, list(table["sample_id"]))
    maps = maps_of(network, pixels, layers)
    write_arrays(output / "maps.npz", {"pixels": pixels, **maps})
    tables.write(table, output / "maps.parquet", SHOWN)
    for name, of_layer in maps.items():
        log.info("%s: %d maps of %d x %d px of %d samples", name, *of_layer.shape[1:], len(of_layer))


def maps_of(model: CnnClassifier, pixels: np.ndarray, layers: list[str]) -> dict[str, np.ndarray]:
    """Maps of convolutions (conv1, conv2 ..) after batch norm and activation, before pooling.

    For uint8 pixels (n, height, width, channels), float32 arrays of shape (n, maps, height, width) by layer.

    Raises
    ------
    UserError
        Where the network has no such layer.
    """
    sequence, finished = pooling_last(model.network.features)
    for name in layers:
        if name not in finished:
            raise command.UserError(
                f"layers: the network has no convolution {name!r}.{suggestion(name, finished)} It has "
                f"{', '.join(finished)}"
            )
    requested = {finished[name]: name for name in layers}
    maps: dict[str, np.ndarray] = {}
    model.network.eval()
    with torch.inference_mode():
        batch = model.normalise(to_floats(pixels, model.device))
        for name, layer in sequence.named_children():
            batch = layer(batch)
            if name in requested:
                maps[requested[name]] = batch.cpu().contiguous().numpy()
    return {name: maps[name] for name in layers}


if __name__ == "__main__":
    command.run(feature_maps)
