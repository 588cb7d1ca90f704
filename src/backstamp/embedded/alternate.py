"""Alternate keys: rows that are addressed by values, as `accounts(name='Contoso')` (dataverse-webapi.md 3.5).

The database holds an index without repetition for each key, so that no two rows can have the same values; text counts
without regard to case. Rows that lack one of the values are not in it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import conditions, faults, values
from backstamp.embedded.metadata import AlternateKey, ColumnType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from backstamp.embedded.metadata import Column, Table
    from backstamp.embedded.request import Segment
    from backstamp.embedded.schema import Schema
    from backstamp.embedded.store import Session
    from backstamp.embedded.values import Row

MOST_KEYS = 10
MOST_COLUMNS = 16
_MOST_BYTES = 900
_OTHER_BYTES = 16
_INDEX_NAME = re.compile(r"\bkey_[0-9a-f]{32}\b")
_CHUNK = 100
"""Rows to look for in one statement."""
_KINDS = frozenset(
    {
        ColumnType.DATETIME,
        ColumnType.DECIMAL,
        ColumnType.INTEGER,
        ColumnType.LOOKUP,
        ColumnType.PICKLIST,
        ColumnType.STRING,
    }
)


def refuse_unfit(table: Table, key: AlternateKey) -> None:
    """Refuse a key that the table cannot have.

    Raises:
        Fault: a column is unknown or of a kind that cannot be in a key, or there are too many, or they are too wide.
    """
    if len(table.keys) >= MOST_KEYS:
        raise faults.bad_request(f"A table can have at most {MOST_KEYS} alternate keys.")
    if not 1 <= len(key.columns) <= MOST_COLUMNS or len(set(key.columns)) != len(key.columns):
        raise faults.bad_request(f"An alternate key needs 1 to {MOST_COLUMNS} different columns.")
    columns = [table.by_name[name] for name in key.columns if name in table.by_name]
    if len(columns) < len(key.columns):
        raise faults.bad_request(f"An alternate key names attributes that {table.name} does not have.")
    for column in columns:
        if column.type not in _KINDS or not column.writable or column.secured:
            raise faults.bad_request(f"The attribute '{column.name}' cannot be part of an alternate key.")
    if sum(2 * (column.max_length or 0) or _OTHER_BYTES for column in columns) > _MOST_BYTES:
        raise faults.bad_request(f"The columns of an alternate key can hold at most {_MOST_BYTES} bytes together.")


def _compared(schema: Schema, table: Table, key: AlternateKey) -> list[sa.ColumnElement[Any]]:
    columns = schema.sql[table.name].c
    return [conditions.comparable(table.by_name[name], columns[name]) for name in key.columns]


def index(schema: Schema, table: Table, key: AlternateKey) -> sa.Index:
    """Return the database's index of a key."""
    return sa.Index(f"key_{key.id.replace('-', '')}", *_compared(schema, table, key), unique=True)


def has_repetitions(connection: sa.Connection, schema: Schema, table: Table, key: AlternateKey) -> bool:
    """Tell whether rows have the same values already, so that there can be no index."""
    compared = _compared(schema, table, key)
    present = sa.and_(*(each.is_not(None) for each in compared))
    repeated = sa.select(sa.func.count()).where(present).group_by(*compared).having(sa.func.count() > 1).limit(1)
    return connection.execute(repeated.select_from(schema.sql[table.name])).first() is not None


def violation(table: Table, error: sa.exc.IntegrityError) -> faults.Fault:
    """Say what a write repeats that may be there once only: the values of an alternate key, or else the id."""
    if _INDEX_NAME.search(str(error.orig)):
        message = f"A record of '{table.name}' with the same values of an alternate key already exists."
        return faults.Fault(412, odata.DUPLICATE_KEY, message)
    message = "Cannot insert duplicate key. A record with matching key values already exists."
    return faults.Fault(412, odata.DUPLICATE_ID, message)


def names_values(table: Table, segment: Segment) -> bool:
    """Tell whether a path names a row by values, and not by its id."""
    return bool(segment.values) and [name for name, _ in segment.values] != [table.key]


def given(table: Table, segment: Segment) -> Row:
    """Return the values that a path names, by column.

    Raises:
        Fault: they are not those of an alternate key, or do not fit their columns.
    """
    named = {_column_name(name): text for name, text in segment.values}
    declared = any(key.active and set(key.columns) == set(named) for key in table.keys)
    if not declared or len(named) < len(segment.values):
        message = (
            f"The key in the request URI is not valid for resource '{odata.type_name(table.name)}'. Ensure that the "
            "names and number of key properties match the declared or alternate key properties."
        )
        raise faults.bad_request(message)
    return {name: _value(table, table.by_name[name], text) for name, text in named.items()}


def _column_name(name: str) -> str:
    # Lookups are named by the property under which they are read.
    return name[1:].removesuffix("_value") if name.startswith("_") else name


def _value(table: Table, column: Column, text: str) -> object:
    if column.is_lookup:
        return _guid(column, text)
    value = conditions.literal(column, text).value
    return values.converter(column, table)(float(value) if isinstance(value, Decimal) else value)


def _guid(column: Column, text: str) -> str:
    if not odata.is_guid(text):
        raise faults.bad_request(f"The value of '{column.name}' is no id.")
    return text.lower()


def find(session: Session, table: Table, segment: Segment) -> str:
    """Return the id of the row that a path names by values.

    Raises:
        Fault: there is none, or the values are not those of an alternate key.
    """
    [found] = find_all(session, table, [given(table, segment)])
    if found is None:
        message = f"A record with the specified key values does not exist in {table.name} entity"
        raise faults.Fault(404, odata.KEY_NOT_FOUND, message)
    return found


def find_all(session: Session, table: Table, wanted: Sequence[Row]) -> list[str | None]:
    """Return for each of these values of an alternate key the id of the row that has them."""
    rows = session.schema.sql[table.name].c
    found: dict[int, str] = {}
    for start in range(0, len(wanted), _CHUNK):
        selects = [
            sa.select(sa.literal(place), rows[table.key]).where(*_equal(session.schema, table, row))
            for place, row in enumerate(wanted[start : start + _CHUNK], start)
        ]
        found.update((place, key) for place, key in session.connection.execute(sa.union_all(*selects)))
    return [found.get(place) for place in range(len(wanted))]


def _equal(schema: Schema, table: Table, row: Row) -> Iterator[sa.ColumnElement[bool]]:
    columns = schema.sql[table.name].c
    for name, value in row.items():
        column = table.by_name[name]
        bound = sa.bindparam(None, value, columns[name].type, unique=True)
        yield conditions.comparable(column, columns[name]) == conditions.comparable(column, bound)


def resolve(session: Session, rows: Iterable[Row]) -> None:
    """Put ids in the place of the values by which links name their rows.

    Raises:
        Fault: a row that is named does not exist.
    """
    for row in rows:
        for name, value in row.items():
            if isinstance(value, values.Named):
                row[name] = find(session, session.schema.tables[value.table], value.segment)


def without(table: Table, key: AlternateKey) -> Table:
    """Return the table without the key."""
    return replace(table, keys=tuple(each for each in table.keys if each.id != key.id))
