"""Models ranked by one metric, with intervals, what guessing reaches and a bracket at those tied with the leader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.transforms import blended_transform_factory

from gradewise.evaluation.recommendation import Candidate
from gradewise.report import drawing, numbers
from gradewise.report.palette import INK, QUIET, Style

HEIGHT = 0.42
"""Of a line [inch]."""


def draw(
    ranking: Sequence[Candidate],
    tied: Sequence[str],
    choice: str,
    *,
    styles: Mapping[str, Style],
    baseline: tuple[str, float],
    label: str,
    write: Callable[[float | None], str],
    share: bool,
) -> bytes:
    """Draw the ranking.

    Parameters
    ----------
    ranking : sequence of Candidate
        The best first; the first one leads.
    tied : sequence of str
        Models that count as tied with the leader.
    choice : str
        The recommended model, whose name is bold.
    styles : mapping of str to Style
        By model.
    baseline : (str, float)
        What a constant prediction is called, and what it reaches.
    label : str
        Of the x axis.
    write : callable
        Writes a value.
    share : bool
        Whether values are shares, to be written in per cent.

    Returns
    -------
    bytes
        SVG.
    """
    with drawing.style():
        canvas = Canvas(figsize=(drawing.PANEL, 0.85 + HEIGHT * len(ranking)))
        axes = canvas.subplots()
        for place, candidate in enumerate(ranking):
            _line(axes, place, candidate, styles[candidate.model], write)
        name, value = baseline
        axes.axvline(value, color=QUIET, linewidth=1.1, linestyle=(0, (3, 2)))
        bottom = len(ranking) - 0.35
        axes.text(value, -0.72, f"{name} {write(value)}", ha="center", va="bottom", fontsize=8, color=INK)
        axes.set_ylim(bottom, -0.68)
        names = axes.set_yticks(range(len(ranking)), [candidate.model for candidate in ranking])
        for tick, candidate in zip(names, ranking, strict=True):
            tick.label1.set_fontweight("bold" if candidate.model == choice else "normal")
        bracketed = [place for place, candidate in enumerate(ranking) if place == 0 or candidate.model in tied]
        if len(bracketed) > 1:
            _bracket(axes, bracketed)
        axes.set_xlabel(label)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        if share:
            drawing.percent_axis(axes)
        return drawing.to_svg(canvas)


def _line(axes: Axes, place: int, candidate: Candidate, style: Style, write: Callable[[float | None], str]) -> None:
    value = candidate.score.value
    if value is None or not numbers.known(value):
        return
    parts = []
    if candidate.score.bounds:
        parts += axes.plot(
            candidate.score.bounds, [place, place], color=style.colour, linewidth=2, solid_capstyle="butt"
        )
    face = style.colour if place == 0 else "white"
    parts += axes.plot(
        [value], [place], style.marker, color=style.colour, markerfacecolor=face, markersize=8 if place == 0 else 7
    )
    for part in parts:
        drawing.tag(part, title=f"{candidate.model}: {numbers.interval(candidate.score, write)}")
    axes.annotate(
        write(value), (value, place), (0, 6), textcoords="offset points", ha="center", va="bottom", fontsize=8
    )


def _bracket(axes: Axes, places: Sequence[int]) -> None:
    """A bracket at the right, with a tick at each of the tied lines."""
    beside = blended_transform_factory(axes.transAxes, axes.transData)
    axes.plot([1.05, 1.05], [places[0], places[-1]], color=INK, linewidth=1.1, transform=beside, clip_on=False)
    for place in places:
        axes.plot([1.02, 1.05], [place, place], color=INK, linewidth=1.1, transform=beside, clip_on=False)
    middle = (places[0] + places[-1]) / 2
    axes.text(1.07, middle, "tied", rotation=90, ha="left", va="center", transform=beside, fontsize=8, color=INK)
