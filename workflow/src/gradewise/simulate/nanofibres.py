"""Simulated SEM micrographs of electrospun PVAc nanofibres. None of these images was taken with a microscope.

The 16 experiments, their ten areas each, and how the settings shape the fibres follow section 2.1 and Table 1 of the
nanofibre paper. The amounts (number and size of beads) are invented so that the described tendencies hold and the
numbers of homogeneous (HNF, 75 of 160 in the paper) and nonhomogeneous images (NHNF, 85) are about the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gradewise import provenance
from gradewise.config.simulations import NanofibreSimulation
from gradewise.simulate.drawing import Drawing, smooth_noise

HOMOGENEOUS, NONHOMOGENEOUS = "HNF", "NHNF"

LAYERS = 7
"""Sheets of fibres from the deepest to the nearest."""

BEADED_LAYERS = range(3, LAYERS)
"""Sheets near enough to the focus for a bead to be told from a blur."""

SWELLING = 1.5
"""A fibre this many times as thick as elsewhere has a bead there; less is natural variation."""

STEP = 4.0
"""Distance of the points that describe a fibre [px]."""

MARGIN = 60.0
"""Fibres are followed this far beyond the border [px]."""

SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Experiment:
    """Settings of the electrospinning apparatus.

    Attributes
    ----------
    name : str
    concentration_wt : float
        PVAc in ethanol [wt.%].
    voltage_kv : float
        Applied voltage [kV].
    flow_rate_ul_min : float
        Flow rate of the solution [uL/min].
    distance_cm : float
        From the needle's tip to the collector [cm].
    """

    name: str
    concentration_wt: float
    voltage_kv: float
    flow_rate_ul_min: float
    distance_cm: float


EXPERIMENTS = tuple(
    Experiment(f"E{number:02d}", *settings)
    for number, settings in enumerate(
        [
            (10.0, 15.0, 100.0, 10.0),
            (15.0, 10.0, 100.0, 10.0),
            (15.0, 13.5, 100.0, 10.0),
            (15.0, 15.0, 100.0, 10.0),
            (15.0, 15.0, 200.0, 10.0),
            (15.0, 15.0, 300.0, 10.0),
            (15.0, 15.0, 100.0, 12.5),
            (15.0, 15.0, 100.0, 13.5),
            (15.0, 15.0, 100.0, 15.0),
            (20.0, 10.0, 100.0, 10.0),
            (20.0, 11.5, 100.0, 10.0),
            (20.0, 13.5, 100.0, 10.0),
            (20.0, 15.0, 100.0, 10.0),
            (20.0, 16.0, 100.0, 10.0),
            (20.0, 17.5, 100.0, 10.0),
            (25.0, 15.0, 100.0, 10.0),
        ],
        start=1,
    )
)
"""Table 1 of the nanofibre paper. Its last two columns stand swapped there: the text of section 2.1 gives a flow rate
of 100-300 uL/min and a distance of 10-15 cm, and so it is here."""


@dataclass(frozen=True)
class Morphology:
    """What one area of a specimen looks like.

    Attributes
    ----------
    diameter : float
        Mean diameter of the fibres [px].
    spread : float
        Standard deviation of the logarithm of the diameter.
    bend : float
        How much fibres bend: standard deviation of the turn in 160 px [rad].
    density : float
        Fibres, relative to the usual number.
    beads : float
        Beads expected per 1000 px of fibre.
    bead_size : float
        Median thickness of a bead, in diameters of its fibre.
    elongation : float
        Median length of a bead, in thicknesses.
    """

    diameter: float
    spread: float
    bend: float
    density: float
    beads: float
    bead_size: float
    elongation: float


def morphology(experiment: Experiment, settings: NanofibreSimulation, rng: np.random.Generator) -> Morphology:
    """What an area looks like, from the settings of its experiment and chance.

    As section 2.1 of the nanofibre paper has it: low concentration makes the jet unstable, which makes beads; a larger
    distance gives a mixed morphology of fibres and beads; higher voltage makes beads smaller and stretches them. That
    fibres grow thicker with concentration, and that fast flow leaves more beads, is common knowledge of
    electrospinning. An unstable jet also leaves fewer and thinner fibres, which bend and vary more.
    """
    thin = (15.0 - experiment.concentration_wt) / 5.0
    weak = (15.0 - experiment.voltage_kv) / 5.0
    far = (experiment.distance_cm - 10.0) / 5.0
    fast = (experiment.flow_rate_ul_min - 100.0) / 200.0
    magnification = rng.uniform(0.87, 1.15)
    expected = (2.4 if thin > 0 else 1.2) * thin + 0.9 * weak + 1.0 * far + 0.8 * fast - 0.5
    unstable = 1 / (1 + np.exp(-2.5 * (expected + settings.variation * rng.standard_normal())))
    return Morphology(
        diameter=settings.fibre_diameter
        * magnification
        * np.exp(-0.1 * thin + 0.05 * weak + 0.05 * fast - 0.15 * unstable),
        spread=0.14 + 0.13 * unstable + 0.06 * far + rng.uniform(0, 0.05),
        bend=0.05 + 0.12 * unstable + rng.uniform(0, 0.04),
        density=np.exp(-0.45 * unstable + 0.1 * rng.standard_normal()),
        beads=settings.beads * unstable * np.exp(0.3 * rng.standard_normal()),
        bead_size=2.2 * np.exp(0.12 * thin + 0.2 * weak + 0.08 * fast + 0.08 * rng.standard_normal()),
        elongation=1.7 * np.exp(-0.2 * thin - 0.35 * weak + 0.1 * rng.standard_normal()),
    )


def label(mask: np.ndarray, defect_share: float) -> str:
    """HNF or NHNF, by the share of the image that visible defects cover.

    Parameters
    ----------
    mask : ndarray
        Defects are not 0.
    defect_share : float
        Nonhomogeneous from here on.
    """
    return NONHOMOGENEOUS if np.count_nonzero(mask) >= defect_share * mask.size else HOMOGENEOUS


def draw(settings: NanofibreSimulation, seed: int, index: int) -> Drawing:
    """Draw one micrograph of the dataset.

    Parameters
    ----------
    settings : NanofibreSimulation
    seed : int
        The dataset's seed.
    index : int
        Number of the image, from 0; neighbours belong to different experiments, so any number is spread evenly.

    Returns
    -------
    Drawing
        Grey; ``masks`` marks the visible parts of beads and dust, as far as no fibre covers them.
    """
    experiment = EXPERIMENTS[index % len(EXPERIMENTS)]
    area = index // len(EXPERIMENTS) + 1
    rng = np.random.default_rng(provenance.derive_seed(seed, "nanofibres", index))
    canvas = _Canvas.empty(settings.side, rng)
    form = morphology(experiment, settings, rng)
    dusty_after = int(rng.integers(LAYERS - 2, LAYERS)) if rng.random() < settings.dust else None
    for layer in range(LAYERS):
        fibres = _lay_fibres(form, layer, settings.side, rng)
        canvas.add_layer(fibres, layer, rng)
        if layer == dusty_after:
            canvas.add_dust(rng)
    return Drawing(
        image_id=f"{experiment.name}_{area:02d}.png",
        label=label(canvas.mask, settings.defect_share),
        metadata={
            "experiment": experiment.name,
            "area": area,
            "concentration_wt": experiment.concentration_wt,
            "voltage_kv": experiment.voltage_kv,
            "flow_rate_ul_min": experiment.flow_rate_ul_min,
            "distance_cm": experiment.distance_cm,
        },
        pixels=_expose(canvas, settings.noise, rng),
        masks={"masks": canvas.mask},
    )


@dataclass(frozen=True)
class _Fibre:
    """A fibre: points of its axis, the unit normals there, its radius, and where it is a bead."""

    axis: np.ndarray
    normals: np.ndarray
    radius: np.ndarray
    beaded: np.ndarray
    brightness: float
    charged: bool

    def ribbon(self, left: float, right: float, points: slice = slice(None)) -> np.ndarray:
        """Outline of the strip between two fractions of the radius either side of the axis, in subpixel units."""
        axis, reach = self.axis[points], self.normals[points] * self.radius[points, None]
        outline = np.concatenate([axis + left * reach, (axis + right * reach)[::-1]])
        return np.asarray(np.rint(outline * 2**SUBPIXEL_BITS).astype(np.int32))


def _lay_fibres(form: Morphology, layer: int, side: int, rng: np.random.Generator) -> list[_Fibre]:
    """Fibres of one sheet: smooth random walks through points of the image."""
    coverage = form.density * (0.36 if layer < LAYERS - 1 else 0.22)
    typical_length = 0.95 * side
    count = max(2, round(coverage * side**2 / (form.diameter * typical_length) * rng.uniform(0.85, 1.15)))
    diameters = form.diameter * np.exp(form.spread * rng.standard_normal(count) - form.spread**2 / 2)
    half = int(1.5 * side / STEP)
    centres = rng.uniform(-0.05 * side, 1.05 * side, (count, 2))
    headings = _headings(count, half, form.bend, rng)
    propensity = rng.gamma(1.5, 1 / 1.5, count)
    fibres = []
    for i in range(count):
        steps = STEP * np.stack([np.cos(headings[i]), np.sin(headings[i])], axis=1)
        walk = np.cumsum(steps, axis=0)
        axis = walk - walk[half] + centres[i]
        inside = np.flatnonzero(np.all((axis > -MARGIN) & (axis < side + MARGIN), axis=1))
        if inside.size < 3:
            continue
        kept = slice(int(inside[0]), int(inside[-1]) + 1)
        normals = np.stack([-np.sin(headings[i, kept]), np.cos(headings[i, kept])], axis=1)
        beads = form.beads * propensity[i] if layer in BEADED_LAYERS else 0.0
        radius, beaded = _thickness(diameters[i] / 2, inside[-1] - inside[0] + 1, beads, form, rng)
        fibres.append(
            _Fibre(
                axis=axis[kept],
                normals=normals,
                radius=radius,
                beaded=beaded,
                brightness=float(np.exp(0.1 * rng.standard_normal())),
                charged=bool(layer == LAYERS - 1 and rng.random() < 0.06),
            )
        )
    return fibres


def _headings(count: int, half: int, bend: float, rng: np.random.Generator) -> np.ndarray:
    """Directions along fibres, shape (count, 2 half + 1): turns that change smoothly, most fibres nearly straight."""
    points = 2 * half + 1
    knots = max(4, points // 40)
    turns = rng.standard_normal((count, knots)) * rng.gamma(1.6, bend / 1.6, (count, 1))
    turned = np.cumsum(turns, axis=1)
    at = np.linspace(0, knots - 1, points)
    bent = np.stack([np.interp(at, np.arange(knots), course) for course in turned])
    window = max(3, points // knots)
    padded = np.pad(bent, ((0, 0), (window // 2, window - 1 - window // 2)), mode="edge")
    sums = np.cumsum(np.pad(padded, ((0, 0), (1, 0))), axis=1)
    smooth = (sums[:, window:] - sums[:, :-window]) / window
    return np.asarray(rng.uniform(0, 2 * np.pi, (count, 1)) + smooth)


def _thickness(
    radius: float, points: int, beads: float, form: Morphology, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Radius along a fibre, with slight swellings that are natural and with beads, and where beads are."""
    along = np.arange(points) * STEP
    knots = np.arange(0, along[-1] + 60, 60)
    ripple = np.interp(along, knots, rng.standard_normal(knots.size))
    thickness = radius * (1 + 0.045 * ripple)
    natural = rng.poisson(0.6 * points * STEP / 1000)
    for centre, size in zip(rng.uniform(0, along[-1], natural), rng.uniform(1.12, 1.4, natural), strict=True):
        thickness = np.maximum(thickness, radius * size * np.exp(-(((along - centre) / (5 * radius)) ** 2)))
    beaded = np.zeros(points, bool)
    count = rng.poisson(beads * points * STEP / 1000)
    sizes = np.maximum(SWELLING + 0.1, form.bead_size * np.exp(0.3 * rng.standard_normal(count)))
    elongations = np.maximum(1.0, form.elongation * np.exp(0.25 * rng.standard_normal(count)))
    for centre, size, elongation in zip(rng.uniform(0, along[-1], count), sizes, elongations, strict=True):
        distance = (along - centre) / (radius * size * elongation)
        body = 0.8 * np.sqrt(np.maximum(0, 1 - distance**2)) + 0.2 * np.exp(-(distance**2))
        thickness = np.cbrt(thickness**3 + (radius * size * body) ** 3)
        beaded |= (np.abs(distance) < 1.3) & (thickness > SWELLING * radius)
    return thickness, beaded


