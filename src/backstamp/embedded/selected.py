"""Answers FetchXML, SQL and `$apply`: each becomes a selection, and its rows a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backstamp import odata
from backstamp.embedded import apply, faults, fetch, query, selection, sql, tokens
from backstamp.embedded.selection import Start

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstamp.embedded.metadata import Table
    from backstamp.embedded.options import Query
    from backstamp.embedded.query import Reader
    from backstamp.embedded.selection import Selection

    Item = dict[str, Any]


@dataclass(frozen=True)
class Selected:
    """A page of rows as JSON objects, annotations of the whole, and the token of a next link, or ""."""

    items: list[Item]
    annotations: Item = field(default_factory=dict)
    skip: str = ""


def by_fetch(reader: Reader, table: Table, text: str, _skip: str) -> Selected:
    """Answer `?fetchXml=`; empty values are left out, as Dataverse does.

    Raises:
        Fault: it is wrong, or asks for another table than the address.
    """
    fetched = fetch.parse(reader.session.schema, text, reader.size)
    _require_table(fetched.selection, table)
    size = min(fetched.top or fetched.count or reader.size, query.COUNT_LIMIT)
    found = selection.answer(reader, fetched.selection, Start(size, fetched.token, fetched.offset))
    told: Item = {}
    if fetched.counted:
        told[odata.TOTAL_COUNT] = selection.count(reader, fetched.selection, query.COUNT_LIMIT)
    if found.more and fetched.top is None:
        told[odata.MORE_RECORDS] = True
        if found.token:
            told[odata.PAGING_COOKIE] = fetch.cookie(fetched, found.token)
    items = [{name: value for name, value in item.items() if value is not None} for item in found.items]
    return Selected(items, {name: value for name, value in told.items() if reader.annotations.wants(name)})


def by_sql(reader: Reader, table: Table, text: str, skip: str) -> Selected:
    """Answer `?sql=`.

    Raises:
        Fault: it is wrong, not in the subset, or asks for another table than the address.
    """
    statement = sql.parse(reader.session, text)
    _require_table(statement.selection, table)
    return _paged(reader, statement.selection, statement.top, skip)


def by_apply(reader: Reader, table: Table, asked: Query) -> Selected:
    """Answer `$apply`.

    Raises:
        Fault: it is wrong, or stands beside options that do not go with it.
    """
    for option in ("$select", "$filter", "$orderby", "$expand", "$count"):
        if option in asked.given:
            raise faults.bad_request(f"The query parameter {option} is not supported with $apply.")
    return _paged(reader, apply.parse(table, asked.apply), asked.top, asked.skip)


def _require_table(asked: Selection, table: Table) -> None:
    if asked.table != table.name:
        message = f"The query is for the table '{asked.table}', and the address is that of '{table.name}'."
        raise faults.bad_request(message)


def _paged(reader: Reader, asked: Selection, top: int | None, skip: str) -> Selected:
    token, offset, left = _resumed(skip) if skip else ("", 0, top)
    size = reader.size if left is None else min(reader.size, left)
    found = selection.answer(reader, asked, Start(size, token, offset))
    if not found.more or size == left:
        return Selected(found.items)
    rest = None if left is None else left - size
    further = {"token": found.token, "offset": 0 if found.token else offset + size, "left": rest}
    return Selected(found.items, skip=tokens.write(further))


def _resumed(skip: str) -> tuple[str, int, int | None]:
    match tokens.read(skip):
        case {"token": str(token), "offset": int(offset), "left": int() | None as left}:
            if 0 <= offset < 2**53 and (left is None or left >= 0):
                return token, offset, left
    raise faults.bad_request("The $skiptoken does not belong to this query.")


LANGUAGES: dict[str, Callable[[Reader, Table, str, str], Selected]] = {"fetchxml": by_fetch, "sql": by_sql}
"""By the name of a query option, in lower case: what answers it."""
