"""Simulated photos of graded mangoes. None of these images was taken with a camera.

The grades follow the AICUP competition behind the mango report: A flawless and evenly coloured; B a blemish that a
thumb could cover, or uneven colour; C black spots, anthracnose, rot or a large blemish. A fruit is photographed
several times, in other poses, light and surroundings, and keeps its grade, so its photos must stay together in a split.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

from gradewise import provenance
from gradewise.config.simulations import MangoSimulation
from gradewise.simulate.drawing import Drawing, smooth_noise

Kind = Literal["scar", "bruise", "black spot", "anthracnose", "rot"]

DISQUALIFYING: frozenset[Kind] = frozenset({"black spot", "anthracnose", "rot"})
"""Blemishes that mean grade C whatever their size."""

SKIN_SIDE = 400
"""Side of the map of a fruit's skin [px]."""

SKIN_REACH = 1.7
"""Half side of the map: a stereographic projection from the back, in which the visible face has radius 1."""

TINTS: dict[Kind, tuple[tuple[float, float, float], float]] = {
    "scar": ((0.50, 0.37, 0.23), 0.88),
    "bruise": ((0.36, 0.22, 0.09), 0.82),
    "black spot": ((0.07, 0.05, 0.04), 0.93),
    "anthracnose": ((0.11, 0.07, 0.04), 0.9),
    "rot": ((0.25, 0.14, 0.06), 0.88),
}
"""Colour of each kind of blemish and how much of the skin's own colour it hides."""

CULTIVARS = {
    "Irwin": ((0.80, 0.20, 0.12), (0.90, 0.52, 0.14), 1.22),
    "Keitt": ((0.72, 0.30, 0.16), (0.50, 0.58, 0.20), 1.3),
    "Jinhwang": ((0.93, 0.68, 0.18), (0.80, 0.72, 0.26), 1.45),
}
"""Colours of the sunny and the shaded cheek, and length in widths."""


@dataclass(frozen=True)
class Blemish:
    """A defect of the skin.

    Attributes
    ----------
    kind : str
    centre : tuple of float
        Position on the map of the skin.
    share : float
        Share of the fruit's visible face, seen from straight above the blemish.
    """

    kind: Kind
    centre: tuple[float, float]
    share: float


@dataclass(frozen=True)
class Fruit:
    """A mango.

    Attributes
    ----------
    cultivar : str
    blemishes : tuple of Blemish
    unevenness : float
        How patchy its colour is: 0 none; grading speaks of uneven colour from `UNEVEN` on.
    freshness : float
        Brightness of the skin; no part of the rule, but diseased fruit tends to be dull.
    """

    cultivar: str
    blemishes: tuple[Blemish, ...]
    unevenness: float
    freshness: float = 1.0


UNEVEN = 0.5


def grade(fruit: Fruit, thumb: float) -> str:
    """A, B or C by the rule of the AICUP competition.

    Parameters
    ----------
    fruit : Fruit
    thumb : float
        Share of the fruit's visible face that a thumb covers.
    """
    kinds = {blemish.kind for blemish in fruit.blemishes}
    if kinds & DISQUALIFYING or sum(blemish.share for blemish in fruit.blemishes) > thumb:
        return "C"
    return "B" if fruit.blemishes or fruit.unevenness >= UNEVEN else "A"


