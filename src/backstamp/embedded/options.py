"""Reads the query options of an address into a value: what to select, filter, order, expand, and where to go on."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from backstamp import odata
from backstamp.embedded import faults, filters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MAX_EXPANSIONS = 15
_PARTS = re.compile(r"""'(?:[^']|'')*'|[(),;]|[^'(),;]+|'""")


@dataclass(frozen=True)
class Order:
    """One step of `$orderby`."""

    path: tuple[str, ...]
    descending: bool


@dataclass(frozen=True)
class Query:
    """What is asked of a table.

    Attributes:
        select: property names, or None for all.
        skip: where to go on, as the server wrote it into a next link.
        delta: since when to tell changes, as the server wrote it into a delta link.
        given: the names of all options that were given.
    """

    select: tuple[str, ...] | None = None
    filter: filters.Node | None = None
    orderby: tuple[Order, ...] = ()
    top: int | None = None
    count: bool = False
    expand: tuple[Expansion, ...] = ()
    skip: str = ""
    delta: str = ""
    given: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Expansion:
    """A navigation property to follow, and what is asked of the rows at its end."""

    navigation: str
    query: Query


def parse(text: str) -> Query:
    """Read the part of an address behind the question mark.

    Raises:
        Fault: an option is unknown or malformed.
    """
    if text.count("expand") > _MAX_EXPANSIONS:
        raise faults.bad_request(f"A query can expand at most {_MAX_EXPANSIONS} navigation properties.")
    return _query(iter(pairs(text)))


def pairs(text: str) -> list[tuple[str, str]]:
    """Return the names and values in the part of an address behind the question mark, decoded."""
    parts = (part.partition("=") for part in text.split("&") if part)
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in parts]


def _query(options: Iterator[tuple[str, str]]) -> Query:
    query = Query()
    for name, value in options:
        query = replace(_with_option(query, name, value), given=query.given | {name})
    return query


def _with_option(query: Query, name: str, value: str) -> Query:
    if name in _OPTIONS:
        field, read = _OPTIONS[name]
        return replace(query, **{field: read(value)})
    if name.startswith("$"):
        raise faults.bad_request(f"The query parameter {name} is not supported.")
    return query


def _names(text: str) -> tuple[str, ...] | None:
    return tuple(part.strip() for part in text.split(",") if part.strip()) or None


def _orders(text: str) -> tuple[Order, ...]:
    return tuple(_order(part) for part in text.split(","))


def _order(text: str) -> Order:
    name, *direction = text.split() or [""]
    if not name or direction not in ([], ["asc"], ["desc"]):
        raise faults.bad_request("$orderby takes names, each with asc or desc.")
    return Order(tuple(name.split("/")), direction == ["desc"])


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text):
        raise faults.bad_request("$top takes a whole number.")
    return int(text)


def _expansions(text: str) -> tuple[Expansion, ...]:
    return tuple(_expansion(part) for part in split(text, ","))


def _expansion(text: str) -> Expansion:
    navigation, _, inner = text.strip().partition("(")
    pairs = (part.strip().partition("=") for part in split(inner.removesuffix(")"), ";"))
    return Expansion(navigation, _query((name, value) for name, _, value in pairs))


def split(text: str, separator: str) -> list[str]:
    """Split at the separators that stand outside of parentheses and quotes; empty parts are left out."""
    parts, depth = [""], 0
    for piece in _PARTS.findall(text):
        depth += (piece == "(") - (piece == ")")
        if piece == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [part for part in parts if part.strip()]


_OPTIONS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "$select": ("select", _names),
    "$filter": ("filter", filters.parse),
    "$orderby": ("orderby", _orders),
    "$top": ("top", _whole),
    "$count": ("count", lambda value: value.lower() == "true"),
    "$expand": ("expand", _expansions),
    odata.SKIP_TOKEN: ("skip", str),
    odata.DELTA_TOKEN: ("delta", str),
}
