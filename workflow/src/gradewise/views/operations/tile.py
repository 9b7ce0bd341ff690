"""Square tiles of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from gradewise.config.views import Positions, Size, Tiling, operation

if TYPE_CHECKING:
    import numpy as np


@operation
class Tile(Tiling):
    """Cut square tiles on a grid without resampling; the remainder at the right and bottom is left off."""

    key = "tile"

    tile: int = Field(ge=8, le=4096, description="side [px]", examples=[128])
    keep: Literal["all", "typical", "centre", "random"] = Field(
        "all",
        description="every tile, the tile nearest the image's median statistics, the middle one, or `count` drawn",
    )
    count: int = Field(1, ge=1, description="how many tiles to draw where keep = random")
    stride: int | None = Field(
        None, ge=1, description="from one tile to the next [px]; below the side, tiles overlap; null: the side"
    )

    @model_validator(mode="after")
    def _check_stride(self) -> Tile:
        if self.step > self.tile:
            raise ValueError(
                f"stride: {self.stride} leaves gaps between tiles of {self.tile} px; use at most {self.tile}"
            )
        return self

    @property
    def step(self) -> int:
        """From one tile to the next [px]."""
        return self.stride or self.tile

    def grid(self, size: Size) -> Size:
        """Rows and columns of tiles of an image of this size."""
        rows, columns = ((length - self.tile) // self.step + 1 for length in size)
        return rows, columns

    @property
    def need(self) -> Size:
        return (self.tile, self.tile)

    @property
    def depends_on_pixels(self) -> bool:
        return self.keep in ("random", "typical")

    def size_after(self, size: Size | None) -> Size:
        return self.need

    def covers(self, size: Size) -> bool:
        return all((length - self.tile) % self.step == 0 for length in size)

    def choose(self, image: np.ndarray, rng: np.random.Generator) -> Positions:
        """Rows and columns of the tiles to keep, in reading order.

        `typical` is the representative sub-image of the nanofibre paper (section 2.1), where an expert chose it: here
        the tile whose mean, spread and gradient are nearest the medians over the image's tiles.
        """
        rows, columns = self.grid((image.shape[0], image.shape[1]))
        positions = [(row, column) for row in range(rows) for column in range(columns)]
        if self.keep == "all":
            return positions
        if self.keep == "centre":
            return [(rows // 2, columns // 2)]
        if self.keep == "random":
            drawn = rng.choice(len(positions), size=min(self.count, len(positions)), replace=False)
            return [positions[index] for index in sorted(drawn)]
        return [positions[_most_typical(self.take(image, positions))]]

    def move(self, points: np.ndarray, size: Size) -> np.ndarray:
        """Where tiles show points, of several tiles in the last.

        For those that pixels or chance choose, other tiles of the same number stand.
        """
        import numpy as np

        rows, columns = self.grid(size)
        position = np.minimum(points // self.step, np.array([rows, columns]) - 1)
        inside = points - position * self.step
        row, column = position.T
        in_tile = (inside < self.tile).all(axis=1)
        if self.keep == "random":
            in_tile &= row * columns + column < self.count
        elif self.keep != "all":
            in_tile &= (row == rows // 2) & (column == columns // 2)
        return np.where(in_tile[:, None], inside, np.nan)

    def take(self, image: np.ndarray, positions: Positions) -> np.ndarray:
        import numpy as np

        grid = tile_grid(image, self.tile, self.step)
        return np.stack([grid[position] for position in positions])

    def in_words(self) -> str:
        kept = {"all": "all kept", "typical": "the most typical one kept", "centre": "the middle one kept"}
        apart = "" if self.step == self.tile else f" every {self.step} px"
        return f"tiles of {self.tile} x {self.tile} px{apart}, {kept.get(self.keep, f'{self.count} kept at random')}"


def tile_grid(image: np.ndarray, side: int, step: int | None = None) -> np.ndarray:
    """Cut an image into square tiles without resampling; the remainder at the right and bottom is left off.

    Parameters
    ----------
    image : ndarray, shape (height, width, channels)
    side : int
    step : int, optional
        From one tile to the next [px]; `side` by default.

    Returns
    -------
    ndarray, shape (rows, columns, side, side, channels)
        A view of the image's memory.
    """
    import numpy as np

    step = step or side
    windows = np.lib.stride_tricks.sliding_window_view(image, (side, side), axis=(0, 1))
    return np.asarray(windows[::step, ::step].transpose(0, 1, 3, 4, 2))


def _most_typical(tiles: np.ndarray) -> int:
    """Index of the tile whose statistics are nearest the medians."""
    import numpy as np

    flat = tiles.astype(np.float32)
    gradient = np.abs(np.diff(flat, axis=1)).mean(axis=(1, 2, 3)) + np.abs(np.diff(flat, axis=2)).mean(axis=(1, 2, 3))
    statistics = np.stack([flat.mean(axis=(1, 2, 3)), flat.std(axis=(1, 2, 3)), gradient], axis=1)
    spread = np.maximum(statistics.std(axis=0), 1e-6)
    distance = np.linalg.norm((statistics - np.median(statistics, axis=0)) / spread, axis=1)
    return int(distance.argmin())
