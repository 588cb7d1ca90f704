"""Lists that people supply: values that count as equal (`alias`), and values that count as empty (`bypass`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Entries:
    """A list as it was written: values and, if it is one of pairs, what counts as equal to each of them."""

    values: Sequence[str | None] = ()
    aliases: Sequence[str | None] = ()


Lists: TypeAlias = "Mapping[str, Entries]"
"""The lists that conditions name, by these names."""


def replacements(
    alias: Iterable[tuple[str | None, str | None]], bypass: Iterable[str | None]
) -> Mapping[str, str | None]:
    """Return what stands in the place of values, None for one that counts as empty; all of them normalized before.

    Args:
        alias: pairs of values that count as equal; one with an empty side is ignored.
        bypass: values that count as empty, and with each of them all that count as equal to it.
    """
    smallest = _smallest(alias)
    empty = {smallest.get(value, value) for value in bypass if value is not None}
    aliases = {value: None if stands in empty else stands for value, stands in smallest.items()}
    return aliases | dict.fromkeys(empty)


def _smallest(pairs: Iterable[tuple[str | None, str | None]]) -> dict[str, str]:
    """Return for each value the smallest one of its set, once the pairs are closed into sets."""
    smaller: dict[str, str] = {}  # one of the same set, the value itself for the smallest

    def smallest(value: str) -> str:
        while (below := smaller.setdefault(value, value)) != value:
            smaller[value] = smaller[below]  # which halves the way for whoever comes next
            value = below
        return value

    for left, right in pairs:
        if left is not None and right is not None:
            first, second = sorted((smallest(left), smallest(right)))
            smaller[second] = first
    return {value: smallest(value) for value in list(smaller)}
