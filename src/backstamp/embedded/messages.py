"""The messages that the CRM knows, and which table takes which: rows of `sdkmessage` and `sdkmessagefilter`.

A client finds out from them how a table is written, and registers its steps for them.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import catalog, database, metadata

if TYPE_CHECKING:
    from collections.abc import Collection

    from backstamp.embedded.schema import Schema
    from backstamp.embedded.store import Session

MESSAGES, FILTERS, STEPS = "sdkmessage", "sdkmessagefilter", "sdkmessageprocessingstep"
CREATE, UPDATE, DELETE = "Create", "Update", "Delete"
_SINGLE = (CREATE, DELETE, "Retrieve", "RetrieveMultiple", UPDATE)
_BULK = (odata.CREATE_MULTIPLE, odata.UPDATE_MULTIPLE)  # UpsertMultiple is never listed


def takes_bulk(session: Session, table: str) -> bool:
    """Tell whether a table takes bulk messages, as all do but those of the settings."""
    return table not in session.settings.tables_without_bulk


def follow(connection: sa.Connection, tables_without_bulk: Collection[str]) -> None:
    """Let the filters be those of the tables that there are; with a filter go the steps that are registered for it."""
    schema = catalog.load(connection)
    messages = {_message_id(name): {"name": name} for name in (*_SINGLE, *_BULK)}
    wanted = _filters(schema, tables_without_bulk)
    gone = _present(connection, schema, FILTERS) - wanted.keys()
    steps, filters = schema.sql[STEPS], schema.sql[FILTERS]
    connection.execute(sa.delete(steps).where(steps.c.sdkmessagefilterid.in_(gone)))
    connection.execute(sa.delete(filters).where(filters.c.sdkmessagefilterid.in_(gone)))
    for table, rows in ((MESSAGES, messages), (FILTERS, wanted)):
        _insert(connection, schema, table, rows)


def _filters(schema: Schema, tables_without_bulk: Collection[str]) -> dict[str, dict[str, str]]:
    """Return the filters by id: each message that each table takes."""
    return {
        metadata.well_known_id(f"{message} of {table.name}"): {
            "primaryobjecttypecode": table.name,
            "sdkmessageid": _message_id(message),
        }
        for table in schema.tables.values()
        if not table.intersect
        for message in (*_SINGLE, *(() if table.name in tables_without_bulk else _BULK))
    }


def _message_id(name: str) -> str:
    return metadata.well_known_id(f"message/{name}")


def _present(connection: sa.Connection, schema: Schema, table: str) -> set[str]:
    return set(connection.scalars(sa.select(schema.sql[table].c[schema.tables[table].key])))


def _insert(connection: sa.Connection, schema: Schema, table: str, rows: dict[str, dict[str, str]]) -> None:
    missing = sorted(rows.keys() - _present(connection, schema, table))
    if missing:
        now = odata.format_time(dt.datetime.now(dt.UTC))
        history = {"createdon": now, "modifiedon": now}
        first = database.reserve(connection, database.ROW_VERSION, len(missing))
        written = [
            {schema.tables[table].key: key, **rows[key], **history, "versionnumber": version}
            for version, key in enumerate(missing, start=first)
        ]
        connection.execute(schema.sql[table].insert(), written)
