"""Kind `layers`: the layers of a network."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradewise.studies.study import OneModelStudy


class Study(OneModelStudy):
    """The layers of a network."""

    family: ClassVar = "cnn"

    show: Literal["layers"]
