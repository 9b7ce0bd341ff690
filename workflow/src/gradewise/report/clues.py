"""What the clues of the data audit say about the recommended model: how much of its accuracy needs no content."""

from __future__ import annotations

from gradewise.evaluation.recommendation import ClueExplains
from gradewise.images.clues import TOGETHER, WITHOUT_CONTENT
from gradewise.report import numbers


def sentence(warning: ClueExplains) -> str:
    """That clues do nearly as well as a model on images, or gain half of what it gains."""
    known = numbers.listed(list(warning.known))
    what = known if warning.best == TOGETHER else warning.best
    others = [name for name in warning.clues if name not in (TOGETHER, warning.best)]
    also = f" ({numbers.listed(others)} alone nearly as much)" if others else ""
    always = "" if warning.near else f", always predicting the most frequent class {numbers.percent(warning.baseline)}"
    return (
        f"A classifier that knows only {what}, a few numbers per image, gets "
        f"{numbers.percent_interval(warning.guessed)} of images right{also}{always}; {warning.model} gets "
        f"{numbers.percent_interval(warning.accuracy)} of test images right. {_meaning(set(warning.clues))}"
    )


def _meaning(clues: set[str]) -> str:
    outside = sorted(clues & set(WITHOUT_CONTENT))
    texts = []
    if outside:
        texts.append(
            f"What an image shows cannot bring about {numbers.listed(outside)}: the classes were taken or saved "
            f"differently."
        )
    if clues - set(outside):
        texts.append(
            "Such numbers may come from what images show or from how they were taken; in the latter case, expect less "
            "of the model on images taken differently."
        )
    return " ".join(texts)
