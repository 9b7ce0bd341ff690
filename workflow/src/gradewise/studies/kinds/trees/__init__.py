"""Kind `trees`: what a forest looks at."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradewise.studies.study import OneModelStudy


class Study(OneModelStudy):
    """What a forest looks at: the importance of each pixel as an image, and the first tree drawn."""

    family: ClassVar = "forest"
    files: ClassVar = ("forest.safetensors", "model.json")

    show: Literal["trees"]
