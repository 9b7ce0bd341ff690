"""Kind `components`: principal components as images, and the variance that they explain."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gradewise.studies.study import OneModelStudy


class Study(OneModelStudy):
    """Principal components as images, and the variance that they explain."""

    family: ClassVar = "pca_svm"
    files: ClassVar = ("pca.safetensors",)

    show: Literal["components"]
    count: int = Field(16, ge=1, le=64, description="components shown")
