"""Figures by kind: dots with intervals, curves with bands, grids of shaded cells."""
