"""Classifies images with a model that was handed over by gradewise, without gradewise.

    python predict_onnx.py [--output verdicts.csv] IMAGE_OR_FOLDER ..

Needs Python 3.11, numpy, pillow and onnxruntime. It lies beside `model.json`, which says how an image becomes samples
and how their probabilities become a verdict. Verdicts are those of `gradewise predict`, which also reads files that are
refused here, such as colour of 16 bits, and flags images that are unlike those of training, which this does not.
"""

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")
ORIENTATION, BITS_PER_CHANNEL, PHOTOMETRIC, WHITE_IS_ZERO = 274, 258, 262, 0
UPRIGHT: dict[object, int] = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""What makes an image upright, as Pillow numbers it, by its orientation."""
HEEDED = {"dataset", "classes", "positive", "aggregate", "labels_from", "costs", "bits", "min_side", "max_megapixels"}
HEEDED |= {"seed", "views", "versions"}
"""Keys of a dataset's description; a model with a value for any other is refused."""
BATCH = 64

Image.MAX_IMAGE_PIXELS = None  # `model.json` has the limit


class RefusedError(Exception):
    """A model or an image cannot be used; the message says why."""


def main() -> None:
    """Read the command line and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+", type=Path, help="files, or folders with all files below them")
    parser.add_argument("--output", type=Path, help="CSV file (default: the standard output)")
    arguments = parser.parse_args()
    try:
        model = Model(Path(__file__).parent)
    except (RefusedError, OSError, KeyError, ValueError) as error:
        sys.exit(f"model.json: {error}")
    stream = arguments.output.open("x", newline="", encoding="utf-8") if arguments.output else sys.stdout
    with stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "class", *(f"p_{name}" for name in model.classes), "samples", "error"])
        for path in files(arguments.images):
            try:
                predicted, probabilities, samples = model.classify(path)
                row = [path, predicted, *probabilities, samples, ""]
            except Exception as error:
                row = [path, "", *[""] * len(model.classes), 0, str(error) or type(error).__name__]
            writer.writerow([f"'{cell}" if str(cell).startswith(("=", "+", "-", "@")) else cell for cell in row])


def files(paths: Sequence[Path]) -> Iterator[Path]:
    """Files that are named, and those below named folders that are not hidden."""
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("[!.]*")) if file.is_file())
        else:
            yield path


class Model:
    """The members of a model, and how their probabilities become a verdict."""

    def __init__(self, folder: Path) -> None:
        content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.facts, self.blend = content["description"], content["blend"]
        self.classes, self.costs = self.facts["classes"], self.facts["costs"]
        mixes = (content["judgement"] or {}).get("shares")
        self.factors = mixes and np.array([mixes["expected"][name] / mixes["training"][name] for name in self.classes])
        self.views = {name: view["operations"]["operations"] for name, view in self.facts["views"].items()}
        problem = obstacle(self.facts)
        if problem:
            raise RefusedError(problem)
        self.members = []
        for member in content["members"]:
            data = (folder / member["onnx"]).read_bytes()
            if hashlib.sha256(data).hexdigest() != content["files"][member["onnx"]]:
                raise RefusedError(f"{member['onnx']} was altered")
            self.members.append((member["view"], onnxruntime.InferenceSession(data)))

    def classify(self, path: Path) -> tuple[str, list[float], int]:
        """Class and probabilities of an image, and the number of its samples."""
        samples = self.samples_of(path)
        parts = [predict(session, samples[view]) for view, session in self.members]
        if self.blend:
            if self.blend["level"] == "image":
                parts = [self.gather(part, None)[1][None] for part in parts]
            parts = [blended(np.stack(parts).astype(np.float64), self.blend["by"]).astype(np.float32)]
        chosen, probabilities = self.gather(parts[0], self.costs)
        if self.factors is not None:  # to the shares of classes that are expected in use
            weighted = probabilities.astype(np.float64) * self.factors
            weighted /= weighted.sum()
            chosen, probabilities = decide(weighted, self.costs), weighted.astype(np.float32)
        return self.classes[chosen], probabilities.tolist(), sum(map(len, samples.values()))

    def samples_of(self, path: Path) -> dict[str, np.ndarray]:
        """Samples of an image by view, uint8 (n, height, width, channels)."""
        levels = decode(path, self.facts["max_megapixels"])
        needed = max(self.facts["min_side"], *map(least_side, self.views.values()))
        if min(levels.shape[:2]) < needed:
            raise RefusedError(f"{levels.shape[1]} x {levels.shape[0]} pixels; at least {needed} a side are needed")
        pixels, content = to_uint8(levels, self.facts["bits"]), pixel_hash(levels)
        samples = {}
        for name, operations in self.views.items():
            text = "\0".join((str(self.facts["seed"]), name, content))
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
            samples[name] = make_samples(pixels, operations, np.random.default_rng(seed))
        return samples

    def gather(self, samples: np.ndarray, costs: list[list[float]] | None) -> tuple[int, np.ndarray]:
        """Position of the predicted class and probabilities of an image, from those of its samples."""
        samples = samples.astype(np.float64)
        means, aggregate = samples.mean(axis=0), self.facts["aggregate"]
        if aggregate == "mean":
            chosen, gathered = decide(means, costs), means
        elif aggregate == "vote":
            votes = np.bincount(samples.argmax(axis=1), minlength=len(means))
            chosen, gathered = int((votes + means / 2).argmax()), votes / len(samples)
        else:
            positive = self.classes.index(self.facts["positive"])
            count = 1 if aggregate == "max" else aggregate["top"]
            highest = np.sort(samples[:, positive])[::-1][:count].mean()
            order = [positive, 1 - positive]  # ties go to the first
            ordered = np.array([highest, 1 - highest])
            chosen = order[decide(ordered, costs and [[costs[i][j] for j in order] for i in order])]
            gathered = ordered[order]
        return chosen, gathered.astype(np.float32)


def obstacle(facts: dict[str, Any]) -> str | None:
    """Why this script cannot use a model, from the description of its dataset; None if it can."""
    needed = [f"{key}: {value}" for key, value in facts.items() if key not in HEEDED and value is not None]
    for name, view in facts["views"].items():
        for key, settings in map(parsed, view["operations"]["operations"]):
            known = key in OPERATIONS and settings.keys() <= signature(OPERATIONS[key]).parameters.keys()
            if not known or "below_data_bar" in settings.get("crop", ()):
                needed.append(f"{json.dumps(settings or key)} in the view {name}")
    return f"predict_onnx.py cannot do {', '.join(needed)}; use gradewise predict" if needed else None


def predict(session: onnxruntime.InferenceSession, samples: np.ndarray) -> np.ndarray:
    """Probabilities of samples, float32 (n, classes)."""
    parts = [samples[start : start + BATCH] for start in range(0, len(samples), BATCH)]
    return np.concatenate([session.run(["probabilities"], {"pixels": part})[0] for part in parts])


def blended(members: np.ndarray, by: str) -> np.ndarray:
    """Probabilities (n, classes) from those of several members (members, n, classes)."""
    means = members.mean(axis=0)
    if by == "probability":
        return means
    votes = np.eye(members.shape[2])[members.argmax(axis=2)].sum(axis=0)
    return (votes + means / 2) / (len(members) + 0.5)


def decide(probabilities: np.ndarray, costs: list[list[float]] | None) -> int:
    """Position of the most probable class, or with costs of the one of least expected cost."""
    if costs is None:
        return int(probabilities.argmax())
    expected = probabilities @ np.array(costs)
    return int(np.where(np.isclose(expected, expected.min(), rtol=1e-9, atol=0), probabilities, -1).argmax())


def decode(path: Path, max_megapixels: float) -> np.ndarray:
    """Pixels of an image, upright, with transparency on white; uint8 or uint16."""
    with path.open("rb") as stream, Image.open(stream, formats=FORMATS) as image:
        if image.width * image.height > max_megapixels * 1e6:
            raise RefusedError(f"{image.width} x {image.height} pixels is over max_megapixels: {max_megapixels:g}")
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
            raise RefusedError("holds several frames; save the one to use as a file of its own")
        tags = getattr(image, "tag_v2", {})
        deep = ";16" in str([tile.args for tile in image.tile]) or max(tags.get(BITS_PER_CHANNEL, (8,))) > 8
        grey_levels = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG")
        if (deep or image.mode in ("I", "F")) and not grey_levels:
            raise RefusedError(f"{image.mode} of more than 8 bits; gradewise predict reads it, or convert to 8 bits")
        image.load()
        try:
            turn = UPRIGHT.get(image.getexif().get(ORIENTATION))
        except Exception:  # damaged EXIF does not cost the pixels
            turn = None
        key = image.info.get("transparency")
        upright = image if turn is None else image.transpose(Image.Transpose(turn))
        if grey_levels:
            levels = np.asarray(upright).astype(np.uint16)
            if key is not None and (levels == key).any():
                raise RefusedError("transparent pixels of 16 bits; save the image without transparency")
            return 2 ** max(tags[BITS_PER_CHANNEL]) - 1 - levels if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO else levels
        if upright.mode == "P" or key is not None:
            upright = upright.convert("RGBA" if key is not None else "RGB")
        if upright.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
            upright = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
        return np.asarray(upright.convert("L" if upright.mode in ("1", "L") else "RGB"))


def to_uint8(levels: np.ndarray, bits: int) -> np.ndarray:
    """Grey levels of so many bits as 8 bits; an image that uses more is refused, hot pixels apart."""
    if levels.dtype == np.uint8:
        return levels
    beyond = np.lib.stride_tricks.sliding_window_view(np.pad(levels >= 2**bits, 2, mode="reflect"), (5, 5))
    if (beyond.sum(axis=(2, 3)) > 12).any():  # where the median of 5 x 5 pixels is beyond
        raise RefusedError(f"its grey levels need more than the {bits} bits of the images of training")
    return np.minimum(levels >> (bits - 8), 255).astype(np.uint8)


def pixel_hash(levels: np.ndarray) -> str:
    """What seeds the choice of random tiles."""
    if levels.ndim == 3 and (levels[..., :1] == levels).all():
        levels = levels[..., 0]
    return hashlib.sha256(f"{levels.shape} {levels.dtype}".encode() + np.ascontiguousarray(levels).data).hexdigest()


def parsed(operation: Any) -> tuple[str, dict[str, Any]]:
    """Name and settings of a view operation, which is a word or a section."""
    return (operation, {}) if isinstance(operation, str) else (next(iter(operation)), operation)


def least_side(operations: list[Any]) -> int:
    """Smallest side of images that a view can take: what the first operation after the colour needs."""
    key, settings = parsed(operations[1])
    if key == "crop":
        box = settings[key]
        return int(max(box["top"] + box["height"], box["left"] + box["width"]))
    return 1 if key == "resize" else int(settings[key])


def make_samples(pixels: np.ndarray, operations: list[Any], rng: np.random.Generator) -> np.ndarray:
    """Samples of an image, uint8 (n, height, width, channels)."""
    batch = np.atleast_3d(pixels)[None]
    for key, settings in map(parsed, operations):
        if key == "tile":
            batch = tile(batch[0], rng, **settings)
        else:
            batch = np.stack([OPERATIONS[key](sample, **settings) for sample in batch])
    return batch


def tile(
    image: np.ndarray, rng: np.random.Generator, tile: int, keep: str, count: int, stride: int | None = None
) -> np.ndarray:
    """Square tiles."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (tile, tile), axis=(0, 1))
    grid = windows[:: stride or tile, :: stride or tile].transpose(0, 1, 3, 4, 2)
    rows, columns = grid.shape[:2]
    every = grid.reshape(rows * columns, tile, tile, -1)
    if keep == "centre":
        return every[[rows // 2 * columns + columns // 2]]
    if keep == "random":
        return every[np.sort(rng.choice(len(every), size=min(count, len(every)), replace=False))]
    return every[[most_typical(every)]] if keep == "typical" else every


def most_typical(every: np.ndarray) -> int:
    """Position of the tile whose mean, spread and gradient are nearest the medians."""
    flat = every.astype(np.float32)
    gradient = np.abs(np.diff(flat, axis=1)).mean(axis=(1, 2, 3)) + np.abs(np.diff(flat, axis=2)).mean(axis=(1, 2, 3))
    statistics = np.stack([flat.mean(axis=(1, 2, 3)), flat.std(axis=(1, 2, 3)), gradient], axis=1)
    spread = np.maximum(statistics.std(axis=0), 1e-6)
    return int(np.linalg.norm((statistics - np.median(statistics, axis=0)) / spread, axis=1).argmin())


def grey(pixels: np.ndarray) -> np.ndarray:
    """One channel: luma, in the integers that OpenCV uses."""
    if pixels.shape[2] == 1:
        return pixels
    luma = (pixels.astype(np.int64) @ np.array([9798, 19235, 3735]) + 2**14) >> 15
    return luma[..., None].astype(np.uint8)


def rgb(pixels: np.ndarray) -> np.ndarray:
    """Three channels."""
    return pixels if pixels.shape[2] == 3 else pixels.repeat(3, axis=2)


def centre_crop(pixels: np.ndarray, centre_crop: int) -> np.ndarray:
    """A square from the middle."""
    top, left = (pixels.shape[0] - centre_crop) // 2, (pixels.shape[1] - centre_crop) // 2
    return pixels[top : top + centre_crop, left : left + centre_crop]


def crop(pixels: np.ndarray, crop: dict[str, int]) -> np.ndarray:
    """A rectangle."""
    return pixels[crop["top"] : crop["top"] + crop["height"], crop["left"] : crop["left"] + crop["width"]]


def polar(pixels: np.ndarray) -> np.ndarray:
    """Polar coordinates: rows are distances from the centre, columns angles."""
    height, width = pixels.shape[:2]
    distance = (np.arange(height) * (np.hypot(height, width) / 2 / height))[:, None]
    angle = (np.arange(width) * (2 * np.pi / width))[None, :]
    rows = (height / 2 - 0.5 + distance * np.sin(angle)).astype(np.float32)
    columns = (width / 2 - 0.5 + distance * np.cos(angle)).astype(np.float32)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = (rows - np.floor(rows))[..., None], (columns - np.floor(columns))[..., None]
    framed = np.pad(pixels.astype(np.float64), ((1, 1), (1, 1), (0, 0)))

    def across(row: np.ndarray) -> np.ndarray:
        row = np.clip(row + 1, 0, height + 1)
        first, second = (framed[row, np.clip(left + step, 0, width + 1)] for step in (1, 2))
        return (first + right * (second - first)).astype(np.float32)

    # OpenCV multiplies and adds in one step and rounds the result to 32 bits.
    upper, lower = across(top), across(top + 1)
    return np.rint((upper + down.astype(np.float64) * (lower - upper)).astype(np.float32)).astype(np.uint8)


def resize(pixels: np.ndarray, resize: int | list[int] | dict[str, Any]) -> np.ndarray:
    """Resample to a size as OpenCV does: means where the image shrinks, otherwise interpolation."""
    if isinstance(resize, dict):
        return in_square(pixels, **resize)
    height, width = (resize, resize) if isinstance(resize, int) else resize
    rows, columns = pixels.shape[:2]
    if height > rows or width > columns:
        return interpolated(pixels, height, width, shrinks=height < rows or width < columns)
    if rows % height or columns % width:
        across = averaged(pixels.astype(np.float32).transpose(1, 0, 2), width).transpose(1, 0, 2)
        return np.rint(averaged(across, height)).astype(np.uint8)
    down, right = rows // height, columns // width
    sums = pixels.reshape(height, down, width, right, -1).sum(axis=(1, 3), dtype=np.int64)
    if (down, right) == (2, 2):
        return ((sums + 2) >> 2).astype(np.uint8)
    return np.rint(sums.astype(np.float32) * np.float32(1 / (down * right))).astype(np.uint8)


def in_square(pixels: np.ndarray, side: int, keep_aspect: str) -> np.ndarray:
    """Resample to a square with the proportions kept: the middle of the image, or all of it with reflected margins."""
    if keep_aspect == "crop":
        return resize(centre_crop(pixels, min(pixels.shape[:2])), side)
    fitted = [max(1, round(side * length / max(pixels.shape[:2]))) for length in pixels.shape[:2]]
    margins = [((side - length) // 2, (side - length + 1) // 2) for length in fitted]
    return np.pad(resize(pixels, fitted), [*margins, (0, 0)], mode="symmetric")


def averaged(values: np.ndarray, length: int) -> np.ndarray:
    """Means over equal stretches of the first axis, in the order and precision of OpenCV."""
    scale = 1 / (length / len(values))
    begin = np.arange(length) * scale
    total = np.zeros((length, *values.shape[1:]), np.float32)
    for step in range(int(np.ceil(scale)) + 1):
        element = np.floor(begin).astype(int) + step
        overlap = np.minimum(element + 1, begin + scale) - np.maximum(element, begin)
        share = np.where(overlap > 1e-3, overlap / np.minimum(scale, len(values) - begin), 0).astype(np.float32)
        total += values[np.minimum(element, len(values) - 1)] * share[:, None, None]
    return total


def interpolated(pixels: np.ndarray, height: int, width: int, shrinks: bool) -> np.ndarray:
    """Linear interpolation, in the integers that OpenCV uses."""
    left, right, of_left, of_right = neighbours(pixels.shape[1], width, shrinks)
    above, below, of_above, of_below = neighbours(pixels.shape[0], height, shrinks)
    across = (pixels[:, left] * of_left[:, None] + pixels[:, right] * of_right[:, None]) >> 4
    upper, lower = across[above] * of_above[:, None, None], across[below] * of_below[:, None, None]
    return (((upper >> 16) + (lower >> 16) + 2) >> 2).astype(np.uint8)


def neighbours(old: int, new: int, shrinks: bool) -> tuple[np.ndarray, ...]:
    """The two elements around each new one and their weights; if the other side shrinks, OpenCV places it otherwise."""
    number, inverse = np.arange(new), new / old
    scale = 1 / inverse
    if shrinks:
        first = np.floor(number * scale)
        beyond = np.maximum(((number + 1) - (first + 1) * inverse).astype(np.float32), 0)
        beyond -= np.floor(beyond)
    else:
        place = ((number + 0.5) * scale - 0.5).astype(np.float32)
        first = np.floor(place)
        beyond = place - first
    weights = (np.rint(share * np.float32(2048)).astype(np.int64) for share in (1 - beyond, beyond))
    first = first.astype(int)
    return (np.clip(first, 0, old - 1), np.clip(first + 1, 0, old - 1), *weights)


OPERATIONS: dict[str, Callable[..., np.ndarray]] = {
    operation.__name__: operation for operation in (grey, rgb, centre_crop, crop, polar, resize, tile)
}

if __name__ == "__main__":
    main()
