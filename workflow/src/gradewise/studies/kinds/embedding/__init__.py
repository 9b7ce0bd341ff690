"""Kind `embedding`: t-SNE of principal component scores, and how well classes separate in it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gradewise.studies.study import OneModelStudy


class Study(OneModelStudy):
    """t-SNE of principal component scores, and how well classes separate in it."""

    family: ClassVar = "pca_svm"
    outputs: ClassVar = ("embedding.parquet", "separation.parquet")

    show: Literal["embedding"]
    dimensions: tuple[Literal[2, 3], ...] = Field((2, 3), min_length=1)
    perplexity: float = Field(30.0, gt=1)
