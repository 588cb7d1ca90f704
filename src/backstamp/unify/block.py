"""Keys: which values a rule compares in a table, and who shares one (unification.md 3).

The values of a table are made comparable once, however many rules use them; the values of a rule's exact conditions
become one key, a hash of 128 bits, so that joining by key compares whole numbers. Under a rule without any all rows
have one key, and what a row holds is each of its values by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import ibis
import pyarrow as pa

from backstamp import shapes
from backstamp.engine import built, functions
from backstamp.unify import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.unify.settings import Condition, Normalizer, Rule

Role = Literal["lower", "upper"]


@dataclass(frozen=True)
class Value:
    """A column as conditions see it: its name, its normalizers in their order, the region of telephone numbers.

    `alias` and `bypass` name lists that people supply.
    """

    column: str
    normalizers: tuple[Normalizer, ...]
    region: str | None = None
    alias: str | None = None
    bypass: str | None = None


Key = tuple[Value, ...]
Held = Key | Value
"""What rows hold under a rule: the values of its exact conditions together, or else one of the others by itself."""


@dataclass(frozen=True)
class Term:
    """A condition of an exception in one table: its value, the least similarity, whether the values must differ."""

    value: Value
    per_cent: int | None
    differs: bool


@dataclass(frozen=True)
class Side:
    """What one rule compares in one table.

    Attributes:
        key: the values of the exact conditions, which are compared together.
        fuzzy: the values of the other conditions, in the order of the rule.
        per_cent: the least similarity of each of these.
        max_rows: how many rows may share a key.
        unless: the exceptions.
    """

    key: Key
    fuzzy: tuple[Value, ...]
    per_cent: tuple[int, ...]
    max_rows: int
    unless: tuple[tuple[Term, ...], ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of the fuzzy values in `Keyed.rows`."""
        return [f"fuzzy_{n}" for n in range(len(self.fuzzy))]

    @property
    def held(self) -> dict[str, Held]:
        """What a row holds that too many may share, by its name in `Keyed.rows`."""
        return {"key": self.key} if self.key else dict(zip(self.names, self.fuzzy, strict=True))

    @property
    def exceptions(self) -> list[dict[str, Term]]:
        """The exceptions, their terms by the names that their values have in `Keyed.rows`."""
        return [{f"unless_{n}_{m}": term for m, term in enumerate(terms)} for n, terms in enumerate(self.unless)]

    @property
    def values(self) -> dict[str, Value]:
        """Everything besides the key, by its name in `Keyed.rows`."""
        terms = {name: term.value for exception in self.exceptions for name, term in exception.items()}
        return dict(zip(self.names, self.fuzzy, strict=True)) | terms


def side_of(rule: Rule, role: Role, region: str | None) -> Side:
    """Return what a rule compares in the lower or in the upper table; in deduplication both are the same.

    Args:
        rule: the rule.
        role: which of its tables it is.
        region: where the table's telephone numbers are from, if no condition says otherwise.
    """
    fuzzy = [condition for condition in rule.match if condition.per_cent is not None]
    return Side(
        key=tuple(_value(condition, role, region) for condition in rule.match if condition.per_cent is None),
        fuzzy=tuple(_value(condition, role, region) for condition in fuzzy),
        per_cent=tuple(condition.per_cent or 0 for condition in fuzzy),
        max_rows=rule.max_rows_per_key,
        unless=tuple(
            tuple(Term(_value(one, role, region), one.per_cent, one.differs) for one in exception)
            for exception in rule.unless
        ),
    )


def _value(condition: Condition, role: Role, region: str | None) -> Value:
    column = condition.lower if role == "lower" else condition.upper
    has_region = "phone" in condition.normalize
    return Value(
        column,
        normalize.in_order(condition.normalize),
        (condition.default_region or region) if has_region else None,
        condition.alias,
        condition.bypass,
    )