def grow(wanted: str, thumb: float, rng: np.random.Generator) -> Fruit:
    """A fruit of a wanted grade (A, B or C), otherwise by chance."""
    cultivar = str(rng.choice(list(CULTIVARS), p=[0.64, 0.18, 0.18]))
    blemishes: list[Blemish] = []
    unevenness = rng.uniform(0.0, 0.2)
    freshness = rng.normal({"A": 1.06, "B": 0.96, "C": 0.78}[wanted], 0.07)
    if wanted == "B":
        if rng.random() < 0.5:
            unevenness = rng.uniform(0.8, 1.3)
        else:
            number = int(rng.integers(1, 3))
            kind: Kind = "scar" if rng.random() < 0.6 else "bruise"
            blemishes = [_blemish(kind, rng.uniform(0.6, 0.97) * thumb / number, rng) for _ in range(number)]
    elif wanted == "C":
        unevenness = rng.uniform(0.0, 0.8)
        draw_number = rng.random()
        if draw_number < 0.4:
            blemishes = [_blemish("black spot", rng.uniform(0.003, 0.01), rng) for _ in range(rng.integers(7, 22))]
        elif draw_number < 0.75:
            blemishes = [_blemish("anthracnose", rng.uniform(0.012, 0.06), rng) for _ in range(rng.integers(3, 9))]
        elif draw_number < 0.88:
            blemishes = [_blemish("rot", rng.uniform(0.1, 0.35), rng)]
        else:
            kind = "scar" if rng.random() < 0.5 else "bruise"
            blemishes = [_blemish(kind, rng.uniform(2.5, 6.0) * thumb, rng)]
    return Fruit(cultivar, tuple(blemishes), float(unevenness), float(freshness))


def _blemish(kind: Kind, share: float, rng: np.random.Generator) -> Blemish:
    angle, distance = rng.uniform(0, 2 * np.pi), 0.5 * np.sqrt(rng.random())
    return Blemish(kind, (float(distance * np.cos(angle)), float(distance * np.sin(angle))), float(share))


