"""Rows in (unification.md 1): what a source tells becomes the stored table, and what cannot be used is set apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import ibis
import ibis.expr.datatypes as dt
import pyarrow as pa

from backstamp import errors, shapes
from backstamp.engine import built, functions
from backstamp.unify import prefer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine

POSITION = "_position"
"""The column that tells in which order landed rows were read."""
ROW = "_row"
"""The column of a stored table that numbers its rows: in the order of their keys, from 1, until it changes."""
LATER = 2**32
"""Rows that came since a table was stored as a whole have numbers from here on, in no order."""

NO_KEY = "The key is missing or unfit."
"""The reason why a whole row is set apart."""

MODIFIED_ON, MODIFIED_BY, CREATED_ON = "modifiedon", "modifiedby", "createdon"
"""When and by whom a row of the environment was changed last, and when it was made."""
NO_CONTENT = frozenset({"key", MODIFIED_ON, MODIFIED_BY, CREATED_ON, "createdby", "versionnumber"})
"""What is no content of a row (unification.md 1.5)."""

_WHOLE = "^[+-]?[0-9]+$"
_NUMBER = "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"
_TIME = (
    "^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:[0-9]{2})?)?)?$"
)
"""How whole numbers, numbers, and dates and times of ISO 8601 are written, for every engine."""

MAX_MISSING, MAX_CORRUPT, FEW_ROWS = 0.05, 0.01, 100


@dataclass(frozen=True)
class Landed:
    """What one read of a table brought.

    Attributes:
        rows: the key and the columns under their own names, and `POSITION`.
        deleted: `key` of rows that are gone; None in a full read, where what is not among the rows is gone.
        unreadable: `shapes.CORRUPT` of rows that could not even be read.
        latest_wins: of several rows with one key the last one read counts (a change feed), else the first.
        us: the user as whom we write, where `MODIFIED_ON`, `MODIFIED_BY` and `CREATED_ON` are among the columns.
        only_read: columns that are not stored.
    """

    rows: ir.Table
    deleted: ir.Table | None
    unreadable: ir.Table
    latest_wins: bool
    us: str | None = None
    only_read: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stored:
    """A source table as it is known after the first read, or after one of other columns than before.

    Attributes:
        rows: `shapes.SOURCE` with `ROW`.
        corrupt: `shapes.CORRUPT`.
    """

    rows: ir.Table
    corrupt: ir.Table


@dataclass(frozen=True)
class Changes:
    """How a source table differs from what was known before, by the content of its rows.

    Attributes:
        removed: the rows that have other values now or are gone, as they were: `shapes.SOURCE` with `ROW`.
        added: the rows that have other values now or are new, as they are; the former keep their numbers.
        corrupt: `shapes.CORRUPT`.
        count: how many rows `removed` and `added` have together.
    """

    removed: ir.Table
    added: ir.Table
    corrupt: ir.Table
    count: int


def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch as the warehouse keeps it: times in UTC without a zone, to the microsecond, and plain text."""
    return batch.cast(plain_schema(batch.schema), safe=False)


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema that `plain` gives."""
    return pa.schema([(field.name, _plain_type(field.type)) for field in schema])


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return shapes.TIME
    if pa.types.is_date64(kind):
        return pa.date32()
    is_text = pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_dictionary(kind)
    return pa.string() if is_text else kind


def store(
    engine: Engine,
    landed: Landed,
    previous: ir.Table | None,
    key: str,
    types: Mapping[str, pa.DataType],
    *,
    foreign_keys: Collection[str] = (),
    whole: bool = False,
) -> Stored | Changes:
    """Return the table as it is known after a read, or how it differs where the same columns were known before.

    Args:
        engine: where it is computed.
        landed: what the read brought.
        previous: `shapes.SOURCE` as it was known before, or None.
        key: the name of the primary key; "" for a table without one, whose rows go by their position.
        types: the type that each column is declared with, the key's too; landed text that does not fit it counts as
            null and is listed.
        foreign_keys: columns that name other rows: a GUID in them is stored in small letters, as it is compared.
        whole: return the whole table in any case.
    """
    rows, corrupt = _usable(engine, landed, key, types)
    rows = _with_small_guids(rows, foreign_keys)
    known = previous
    if previous is not None and landed.deleted is not None and not whole:
        known = engine.pick(previous, ["key"], _keys(rows, landed.deleted))
    if landed.us is not None:
        rows = _with_kept_times(rows, known, landed.us)
    rows = _without(rows, landed.only_read)
    if whole or previous is None or _types(rows) != _types(_without(previous, (ROW,))):
        if landed.deleted is not None and previous is not None:
            untouched = previous.drop(ROW).anti_join(rows, "key")
            rows = ibis.union(untouched.select(*rows.columns), rows).anti_join(landed.deleted, "key")
        return Stored(numbered(rows, by_number=is_number(key, types)), corrupt)
    removed, added = _changes(engine, rows, known, landed.deleted)
    added = _numbered_on(engine, added, removed, previous, by_number=is_number(key, types))
    return Changes(removed, added, corrupt, engine.count(removed) + engine.count(added))


def is_number(key: str, types: Mapping[str, pa.DataType]) -> bool:
    """Tell whether keys compare as whole numbers; those of a table without a key are positions."""
    return not key or pa.types.is_integer(types[key])


@built.once
def numbered(rows: ir.Table, *, by_number: bool) -> ir.Table:
    """Return rows with `ROW` in the order of their keys, which are whole numbers or text."""
    order = rows.key.cast("int64") if by_number else rows.key
    return rows.mutate(**{ROW: ibis.row_number().over(order_by=order) + 1})


@built.once
def changed(previous: ir.Table, changes: Changes) -> ir.Table:
    """Return a whole stored table after changes."""
    return previous.anti_join(changes.removed, ROW).union(changes.added.select(previous.columns))


def _usable(engine: Engine, landed: Landed, key: str, types: Mapping[str, pa.DataType]) -> tuple[ir.Table, ir.Table]:
    """Return the rows that can be used, one a key, with `key` for its column; and the rest, as `shapes.CORRUPT`."""
    typed, misfits = _typed(engine, _placed(landed.rows, key), key, types)
    usable, missing = _keyed(typed, key)
    usable, repeated = _unique(engine, usable, key, latest_wins=landed.latest_wins)
    rows = _without(usable, ("_place", POSITION, *([key] if key not in {"", "key"} else [])))
    unreadable = landed.unreadable
    return rows, built.here(lambda: ibis.union(unreadable, missing, repeated, *misfits))


@built.once
def _placed(rows: ir.Table, key: str) -> ir.Table:
    """Return rows with `_place`: their key, or where they stand in what was read."""
    place = (rows[POSITION] + 1).cast("string")
    if key:
        place = ibis.coalesce(rows[key].cast("string").nullif(""), place)
    return rows.mutate(_place=place)


@built.once
def _keyed(typed: ir.Table, key: str) -> tuple[ir.Table, ir.Table]:
    """Return the rows that have a key, with it as `key`, and the others, as `shapes.CORRUPT`."""
    keyed = typed.mutate(key=(typed[key] if key else typed["_place"]).cast("string"))
    unusable = keyed.filter(~prefer.is_filled(keyed.key))
    missing = _corrupt((unusable[POSITION] + 1).cast("string"), key, NO_KEY, unusable)
    return keyed.filter(prefer.is_filled(keyed.key)), missing


@built.once
def _with_small_guids(rows: ir.Table, columns: Collection[str]) -> ir.Table:
    texts = (name for name in columns if name in rows.columns and rows[name].type().is_string())
    return rows.mutate(**{name: functions.lower_guid(rows[name]) for name in texts})


@built.once
def _without(rows: ir.Table, columns: Collection[str]) -> ir.Table:
    return rows.drop(*columns)


@built.once
def _types(rows: ir.Table) -> dict[str, str]:
    return {name: str(kind.copy(nullable=True)) for name, kind in rows.schema().items()}


def _changes(engine: Engine, rows: ir.Table, known: ir.Table, deleted: ir.Table | None) -> tuple[ir.Table, ir.Table]:
    """Hold rows against what was known before, all of it where nobody says which rows are gone.

    Returns:
        The rows that have other values or are gone, as they were; those that have other values or are new.
    """
    if deleted is None:
        rows = engine.cache(rows)
        gone = built.here(lambda: known.anti_join(rows, "key"))
    else:
        rows = engine.cache(built.here(lambda: rows.anti_join(deleted, "key")))
        gone = built.here(lambda: known.semi_join(deleted, "key"))
    different = engine.cache(built.here(lambda: rows.difference(known.select(*rows.columns), distinct=True)))
    removed = built.here(lambda: known.semi_join(different, "key").union(gone).select(*rows.columns, ROW))
    return engine.cache(removed), different


@built.once
def _keys(rows: ir.Table, deleted: ir.Table) -> ir.Table:
    """Return `key` of all rows that a read tells of."""
    return rows.select("key").union(deleted)


def _numbered_on(
    engine: Engine, different: ir.Table, removed: ir.Table, previous: ir.Table, *, by_number: bool
) -> ir.Table:
    """Return the rows that are new or have other values, with the numbers that they had, or those that come next."""
    told = engine.cache(_with_their_numbers(different, removed))
    new = built.here(lambda: told.filter(told[ROW].isnull()).drop(ROW))
    # What comes next is found by a look at all rows.
    return engine.cache(_with_next_numbers(told, new, previous, by_number=by_number)) if engine.count(new) else told


@built.once
def _with_their_numbers(different: ir.Table, removed: ir.Table) -> ir.Table:
    numbered = different.left_join(removed.select("key", ROW), "key")
    return numbered.select(*different.columns, ROW)


@built.once
def _with_next_numbers(told: ir.Table, new: ir.Table, previous: ir.Table, *, by_number: bool) -> ir.Table:
    new = numbered(new, by_number=by_number)
    new = new.mutate(**{ROW: new[ROW] + _last_number(previous).as_scalar()})
    return told.filter(told[ROW].notnull()).union(new.select(*told.columns))


@built.once
def _last_number(previous: ir.Table) -> ir.Table:
    """Return `last`, the number after which new rows are numbered."""
    last = ibis.greatest(previous[ROW].max().fill_null(0), functions.whole(LATER))
    return previous.aggregate(last=last)


def is_in_order(engine: Engine, stored: ir.Table) -> bool:
    """Tell whether the rows of a stored table are numbered in the order of their keys."""
    return engine.rows(_last_number(stored)) == [{"last": LATER}]


@built.once
def _with_kept_times(rows: ir.Table, previous: ir.Table | None, us: str) -> ir.Table:
    """Return the rows with the times of their last change by anybody but us (unification.md 1.5).

    Our own stamp makes a row neither changed nor more recent: if its content is as it was, its time stays as well. A
    row that we stamped before we knew it has the time at which it was created.
    """
    content = sorted(set(rows.columns) - NO_CONTENT)
    by_us = (rows[MODIFIED_BY] == us).fill_null(False)
    if previous is None or not {MODIFIED_ON, *content} <= set(previous.columns):
        return rows.mutate(**{MODIFIED_ON: by_us.ifelse(rows[CREATED_ON], rows[MODIFIED_ON])})
    previous = previous.semi_join(rows, "key")
    before = previous.select(
        _key=previous.key,
        _content=functions.digest([previous.key, *(previous[name] for name in content)]),
        _time=previous[MODIFIED_ON],
    )
    pairs = rows.mutate(_digest=functions.digest([rows.key, *(rows[name] for name in content)]), _by_us=by_us)
    pairs = pairs.left_join(before, pairs.key == before["_key"])
    kept = ibis.cases(
        (~pairs["_by_us"], pairs[MODIFIED_ON]),
        (pairs["_key"].isnull(), pairs[CREATED_ON]),
        (pairs["_digest"] == pairs["_content"], pairs["_time"]),
        else_=pairs[MODIFIED_ON],
    )
    return pairs.select(*(kept.name(name) if name == MODIFIED_ON else pairs[name] for name in rows.columns))


def believe(source: str, *, known: int, missing: int, read: int, corrupt: int) -> None:
    """Refuse a read that has lost too much (unification.md 1.4).

    Args:
        source: the table, for the message.
        known: how many rows were known before.
        missing: how many of these are not there any more, in a full read.
        read: how many rows were read, corrupt ones too.
        corrupt: how many of these cannot be used.

    Raises:
        SourceError: all rows are missing or corrupt, or a large share that is more than a few rows.
    """
    lost = f"so it is not believed and nothing was published. If it is right: `backstamp run --accept-loss {source}`."
    if missing and (missing == known or missing > max(MAX_MISSING * known, FEW_ROWS)):
        raise errors.SourceError(f"{source} lacks {missing:,} of the {known:,} rows that were known before, {lost}")
    if corrupt and (corrupt == read or corrupt > max(MAX_CORRUPT * read, FEW_ROWS)):
        raise errors.SourceError(f"{corrupt:,} of the {read:,} rows of {source} cannot be used, {lost}")


def as_guid(key: str) -> str:
    """Return a key as the environment spells it if it is a GUID, in lower case; any other as it is."""
    try:
        return str(UUID(key))
    except ValueError:
        return key


def _typed(
    engine: Engine, rows: ir.Table, key: str, types: Mapping[str, pa.DataType]
) -> tuple[ir.Table, list[ir.Table]]:
    """Return the rows with text cast to the declared types, and the misfits of each column, as `shapes.CORRUPT`."""
    casts = {
        name: kind
        for name, kind in types.items()
        if name in rows.columns and rows[name].type().is_string() and not pa.types.is_string(kind)
    }
    if not casts:
        return rows, []
    wanted = engine.load(shapes.shape(**casts), []).schema()
    fitting = engine.cache(_fitted(rows, dict(wanted.items())))
    return _fitting_and_misfits(fitting, rows.columns, key, casts)


@built.once
def _fitted(rows: ir.Table, wanted: Mapping[str, dt.DataType]) -> ir.Table:
    """Return rows with `_<name>` for some columns: their text as a value of a type."""
    text = {name: rows[name].strip().nullif("") for name in wanted}
    return rows.mutate(**text).mutate(**{f"_{name}": _fitting(text[name], kind) for name, kind in wanted.items()})


@built.once
def _fitting_and_misfits(
    fitting: ir.Table, names: Sequence[str], key: str, casts: Mapping[str, pa.DataType]
) -> tuple[ir.Table, list[ir.Table]]:
    misfits = [
        _corrupt(
            "_place",
            name,
            f"The value is no {_words(kind)}.",
            fitting.filter(fitting[name].notnull() & fitting[f"_{name}"].isnull()),
        )
        for name, kind in casts.items()
        if name != key
    ]
    columns = {name: fitting[f"_{name}" if name in casts else name] for name in names}
    return fitting.select(**columns), misfits


def _fitting(text: ir.StringValue, kind: dt.DataType) -> ir.Value:
    """Return the text as a value of a type, null where it is none.

    Each engine's own cast takes more: `1.5` or `1_000` for a whole number, `1d` for a number, `infinity` or `2024` for
    a date.
    """
    form = _WHOLE if kind.is_integer() else _NUMBER if kind.is_numeric() else _TIME if kind.is_temporal() else None
    text = text if form is None else text.re_search(form).ifelse(text, ibis.null())
    return functions.utc_time(text).cast(kind) if kind.is_timestamp() else text.try_cast(kind)


def _unique(engine: Engine, rows: ir.Table, key: str, *, latest_wins: bool) -> tuple[ir.Table, ir.Table]:
    """Return one row a key, and the others, as `shapes.CORRUPT`.

    Rows with equal content count once, and older versions of a row in a feed are no mistake: neither is listed.
    """
    repeated = engine.cache(_repeated(rows))
    if not engine.count(repeated):
        return rows, built.here(lambda: _corrupt("key", key, "duplicate key", rows.limit(0)))
    order = rows[POSITION].desc() if latest_wins else rows[POSITION]
    several = rows.semi_join(repeated, "key")
    content = functions.digest([several[name] for name in sorted(set(several.columns) - {POSITION, "_place"})])
    several = several.mutate(
        _rank=ibis.row_number().over(group_by="key", order_by=order),
        _content=content,
    )
    several = engine.cache(several.mutate(_first=several["_content"].first(order_by="_rank").over(group_by="key")))
    kept = several.filter(several["_rank"] == 0).select(*rows.columns)
    others = several.filter((several["_rank"] > 0) & (several["_content"] != several["_first"]))
    listed = others.limit(0) if latest_wins else others
    return rows.anti_join(repeated, "key").union(kept), _corrupt("key", key, "duplicate key", listed)


@built.once
def _repeated(rows: ir.Table) -> ir.Table:
    counted = rows.group_by("key").agg(rows=rows.count())
    return counted.filter(counted["rows"] > 1).select("key")


def _corrupt(place: ir.Value | str, column: str, reason: str, rows: ir.Table) -> ir.Table:
    return rows.select(place=place, column=ibis.literal(column), reason=ibis.literal(reason))


def _words(kind: pa.DataType) -> str:
    """Return what people call a type."""
    if pa.types.is_integer(kind):
        return "whole number"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_date(kind):
        return "date"
    return "time" if pa.types.is_timestamp(kind) else "number"