@dataclass(frozen=True)
class Keyed:
    """A table's rows with their keys: `shapes.KEYED`.

    Attributes:
        table: record, and a column for each key and each other value, named by `columns`.
        columns: the name of the column of each key and each other value.
        holders: for what rows hold, a table of its values: `key`, `first` (the smallest record that holds it),
            `holders` (how many do).
        region: where the table's telephone numbers are from, if no condition says otherwise.
        lists: what people supply.
        most: of what rows hold, how many rows hold the value that most of them hold, where that is known.
    """

    table: ir.Table
    columns: Mapping[Held, str]
    holders: Mapping[Held, ir.Table]
    region: str | None
    lists: normalize.Lists
    most: Mapping[Held, int] = field(default_factory=dict)

    def rows(self, side: Side) -> ir.Table:
        """Return the rows that hold a key: record, key, and the other values, which may be null."""
        key = self.columns[side.key] if side.key else None
        return _rows(self.table, key, {name: self.columns[value] for name, value in side.values.items()})

    def is_shared(self, side: Side) -> bool:
        """Tell whether two rows may hold the same key."""
        return self.most.get(side.key, 2) > 1 if side.key else True


@built.once
def _rows(table: ir.Table, key: str | None, names: Mapping[str, str]) -> ir.Table:
    values = {name: table[column] for name, column in names.items()}
    rows = table.select("record", key=functions.whole(0) if key is None else table[key], **values)
    return rows.filter(rows.key.notnull())


def keyed(engine: Engine, rows: ir.Table, sides: Iterable[Side], region: str | None, lists: normalize.Lists) -> Keyed:
    """Compute the keys of a table.

    Args:
        engine: where it is computed.
        rows: record, and the columns that the rules name.
        sides: what all rules compare in it.
        region: where its telephone numbers are from, if no condition says otherwise.
        lists: what people supply; those that the sides name.
    """
    used = list(sides)
    table, columns = _columns(engine, rows, used, lists)
    held = dict.fromkeys(one for side in used for one in side.held.values())
    return Keyed(table, columns, {one: engine.cache(_holders(table, columns[one])) for one in held}, region, lists)


def keys_of(sides: Iterable[Side]) -> list[Key]:
    """Return the different keys that rules compare in a table."""
    return list(dict.fromkeys(side.key for side in sides if side.key))


def _columns(
    engine: Engine, rows: ir.Table, used: Sequence[Side], lists: normalize.Lists
) -> tuple[ir.Table, dict[Held, str]]:
    """Return the rows with their keys and other values, and the name of the column of each."""
    keys = keys_of(used)
    texts = list(dict.fromkeys(value for side in used for value in side.values.values()))
    values = list(dict.fromkeys([*(value for key in keys for value in key), *texts]))
    made = comparable(engine, rows, values, lists)
    columns: dict[Held, str] = {value: f"value_{n}" for n, value in enumerate(texts)}
    columns |= {key: f"key_{n}" for n, key in enumerate(keys)}
    places = {columns[value]: values.index(value) for value in texts}
    return engine.cache(_hashed(made, places, {columns[key]: [*map(values.index, key)] for key in keys})), columns


@built.once
def _hashed(made: ir.Table, texts: Mapping[str, int], keys: Mapping[str, Sequence[int]]) -> ir.Table:
    """Return record, and what `comparable` made by these names: one value as it is, or a key's values as their hash."""
    values = {name: made[f"c{place}"] for name, place in texts.items()}
    hashes = {name: functions.key_hash([made[f"c{place}"] for place in places]) for name, places in keys.items()}
    return made.select("record", **values, **hashes)


def short_keys(keyed: Keyed, places: Mapping[Key, int]) -> ir.Table:
    """Return 64 bits of the hash of each key that rows hold: record, and a column for each key, called by its place."""
    return _short(keyed.table, {str(place): keyed.columns[key] for key, place in places.items()})


@built.once
def _short(table: ir.Table, keys: Mapping[str, str]) -> ir.Table:
    return table.select("record", **{place: functions.short_hash(table[name]) for place, name in keys.items()})