@dataclass
class _Canvas:
    """The picture in progress, drawn from back to front.

    Attributes
    ----------
    signal : ndarray of uint8, shape (side, side)
    mask : ndarray of uint8, shape (side, side)
        Defects that nothing drawn later covers.
    charge : ndarray of uint8, shape (side, side)
        Where charge gathers.
    detector : float
        Direction to the detector, which sees surfaces that face it brighter [rad].
    """

    signal: np.ndarray
    mask: np.ndarray
    charge: np.ndarray
    detector: float

    @classmethod
    def empty(cls, side: int, rng: np.random.Generator) -> _Canvas:
        return cls(
            signal=np.full((side, side), 12, np.uint8),
            mask=np.zeros((side, side), np.uint8),
            charge=np.zeros((side, side), np.uint8),
            detector=float(rng.uniform(0, 2 * np.pi)),
        )

    def add_layer(self, fibres: list[_Fibre], layer: int, rng: np.random.Generator) -> None:
        """Draw a sheet over what is there: first its shadow and the blur of depth, then fibre by fibre."""
        self._shade_below(fibres)
        near = layer / (LAYERS - 1)
        for fibre in fibres:
            self._draw_fibre(fibre, fibre.brightness * (0.22 + 0.78 * near**1.2))

    def _shade_below(self, fibres: list[_Fibre]) -> None:
        side = self.signal.shape[0]
        cover = np.zeros((side // 4, side // 4), np.uint8)
        for fibre in fibres:
            outline = fibre.ribbon(-1, 1)[::3] // 4
            cv2.fillPoly(cover, [outline], 255, shift=SUBPIXEL_BITS)
        cover = cv2.blur(cv2.blur(cover, (5, 5)), (5, 5))
        light = cv2.resize(255 - cv2.convertScaleAbs(cover, alpha=0.5), (side, side), interpolation=cv2.INTER_LINEAR)
        self.signal = cv2.multiply(cv2.GaussianBlur(self.signal, (0, 0), 0.9), light, scale=1 / 255)

    def _draw_fibre(self, fibre: _Fibre, brightness: float) -> None:
        middle = fibre.normals[len(fibre.normals) // 2]
        facing = float(middle @ [np.cos(self.detector), np.sin(self.detector)])
        shift = 0.16 * facing
        levels = (
            (-1.0, 1.0, 150),
            (-0.93, 0.93, 236),
            (-0.76 - 0.5 * shift, 0.76 - 0.5 * shift, 214),
            (-0.58 - shift, 0.58 - shift, 190),
            (-0.36 - shift, 0.36 - shift, 176),
        )
        for left, right, level in levels:
            shade = min(255.0, level * brightness)
            cv2.fillPoly(self.signal, [fibre.ribbon(left, right)], shade, cv2.LINE_AA, SUBPIXEL_BITS)
        whole = fibre.ribbon(-1, 1)
        cv2.fillPoly(self.mask, [whole], 0, shift=SUBPIXEL_BITS)
        for bead in _stretches(fibre.beaded):
            cv2.fillPoly(self.mask, [fibre.ribbon(-1, 1, bead)], 255, shift=SUBPIXEL_BITS)
        if fibre.charged:
            cv2.fillPoly(self.charge, [whole], 255, shift=SUBPIXEL_BITS)

    def add_dust(self, rng: np.random.Generator) -> None:
        """Lay down a few specks: clumps of bright grains."""
        side = self.signal.shape[0]
        for _ in range(rng.integers(1, 4)):
            centre = rng.uniform(0.03 * side, 0.97 * side, 2)
            extent = rng.uniform(7, 26)
            shape = np.diag(extent * np.array([1.0, rng.uniform(0.4, 0.9)])) @ _rotation(rng.uniform(0, np.pi))
            grains = np.clip(rng.standard_normal((int(10 + extent * 2.2), 2)), -1.7, 1.7) @ shape * 0.6 + centre
            sizes = rng.uniform(0.12, 0.3, len(grains)) * extent
            for grain, size in zip(grains, sizes, strict=True):
                at = tuple(int(value) for value in np.rint(grain * 2**SUBPIXEL_BITS))
                for scale, level in ((1.0, 110), (0.85, rng.uniform(200, 255)), (0.55, rng.uniform(165, 220))):
                    radius = round(size * scale * 2**SUBPIXEL_BITS)
                    cv2.circle(self.signal, at, radius, float(level), -1, cv2.LINE_AA, SUBPIXEL_BITS)
                cv2.circle(self.mask, at, round(size * 2**SUBPIXEL_BITS), 255, -1, cv2.LINE_8, SUBPIXEL_BITS)


def _rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _stretches(flags: np.ndarray) -> list[slice]:
    """Runs of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [slice(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _expose(canvas: _Canvas, noise: float, rng: np.random.Generator) -> np.ndarray:
    """What the detector makes of the signal: uneven yield, charging, brightness and contrast, noise."""
    side = canvas.signal.shape[0]
    picture = cv2.GaussianBlur(canvas.signal, (0, 0), rng.uniform(0.6, 1.1)).astype(np.float32)
    picture *= 1 + 0.05 * smooth_noise(rng, side, 3) + 0.035 * smooth_noise(rng, side, side / 14)
    coarse = cv2.resize(canvas.charge, (side // 8, side // 8), interpolation=cv2.INTER_AREA).astype(np.float32)
    halo = cv2.GaussianBlur(coarse, (0, 0), 6)
    picture += cv2.resize(halo, (side, side)) * rng.uniform(0.2, 0.5) + 0.12 * canvas.charge
    for _ in range(rng.poisson(1.2)):
        top, height = rng.integers(0, side), rng.integers(1, 7)
        start = rng.integers(0, side)
        tail = np.exp(-np.arange(side - start, dtype=np.float32) / rng.uniform(0.1, 0.5) / side)
        picture[top : top + height, start:] += np.float32(rng.uniform(-18, 28)) * tail
    picture = (picture - 90) * np.float32(rng.uniform(0.82, 1.12)) + np.float32(90 + rng.uniform(-14, 14))
    picture += np.float32(0.15 * noise) * rng.standard_normal((side, 1), dtype=np.float32)
    grain = rng.standard_normal((side, side), dtype=np.float32)
    picture += grain * (np.float32(noise) * np.sqrt(np.maximum(picture, 0) / 255 + np.float32(0.25)))
    return np.clip(picture, 0, 255).astype(np.uint8)
