"""Whether published values agree with what was measured here: a mark for each of them, and a study in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradewise.report import numbers
from gradewise.report.numbers import Estimate
from gradewise.studies.cells import Published
from gradewise.studies.pages import published

INSIDE, OUTSIDE, OTHER = "✓", "✗", "○"
"""Marks of a published value in the interval measured here, of one outside, and of a study of other images."""

MEANING = f"{INSIDE} inside, {OUTSIDE} outside the 95{numbers.SPACE}% CI measured here"


def mark(measured: Estimate, value: Published | None) -> str:
    """The mark of a published share; empty where it is no number, or where nothing was measured with an interval."""
    share = published.as_share(value)
    if share is None or measured.bounds is None:
        return ""
    low, high = measured.bounds
    return INSIDE if low <= share <= high else OUTSIDE


def marked(text: str, sign: str) -> str:
    """A published value as it stands in the source, with its mark behind it."""
    return f"{text}{numbers.SPACE}{sign}" if sign else text


@dataclass(frozen=True)
class Agreement:
    """How many of the published values of a study agree with what was measured here.

    Attributes
    ----------
    agreeing, judged : int
        Of `judged` values, so many agree.
    comparable : bool
        Whether they are of these very images.
    what : str
        What those that agree are, in words.
    """

    agreeing: int
    judged: int
    comparable: bool
    what: str = f"in the 95{numbers.SPACE}% CI"

    @classmethod
    def of(cls, marks: Sequence[str], comparable: bool) -> Agreement:
        """From the marks of values, of which empty ones do not count."""
        return cls(marks.count(INSIDE), sum(map(bool, marks)), comparable)

    def __str__(self) -> str:
        if not self.judged:
            return numbers.NONE
        counted = f"{self.agreeing} of {self.judged} {self.what}"
        if not self.comparable:
            return f"{OTHER} other images; {counted}"
        return f"{INSIDE} agrees: {counted}" if self.agreeing == self.judged else f"{OUTSIDE} differs: {counted}"


def headline(agreements: Sequence[Agreement]) -> str:
    """All studies in one or two sentences; empty where no published value can be judged."""
    judged = [agreement for agreement in agreements if agreement.judged]
    comparable = [agreement for agreement in judged if agreement.comparable]
    other = [agreement for agreement in judged if not agreement.comparable]
    texts = []
    if comparable:
        agree = sum(agreement.agreeing == agreement.judged for agreement in comparable)
        if len(comparable) == 1:
            verb = "agrees with" if agree else "differs from"
            texts.append(f"The one published result that can be compared {verb} what was measured here.")
        else:
            verb = "agrees" if agree == 1 else "agree"
            texts.append(f"{agree} of {len(comparable)} comparable published results {verb} with those measured here.")
    if other:
        inside, values = sum(each.agreeing for each in other), sum(each.judged for each in other)
        texts.append(
            f"{numbers.many(len(other), 'result')} {'was' if len(other) == 1 else 'were'} published on other images: "
            f"{inside} of {numbers.many(values, 'value')} {'lies' if inside == 1 else 'lie'} in the 95 % CI measured "
            "here, which neither confirms nor refutes the publication."
        )
    return " ".join(texts)
