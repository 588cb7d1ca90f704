"""Customers found in what the last run published: by what their profiles say, and by what they are like."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add, and_
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from backstamp import shapes
from backstamp.pipeline import published, searching

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

    from backstamp import project
    from backstamp.engine import Engine

_TELLING = ("FullName", "Name", "FirstName", "LastName", "Email", "Phone", "City")
"""The columns by which people know a customer: the last parts of semantic types."""
_FEW = 5
_SHORTEST_NUMBER = 6
"""Fewer digits are no telephone number."""
_ID = "customer_id"


@dataclass(frozen=True)
class Wanted:
    """Which customers are looked for.

    Attributes:
        text: a name or its beginning, an e-mail address, a telephone number or its end, a key of a row, a CustomerId;
            where no customer has that, words that stand anywhere in the profile.
        table: `source.table` that the customer has a row of, "" for any.
        least_rows: how many rows it has at least.
        is_in_doubt: whether only those are wanted that a person should look at: of more rows than the project allows,
            or with rows that an exception or an override kept apart from others.
    """

    text: str = ""
    table: str = ""
    least_rows: int = 1
    is_in_doubt: bool = False


@dataclass(frozen=True)
class FoundCustomer:
    """A customer in a list: some values of its profile by name, and how many rows it has."""

    customer_id: str
    values: Mapping[str, Any]
    rows: int


@dataclass(frozen=True)
class FoundCustomers:
    """Customers, those of most rows first.

    Attributes:
        columns: of the profile, whose values are told.
        customers: not more than were asked for.
        are_more: whether others fit too.
    """

    columns: tuple[str, ...]
    customers: tuple[FoundCustomer, ...]
    are_more: bool


def find_customers(settings: project.Project, wanted: Wanted, limit: int) -> FoundCustomers:
    """Find customers in what the last run published.

    Raises:
        BusyError: another process has the warehouse open.
        ConfigurationError: no run has published profiles yet.
    """
    with published.opened(settings.state, settings.engine) as engine:
        profiles = engine.table("profiles")
        columns = _telling(profiles)
        found = _with_text(engine, profiles, wanted.text).select(_ID, *columns)
        if wanted.is_in_doubt:
            found = found.semi_join(_in_doubt(engine, settings.unify.largest_customer), _ID)
        members = engine.table("members")
        if wanted.table:
            found = found.semi_join(members.filter(members.table == wanted.table), _ID)
        counted = members.group_by(_ID).agg(rows_of_it=members.count())
        found = found.inner_join(counted, _ID)
        found = found.filter(found.rows_of_it >= wanted.least_rows)
        rows = engine.rows(found.order_by([ibis.desc("rows_of_it"), _ID]).limit(limit + 1))
        told = [FoundCustomer(row.pop(_ID), rows=row.pop("rows_of_it"), values=row) for row in rows[:limit]]
        return FoundCustomers(columns, tuple(told), len(rows) > limit)


def _with_text(engine: Engine, profiles: ir.Table, text: str) -> ir.Table:
    """Return the profiles that the search index finds; where it finds none, those with all words anywhere."""
    if not text.strip():
        return profiles
    indexed = engine.cache(searching.fitting(engine, text))
    return profiles.semi_join(indexed, _ID) if engine.count(indexed) else holding(engine, profiles, text)


def holding(engine: Engine, rows: ir.Table, text: str) -> ir.Table:
    """Return the rows in which all words of a text stand somewhere; a number also where symbols are in it."""
    words = [_only_digits(word) or word for word in text.lower().split()]
    if not words:
        return rows
    names = [f"word {place}" for place in range(len(words))]
    told = pa.RecordBatch.from_pylist([dict(zip(names, words, strict=True))])
    both = rows.cross_join(engine.load(told.schema, [told]))
    texts = [both[name].cast("string").fill_null("").lower() for name in rows.columns]
    whole = reduce(add, (value + " " for value in texts))
    digits = reduce(add, (value.re_replace("[^0-9]", "") + " " for value in texts))
    found = (
        whole.contains(both[name]) | digits.contains(both[name]) if word.isdecimal() else whole.contains(both[name])
        for name, word in zip(names, words, strict=True)
    )
    return both.filter(reduce(and_, found))


def _only_digits(word: str) -> str:
    """Return the digits of a telephone number, "" for any other word."""
    digits = "".join(filter(str.isdecimal, word))
    return digits if len(digits) >= _SHORTEST_NUMBER and not set(word) - set(digits) - set("+-./()") else ""


def _telling(profiles: ir.Table) -> tuple[str, ...]:
    """Return the columns of profiles by which people know a customer; the first ones where none is of a known type."""
    own = [name for name in profiles.columns if name not in shapes.PROFILES.names]
    return tuple(name for name in _TELLING if name in own) or tuple(own[:_FEW])


def _in_doubt(engine: Engine, largest: int) -> ir.Table:
    """Return `customer_id` of those that a person should look at, as `findings.doubts` lists them."""
    placed = engine.table("customers").select("record", "customer")
    sizes = placed.group_by("customer").agg(rows=placed.count())
    found = [sizes.filter(sizes["rows"] > largest).select("customer")]
    if engine.has("excepted"):
        found.append(engine.table("excepted").select("customer"))
    if engine.has("refused"):
        refused = engine.table("refused")
        records = refused.select(record="left").union(refused.select(record="right"))
        found.append(placed.semi_join(records, "record").select("customer"))
    # Computed now: the union of one table is a mere projection, of which Ibis joins nothing.
    return engine.table("ids").semi_join(engine.cache(ibis.union(*found)), "customer").select(_ID)