def wanted_grades(settings: MangoSimulation, seed: int) -> list[str]:
    """The grade of every fruit, in the configured shares as nearly as whole fruits allow, in random order."""
    number = -(-settings.images // settings.photos)
    bounds = np.cumsum(settings.grades) / sum(settings.grades)
    grades = np.array(["A", "B", "C"])[np.searchsorted(bounds, (np.arange(number) + 0.5) / number)]
    rng = np.random.default_rng(provenance.derive_seed(seed, "mangoes", "grades"))
    return [str(name) for name in rng.permutation(grades)]


def draw(settings: MangoSimulation, seed: int, index: int) -> Drawing:
    """Draw one photo of the dataset.

    Parameters
    ----------
    settings : MangoSimulation
    seed : int
        The dataset's seed.
    index : int
        Which image, from 0; photos of a fruit follow each other.

    Returns
    -------
    Drawing
        RGB; ``masks`` marks the visible parts of blemishes (uneven colour has no definite place and is not marked),
        ``objects`` the visible part of the main fruit.
    """
    number, photo = divmod(index, settings.photos)
    fruit, skin, outline = _grow_whole(settings, seed, number)
    rng = np.random.default_rng(provenance.derive_seed(seed, "mangoes", "photo", index))
    pixels, blemished, visible = _photograph(skin, outline, settings, rng)
    name = f"M{number + 1:04d}"
    return Drawing(
        image_id=f"{name}_{photo + 1}.png",
        label=grade(fruit, settings.thumb),
        metadata={"fruit": name, "photo": photo + 1, "cultivar": fruit.cultivar},
        pixels=pixels,
        masks={"masks": blemished, "objects": visible},
    )


# the photos of a fruit follow each other
@lru_cache(maxsize=1)
def _grow_whole(settings: MangoSimulation, seed: int, number: int) -> tuple[Fruit, _Skin, _Outline]:
    """A fruit of the dataset with its skin and shape."""
    rng = np.random.default_rng(provenance.derive_seed(seed, "mangoes", "fruit", number))
    fruit = grow(wanted_grades(settings, seed)[number], settings.thumb, rng)
    skin = _paint_skin(fruit, rng)
    return fruit, skin, _Outline.grow(CULTIVARS[fruit.cultivar][2], rng)


@dataclass(frozen=True)
class _Skin:
    """Map of a fruit's skin: colour (side, side, 3) and where it is blemished (side, side), both 0..1."""

    colour: np.ndarray
    blemished: np.ndarray


def _paint_skin(fruit: Fruit, rng: np.random.Generator) -> _Skin:
    along = np.linspace(-SKIN_REACH, SKIN_REACH, SKIN_SIDE, dtype=np.float32)
    x, y = np.meshgrid(along, along)
    sunny, shaded, _ = CULTIVARS[fruit.cultivar]
    tilt = rng.uniform(0, 2 * np.pi)
    cheek = 0.75 * (math.cos(tilt) * x + math.sin(tilt) * y) + rng.uniform(-0.4, 0.4)
    cheek += 0.15 * smooth_noise(rng, SKIN_SIDE, 3)
    patches = smooth_noise(rng, SKIN_SIDE, 7)
    cheek += 1.6 * max(0.0, fruit.unevenness - 0.2) * np.tanh(2.5 * patches)
    weight = 1 / (1 + np.exp(-2.2 * cheek))[..., None]
    green = np.array([0.36, 0.50, 0.16], np.float32)
    base = np.asarray(shaded, np.float32) * (1 - 0.25 * rng.random()) + green * 0.25 * rng.random()
    colour = weight * np.asarray(sunny, np.float32) + (1 - weight) * base
    if fruit.unevenness >= UNEVEN:
        greenish = 1 / (1 + np.exp(-5 * (smooth_noise(rng, SKIN_SIDE, 5) - 0.45)))[..., None]
        colour += 0.85 * fruit.unevenness * greenish * (green - colour)
    colour *= fruit.freshness * (1 + 0.03 * smooth_noise(rng, SKIN_SIDE, 60))[..., None]
    _dot_lenticels(colour, rng)
    blemished = np.zeros((SKIN_SIDE, SKIN_SIDE), np.float32)
    for blemish in fruit.blemishes:
        _stain(colour, blemished, blemish, rng)
    return _Skin(np.clip(colour, 0, 1).astype(np.float32), blemished)


def _dot_lenticels(colour: np.ndarray, rng: np.random.Generator) -> None:
    """Draw pale pores, a natural texture of the skin rather than a defect."""
    dots = np.zeros((SKIN_SIDE, SKIN_SIDE), np.uint8)
    for position in rng.integers(0, SKIN_SIDE * 16, (int(rng.integers(350, 900)), 2)):
        cv2.circle(dots, (int(position[0]), int(position[1])), int(rng.integers(9, 20)), 255, -1, cv2.LINE_AA, 4)
    colour += (dots.astype(np.float32) / 255 * np.float32(rng.uniform(0.08, 0.3)))[..., None] * (
        np.array([0.95, 0.85, 0.55], np.float32) - colour
    )


def _stain(colour: np.ndarray, blemished: np.ndarray, blemish: Blemish, rng: np.random.Generator) -> None:
    """Paint one blemish: a disc with a ragged border, its radius on the map from its share of the face."""
    u, v = blemish.centre
    # A cap of angular radius a covers sin(a)**2 of the face; the projection maps lengths by (1 + u**2 + v**2) / 2.
    radius = math.asin(math.sqrt(min(0.9, blemish.share))) * (1 + u**2 + v**2) / 2
    stretch, turn = rng.uniform(1.0, 1.7), rng.uniform(0, math.pi)
    ragged = {"scar": 0.3, "bruise": 0.12, "black spot": 0.15, "anthracnose": 0.35, "rot": 0.15}[blemish.kind]
    sharp = {"scar": 9.0, "bruise": 4.5, "black spot": 9.0, "anthracnose": 6.0, "rot": 7.0}[blemish.kind]
    per_unit = (SKIN_SIDE - 1) / (2 * SKIN_REACH)
    half = max(8, math.ceil(3.2 * radius * per_unit))
    row, column = round((v + SKIN_REACH) * per_unit), round((u + SKIN_REACH) * per_unit)
    window = (
        slice(max(0, row - half), min(SKIN_SIDE, row + half)),
        slice(max(0, column - half), min(SKIN_SIDE, column + half)),
    )
    x, y = np.meshgrid(
        (np.arange(SKIN_SIDE, dtype=np.float32)[window[1]] / per_unit - SKIN_REACH - u),
        (np.arange(SKIN_SIDE, dtype=np.float32)[window[0]] / per_unit - SKIN_REACH - v),
    )
    height, width = x.shape
    a = (math.cos(turn) * x + math.sin(turn) * y) / math.sqrt(stretch)
    b = (math.cos(turn) * y - math.sin(turn) * x) * math.sqrt(stretch)
    distance = np.hypot(a, b) / radius + ragged * smooth_noise(rng, 2 * half, 5)[:height, :width]
    inside = 1 / (1 + np.exp(np.clip(sharp * (distance - 1), -30, 30)))
    tint, cover = TINTS[blemish.kind]
    shade = np.asarray(tint, np.float32) * np.float32(rng.uniform(0.8, 1.25))
    mottled = (1 + 0.15 * smooth_noise(rng, 2 * half, half / 4))[:height, :width, None]
    colour[window] += (cover * inside)[..., None] * (shade * mottled - colour[window])
    blemished[window] = np.maximum(blemished[window], inside)


@dataclass(frozen=True)
class _Outline:
    """Shape of a fruit: length in widths, egg and kidney shape, and its beak."""

    length: float
    egg: float
    kidney: float
    beak: float

    @classmethod
    def grow(cls, length: float, rng: np.random.Generator) -> _Outline:
        return cls(
            length=length * float(rng.uniform(0.93, 1.07)),
            egg=float(rng.uniform(0.04, 0.14)),
            kidney=float(rng.uniform(0.02, 0.13)),
            beak=float(rng.uniform(0.0, 0.05)),
        )

    def reach(self, angle: np.ndarray) -> np.ndarray:
        """Distance of the border from the centre at an angle, in half widths."""
        ellipse = self.length / np.sqrt(np.cos(angle) ** 2 + (self.length * np.sin(angle)) ** 2)
        waist = self.egg * np.cos(angle) - self.kidney * np.sin(angle) * np.cos(2 * angle)
        return np.asarray(ellipse * (1 + waist + self.beak * np.exp(-(((angle - 0.35) / 0.25) ** 2))))


@dataclass(frozen=True)
class _Light:
    """Direction to the lamp (unit vector), its colour, and how strong it is beside the sky."""

    direction: np.ndarray
    colour: np.ndarray
    strength: float

    @classmethod
    def shine(cls, rng: np.random.Generator) -> _Light:
        azimuth, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.7, 1.4)
        warmth = rng.normal(0, 0.06)
        return cls(
            direction=np.array(
                [np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)], np.float32
            ),
            colour=np.array([1 + warmth, 1.0, 1 - 1.2 * warmth], np.float32),
            strength=float(rng.uniform(0.45, 0.75)),
        )


