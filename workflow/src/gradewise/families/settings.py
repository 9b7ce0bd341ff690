"""Settings shared by several families."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

ClassWeight = Annotated[
    Literal["balanced"] | None, Field(description="balanced: weigh classes by the inverse of their frequency")
]
