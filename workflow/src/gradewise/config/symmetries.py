"""Names of the rotations and flips as settings; `symmetry` applies them."""

from __future__ import annotations

from typing import Literal

Symmetry = Literal[
    "identity",
    "rotate_90",
    "rotate_180",
    "rotate_270",
    "flip",
    "flip_rotate_90",
    "flip_rotate_180",
    "flip_rotate_270",
]
"""The eight rotations and flips, in the order of `symmetry.permutations`."""
