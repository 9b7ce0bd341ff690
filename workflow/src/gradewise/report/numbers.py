"""How numbers are written for people: one function per kind of quantity, an en dash where there is no number."""

from __future__ import annotations

from collections.abc import Callable

from gradewise import progress
from gradewise.evaluation.estimates import Estimate as Estimate
from gradewise.evaluation.estimates import known as known

NONE = "–"
MINUS = "−"
SPACE = "\u00a0"
THIN_SPACE = "\u202f"


def percent(share: float | None) -> str:
    """0.842 as '84.2 %'."""
    return f"{100 * share:.1f}{SPACE}%".replace("-", MINUS) if share is not None and known(share) else NONE


def whole_percent(share: float | None) -> str:
    """0.842 as '84 %'."""
    return f"{100 * share:.0f}{SPACE}%" if share is not None and known(share) else NONE


def score(value: float | None) -> str:
    """A dimensionless score with three decimals: '0.812'."""
    return f"{value:.3f}".replace("-", MINUS) if value is not None and known(value) else NONE


def amount(value: float | None) -> str:
    """An amount with one decimal and separated thousands: '31.5', '1 204.0'."""
    text = f"{value:,.1f}" if value is not None and known(value) else NONE
    return text.replace(",", THIN_SPACE).replace("-", MINUS)


def points(difference: float | None) -> str:
    """A difference of two shares in percentage points: '+3.1', '−0.8'."""
    text = f"{100 * difference:+.1f}" if difference is not None and known(difference) else NONE
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", MINUS)


def unsigned_points(difference: float | None) -> str:
    """A gain in percentage points, without the plus sign: '3.1'."""
    return points(difference).removeprefix("+")


def interval(estimate: Estimate, write: Callable[[float | None], str]) -> str:
    """A value with its interval, whose ends have no unit: '84.2 % (78.1 to 88.9)'."""
    value = write(estimate.value)
    if estimate.bounds is None or not known(estimate.value):
        return value
    low, high = (write(bound).removesuffix(f"{SPACE}%") for bound in estimate.bounds)
    return f"{value} ({low} to {high})"


def percent_interval(share: Estimate) -> str:
    """A share with its interval, in a table: '84.2 % (78.1 to 88.9)'."""
    return interval(share, percent)


def with_ci(estimate: Estimate, write: Callable[[float | None], str]) -> str:
    """A value with its interval, in a sentence: '84.2 % (95 % CI 78.1 to 88.9 %)'."""
    value = write(estimate.value)
    if estimate.bounds is None or not known(estimate.value):
        return value
    low, high = map(write, estimate.bounds)
    return f"{value} (95{SPACE}% CI {low.removesuffix(f'{SPACE}%')} to {high})"


def percent_ci(share: Estimate) -> str:
    """A share with its interval, in a sentence: '84.2 % (95 % CI 78.1 to 88.9 %)'."""
    return with_ci(share, percent)


def points_ci(difference: Estimate) -> str:
    """A difference with its interval, in a sentence: '+3.1 points (95 % CI −0.8 to +7.0)'."""
    value = f"{points(difference.value)} points"
    if difference.bounds is None or not known(difference.value):
        return value
    return f"{value} (95{SPACE}% CI {' to '.join(map(points, difference.bounds))})"


def score_interval(value: Estimate) -> str:
    """A score with its interval: '0.812 (0.744 to 0.871)'."""
    return interval(value, score)


def points_interval(difference: Estimate) -> str:
    """A difference with its interval: '+3.1 (−0.8 to +7.0)'."""
    return interval(difference, points)


def p_value(p: float | None) -> str:
    """'0.032', '0.41', '< 0.001'."""
    if p is None or not known(p):
        return NONE
    if p < 0.001:
        return f"<{SPACE}0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def time(seconds: float | None) -> str:
    """Seconds as `progress.duration` writes them."""
    return progress.duration(seconds).replace(" ", SPACE) if seconds is not None and known(seconds) else NONE


def axis_time(seconds: float) -> str:
    """A round time as a tick label: '20 ms', '5 s', '10 min', '2 h'."""
    units = (("h", 3600.0), ("min", 60.0), ("s", 1.0))
    unit, length = next(((unit, length) for unit, length in units if seconds >= 0.999 * length), ("ms", 0.001))
    return f"{seconds / length:.4g}{SPACE}{unit}"


def size(count: float | None) -> str:
    """Bytes in the largest unit of 1000 that leaves at least one: '12.4 MB'."""
    if count is None or not known(count):
        return NONE
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 999.5 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f}{SPACE}{unit}" if unit == "bytes" or count >= 99.5 else f"{count:.1f}{SPACE}{unit}"


def rounding(difference: float) -> str:
    """A tiny difference by its order of magnitude: '6e-8'."""
    return f"{difference:.0e}".replace("e-0", "e-")


def memory(mebibytes: float | None) -> str:
    """Memory given in MiB, as `size` writes bytes."""
    return size(None if mebibytes is None else mebibytes * 2**20)


def count(number: float | None) -> str:
    """A whole number with separated thousands: '12 345'."""
    return f"{number:,.0f}".replace(",", THIN_SPACE) if number is not None and known(number) else NONE


def many(number: int, noun: str) -> str:
    """A number with its noun: '1 image', '48 images'."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun.endswith("ss") else f"{noun}s"
    return f"{count(number)}{SPACE}{noun if number == 1 else plural}"


def basis(images: int, groups: int, noun: str) -> str:
    """'48 images in 16 groups', or '48 images' where each is its own group."""
    counted = many(images, noun)
    return counted if images == groups else f"{counted} in {many(groups, 'group')}"


def rounds(repeats: int, folds: int | None = None) -> str:
    """How often everything was done: '5 repeats', '5 folds', '10 folds (2 times 5)'."""
    if folds is None or repeats % folds:
        return many(repeats, "repeat")
    return many(repeats, "fold") + (f" ({repeats // folds} times {folds})" if repeats > folds else "")


def listed(names: list[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def few(names: list[str], most: int = 3) -> str:
    """Some names, of many the first ones: 'a, b and 7 others'."""
    return listed(names if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} others"])
