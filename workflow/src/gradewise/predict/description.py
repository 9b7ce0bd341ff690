"""What prediction needs to know of a dataset beyond a model's own files: `prediction.json`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from gradewise.command import UserError
from gradewise.config.aggregation import Aggregate
from gradewise.config.section import Section
from gradewise.config.sources import Reading
from gradewise.config.views import View

NAME = "prediction.json"
"""Name of the file in the folder of a dataset's results."""


class DescribedView(Section):
    """A view, and the cache that models were trained on."""

    operations: View
    view_hash: str = Field(description="SHA-256 of the cache, as in run.json of every model trained on it")


class Blend(Section):
    """How the probabilities of several models become one, see `evaluation.blend`."""

    by: Literal["probability", "vote"]
    level: Literal["image", "sample"] = Field(description="whether verdicts on images are blended, or samples")


class Expected(Section):
    """How well the model did on images that were not used for training: what to expect on new ones of the same kind."""

    metric: str
    level: Literal["image", "sample"]
    value: float
    low: float | None = Field(default=None, description="end of the 95 % interval")
    high: float | None = Field(default=None, description="end of the 95 % interval")
    images: int = Field(description="tested, over all repeats")
    groups: int = Field(description="tested, over all repeats")
    repeats: int


class Description(Reading):
    """How images of a dataset become samples, and how the probabilities of samples become a verdict on the image."""

    dataset: str
    classes: tuple[str, ...]
    positive: str | None = Field(description="the class that aggregate max and top look for")
    aggregate: Aggregate
    labels_from: Literal["images", "masks"] = Field(description="whether the classes of samples came from masks")
    costs: tuple[tuple[float, ...], ...] | None = Field(
        description="rows true classes, columns predicted ones, where the verdict is the class of least expected cost"
    )
    bits: int = Field(description="bits of grey levels that the deepest training image uses; 16-bit images lose others")
    min_side: int = Field(description="smaller images were set aside [px]")
    max_megapixels: float = Field(description="larger images were set aside")
    seed: int = Field(description="seed of the configuration, for tiles drawn at random")
    views: dict[str, DescribedView]
    versions: dict[str, str] = Field(description="of Python and libraries")

    def of_views(self, names: Iterable[str]) -> Description:
        """The same with some of the views only."""
        kept = set(names)
        return self.model_copy(update={"views": {name: view for name, view in self.views.items() if name in kept}})


def read_description(path: Path) -> Description:
    """Read `prediction.json`.

    Raises
    ------
    UserError
        If it does not exist, or another version of gradewise wrote it.
    """
    if not path.exists():
        raise UserError(f"{path}: does not exist; run the workflow again, which writes it without training anything")
    try:
        return Description.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise UserError(f"{path}: not what the rule describe writes; run the workflow again ({error})") from error
