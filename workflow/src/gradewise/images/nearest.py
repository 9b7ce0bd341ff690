"""Which of many pictures are most similar to any variant of one: all are compared, or, where there are too many for
that, those of a few lists.

Lists divide pictures by which of some of them, the heads, they are most similar to (an inverted file: Sivic &
Zisserman 2003, ICCV 2:1470). Each variant of a picture looks into the lists whose heads are most similar to it, so that
no list is left out because other variants, or images that all look alike, are more similar to theirs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

FEW = 20_000
"""Number of pictures up to which all are compared."""

LISTS = 400
"""Square of the number of lists, as a multiple of the number of pictures: choosing lists and searching them then take
about the same time."""

ROUNDS = 3
"""How often heads are moved to the mean of their lists."""

PROBED = 6
"""Number of lists that a variant looks into."""

PART = 4096
"""Number of pictures compared at a time, so that similarities stay in the caches of a processor."""


class AllPairs:
    """Compares with all pictures.

    Parameters
    ----------
    wholes : Tensor of float32, shape (n, d)
        Unit vectors of the pictures.
    """

    def __init__(self, wholes: Tensor) -> None:
        self._wholes = wholes

    def __call__(self, variants: Tensor, keys: Tensor, own: int, most: int) -> Tensor:
        """The pictures most similar to any variant of one of them.

        Parameters
        ----------
        variants : Tensor, shape (v, d)
            Unit vectors of the variants.
        keys : Tensor, shape (v, k)
            Unit vectors of the variants that `Lists` knows the pictures by; not used here.
        own : int
            Number of the picture itself, which is left out.
        most : int
            How many at most.

        Returns
        -------
        Tensor of int64, shape (at most `most`,)
            Numbers of pictures, the most similar first.
        """
        return _most_similar(variants, self._wholes, most, own)


class Lists:
    """Compares with the pictures of a few lists only.

    Parameters
    ----------
    wholes : Tensor of float32, shape (n, d)
        Unit vectors of the pictures.
    keys : Tensor of float32, shape (n, k)
        Other unit vectors of the pictures, of few dimensions, by which lists are made.
    seed : int
        For the pictures drawn as heads.
    """

    def __init__(self, wholes: Tensor, keys: Tensor, seed: int) -> None:
        count = min(len(keys), math.ceil(math.sqrt(LISTS * len(keys))))
        drawn = torch.randperm(len(keys), generator=torch.Generator().manual_seed(seed))[:count]
        self._heads = keys[drawn]
        for _ in range(ROUNDS):
            sums = torch.zeros_like(self._heads).index_add_(0, self._nearest_head(keys), keys)
            # a head without pictures stays where it is
            self._heads = torch.where(sums.any(dim=1, keepdim=True), normalize(sums, dim=1), self._heads)
        nearest = self._nearest_head(keys)
        self._members = nearest.argsort(stable=True)
        self._counts = torch.bincount(nearest, minlength=count)
        self._starts = self._counts.cumsum(0) - self._counts
        self._wholes = wholes[self._members]

    def _nearest_head(self, keys: Tensor) -> Tensor:
        nearest = torch.empty(len(keys), dtype=torch.int64)
        # one array for all parts, or the system would clear hundreds of megabytes for each
        scores = torch.empty(PART, len(self._heads))
        for start in range(0, len(keys), PART):
            part = keys[start : start + PART]
            torch.mm(part, self._heads.T, out=scores[: len(part)])
            nearest[start : start + PART] = scores[: len(part)].argmax(dim=1)
        return nearest

    def __call__(self, variants: Tensor, keys: Tensor, own: int, most: int) -> Tensor:
        """As `AllPairs`, but only pictures in the lists of the heads most similar to each of `keys`, shape (v, k)."""
        probed = torch.unique((keys @ self._heads.T).topk(min(PROBED, len(self._heads)), dim=1).indices)
        counts = self._counts[probed]
        shifts = self._starts[probed] - (counts.cumsum(0) - counts)
        places = torch.arange(int(counts.sum())) + shifts.repeat_interleave(counts)
        members = self._members[places]
        others = members != own
        return members[others][_most_similar(variants, self._wholes[places[others]], most)]


def _most_similar(variants: Tensor, wholes: Tensor, most: int, own: int | None = None) -> Tensor:
    scores = torch.cat([(variants @ part.T).amax(dim=0) for part in torch.split(wholes, PART)])
    if own is not None:
        scores[own] = -torch.inf
    return scores.topk(min(most, len(scores) - (own is not None))).indices