def keys_of_rows(
    engine: Engine, rows: ir.Table, sides: Iterable[Side], places: Mapping[Key, int], lists: normalize.Lists
) -> ir.Table:
    """Return what `short_keys` does, of rows.

    Args:
        engine: where it is computed.
        rows: record, and the columns that the rules name.
        sides: what all rules compare in their table.
        places: those of its keys.
        lists: what people supply; those that the sides name.
    """
    keys = [Side(side.key, (), (), side.max_rows) for side in sides]
    return engine.cache(short_keys(Keyed(*_columns(engine, rows, keys, lists), {}, None, lists), places))


@built.once
def match_keys(keys: ir.Table) -> ir.Table:
    """Return what `short_keys` gave as `shapes.MATCH_KEYS`, in no order."""
    held = [
        keys.filter(keys[place].notnull()).select("record", hash=keys[place], place=functions.whole(int(place)))
        for place in keys.columns[1:]
    ]
    none = keys.limit(0).select("record", hash=functions.whole(0), place=functions.whole(0))
    every = ibis.union(*held) if len(held) > 1 else next(iter(held), none)
    return every.select(*shapes.MATCH_KEYS.names)


def counted(keyed: Mapping[str, Keyed], places: Mapping[str, Mapping[Key, int]]) -> list[ir.Table]:
    """Return how many rows hold each key, as `shapes.COUNTED_KEYS`, a table for each place."""
    return [
        _counted(keyed[name].holders[key], place) for name, of_keys in places.items() for key, place in of_keys.items()
    ]


@built.once
def _counted(holders: ir.Table, place: int) -> ir.Table:
    return holders.select(hash=functions.short_hash(holders.key), place=functions.whole(place), holders="holders")


def counted_over_all(
    engine: Engine, keyed: Mapping[str, Keyed], places: Mapping[str, Mapping[Key, int]], crowded: ir.Table
) -> dict[str, Keyed]:
    """Return the keys of some rows of tables, with how many of all their rows hold them.

    Whoever holds a key together with one of these rows is one of them too, but for keys that are crowded. `first` of a
    key is null in a table where none of these rows holds it.

    Args:
        engine: where it is computed.
        keyed: the keys of the rows, by table.
        places: those of all keys.
        crowded: `shapes.CROWDED_KEYS` of all rows.
    """
    held = [one.holders[key] for name, one in keyed.items() for key in places[name]]
    if not held:
        return dict(keyed)
    known = engine.cache(_crowded(held, crowded))
    if not engine.count(known):
        return dict(keyed)

    def everywhere(one: Keyed, key: Key, place: int) -> ir.Table:
        return engine.cache(_everywhere(one.holders[key], known, place))

    return {
        name: replace(one, holders={key: everywhere(one, key, place) for key, place in places[name].items()})
        for name, one in keyed.items()
    }


@built.once
def _crowded(held: Sequence[ir.Table], crowded: ir.Table) -> ir.Table:
    """Return the keys of `Keyed.holders` that are crowded: key, and place and holders."""
    hashes = [holders.select("key", hash=functions.short_hash(holders.key)) for holders in held]
    every = ibis.union(*hashes, distinct=True) if len(hashes) > 1 else hashes[0]
    return every.inner_join(crowded, "hash").select("key", "place", "holders")


@built.once
def _everywhere(holders: ir.Table, known: ir.Table, place: int) -> ir.Table:
    """Return `Keyed.holders` of some rows with how many of all rows hold the keys that are known."""
    every = known.filter(known.place == place).select("key", "holders")
    counted = every.left_join(holders.select("key", "first"), "key").select("key", "first", "holders")
    return holders.select("key", "first", "holders").anti_join(every, "key").union(counted)