@dataclass
class _Scene:
    """The photo while it is composed: colours 0..1 and masks of the main fruit and its blemishes, 0..1."""

    colour: np.ndarray
    blemished: np.ndarray
    visible: np.ndarray

    def cover(self, alpha: np.ndarray, colour: np.ndarray) -> None:
        """Put something opaque by `alpha` over everything."""
        self.colour += alpha[..., None] * (colour - self.colour)
        self.blemished *= 1 - alpha
        self.visible *= 1 - alpha


def _photograph(
    skin: _Skin, outline: _Outline, settings: MangoSimulation, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    side = settings.side
    light = _Light.shine(rng)
    nothing = np.zeros((side, side), np.float32)
    scene = _Scene(_paint_ground(side, rng), nothing.copy(), nothing.copy())
    radius = side * rng.uniform(0.29, 0.33)
    middle = side / 2 + rng.normal(0, 0.012 * side, 2)
    for _ in range(rng.integers(0, 4)):
        angle = rng.uniform(0, 2 * np.pi)
        place = middle + side * rng.uniform(0.58, 0.74) * np.array([np.cos(angle), np.sin(angle)])
        other = grow(str(rng.choice(["A", "B", "C"], p=[0.6, 0.2, 0.2])), settings.thumb, rng)
        shape = _Outline.grow(CULTIVARS[other.cultivar][2], rng)
        _place(scene, _paint_skin(other, rng), shape, place, radius, light, rng, main=False)
    held = rng.random() < settings.hands
    if held:
        _hold(scene, middle, radius, light, rng, in_front=False)
    _place(scene, skin, outline, middle, radius, light, rng, main=True)
    if held:
        _hold(scene, middle, radius, light, rng, in_front=True)
    elif rng.random() < 0.3:
        _cover_with_leaf(scene, middle, radius, rng)
    picture = scene.colour
    if rng.random() < settings.shadows:
        picture *= 1 - rng.uniform(0.3, 0.6) * _cast_shadow(side, rng)[..., None]
    picture *= light.colour * np.float32(np.exp(rng.normal(0.05, settings.exposure)))
    picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.1)))
    picture = np.clip(picture, 0, 1) ** np.float32(1 / rng.uniform(0.95, 1.15))
    picture += settings.noise / 255 * rng.standard_normal(picture.shape, dtype=np.float32)
    return (
        np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8),
        np.where(scene.blemished > 0.5, 255, 0).astype(np.uint8),
        np.where(scene.visible > 0.5, 255, 0).astype(np.uint8),
    )


