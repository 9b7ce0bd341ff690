"""Shards of a table, which jobs make side by side, e.g. on the nodes of a cluster: their names and their rows."""

from __future__ import annotations

from gradewise.command import UserError


def shard_names(count: int) -> list[str]:
    """Names of so many shards, in order: 1-of-3, 2-of-3, 3-of-3."""
    return [f"{number}-of-{count}" for number in range(1, count + 1)]


def rows_of(shard: str, rows: int) -> range:
    """The rows of a shard; shards are as equal as can be, and in order they are all rows.

    Parameters
    ----------
    shard : str
        As `shard_names` names it; empty for all rows.
    rows : int
        How many rows the table has.

    Raises
    ------
    UserError
        If there is no such shard.
    """
    if not shard:
        return range(rows)
    number, separator, count = shard.partition("-of-")
    if not (separator and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UserError(f"shard {shard!r}: not known; the second of three is 2-of-3")
    start, stop = (rows * edge // int(count) for edge in (int(number) - 1, int(number)))
    return range(start, stop)
