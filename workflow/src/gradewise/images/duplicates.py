"""Finds copies among a dataset's images: equal pixels, and pictures that were recompressed, resized, cropped by up to
8 % a side, rotated by quarter turns or flipped.

Copies are looked for in three steps, each dearer and stricter than the one before: the low frequencies of the small
pictures (compared with every other image under all eight symmetries), these with a few crops, and at last the images
themselves, aligned to a fraction of a pixel. What decides is how much of the fine structure remains unexplained after
alignment, since in many datasets all images look alike at a glance.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gradewise import symmetry
from gradewise.images.decode import decode, to_uint8
from gradewise.images.fingerprints import SIDE, square
from gradewise.progress import track

log = logging.getLogger(__name__)

COLUMNS = ["image_id", "other_image_id", "kind", "symmetry", "cropped", "similarity"]

COARSE, FINE = 7, 8
"""Cosines along each axis that are compared in the first and second step."""

KEPT, CANDIDATES = 64, 6
"""Images that the first and second step leave to the next, for each image."""

WINDOWS = ((0.0, 0.0), (0.02, 0.02), (0.02, 0.06), (0.06, 0.02), (0.06, 0.06))
"""Shares cut off before and behind along one axis that stand for all crops of up to 0.08."""

LOOK = 0.85
"""Similarity of the small pictures below which the files are not read again."""

UNEXPLAINED, BEYOND_DOUBT = 0.0045, 0.003
"""Share of fine structure that may remain unexplained between copies at all, and whatever else looks alike."""

CROWD = 2.5
"""Between `BEYOND_DOUBT` and `UNEXPLAINED`, images that look alike must leave more than this many times as much
unexplained as the pair does; where most of them leave less, the pair is one of a crowd."""

LARGEST_CROP = 0.1
"""Cut off a side beyond which an alignment is not taken for a crop."""


@dataclass(frozen=True)
class Match:
    """A pair of images that may be copies: `other` is about `image` after symmetry and crop."""

    image: int
    other: int
    symmetry: int
    window: np.ndarray


def find_duplicates(images: pd.DataFrame, thumbnails: np.ndarray, threads: int) -> pd.DataFrame:
    """Pairs of images that are copies of one another.

    Parameters
    ----------
    images : DataFrame
        image_id, path, bits and pixel_hash.
    thumbnails : ndarray of uint8, shape (len(images), SIDE, SIDE)
        Small grey pictures, as `fingerprint` makes them.
    threads : int
        How many pairs are compared at a time.

    Returns
    -------
    DataFrame
        image_id, other_image_id, kind (`exact` or `near`), symmetry (the element of `symmetry.permutations` that turns
        the first into the other), cropped (share of the area cut off) and similarity (1 less the unexplained share of
        the fine structure). Of images with equal pixels each is paired with the first of them, which alone is compared
        with the rest.
    """
    first = images.groupby("pixel_hash", sort=False)["image_id"].transform("first")
    exact = pd.DataFrame({"image_id": first, "other_image_id": images["image_id"]})
    exact = exact.loc[first != images["image_id"]].assign(kind="exact", symmetry=0, cropped=0.0, similarity=1.0)
    distinct = np.flatnonzero(~images["pixel_hash"].duplicated())
    files = images.iloc[distinct].reset_index(drop=True)
    near = _find_near(files, thumbnails[distinct], threads)
    found = pd.concat([exact, near], ignore_index=True)[COLUMNS]
    return found.astype({"symmetry": "int32", "cropped": "float64", "similarity": "float64"})


def _find_near(files: pd.DataFrame, thumbnails: np.ndarray, threads: int) -> pd.DataFrame:
    if len(files) < 2:
        return pd.DataFrame(columns=COLUMNS)

    @lru_cache(maxsize=1024)
    def picture(place: int) -> np.ndarray:
        return _picture(Path(files["path"].iloc[place]), int(files["bits"].iloc[place]))

    def compare(match: Match) -> tuple[Match, float] | None:
        aligned = _align(thumbnails[match.image], thumbnails[match.other], match)
        if aligned is None or aligned[1] < LOOK:
            return None
        one, two = picture(match.image), picture(match.other)
        # both at the side of the smaller, so that neither shows finer structure than the other can
        side = min(len(one), len(two))
        return _align(square(one, side), square(two, side), aligned[0])

    matches = candidates(thumbnails)
    with ThreadPoolExecutor(threads) as pool:
        compared = list(track(pool.map(compare, matches), len(matches), "pairs of images compared"))
    best: dict[tuple[int, int], tuple[Match, float]] = {}
    for match, found in zip(matches, compared, strict=True):
        pair = (min(match.image, match.other), max(match.image, match.other))
        compared_so = found or (match, 0.0)
        if pair not in best or _rank(*compared_so) > _rank(*best[pair]):
            best[pair] = compared_so
    copies = _apart_from_crowds({pair: similarity for pair, (_, similarity) in best.items()})
    names = files["image_id"].to_numpy()
    rows = [
        {
            "image_id": names[match.image],
            "other_image_id": names[match.other],
            "kind": "near",
            "symmetry": match.symmetry,
            "cropped": 1 - abs(float(np.linalg.det(match.window[:, :2]))),
            "similarity": similarity,
        }
        for match, similarity in (best[pair] for pair in sorted(copies))
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _rank(match: Match, similarity: float) -> tuple[bool, bool, float]:
    """Of the two ways to compare a pair that is alike, that which tells how the later image was made from the first."""
    return similarity >= 1 - UNEXPLAINED, match.image < match.other, similarity


def _apart_from_crowds(similarities: dict[tuple[int, int], float]) -> set[tuple[int, int]]:
    """Pairs that are copies, given the similarity of every pair that was compared."""
    left: dict[int, dict[int, float]] = {}
    for (one, other), similarity in similarities.items():
        left.setdefault(one, {})[other] = left.setdefault(other, {})[one] = 1 - similarity
    found = set()
    for one, other in similarities:
        unexplained = left[one][other]
        if unexplained <= UNEXPLAINED:
            rivals = [value for end in (one, other) for third, value in left[end].items() if third not in (one, other)]
            alone = not rivals or float(np.median(rivals)) > CROWD * unexplained
            if alone or unexplained <= BEYOND_DOUBT:
                found.add((one, other))
    return found


def candidates(thumbnails: np.ndarray) -> list[Match]:
    """For each image those that are nearest to it under some rotation or flip, with or without a crop.

    Parameters
    ----------
    thumbnails : ndarray of uint8, shape (n, SIDE, SIDE)

    Returns
    -------
    list of Match
        At most `CANDIDATES` an image.
    """
    n = len(thumbnails)
    flat = torch.from_numpy(thumbnails.reshape(n, -1))
    permutations = torch.from_numpy(symmetry.permutations(SIDE))
    coarse = _Frequencies(COARSE, [(0.0, 0.0), (0.04, 0.04)], [(0, 0), (1, 1)])
    fine = _Frequencies(FINE, list(WINDOWS), [(0, 0), *((y, x) for y in range(1, 5) for x in range(1, 5))])
    plain = torch.cat([fine.plain(_normalised(block)) for block in flat.split(1024)])
    whiten = _Whitening(plain)
    plain = whiten(plain)
    invariant = torch.cat([_invariant(coarse(_normalised(block))) for block in flat.split(1024)])
    spread = _Whitening(invariant[:, 0])
    targets = spread(invariant[:, 0])
    found: list[Match] = []
    # blocks bound the memory: 32 images are compared with all others at a time
    for start in range(0, n, 32):
        block = _normalised(flat[start : start + 32])
        own = torch.arange(len(block))
        scores = (spread(invariant[start : start + 32]) @ targets.T).amax(dim=1)
        scores[own, start + own] = -torch.inf
        near = scores.topk(min(KEPT, n - 1), dim=1).indices
        turned = fine(block[:, permutations].flatten(0, 1)).reshape(len(block), -1, plain.shape[1])
        exact, variant = (whiten(turned) @ plain[near].transpose(1, 2)).max(dim=1)
        best = exact.topk(min(CANDIDATES, near.shape[1]), dim=1).indices
        for place in range(len(block)):
            for chosen in best[place].tolist():
                turn, crop = divmod(int(variant[place, chosen]), len(fine.crops))
                y, x = fine.crops[crop]
                window = _window(WINDOWS[y], WINDOWS[x])
                found.append(Match(start + place, int(near[place, chosen]), turn, window))
    return found


class _Frequencies:
    """Low frequencies (cosine transform) of windows of pictures.

    A window's cosines are those of the whole stretched over the window, so that no picture is resampled.
    """

    def __init__(self, order: int, windows: list[tuple[float, float]], crops: list[tuple[int, int]]) -> None:
        self.crops = crops
        self.bases = [self._basis(order, *window) for window in windows]

    @staticmethod
    def _basis(order: int, before: float, behind: float) -> Tensor:
        place = (torch.arange(SIDE) + 0.5) / SIDE
        waves = torch.cos(torch.pi * torch.arange(order) * (place[:, None] - before) / (1 - before - behind))
        waves = waves * ((place >= before) & (place <= 1 - behind))[:, None]
        return waves / waves.norm(dim=0)

    def __call__(self, flat: Tensor) -> Tensor:
        """Unit vectors, shape (pictures, crops, order**2 - 1)."""
        pictures = flat.reshape(-1, SIDE, SIDE)
        rows = [torch.einsum("nyx,yu->nux", pictures, basis) for basis in self.bases]
        parts = [torch.einsum("nux,xv->nuv", rows[y], self.bases[x]).flatten(1)[:, 1:] for y, x in self.crops]
        return torch.nn.functional.normalize(torch.stack(parts, dim=1), dim=-1)

    def plain(self, flat: Tensor) -> Tensor:
        """Unit vectors of the whole pictures, shape (pictures, order**2 - 1)."""
        rows = torch.einsum("nyx,yu->nux", flat.reshape(-1, SIDE, SIDE), self.bases[0])
        both = torch.einsum("nux,xv->nuv", rows, self.bases[0]).flatten(1)[:, 1:]
        return torch.nn.functional.normalize(both, dim=-1)


class _Whitening:
    """Takes from vectors what all of them share, so that those of a dataset of look-alikes come apart."""

    def __init__(self, vectors: Tensor) -> None:
        variance = vectors.var(dim=0, correction=0)
        self.mean = vectors.mean(dim=0)
        self.scale = (variance + 0.05 * variance.mean() + 1e-12).rsqrt()

    def __call__(self, vectors: Tensor) -> Tensor:
        return torch.nn.functional.normalize((vectors - self.mean) * self.scale, dim=-1)


def _normalised(flat: Tensor) -> Tensor:
    values = flat.float()
    return torch.nn.functional.normalize(values - values.mean(dim=1, keepdim=True), dim=1)


def _invariant(vectors: Tensor) -> Tensor:
    """Functions of cosine coefficients that no rotation or flip changes.

    A flip changes the sign of every second coefficient and a quarter turn exchanges the two axes, so the larger and the
    smaller magnitude of the coefficients (u, v) and (v, u) stay.
    """
    order = round((vectors.shape[-1] + 1) ** 0.5)
    whole = torch.nn.functional.pad(vectors.abs(), (1, 0)).unflatten(-1, (order, order))
    u, v = torch.triu_indices(order, order)
    one, other = whole[..., u, v], whole[..., v, u]
    return torch.cat([torch.maximum(one, other), torch.minimum(one, other)], dim=-1)[..., 1:]


def _window(vertical: tuple[float, float], horizontal: tuple[float, float]) -> np.ndarray:
    """Affine map from places in the cropped picture to places in the whole, in shares of the sides."""
    (top, bottom), (left, right) = vertical, horizontal
    return np.array([[1 - left - right, 0, left], [0, 1 - top - bottom, top]])


def _picture(path: Path, bits: int) -> np.ndarray:
    pixels = to_uint8(decode(path).pixels, bits)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels
    return square(grey, min(4 * SIDE, max(SIDE, min(grey.shape))))


def _align(image: np.ndarray, other: np.ndarray, match: Match) -> tuple[Match, float] | None:
    """The match with its window refined, and the similarity of fine structure under it; None where nothing fits.

    The window is refined by maximising the enhanced correlation coefficient (Evangelidis & Psarakis 2008, IEEE
    Transactions on Pattern Analysis and Machine Intelligence 30:1858) on pictures of at most 128 pixels. A larger
    picture is warped at its own size and shrunk afterwards, so that resampling adds no difference of its own.
    """
    side = len(image)
    turned = image.reshape(-1)[_permutations(side)[match.symmetry]].reshape(side, side)
    # a picture of the first step is small already; later ones are compared at half or two thirds of their size
    small = SIDE if side == SIDE else min(2 * side // 3, 2 * SIDE)
    one, two = (cv2.resize(grey, (small, small), interpolation=cv2.INTER_AREA) for grey in (turned, other))
    try:
        _, refined = cv2.findTransformECC(
            two,
            one,
            _in_pixels(match.window, small).astype(np.float32),
            cv2.MOTION_AFFINE,
            (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-5),
            np.full(two.shape, 255, np.uint8),
            3,
        )
    except cv2.error:
        # the search left the picture or one of the two is blank: they cannot be aligned
        return None
    window = _in_shares(refined.astype(float), small)
    if not _is_crop(window):
        return None
    warped, inside = _warp(turned, window, small)
    return Match(match.image, match.other, match.symmetry, window), _similarity(warped, two, inside)


_permutations = lru_cache(maxsize=4)(symmetry.permutations)


def _in_pixels(window: np.ndarray, side: int) -> np.ndarray:
    """The map for coordinates of pixel centres."""
    shift = window[:, 2] * side + 0.5 * window[:, :2].sum(axis=1) - 0.5
    return np.column_stack([window[:, :2], shift])


def _in_shares(pixels: np.ndarray, side: int) -> np.ndarray:
    shift = (pixels[:, 2] - 0.5 * pixels[:, :2].sum(axis=1) + 0.5) / side
    return np.column_stack([pixels[:, :2], shift])


def _is_crop(window: np.ndarray) -> bool:
    """Whether the corners of the cropped picture lie within the whole, near its corners and square to them."""
    corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]]) @ window.T
    cut = np.abs(corners - [[0, 0], [1, 0], [0, 1], [1, 1]])
    shear = max(abs(window[0, 1]), abs(window[1, 0]))
    return bool(cut.max() <= LARGEST_CROP and shear <= 0.02)


def _warp(image: np.ndarray, window: np.ndarray, small: int) -> tuple[np.ndarray, np.ndarray]:
    side = len(image)
    pixels = _in_pixels(window, side)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(image, pixels, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    nearest = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    inside = cv2.warpAffine(np.full((side, side), 255, np.uint8), pixels, (side, side), flags=nearest)
    shrunk = [cv2.resize(grey, (small, small), interpolation=cv2.INTER_AREA) for grey in (warped, inside)]
    return shrunk[0], shrunk[1] == 255


def _similarity(one: np.ndarray, two: np.ndarray, inside: np.ndarray) -> float:
    """Correlation of two pictures less their blurred selves, where both have pixels."""
    values = [_detail(grey)[inside] for grey in (one, two)]
    values = [detail - detail.mean() for detail in values]
    norm = float(np.sqrt((values[0] ** 2).sum() * (values[1] ** 2).sum()))
    return float(values[0] @ values[1]) / norm if norm > 0 else 0.0


def _detail(grey: np.ndarray) -> np.ndarray:
    levels = grey.astype(np.float32)
    return levels - cv2.GaussianBlur(levels, (0, 0), len(levels) / 32)
