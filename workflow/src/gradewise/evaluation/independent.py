"""Differences between two estimates that have nothing in common: other images, other groups."""

from __future__ import annotations

import math

from gradewise.evaluation.estimates import Estimate, known


def minus(first: Estimate, second: Estimate) -> Estimate:
    """The first estimate less the second, with a 95 % interval that follows from the intervals of both.

    The method of Newcombe (1998), Statistics in Medicine 17:873, method 10, which Zou & Donner (2008), Statistics in
    Medicine 27:1693, extend to any two independent estimates with intervals, however lopsided these are. The ends are
    unknown where those of either estimate are.
    """
    if first.value is None or second.value is None or not (known(first.value) and known(second.value)):
        return Estimate(None)
    difference = first.value - second.value
    if first.bounds is None or second.bounds is None:
        return Estimate(difference)
    below = math.hypot(first.value - first.bounds[0], second.bounds[1] - second.value)
    above = math.hypot(first.bounds[1] - first.value, second.value - second.bounds[0])
    return Estimate(difference, difference - below, difference + above)