def measured(engine: Engine, keyed: Mapping[str, Keyed]) -> dict[str, Keyed]:
    """Return the keys of tables with `most`, which one statement tells of all of them."""
    held = [(name, one) for name, keys in keyed.items() for one in keys.holders]
    if not held:
        return dict(keyed)
    rows = engine.rows(_most([keyed[name].holders[one] for name, one in held]))
    found = {held[row["place"]]: row["most"] or 0 for row in rows}
    return {name: replace(keys, most={one: found[name, one] for one in keys.holders}) for name, keys in keyed.items()}


@built.once
def _most(held: Sequence[ir.Table]) -> ir.Table:
    """Return how many rows hold the value that most rows hold, of each table of `Keyed.holders`: place, most."""
    return ibis.union(
        *(
            holders.agg(most=holders.holders.max()).mutate(place=functions.whole(place))
            for place, holders in enumerate(held)
        )
    )


def crowded(engine: Engine, lower: Keyed, lower_side: Side, upper: Keyed, upper_side: Side) -> dict[str, ir.Table]:
    """Return what more rows of both tables hold than the rule allows, as `Keyed.holders`, by its name in `Keyed.rows`.

    Both may be one table, whose rows count once.
    """
    found = {}
    for name, held in lower_side.held.items():
        parts = [(lower, held)] if upper is lower else [(lower, held), (upper, upper_side.held[name])]
        if sum(one.most.get(part, lower_side.max_rows + 1) for one, part in parts) <= lower_side.max_rows:
            continue
        full = engine.cache(too_many([one.holders[part] for one, part in parts], lower_side.max_rows))
        if engine.count(full):
            found[name] = full
    return found


@built.once
def too_many(holders: Sequence[ir.Table], max_rows: int) -> ir.Table:
    """Return which values more rows hold than may, of one or two tables from `Keyed.holders`, as these."""
    if len(holders) == 1:
        return holders[0].filter(holders[0].holders > max_rows)
    both = ibis.union(*holders)
    # One of the two holds at least half of them, so that to add up both can be spared.
    suspects = both.filter(both.holders * 2 > max_rows).select("key").distinct()
    added = both.semi_join(suspects, "key")
    added = added.group_by("key").agg(first=added["first"].min(), holders=functions.total(added.holders))
    return added.filter(added.holders > max_rows)


@built.once
def without(rows: ir.Table, full: Mapping[str, ir.Table]) -> ir.Table:
    """Return the rows, or classes of them, of `Keyed.rows` that hold nothing that is `crowded`."""
    for name, keys in full.items():
        rows = rows.anti_join(keys.select(**{name: "key"}), name)
    return rows


@built.once
def _holders(table: ir.Table, key: str) -> ir.Table:
    held = table.filter(table[key].notnull())
    return held.group_by(key=held[key]).agg(first=held.record.min(), holders=held.count())


def comparable(engine: Engine, rows: ir.Table, values: Sequence[Value], lists: normalize.Lists) -> ir.Table:
    """Return record and a column of text `c<n>` for each value, null where a row has none."""
    schema = shapes.shape(record=pa.int64(), **{f"c{n}": pa.string() for n in range(len(values))})
    replaced = [_replaced(value, lists) for value in values]

    def compute(batch: pa.RecordBatch) -> pa.RecordBatch:
        made = [
            normalize.comparable(batch[value.column], value.normalizers, value.region, stands)
            for value, stands in zip(values, replaced, strict=True)
        ]
        return pa.RecordBatch.from_arrays([batch["record"], *made], schema=schema)

    columns = list(dict.fromkeys(value.column for value in values))
    return engine.map(built.here(lambda: rows.select("record", *columns)), compute, schema)


def _replaced(value: Value, lists: normalize.Lists) -> normalize.Replaced | None:
    """Return what lists put in the place of a column's normalized values, None without any list."""
    if value.alias is None and value.bypass is None:
        return None
    alias, bypass = (lists[name] if name else normalize.Entries() for name in (value.alias, value.bypass))
    return normalize.replacements(alias, bypass, value.normalizers, value.region)
