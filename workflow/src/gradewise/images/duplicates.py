"""Finds copies among a dataset's images: equal pixels, and pictures that were recompressed, resized, cropped by up to
8 % per side, rotated by quarter turns or flipped; and pairs that are not copies but too similar to be independent.

The search proceeds in steps, each more expensive and stricter than the one before. Thumbnails are compared by their low
frequencies: each with all others (of large sets, with those of the nearest lists) under the eight symmetries and a few
crops, then with the nearest of them under many crops. Next, the thumbnails of a pair are aligned, and finally the
images themselves, to a fraction of a pixel. What decides is how much structure remains unexplained after alignment,
since in many datasets all images look alike at a glance.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import normalize

from gradewise import symmetry
from gradewise.config.sources import Reading
from gradewise.images.budget import PixelBudget
from gradewise.images.decode import PLAIN, count_pixels, decode, to_uint8
from gradewise.images.fingerprints import SIDE, square
from gradewise.images.nearest import FEW, AllPairs, Lists
from gradewise.memory import give_back_memory
from gradewise.progress import track

Pair = tuple[int, int]

COLUMNS = ["image_id", "other_image_id", "kind", "symmetry", "cropped", "similarity"]

COARSE, FINE = 8, 12
"""Number of cosines along each axis that are compared in the first and second step."""

KEPT, CANDIDATES = 128, 6
"""Number of candidates per image that the first and second step pass on."""

MANY, UNLIKE = 1000, 0.4
"""Among so many images, candidates are not compared further if their similarity in the second step is below this: of
photos of fruit, nine in ten. Copies reach 0.88 there, images that are alike 0.48. Among fewer images, too little is
known of what all of them share."""

FEW_WINDOWS = [(before, after) for before in (0.02, 0.06) for after in (0.02, 0.06)]
WINDOWS = [(before, after) for before in (0.013, 0.04, 0.067) for after in (0.013, 0.04, 0.067)]
"""Shares cut off at both ends of an axis that represent all crops of up to 0.08, in the first and second step."""

KEYS = 6
"""Number of cosines along each axis by which large sets of images are divided into lists."""

PART = 1024
"""Number of images whose vectors are computed at a time, into arrays for all: many small ones would leave holes in
memory that take more of it than the vectors."""

BLOCK = 32
"""Number of images of which all variants are held in memory at a time."""

TRIMMED = 20
"""Number of blocks after which freed memory is given back, which takes far less time than they do."""

SCALES = (1 / 64, 1 / 16)
"""Structure is what differs between these two blurs [standard deviation as a share of the side]."""

PROMISING = 0.03
"""Largest unexplained share of structure between thumbnails for which the files are read again."""

HOPELESS = 0.01
"""Unexplained share of structure beyond which alignment at full size could not show that a pair are copies."""

UNEXPLAINED, BEYOND_DOUBT = 0.0006, 0.0003
"""Largest unexplained share of structure between copies, and the share up to which other look-alikes do not matter."""

FAINT, FAINT_UNEXPLAINED = 0.3, 0.003
"""If images show little structure, recompression changes more of it than `UNEXPLAINED`: a difference of at most `FAINT`
grey levels (root mean square) may be up to this share."""

ALIKE = 0.2
"""Largest unexplained share of structure at which two images that are not copies are too similar to be independent."""

CROWD = 2.5
"""Above `BEYOND_DOUBT`, a pair are copies only if they leave less unexplained than their other look-alikes do: the
median of those must be more than this many times as large."""

LARGEST_CROP, LARGEST_SHEAR = 0.1, 0.02
"""Share cut off a side, and shear, beyond which an alignment is not a crop."""

SLACK = 1.5
"""Factor on these limits for thumbnails, whose alignment is loose if all lines in them run one way."""


@dataclass(frozen=True)
class Match:
    """A pair of images that may be copies: `other` is roughly `image` after symmetry and crop."""

    image: int
    other: int
    symmetry: int
    window: np.ndarray


@dataclass(frozen=True)
class Fit:
    """How well two pictures agree under a window: the share of structure that differs, and by how much [grey levels,
    root mean square]."""

    window: np.ndarray
    unexplained: float
    difference: float

    @property
    def is_close(self) -> bool:
        """Whether the two may be copies, regardless of other images."""
        faint = self.unexplained <= FAINT_UNEXPLAINED and self.difference <= FAINT
        return self.unexplained <= UNEXPLAINED or faint


def find_duplicates(
    images: pd.DataFrame, thumbnails: np.ndarray, threads: int, reading: Reading = PLAIN
) -> pd.DataFrame:
    """Pairs of images that are copies of each other, or too similar to be independent.

    Parameters
    ----------
    images : DataFrame
        image_id, path, bits and pixel_hash.
    thumbnails : ndarray of uint8, shape (len(images), SIDE, SIDE)
        Small grey pictures from `fingerprint`.
    threads : int
        Number of pairs compared at a time.
    reading : Reading
        How files are decoded.

    Returns
    -------
    DataFrame
        image_id, other_image_id, kind (`exact` or `near` copies, or `alike`), symmetry (the element of
        `symmetry.permutations` that maps the first to the other), cropped (share of the area cut off) and similarity (1
        minus the unexplained share of structure). Images with equal pixels are each paired with the first of them,
        which alone is compared with the rest.
    """
    first = images.groupby("pixel_hash", sort=False)["image_id"].transform("first")
    exact = pd.DataFrame({"image_id": first, "other_image_id": images["image_id"]})
    exact = exact.loc[first != images["image_id"]].assign(kind="exact", symmetry=0, cropped=0.0, similarity=1.0)
    distinct = np.flatnonzero(~images["pixel_hash"].duplicated())
    if len(distinct) < len(images):
        thumbnails = thumbnails[distinct]
    near = _find_near(images.iloc[distinct].reset_index(drop=True), thumbnails, threads, reading)
    pairs = pd.concat([exact, near], ignore_index=True)[COLUMNS]
    return pairs.astype({"symmetry": "int32", "cropped": "float64", "similarity": "float64"})


def _find_near(files: pd.DataFrame, thumbnails: np.ndarray, threads: int, reading: Reading) -> pd.DataFrame:
    if len(files) < 2:
        return pd.DataFrame(columns=COLUMNS)

    budget = PixelBudget()

    @lru_cache(maxsize=1024)
    def picture(index: int) -> np.ndarray:
        path = Path(files["path"].iloc[index])
        with budget.hold(count_pixels(path, reading)):
            return _read_square(path, int(files["bits"].iloc[index]), reading)

    def compare(match: Match) -> Fit | None:
        fit = _fit_thumbnails(thumbnails[match.image], thumbnails[match.other], match)
        if fit is None or fit.unexplained > PROMISING:
            return fit
        return _fit_images(picture(match.image), picture(match.other), match.symmetry, fit.window)

    compared: list[pd.DataFrame] = []
    alike: dict[Pair, tuple[Match, Fit]] = {}
    with ThreadPoolExecutor(threads) as pool:
        for number, matches in enumerate(candidates(thumbnails)):
            if number % TRIMMED == 0:
                give_back_memory()
            fits = list(pool.map(compare, matches))
            compared.append(_table(matches, fits))
            for match, fit in zip(matches, fits, strict=True):
                if fit is not None and (fit.is_close or fit.unexplained <= ALIKE):
                    alike[match.image, match.other] = match, fit
    best = _better_of_two(pd.concat(compared))
    copies = _copies(best)
    names = files["image_id"].to_numpy()
    rows = []
    for pair in best.itertuples():
        if (pair.image, pair.other) not in alike:
            continue
        match, fit = alike[pair.image, pair.other]
        if pair.Index in copies or fit.unexplained <= ALIKE:
            rows.append(
                {
                    "image_id": names[match.image],
                    "other_image_id": names[match.other],
                    "kind": "near" if pair.Index in copies else "alike",
                    "symmetry": match.symmetry,
                    "cropped": 1 - abs(float(np.linalg.det(fit.window[:, :2]))),
                    "similarity": 1 - fit.unexplained,
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def _table(matches: list[Match], fits: list[Fit | None]) -> pd.DataFrame:
    """Compared pairs in few bytes, as there are several for each image: the earlier and the later image of a pair,
    which of them is which of the match, how much remains unexplained, and whether the two may be copies."""
    image = np.array([match.image for match in matches], dtype=np.int32)
    other = np.array([match.other for match in matches], dtype=np.int32)
    return pd.DataFrame(
        {
            "first": np.minimum(image, other),
            "second": np.maximum(image, other),
            "image": image,
            "other": other,
            "unexplained": [fit.unexplained if fit else 1.0 for fit in fits],
            "close": [fit is not None and fit.is_close for fit in fits],
        }
    )


def _better_of_two(compared: pd.DataFrame) -> pd.DataFrame:
    """The better of the two ways to compare a pair: of close ones, that which maps the earlier image to the later."""
    keys = ["first", "second", "close", "forward", "unexplained"]
    forward = compared["close"] & (compared["image"] == compared["first"])
    ranked = compared.assign(forward=forward).sort_values(keys, ascending=[True, True, False, False, True])
    return ranked.drop_duplicates(["first", "second"]).reset_index(drop=True)


def _copies(pairs: pd.DataFrame) -> set[int]:
    """Rows of the pairs that are copies: those that fit closely, and much better than either image fits its other
    look-alikes."""
    close = pairs.loc[pairs["close"]]
    images = set(close["first"]) | set(close["second"])
    unexplained: dict[int, dict[int, float]] = {image: {} for image in images}
    for pair in pairs.loc[pairs["first"].isin(images) | pairs["second"].isin(images)].itertuples():
        for image in images & {pair.first, pair.second}:
            unexplained[image][pair.Index] = pair.unexplained
    copies = set()
    for pair in close.itertuples():
        of_both = (unexplained[pair.first] | unexplained[pair.second]).items()
        rivals = [share for row, share in of_both if row != pair.Index]
        stands_out = not rivals or float(np.median(rivals)) > CROWD * pair.unexplained
        if stands_out or pair.unexplained <= BEYOND_DOUBT:
            copies.add(pair.Index)
    return copies


def candidates(thumbnails: np.ndarray) -> Iterator[list[Match]]:
    """The nearest images to each image under any rotation or flip, with or without a crop.

    Parameters
    ----------
    thumbnails : ndarray of uint8, shape (n, SIDE, SIDE)

    Yields
    ------
    list of Match
        Those of the next images, at most `CANDIDATES` per image.
    """
    n = len(thumbnails)
    permutations = torch.from_numpy(symmetry.permutations(SIDE))
    coarse, fine = _Frequencies(COARSE, FEW_WINDOWS), _Frequencies(FINE, WINDOWS)
    coarse_wholes, fine_wholes = (torch.empty(n, order**2 - 1) for order in (COARSE, FINE))
    for start, part in zip(range(0, n, PART), _pictures(thumbnails, PART), strict=True):
        coarse_wholes[start : start + PART] = coarse.of_wholes(part)
        fine_wholes[start : start + PART] = fine.of_wholes(part)
    lowest = _lowest(COARSE, KEYS)
    keys = _unit(coarse_wholes[:, lowest])
    whiten_coarse, whiten_fine, whiten_keys = (_Whitening(part) for part in (coarse_wholes, fine_wholes, keys))
    whiten_coarse.in_place(coarse_wholes)
    whiten_fine.in_place(fine_wholes)
    whiten_keys.in_place(keys)
    nearest = AllPairs(coarse_wholes) if n <= FEW else Lists(coarse_wholes, keys, seed=0)
    # of which lists have a copy in their order
    del coarse_wholes, keys
    blocks = track(_pictures(thumbnails, BLOCK), -(-n // BLOCK), "blocks of images searched for look-alikes")
    for start, pictures in zip(range(0, n, BLOCK), blocks, strict=True):
        turned = pictures[:, permutations]
        coarse_variants, fine_variants = coarse(turned), whiten_fine(fine(turned))
        keys = whiten_keys(_unit(coarse_variants[..., lowest]))
        coarse_variants = whiten_coarse(coarse_variants)
        matches: list[Match] = []
        for row, image in enumerate(range(start, start + len(turned))):
            near = nearest(coarse_variants[row], keys[row], image, KEPT)
            scores, variants = (fine_variants[row] @ fine_wholes[near].T).max(dim=0)
            for best in scores.topk(min(CANDIDATES, len(near))).indices.tolist():
                if n >= MANY and scores[best] < UNLIKE:
                    break
                turn, crop = divmod(int(variants[best]), len(fine.crops))
                matches.append(Match(image, int(near[best]), turn, _window(*fine.crops[crop])))
        yield matches


def _pictures(thumbnails: np.ndarray, count: int) -> Iterator[Tensor]:
    """So many thumbnails at a time as unit vectors around their means, float32 (count, SIDE ** 2)."""
    for start in range(0, len(thumbnails), count):
        levels = torch.tensor(thumbnails[start : start + count].reshape(-1, SIDE**2)).float()
        yield _unit(levels - levels.mean(dim=1, keepdim=True))


class _Frequencies:
    """Low frequencies (cosine transform) of pictures and of their crops by given windows along both axes.

    The cosines of a picture are squeezed into the window of a crop, so that no picture is resampled.
    """

    def __init__(self, order: int, windows: list[tuple[float, float]]) -> None:
        self.crops = [
            ((0.0, 0.0), (0.0, 0.0)),
            *((vertical, horizontal) for vertical in windows for horizontal in windows),
        ]
        self.basis = self._cosines(order, 0.0, 0.0)
        self.bases_of_windows = torch.stack([self._cosines(order, *window) for window in windows])

    @staticmethod
    def _cosines(order: int, before: float, after: float) -> Tensor:
        centre = (torch.arange(SIDE) + 0.5) / SIDE
        waves = torch.cos(torch.pi * torch.arange(order) * (centre[:, None] - before) / (1 - before - after))
        waves = waves * ((centre >= before) & (centre <= 1 - after))[:, None]
        return torch.div(waves, waves.norm(dim=0))

    def __call__(self, flat: Tensor) -> Tensor:
        """Unit vectors of the pictures and their crops.

        Parameters
        ----------
        flat : Tensor, shape (images, variants, SIDE ** 2)

        Returns
        -------
        Tensor, shape (images, variants * crops, order ** 2 - 1)
        """
        pictures = flat.reshape(*flat.shape[:-1], SIDE, SIDE)
        rows = torch.einsum("ntyx,ayu->ntaux", pictures, self.bases_of_windows)
        crops = torch.einsum("ntaux,bxv->ntabuv", rows, self.bases_of_windows).flatten(2, 3).flatten(-2)[..., 1:]
        variants = torch.cat([self._transform(pictures)[:, :, None], crops], dim=2).flatten(1, 2)
        return _unit(variants)

    def of_wholes(self, flat: Tensor) -> Tensor:
        """Unit vectors of uncropped pictures, shape (pictures, order ** 2 - 1)."""
        return _unit(self._transform(flat.reshape(*flat.shape[:-1], SIDE, SIDE)))

    def _transform(self, pictures: Tensor) -> Tensor:
        return torch.einsum("...yx,yu,xv->...uv", pictures, self.basis, self.basis).flatten(-2)[..., 1:]


class _Whitening:
    """Removes from vectors what all of them share, so that look-alikes become distinguishable."""

    def __init__(self, vectors: Tensor) -> None:
        variance = vectors.var(dim=0, correction=0)
        self.mean = vectors.mean(dim=0)
        self.scale = (variance + 0.05 * variance.mean() + 1e-12).rsqrt()

    def __call__(self, vectors: Tensor) -> Tensor:
        return _unit((vectors - self.mean) * self.scale)

    def in_place(self, vectors: Tensor) -> None:
        """Replace the vectors, some at a time."""
        for part in torch.split(vectors, PART):
            part.copy_(self(part))


def _unit(vectors: Tensor) -> Tensor:
    return normalize(vectors, dim=-1)


def _lowest(order: int, few: int) -> Tensor:
    """Where the vectors of so many cosines along each axis have the lowest of them."""
    axes = torch.arange(order) < few
    return torch.nonzero((axes[:, None] & axes).flatten()[1:]).flatten()


def _window(vertical: tuple[float, float], horizontal: tuple[float, float]) -> np.ndarray:
    """Affine map from coordinates in the cropped picture to those in the whole, in shares of the sides."""
    (top, bottom), (left, right) = vertical, horizontal
    return np.array([[1 - left - right, 0, left], [0, 1 - top - bottom, top]])


def _fit_thumbnails(thumbnail: np.ndarray, other: np.ndarray, match: Match) -> Fit | None:
    """How well two thumbnails fit; None if they cannot be aligned."""
    turned, second = _turned(thumbnail, match.symmetry).astype(np.float32), other.astype(np.float32)
    window = _align(turned, second, match.window, SIDE, blur=3, slack=SLACK)
    return _fit(turned, second, window, SIDE) if window is not None else None


def _fit_images(picture: np.ndarray, other: np.ndarray, element: int, window: np.ndarray) -> Fit | None:
    """How well two images fit; None if they cannot be aligned."""
    # Both have the side of the smaller one, so that neither shows finer structure than the other can.
    side = min(len(picture), len(other))
    first, second = (square(image.astype(np.float32), side) for image in (picture, other))
    turned = _turned(first, element)
    # Resampling destroys the finest detail, so structure is compared at two thirds of the size at most.
    small = min(2 * side // 3, 2 * SIDE)
    aligned = _align(turned, second, window, small, blur=1)
    if aligned is None:
        return None
    fit = _fit(turned, second, aligned, small)
    if fit.unexplained > HOPELESS:
        return fit
    refined = _align(turned, second, aligned, side, blur=3)
    return _fit(turned, second, refined, small) if refined is not None else fit


def _read_square(path: Path, bits: int, reading: Reading) -> np.ndarray:
    """Grey levels of an image squeezed into a square of 1 to 4 times the side of a thumbnail."""
    pixels = to_uint8(decode(path, reading).pixels, bits)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels
    return square(grey, min(4 * SIDE, max(SIDE, min(grey.shape))))


def _turned(image: np.ndarray, element: int) -> np.ndarray:
    return np.asarray(image.reshape(-1)[_permutations(len(image))[element]].reshape(image.shape))


_permutations = lru_cache(maxsize=8)(symmetry.permutations)


def _align(
    picture: np.ndarray, other: np.ndarray, window: np.ndarray, side: int, blur: int, slack: float = 1.0
) -> np.ndarray | None:
    """The window refined on pictures shrunk to a side [px]; None if nothing fits.

    The enhanced correlation coefficient is maximised (Evangelidis & Psarakis 2008, IEEE Transactions on Pattern
    Analysis and Machine Intelligence 30:1858). The margin is masked: there the blur reaches beyond the picture, which
    would pull the border of a cropped picture to that of the other.
    """
    margin = max(3, side // 20)
    mask = np.zeros((side, side), np.uint8)
    mask[margin:-margin, margin:-margin] = 255
    start = _in_pixels(window, side).astype(np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-5)
    try:
        _, refined = cv2.findTransformECCWithMask(
            _shrunk(other, side), _shrunk(picture, side), mask, mask, start, cv2.MOTION_AFFINE, stop, blur
        )
    except cv2.error:
        # The search left the picture, or one of the two is blank.
        return None
    aligned = _in_shares(refined.astype(float), side)
    return aligned if _is_crop(aligned, slack) else None


def _shrunk(grey: np.ndarray, side: int) -> np.ndarray:
    return grey if len(grey) == side else cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)


def _in_pixels(window: np.ndarray, side: int) -> np.ndarray:
    """The map for coordinates of pixel centres instead of shares of the sides."""
    shift = window[:, 2] * side + 0.5 * window[:, :2].sum(axis=1) - 0.5
    return np.column_stack([window[:, :2], shift])


def _in_shares(window: np.ndarray, side: int) -> np.ndarray:
    """The inverse of `_in_pixels`."""
    shift = (window[:, 2] - 0.5 * window[:, :2].sum(axis=1) + 0.5) / side
    return np.column_stack([window[:, :2], shift])


def _is_crop(window: np.ndarray, slack: float) -> bool:
    """Whether the corners of the cropped picture are near those of the whole, with hardly any shear."""
    corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]]) @ window.T
    cut = np.abs(corners - [[0, 0], [1, 0], [0, 1], [1, 1]])
    shear = max(abs(window[0, 1]), abs(window[1, 0]))
    return bool(cut.max() <= slack * LARGEST_CROP and shear <= slack * LARGEST_SHEAR)


def _fit(picture: np.ndarray, other: np.ndarray, window: np.ndarray, side: int) -> Fit:
    """How well two aligned pictures agree, compared at a side [px].

    Structure lies between the finest detail, which recompression and resampling change, and the shading, which all
    images of many datasets share. A picture is warped at its own size and shrunk afterwards, so that resampling adds no
    difference of its own.
    """
    transform, size = _in_pixels(window, len(picture)), picture.shape
    cubic, linear = (method | cv2.WARP_INVERSE_MAP for method in (cv2.INTER_CUBIC, cv2.INTER_LINEAR))
    warped = cv2.warpAffine(picture, transform, size, flags=cubic, borderMode=cv2.BORDER_REPLICATE)
    inside = _shrunk(cv2.warpAffine(np.ones_like(picture), transform, size, flags=linear), side) > 0.999
    first, second = (_structure(_shrunk(grey, side), inside) for grey in (warped, other))
    scales = [float(np.sqrt((values**2).mean())) for values in (first, second)]
    if min(scales) == 0:
        return Fit(window, 1.0, 0.0)
    unexplained = max(0.0, 1 - float((first * second).mean()) / (scales[0] * scales[1]))
    return Fit(window, unexplained, float(np.sqrt(2 * unexplained)) * min(scales))


def _structure(grey: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Difference between a slight and a strong blur of the picture, both over what is inside only."""
    weight = inside.astype(np.float32)
    little, much = (
        cv2.GaussianBlur(grey * weight, (0, 0), len(grey) * share)
        / np.maximum(cv2.GaussianBlur(weight, (0, 0), len(grey) * share), 1e-3)
        for share in SCALES
    )
    values = (little - much)[inside]
    return np.asarray(values - values.mean())
