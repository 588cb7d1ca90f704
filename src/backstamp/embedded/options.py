"""Reads the query options of an address into a value: what to select, filter, order, expand, and where to go on."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from backstamp import odata
from backstamp.embedded import faults, filters, tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Aliases = Mapping[str, str]

_MAX_EXPANSIONS = 15
_PARTS = re.compile(r"""'(?:[^']|'')*'|[(),;/]|[^'(),;/]+|'""")


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
            apply: what to group and aggregate, as `apply` reads it.
        given: the names of all options that were given.
    """

    select: tuple[str, ...] | None = None
    filter: tree.Node | None = None
    orderby: tuple[Order, ...] = ()
    top: int | None = None
    count: bool = False
    expand: tuple[Expansion, ...] = ()
    skip: str = ""
    delta: str = ""
    apply: str = ""
    given: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Expansion:
    """A navigation property to follow, and what is asked of the rows at its end.

    Attributes:
        reference: only the rows' addresses are wanted (`nav/$ref`).
        options: what stands in the parentheses, as names and values.
    """

    navigation: str
    query: Query
    reference: bool = False
    options: tuple[tuple[str, str], ...] = ()


def pairs(text: str) -> list[tuple[str, str]]:
    """Return the names and values in the part of an address behind the question mark, decoded."""
    parts = (part.partition("=") for part in text.split("&") if part)
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in parts]


def parse(text: str) -> Query:
    """Read the part of an address behind the question mark.

    Raises:
        Fault: an option is unknown or malformed.
    """
    given = pairs(text)
    if (
        sum(name == "$expand" for name, _ in given) + sum(value.count("$expand") for _, value in given)
        > _MAX_EXPANSIONS
    ):
        raise _too_many_expansions()
    query = _query(given, {name: value for name, value in given if name.startswith("@")})
    if _expanded(query) > _MAX_EXPANSIONS:
        raise _too_many_expansions()
    return query


def _too_many_expansions() -> faults.Fault:
    return faults.bad_request(f"A query can expand at most {_MAX_EXPANSIONS} navigation properties.")


def _expanded(query: Query) -> int:
    return sum(1 + _expanded(expansion.query) for expansion in query.expand)


def _query(options: Iterable[tuple[str, str]], aliases: Aliases) -> Query:
    query = Query()
    for name, value in options:
        query = replace(_with_option(query, name, value, aliases), given=query.given | {name})
    return query


def _with_option(query: Query, name: str, value: str, aliases: Aliases) -> Query:
    if name in query.given:
        raise faults.bad_request(f"The query parameter {name} is given twice.")
    if name in _OPTIONS:
        field, read = _OPTIONS[name]
        return replace(query, **{field: read(value, aliases)})
    if name.startswith("$"):
        raise faults.bad_request(f"The query parameter {name} is not supported.")
    return query


def _names(text: str, _aliases: Aliases) -> tuple[str, ...] | None:
    return tuple(part.strip() for part in text.split(",") if part.strip()) or None


def _orders(text: str, aliases: Aliases) -> tuple[Order, ...]:
    return tuple(_order(part, aliases) for part in text.split(","))


def _order(text: str, aliases: Aliases) -> Order:
    name, *direction = text.split() or [""]
    name = aliases.get(name, name)
    if not name or direction not in ([], ["asc"], ["desc"]):
        raise faults.bad_request("$orderby takes names, each with asc or desc.")
    return Order(tuple(name.split("/")), direction == ["desc"])


def _whole(text: str, _aliases: Aliases) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise faults.bad_request("$top takes a whole number.")
    return int(text)


def _expansions(text: str, aliases: Aliases) -> tuple[Expansion, ...]:
    if aliases and "@" in text:
        raise faults.bad_request("Parameter aliases cannot be used in $expand.")
    return tuple(_expansion(part) for part in split(text, ","))


def _expansion(text: str) -> Expansion:
    navigation, _, inner = text.strip().partition("(")
    parts = [part.strip().partition("=") for part in split(inner.removesuffix(")"), ";")]
    given = tuple((name, value) for name, _, value in parts)
    for name, _ in given:
        if name not in _INNER:
            raise faults.bad_request(f"The query parameter {name} is not supported in $expand.")
    name = navigation.removesuffix("/$ref")
    return Expansion(name, _query(given, {}), reference=name != navigation, options=given)


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


_OPTIONS: dict[str, tuple[str, Callable[[str, Aliases], Any]]] = {
    "$select": ("select", _names),
    "$filter": ("filter", filters.parse),
    "$orderby": ("orderby", _orders),
    "$top": ("top", _whole),
    "$count": ("count", lambda value, _: value.lower() == "true"),
    "$expand": ("expand", _expansions),
    "$apply": ("apply", lambda value, _: value),
    odata.SKIP_TOKEN: ("skip", lambda value, _: value),
    odata.DELTA_TOKEN: ("delta", lambda value, _: value),
}
_INNER = frozenset({"$select", "$filter", "$orderby", "$top", "$expand"})
