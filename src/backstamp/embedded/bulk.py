"""Statements about many rows at once, in the way that costs least on each database.

PostgreSQL takes all rows as one JSON document and does the work in one statement: arrays cost its driver more. SQLite,
which is in the same process, is fast with one statement for each row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Rows = Sequence[Mapping[str, Any]]

_CHUNK = 5000
"""Values in one IN list; SQLite takes at most 32 766 parameters."""


def insert(connection: sa.Connection, table: sa.Table, rows: Rows) -> None:
    """Insert rows, at least one, which have the same columns."""
    if _is_postgresql(connection):
        new = _rows(connection, table, rows)
        connection.execute(table.insert().from_select(list(rows[0]), sa.select(*new.c)))
    else:
        connection.execute(table.insert(), rows)


def update(connection: sa.Connection, table: sa.Table, key: str, rows: Rows) -> int:
    """Write rows, at least one, which have the same columns, over those with the same keys; return how many it has."""
    if _is_postgresql(connection):
        new = _rows(connection, table, rows)
        values = {name: new.c[name] for name in rows[0] if name != key}
        return connection.execute(sa.update(table).where(table.c[key] == new.c[key]).values(values)).rowcount
    parameters = [{"row_key" if name == key else name: value for name, value in row.items()} for row in rows]
    return connection.execute(sa.update(table).where(table.c[key] == sa.bindparam("row_key")), parameters).rowcount


def present(connection: sa.Connection, column: sa.Column[str], texts: Sequence[str]) -> set[str]:
    """Return which of these texts the column has."""
    if _is_postgresql(connection):
        among = sa.select(sa.func.json_array_elements_text(_json(texts)))
        return set(connection.scalars(sa.select(column).where(column.in_(among))))
    found: set[str] = set()
    for start in range(0, len(texts), _CHUNK):
        found.update(connection.scalars(sa.select(column).where(column.in_(texts[start : start + _CHUNK]))))
    return found


def _is_postgresql(connection: sa.Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _rows(connection: sa.Connection, table: sa.Table, rows: Rows) -> sa.TableValuedAlias:
    """Return the rows as a table of the database."""
    columns = [sa.column(name, table.c[name].type) for name in rows[0]]
    kept = _as_kept(connection, columns, rows)
    return sa.func.json_to_recordset(_json(kept)).table_valued(*columns).render_derived(with_types=True)


def _as_kept(connection: sa.Connection, columns: Iterable[sa.ColumnClause[Any]], rows: Rows) -> Rows:
    """Return the rows with values as the database keeps them."""
    types = {column.name: column.type.dialect_impl(connection.dialect) for column in columns}
    processors = {name: kept.bind_processor(connection.dialect) for name, kept in types.items()}
    needed = {name: process for name, process in processors.items() if process is not None}
    if not needed:
        return rows
    return [{**row, **{name: process(row[name]) for name, process in needed.items()}} for row in rows]


def _json(document: object) -> sa.ColumnElement[Any]:
    return sa.cast(sa.literal(orjson.dumps(document).decode()), sa.JSON)
