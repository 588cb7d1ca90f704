"""Statements about many rows at once, in the way that costs least on each database.

PostgreSQL takes all rows as one JSON document and does the work in one statement: arrays cost its driver more. SQLite,
which is in the same process, is fast with one statement for each row.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    Rows = Sequence[Mapping[str, Any]]

_CHUNK = 5000
"""Values in one IN list; SQLite takes at most 32 766 parameters."""


def insert(connection: sa.Connection, table: sa.Table, rows: Rows) -> None:
    """Insert rows, at least one, which have the same columns."""
    if _is_postgresql(connection):
        new = _rows(table, list(rows[0]))
        statement = table.insert().from_select(list(rows[0]), sa.select(*new.c))
        connection.execute(statement, {"document": _spelled(connection, table, rows)})
    else:
        connection.execute(table.insert(), rows)


def update(connection: sa.Connection, table: sa.Table, key: str, rows: Rows, same: Mapping[str, Any]) -> int:
    """Write rows, at least one, which have the same columns, over those with the same keys; return how many it has.

    `same` are the values that all of them get besides.
    """
    if _is_postgresql(connection):
        statement = _update(table, key, tuple(rows[0]), tuple(same))
        return connection.execute(statement, {"document": _spelled(connection, table, rows), **same}).rowcount
    parameters = [{"row_key" if name == key else name: value for name, value in row.items()} for row in rows]
    statement = sa.update(table).where(table.c[key] == sa.bindparam("row_key")).values(same)
    return connection.execute(statement, parameters).rowcount


@lru_cache(maxsize=256)
def _update(table: sa.Table, key: str, names: Sequence[str], same: Sequence[str]) -> sa.Update:
    """Return PostgreSQL's statement: to put it together takes longer than to send it."""
    new = _rows(table, names)
    values = {name: new.c[name] for name in names if name != key}
    given = {name: sa.bindparam(name, type_=table.c[name].type) for name in same}
    return sa.update(table).where(table.c[key] == new.c[key]).values(values | given)


def present(connection: sa.Connection, column: sa.Column[str], texts: Sequence[str]) -> set[str]:
    """Return which of these texts the column has."""
    if _is_postgresql(connection):
        among = sa.select(sa.func.json_array_elements_text(_document()))
        document = {"document": orjson.dumps(texts).decode()}
        return set(connection.scalars(sa.select(column).where(column.in_(among)), document))
    found: set[str] = set()
    for start in range(0, len(texts), _CHUNK):
        found.update(connection.scalars(sa.select(column).where(column.in_(texts[start : start + _CHUNK]))))
    return found


def absent(connection: sa.Connection, column: sa.Column[str], texts: Collection[str]) -> set[str]:
    """Return which of these texts the column does not have."""
    if _is_postgresql(connection):
        return set(connection.scalars(_absent(column), {"document": orjson.dumps(list(texts)).decode()}))
    return set(texts) - present(connection, column, list(texts))


@lru_cache(maxsize=256)
def _absent(column: sa.Column[str]) -> sa.Select[tuple[str]]:
    text = sa.func.json_array_elements_text(_document()).column_valued("text")
    return sa.select(text).where(~sa.exists().where(column == text))


def _is_postgresql(connection: sa.Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _rows(table: sa.Table, names: Iterable[str]) -> sa.TableValuedAlias:
    """Return the rows of the document, which have these columns, as a table of the database."""
    columns = [sa.column(name, table.c[name].type) for name in names]
    return sa.func.json_to_recordset(_document()).table_valued(*columns).render_derived(with_types=True)


def _spelled(connection: sa.Connection, table: sa.Table, rows: Rows) -> str:
    """Return the rows as a JSON document, with values as the database keeps them."""
    return orjson.dumps(_as_kept(connection, table, rows)).decode()


def _as_kept(connection: sa.Connection, table: sa.Table, rows: Rows) -> Rows:
    types = {name: table.c[name].type.dialect_impl(connection.dialect) for name in rows[0]}
    processors = {name: kept.bind_processor(connection.dialect) for name, kept in types.items()}
    needed = {name: process for name, process in processors.items() if process is not None}
    if not needed:
        return rows
    return [{**row, **{name: process(row[name]) for name, process in needed.items()}} for row in rows]


def _document() -> sa.ColumnElement[Any]:
    return sa.cast(sa.bindparam("document", type_=sa.String), sa.JSON)
