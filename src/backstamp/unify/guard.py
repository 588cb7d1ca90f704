"""What could join strangers: values that very many rows share, and very large customers (unification.md 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from backstamp import shapes
from backstamp.engine import built, functions
from backstamp.unify import block
from backstamp.unify.explain import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine

_LIMITS = shapes.shape(rule=pa.string(), lower=pa.string(), upper=pa.string(), max_rows=pa.int64(), place=pa.int64())

LISTED = 100
"""How many of each kind are listed."""

REASONS = {
    "never": "it would have brought a never pair together",
    "elsewhere": "the two are in different customers",
    "no customer": "the row above is in none",
}
"""Why a link was not made, a reason of `shapes.REFUSED`, as people say it."""


@dataclass(frozen=True)
class Part:
    """A table in a rule: its name, its rows (`record` and columns), its keys, and what they hold under the rule."""

    table: str
    rows: ir.Table
    keyed: block.Keyed
    held: block.Held

    @property
    def holders(self) -> ir.Table:
        """How many rows hold each value."""
        return self.keyed.holders[self.held]

    @property
    def values(self) -> block.Key:
        """What is held, value by value."""
        return self.held if isinstance(self.held, tuple) else (self.held,)


@dataclass(frozen=True)
class Compared:
    """What rows of two tables hold under a rule, and how many may share; in deduplication both parts are the same."""

    rule: str
    max_rows: int
    lower: Part
    upper: Part

    @property
    def parts(self) -> tuple[Part, ...]:
        """The one or two tables."""
        return (self.lower,) if self.lower.table == self.upper.table else (self.lower, self.upper)

    @property
    def is_suspect(self) -> bool:
        """Whether a value may have too many rows."""
        return sum(part.keyed.most[part.held] for part in self.parts) > self.max_rows


@dataclass(frozen=True)
class Shared:
    """Values that more rows hold than a rule allows, counted.

    Attributes:
        rule: its name.
        lower: the table that matches, or the only one.
        upper: the table above, or the same.
        columns: those of its exact conditions, or one of a rule without any, as the file names them.
        values: how many (for several conditions: how many combinations).
        holders: the rows that hold one of them.
    """

    rule: str
    lower: str
    upper: str
    columns: tuple[str, ...]
    values: int
    holders: int


def shared_values(engine: Engine, compared: Collection[Compared]) -> ir.Table | None:
    """Return the values that too many rows share for a rule, as `shapes.SHARED_VALUES`; None without any."""
    found = [(one, engine.cache(_crowded(one))) for one in compared if one.is_suspect]
    if not found:
        return None
    records = ibis.union(*[crowded.select("record") for _, crowded in found])
    held: dict[str, list[Part]] = {}
    for part in (part for one, _ in found for part in one.parts):
        held.setdefault(part.table, []).append(part)
    read = {table: _read(engine, parts, records) for table, parts in held.items()}
    return engine.cache(ibis.union(*[_told(one, crowded, read) for one, crowded in found]))


def _crowded(compared: Compared) -> ir.Table:
    """Return the first row that holds each value that too many rows share, and how many do: record, holders, hash."""
    crowded = block.too_many([part.holders for part in compared.parts], compared.max_rows)
    has_hash = isinstance(compared.lower.held, tuple)
    hashed = functions.short_hash(crowded.key) if has_hash else ibis.null("int64")
    return crowded.select("holders", record="first", hash=hashed)


def _read(engine: Engine, parts: Sequence[Part], records: ir.Table) -> Callable[[Part], ir.Table]:
    """Normalize all that rows of a table hold, at once; return what gives (record, values) of one of the parts."""
    values = list(dict.fromkeys(value for part in parts for value in part.values))
    made = block.comparable(engine, parts[0].rows.semi_join(records, "record"), values, parts[0].keyed.lists)

    def of_part(part: Part) -> ir.Table:
        return made.select("record", values=ibis.array([made[f"c{values.index(value)}"] for value in part.values]))

    return of_part


def _told(compared: Compared, crowded: ir.Table, read: Mapping[str, Callable[[Part], ir.Table]]) -> ir.Table:
    """Return the values that too many rows share for a rule, each read from the first row that holds it."""
    values = ibis.union(*[read[part.table](part) for part in compared.parts])
    told = {
        "rule": ibis.literal(compared.rule),
        "lower": ibis.literal(compared.lower.table),
        "upper": ibis.literal(compared.upper.table),
        "columns": ibis.array(list(_columns(compared))),
    }
    return crowded.inner_join(values, "record").mutate(**told).select(*shapes.SHARED_VALUES.names)


@dataclass(frozen=True)
class Limit:
    """How many rows may share a key under a rule, and the places of that key in its one or two tables."""

    rule: str
    lower: str
    upper: str
    max_rows: int
    places: tuple[int, ...]


def recounted(
    engine: Engine, limits: Sequence[Limit], counted: ir.Table, before: ir.Table, found: ir.Table | None
) -> ir.Table:
    """Return which of some keys too many rows share now, as `shapes.SHARED_VALUES`.

    Args:
        engine: where it is computed.
        limits: those of all rules.
        counted: `shapes.COUNTED_KEYS` of these keys.
        before: `shapes.SHARED_VALUES` before the change.
        found: the same of what was looked at again, where a key that too many share only now must be; None: nothing.
    """
    told = [
        {"rule": one.rule, "lower": one.lower, "upper": one.upper, "max_rows": one.max_rows, "place": place}
        for one in limits
        for place in one.places
    ]
    of_rules = engine.load(_LIMITS, [pa.RecordBatch.from_pylist(told, schema=_LIMITS)])
    return engine.cache(_too_many_now(of_rules, counted, before, found))


@built.once
def _too_many_now(of_rules: ir.Table, counted: ir.Table, before: ir.Table, found: ir.Table | None) -> ir.Table:
    names = ["rule", "lower", "upper", "hash"]
    known = before if found is None else before.union(found)
    lines = known.filter(known.hash.notnull()).select(*names, "columns", "values").distinct(on=names, keep="first")
    held = counted.semi_join(lines, "hash").inner_join(of_rules, "place").group_by([*names, "max_rows"])
    totals = held.agg(holders=functions.total(ibis._.holders))
    totals = totals.filter(totals.holders > totals.max_rows)
    return totals.inner_join(lines, names).select(*shapes.SHARED_VALUES.names)


def _columns(compared: Compared) -> Iterator[str]:
    """Yield the columns of what is held, both where they are not called the same."""
    for below, above in zip(compared.lower.values, compared.upper.values, strict=True):
        yield below.column if below.column == above.column else f"{below.column} / {above.column}"


def counted(engine: Engine, shared: ir.Table) -> tuple[Shared, ...]:
    """Return how many values of each rule too many rows share, from `shapes.SHARED_VALUES`."""
    return tuple(Shared(**row | {"columns": tuple(row["columns"])}) for row in engine.rows(_by_rule(shared)))


@built.once
def _by_rule(shared: ir.Table) -> ir.Table:
    keys = ["rule", "lower", "upper", "columns"]
    found = shared.group_by(keys).agg(values=shared.count(), holders=functions.total(shared.holders))
    return found.order_by([ibis.desc("holders"), "rule", "lower", "upper"])


@dataclass(frozen=True)
class Joint:
    """A link that holds a customer together: two rows, the rule that joined them, and how well they fit."""

    row: Row
    partner: Row
    rule: str
    score: float | None


@dataclass(frozen=True)
class LargeCustomer:
    """A customer of very many rows, and the links that hold it together, the weakest first (not more than 100)."""

    customer_id: str
    rows: int
    weakest: tuple[Joint, ...]


@dataclass(frozen=True)
class Excepted:
    """A customer that holds two rows which an exception of a rule kept apart, but other rows brought together."""

    customer_id: str
    rule: str
    left: Row
    right: Row


@dataclass(frozen=True)
class Refused:
    """A link that was not made, and why: one of the reasons of `shapes.REFUSED`."""

    left: Row
    right: Row
    rule: str
    reason: str


def excepted_pairs(engine: Engine, excepted: ir.Table, records: ir.Table, ids: ir.Table) -> tuple[Excepted, ...]:
    """Return the customers that hold excepted pairs, from `shapes.EXCEPTED`; not more than 100."""
    owned = excepted.inner_join(ids.select("customer", "customer_id"), "customer")
    listed = _named(owned.order_by(["customer", "rule"]).limit(LISTED), records, ("left", "right"))
    rows = engine.rows(listed.order_by(["customer", "rule"]))
    return tuple(Excepted(row["customer_id"], row["rule"], *_ends(row, ("left", "right"))) for row in rows)


def refused_links(engine: Engine, refused: ir.Table, records: ir.Table) -> tuple[Refused, ...]:
    """Return the links that were not made, from `shapes.REFUSED`; not more than 100."""
    order = ["reason", "rule", "left", "right"]
    listed = _named(refused.order_by(order).limit(LISTED), records, ("left", "right"))
    rows = engine.rows(listed.order_by(order))
    return tuple(Refused(*_ends(row, ("left", "right")), row["rule"], row["reason"]) for row in rows)


def count_large(engine: Engine, customers: ir.Table, limit: int) -> tuple[int, int]:
    """Return how many customers have more rows than a limit, and how many the largest customer has."""
    [row] = engine.rows(_large(customers, limit))
    return row["large"], row["most"] or 0


def large_customers(
    engine: Engine, records: ir.Table, customers: ir.Table, ids: ir.Table, limit: int
) -> tuple[LargeCustomer, ...]:
    """Return the customers of more rows than a limit, the largest first (not more than 100).

    Args:
        engine: where it is computed.
        records: `shapes.RECORDS`.
        customers: `shapes.CUSTOMERS`.
        ids: `shapes.IDS`.
        limit: how many rows a customer may have.
    """
    sizes = _sizes(customers)
    large = sizes.filter(sizes["rows"] > limit).inner_join(ids.select("customer", "customer_id"), "customer")
    listed = engine.rows(large.order_by([ibis.desc("rows"), "customer"]).limit(LISTED))
    if not listed:
        return ()
    links = _evidence(customers.filter(customers.customer.isin([row["customer"] for row in listed])))
    order = [ibis.asc(links.score, nulls_first=False), links.row, links.partner]
    ranked = links.mutate(place=ibis.row_number().over(group_by="customer", order_by=order))
    ends = "row", "partner"
    weakest = _named(ranked.filter(ranked.place < LISTED), records, ends)
    joints: dict[int, list[Joint]] = {}
    for row in engine.rows(weakest.order_by("place")):
        joints.setdefault(row["customer"], []).append(Joint(*_ends(row, ends), row["rule"], row["score"]))
    return tuple(
        LargeCustomer(row["customer_id"], row["rows"], tuple(joints.get(row["customer"], ()))) for row in listed
    )


@built.once
def _large(customers: ir.Table, limit: int) -> ir.Table:
    sizes = _sizes(customers)
    return sizes.aggregate(large=sizes.count(where=sizes["rows"] > limit), most=sizes["rows"].max())


def _sizes(customers: ir.Table) -> ir.Table:
    owned = customers.filter(customers.customer.notnull())
    return owned.group_by("customer").agg(rows=owned.count())


def _evidence(customers: ir.Table) -> ir.Table:
    """Return the evidence for customers: customer, row, partner, rule, score."""
    duplicates = customers.filter(customers.record != customers.winner).select(
        "customer", row="record", partner="duplicate_of", rule="duplicate_rule", score="duplicate_score"
    )
    matches = customers.filter(customers.record == customers.winner).drop_null("partner")
    return duplicates.union(matches.select("customer", "row", "partner", "rule", "score"))


def _named(links: ir.Table, records: ir.Table, ends: tuple[str, str]) -> ir.Table:
    """Return links with the tables and keys of both rows; `ends` names the columns with their records."""
    for end in ends:
        names = records.select(**{end: "record", f"{end}_table": "table", f"{end}_key": "key"})
        links = links.inner_join(names, end)
    return links


def _ends(row: Mapping[str, Any], ends: tuple[str, str]) -> tuple[Row, Row]:
    left, right = (Row(row[f"{end}_table"], row[f"{end}_key"]) for end in ends)
    return left, right
