"""Measures of maps from counts of pixels by score; each function takes many sets of counts at once.

All go through the scores from the highest down. Between two bins they are interpolated, so that scores within a bin
count as equal.
"""

from __future__ import annotations

import numpy as np

MOST = 0.3
"""False positive rate up to which the coverage of defects is averaged (Bergmann et al. 2021, International Journal of
Computer Vision 129:1038, section 5.2)."""


def rates(counts: np.ndarray) -> np.ndarray:
    """Share of counts at or above the lower end of each bin, from the highest bin down, beginning with 0.

    Parameters
    ----------
    counts : ndarray, shape (sets, bins)

    Returns
    -------
    ndarray, shape (sets, bins + 1)
        NaN for a set without counts.
    """
    above = np.concatenate([np.zeros((len(counts), 1)), counts[:, ::-1].cumsum(axis=1)], axis=1)
    total = above[:, -1:]
    return np.asarray(np.divide(above, total, out=np.full(above.shape, np.nan), where=total > 0))


def auroc(without: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Probability that a pixel of a defect has a higher score than another pixel, shape (sets,)."""
    return np.asarray(np.trapezoid(rates(within), rates(without), axis=1))


def average_precision(without: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Mean over pixels of defects of the share of defects among pixels with at least their score, shape (sets,)."""
    hits, others = (counts[:, ::-1].cumsum(axis=1) for counts in (within, without))
    precision = np.divide(hits, hits + others, out=np.zeros(hits.shape, float), where=hits + others > 0)
    total = within.sum(axis=1)
    summed = (precision * within[:, ::-1]).sum(axis=1)
    return np.asarray(np.divide(summed, total, out=np.full(len(total), np.nan), where=total > 0))


def at_rate(without: np.ndarray, of: np.ndarray, false_alarms: float) -> np.ndarray:
    """Share of `of` at or above the score that a share of `without` reaches, shape (sets,)."""
    pairs = zip(rates(without), rates(of), strict=True)
    return np.array([np.interp(false_alarms, below, share) for below, share in pairs])


def overlap_area(without: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Mean coverage of defects over false positive rates from 0 to `MOST` (AUPRO), shape (sets,).

    Parameters
    ----------
    without : ndarray, shape (sets, bins)
        Counts of pixels outside of defects.
    regions : ndarray, shape (sets, bins)
        Sum over defects of the share of their pixels in each bin.
    """
    areas = []
    for below, coverage in zip(rates(without), rates(regions), strict=True):
        inside = below < MOST
        x = np.append(below[inside], MOST)
        y = np.append(coverage[inside], np.interp(MOST, below, coverage))
        areas.append(np.trapezoid(y, x) / MOST)
    return np.array(areas)


def threshold_at(without: np.ndarray, bins: np.ndarray, false_alarms: float) -> float:
    """The lowest end of a bin at or above which lies at most a share of the counts; infinity where none does.

    Parameters
    ----------
    without : ndarray, shape (bins,)
    bins : ndarray, shape (bins,)
        Lower ends.
    false_alarms : float
    """
    above = without[::-1].cumsum()[::-1] / max(without.sum(), 1)
    allowed = np.flatnonzero(above <= false_alarms)
    return float(bins[allowed[0]]) if len(allowed) else float("inf")