def _place(
    scene: _Scene,
    skin: _Skin,
    outline: _Outline,
    middle: np.ndarray,
    radius: float,
    light: _Light,
    rng: np.random.Generator,
    main: bool,
) -> None:
    """Lay a fruit into the scene in a random pose, with its shadow."""
    side = scene.visible.shape[0]
    turn = np.pi / 2 + rng.normal(0, 0.3) if main else rng.uniform(0, 2 * np.pi)
    roll = rng.uniform(0, 0.3)
    towards = rng.uniform(0, 2 * np.pi)
    columns, rows = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    dx, dy = columns - np.float32(middle[0]), rows - np.float32(middle[1])
    angle = np.arctan2(dy, dx) - np.float32(turn)
    angle = np.arctan2(np.sin(angle), np.cos(angle))
    reach = outline.reach(angle) * radius / math.sqrt(outline.length)
    distance = np.hypot(dx, dy) / reach
    alpha = np.clip((1 - distance) * reach + 0.5, 0, 1).astype(np.float32)
    aside = -0.12 * radius * light.direction
    fall = np.array([[1, 0, aside[0]], [0, 1, aside[1]]], np.float32)
    shadow = cv2.GaussianBlur(cv2.warpAffine(alpha, fall, (side, side)), (0, 0), 0.1 * radius)
    scene.colour *= 1 - 0.6 * shadow[..., None]
    inner = np.minimum(distance, 0.999)
    height = np.sqrt(1 - inner**2)
    ball = np.stack([inner * np.cos(angle), inner * np.sin(angle), height])
    seen = _tilted(ball, roll, towards)
    scale = (SKIN_SIDE - 1) / (2 * SKIN_REACH)
    u = ((seen[0] / (1 + seen[2]) + SKIN_REACH) * scale).astype(np.float32)
    v = ((seen[1] / (1 + seen[2]) + SKIN_REACH) * scale).astype(np.float32)
    colour = cv2.remap(skin.colour, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    flat = inner**1.6
    screen = np.arctan2(dy, dx)
    normal = np.stack([flat * np.cos(screen), flat * np.sin(screen), np.sqrt(1 - flat**2)])
    facing = np.maximum(0, np.tensordot(light.direction, normal, axes=1))
    halfway = light.direction + np.array([0, 0, 1], np.float32)
    gloss = np.maximum(0, np.tensordot(halfway / np.linalg.norm(halfway), normal, axes=1))
    shading = (1.1 - light.strength) * (0.55 + 0.45 * normal[2]) + light.strength * facing
    lit = colour * shading[..., None] + (rng.uniform(0.1, 0.5) * gloss ** rng.uniform(18, 60))[..., None]
    scene.cover(alpha, lit.astype(np.float32))
    if main:
        scene.visible = np.maximum(scene.visible, alpha)
        blemished = cv2.remap(skin.blemished, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        scene.blemished = np.where(alpha > 0.5, blemished, scene.blemished)


def _tilted(points: np.ndarray, roll: float, towards: float) -> np.ndarray:
    """Points of the unit ball, shape (3, ..), after rolling the ball by an angle towards a direction."""
    c, s, k, m = np.cos(roll), np.sin(roll), np.cos(towards), np.sin(towards)
    rotation = np.array(
        [
            [c * k * k + m * m, (c - 1) * k * m, s * k],
            [(c - 1) * k * m, c * m * m + k * k, s * m],
            [-s * k, -s * m, c],
        ],
        np.float32,
    )
    return np.tensordot(rotation, points, axes=1)


def _paint_ground(side: int, rng: np.random.Generator) -> np.ndarray:
    """What the fruit lies on: crate wood, leaves, cloth or cardboard."""
    ground = str(rng.choice(["wood", "leaves", "cloth", "cardboard"]))
    if ground == "wood":
        grain = cv2.resize(
            rng.standard_normal((side, 7), dtype=np.float32), (side, side), interpolation=cv2.INTER_CUBIC
        )
        tone = np.array([0.58, 0.43, 0.27], np.float32) * np.float32(rng.uniform(0.7, 1.3))
        texture = 1 + 0.08 * cv2.GaussianBlur(grain, (1, 5), 0, sigmaY=1.0)
        planks = rng.integers(3, 6)
        edges = np.abs(((np.arange(side) / side * planks + rng.random()) % 1) - 0.5) > 0.5 - rng.uniform(0.015, 0.05)
        texture[edges] *= 0.3
        picture = tone * texture[..., None]
    elif ground == "cloth":
        tone = (rng.uniform(0.2, 0.85) + rng.uniform(-0.13, 0.13, 3)).astype(np.float32)
        folds = 1 + 0.18 * smooth_noise(rng, side, 4)
        thread = np.sin(np.arange(side, dtype=np.float32) * rng.uniform(1.2, 2.2))
        picture = tone * (folds * (1 + 0.06 * (thread[:, None] + thread[None])))[..., None]
    elif ground == "leaves":
        picture = np.full((side, side, 3), (0.13, 0.16, 0.07), np.float32)
        for _ in range(45):
            _paint_leaf(picture, rng.uniform(0, side, 2), side * rng.uniform(0.15, 0.4), rng)
    else:
        tone = np.array([0.66, 0.52, 0.36], np.float32) * np.float32(rng.uniform(0.8, 1.2))
        picture = tone * (1 + 0.04 * smooth_noise(rng, side, 5) + 0.03 * smooth_noise(rng, side, side / 4))[..., None]
        for _ in range(rng.integers(2, 9)):
            (x, y), (width, height) = rng.uniform(0, side, 2), rng.uniform(0.1, 0.45, 2) * side
            scrap = cv2.boxPoints(((x, y), (width, height), rng.uniform(0, 90))).astype(np.int32)
            paper = rng.uniform(0.2, 0.95) + rng.uniform(-0.1, 0.1, 3)
            cv2.fillPoly(picture, [scrap], [float(level) for level in paper])
    if ground == "wood" and rng.random() < 0.5:
        picture = np.ascontiguousarray(picture.transpose(1, 0, 2))
    return picture.astype(np.float32)


def _leaf(base: np.ndarray, length: float, angle: float) -> np.ndarray:
    along = np.linspace(0, 1, 14)
    width = 0.17 * np.sin(np.pi * along**0.8)
    outline = np.concatenate([np.stack([along, width], 1), np.stack([along, -width], 1)[::-1]]) * length
    turned = outline @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray((turned + base).astype(np.int32))


def _paint_leaf(picture: np.ndarray, base: np.ndarray, length: float, rng: np.random.Generator) -> None:
    outline = _leaf(base, length, rng.uniform(0, 2 * np.pi))
    tone = np.array([0.24, 0.40, 0.14]) * rng.uniform(0.5, 1.5) + np.array([rng.uniform(0, 0.2), 0, 0])
    cv2.fillPoly(picture, [outline], [float(level) for level in tone])
    tip, stem = outline[len(outline) // 2], outline[0]
    cv2.line(picture, [int(n) for n in stem], [int(n) for n in tip], [float(level) for level in tone * 1.4], 1)


def _cover_with_leaf(scene: _Scene, middle: np.ndarray, radius: float, rng: np.random.Generator) -> None:
    """A leaf that reaches over the border of the fruit."""
    angle = rng.uniform(0, 2 * np.pi)
    at = middle + 1.7 * radius * np.array([np.cos(angle), np.sin(angle)])
    alpha = np.zeros(scene.visible.shape, np.float32)
    cv2.fillPoly(alpha, [_leaf(at, radius, angle + np.pi + rng.normal(0, 0.7))], 1.0)
    tone = np.array([0.24, 0.42, 0.14], np.float32) * np.float32(rng.uniform(0.6, 1.4))
    scene.cover(cv2.GaussianBlur(alpha, (0, 0), 0.6), np.broadcast_to(tone, scene.colour.shape))


def _hold(
    scene: _Scene, middle: np.ndarray, radius: float, light: _Light, rng: np.random.Generator, in_front: bool
) -> None:
    """A hand from below: palm behind the fruit, finger tips over its border."""
    side = scene.visible.shape[0]
    skin_tone = np.array([0.85, 0.60, 0.47], np.float32) ** np.float32(rng.uniform(0.9, 2.2))
    columns, rows = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    if in_front:
        starts = np.linspace(-1.0, 1.0, 4) * 0.66 * radius + rng.normal(0, 0.04 * radius, 4)
        fingers = [((x, 1.9 * radius), (0.85 * x, rng.uniform(0.75, 1.0) * radius), 0.2 * radius) for x in starts]
    else:
        fingers = [((0.0, 2.6 * radius), (0.0, 1.0 * radius), 1.05 * radius)]
    for start, stop, thickness in fingers:
        (ax, ay), (bx, by) = start + middle, stop + middle
        length = (bx - ax) ** 2 + (by - ay) ** 2
        t = np.clip(((columns - ax) * (bx - ax) + (rows - ay) * (by - ay)) / length, 0, 1)
        off = np.hypot(columns - ax - t * (bx - ax), rows - ay - t * (by - ay)) / thickness
        alpha = np.clip((1 - off) * thickness + 0.5, 0, 1).astype(np.float32)
        across = np.clip((columns - ax - t * (bx - ax)) / thickness, -1, 1)
        shading = 0.62 + 0.3 * np.sqrt(np.maximum(0, 1 - off**2)) + 0.12 * across * light.direction[0]
        scene.colour *= 1 - 0.35 * cv2.GaussianBlur(alpha, (0, 0), 0.06 * radius)[..., None]
        scene.cover(alpha, skin_tone * shading[..., None].astype(np.float32))


def _cast_shadow(side: int, rng: np.random.Generator) -> np.ndarray:
    """Shadow of something outside the picture: soft dark shapes that may pass for a blemish."""
    shadow = np.zeros((side, side), np.float32)
    for _ in range(rng.integers(1, 4)):
        outline = _leaf(rng.uniform(0.2, 0.8, 2) * side, side * rng.uniform(0.2, 0.5), rng.uniform(0, 2 * np.pi))
        cv2.fillPoly(shadow, [outline], 1.0)
    return cv2.GaussianBlur(shadow, (0, 0), float(side * rng.uniform(0.006, 0.02)))
