"""The routes below one row: `contacts(8f3c…)/lastname`, `…/parentcustomerid_account`, `…/Contact_Tasks/$ref`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson
import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import column_security, conditions, faults, options, projection, records, rows, tree
from backstamp.embedded.request import Response, Segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backstamp.embedded.metadata import Column, Relationship, Table
    from backstamp.embedded.request import Request
    from backstamp.embedded.store import Session

_RAW = "$value"


@dataclass(frozen=True)
class Row:
    """A row by its table and id; it need not exist."""

    table: Table
    key: str


def answer(session: Session, request: Request, row: Row, rest: list[Segment]) -> Response:
    """Answer what stands below a row: one of its columns, the row or rows that a navigation property leads to.

    Raises:
        Fault: the path leads nowhere, or the row is missing.
    """
    name, further = rest[0].name, rest[1:]
    single = session.schema.navigations[row.table.name].get(name)
    if single is not None and rest[0].key is None:
        return _single(session, request, row, single, further)
    several = session.schema.collections[row.table.name].get(name)
    if several is not None:
        return _several(session, request, row, several, rest)
    if rest[0].key is None and [segment.name for segment in further] in ([], [_RAW]):
        return _column(session, request, row, conditions.readable(row.table, name), raw=bool(further))
    raise faults.unknown_path(name)


def _column(session: Session, request: Request, row: Row, column: Column, *, raw: bool) -> Response:
    """Read, write or empty one column."""
    match request.method, raw:
        case "GET", _:
            return _value(session, request, row, column, raw=raw)
        case "PUT", False:
            body = request.json_object()
            if set(body) != {"value"}:
                raise faults.bad_request("The body of the request must be an object with 'value' alone.")
            return _update(session, request, row, {projection.property_name(column): body["value"]})
        case "DELETE", False:
            return _update(session, request, row, {projection.property_name(column): None})
    raise faults.unknown_path(column.name)


def _value(session: Session, request: Request, row: Row, column: Column, *, raw: bool) -> Response:
    value = _read(session, row, column.name)
    if value is None:
        return Response()
    if raw:
        text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
        return Response(200, content=text.encode(), media_type=odata.TEXT)
    name = projection.property_name(column)
    context = f"{request.root}$metadata#{row.table.entity_set}({row.key})/{name}"
    return Response.json({odata.CONTEXT: context, "value": value})


def _read(session: Session, row: Row, column: str) -> object:
    """Return one value of a row.

    Raises:
        Fault: the row is missing.
    """
    columns = column_security.visible(session, row.table.name).c
    found = session.connection.execute(sa.select(columns[column]).where(columns[row.table.key] == row.key)).first()
    if found is None:
        raise faults.no_row(row.table.name, row.key)
    value: object = found[0]
    return value


def _update(session: Session, request: Request, row: Row, values: Mapping[str, object]) -> Response:
    rows.require(session, row.table, row.key, request.headers.get("if-match", odata.ANY_VERSION))
    records.update(session, row.table, [{row.table.key: row.key, **values}])
    return Response()


def _single(
    session: Session, request: Request, row: Row, relationship: Relationship, further: list[Segment]
) -> Response:
    binding = relationship.navigation + odata.BIND
    match request.method, further:
        case "PUT", [Segment(name="$ref")]:
            return _update(session, request, row, {binding: _referred(request)})
        case "DELETE", [Segment(name="$ref")]:
            return _update(session, request, row, {binding: None})
        case "GET", _:
            target = Row(session.schema.tables[relationship.referenced], str(_read(session, row, relationship.column)))
            if not records.existing(session, target.table, [target.key]):
                return Response()  # there is no link, or one to a row of another table
            return _at(session, request, target, further)
    raise faults.unknown_path(relationship.navigation)


def _at(session: Session, request: Request, row: Row, further: list[Segment]) -> Response:
    """Read a row that a path led to, or what stands below it."""
    match further:
        case []:
            return rows.read_one(session, request, row.table, row.key)
        case [Segment(name="$ref")]:
            context = f"{request.root}$metadata#$ref"
            return Response.json({odata.CONTEXT: context, odata.ROW_ID: _address(request, row)})
    return answer(session, request, row, further)


def _address(request: Request, row: Row) -> str:
    return f"{request.root}{row.table.entity_set}({row.key})"


def _referred(request: Request) -> object:
    reference = request.json_object().get(odata.ROW_ID)
    if reference is None:
        raise faults.bad_request(f"The body of the request needs '{odata.ROW_ID}'.")
    return reference


def _several(session: Session, request: Request, row: Row, relationship: Relationship, rest: list[Segment]) -> Response:
    _read(session, row, row.table.key)
    child = session.schema.tables[relationship.referencing]
    binding = relationship.navigation + odata.BIND
    here = {binding: f"/{row.table.entity_set}({row.key})"}
    collection, further = rest[0], rest[1:]
    if collection.key is not None:
        return _one_of_several(session, request, row, relationship, rest)
    match request.method, [segment.name for segment in further]:
        case "GET", []:
            return rows.listed(session, request, child, _narrowed(request, row, relationship))
        case "GET", ["$count"]:
            return rows.count(session, child, _narrowed(request, row, relationship))
        case "GET", ["$ref"]:
            return _references(session, request, child, _narrowed(request, row, relationship))
        case "POST", []:
            return rows.create(session, request, child, here)
        case "POST" | "PUT", ["$ref"]:
            target = Row(child, _id(_referred(request), child))
            return _update(session, request, target, here)
    raise faults.unknown_path(collection.name)


def _one_of_several(
    session: Session, request: Request, row: Row, relationship: Relationship, rest: list[Segment]
) -> Response:
    """Read one of the rows that point here, or loosen it."""
    child = session.schema.tables[relationship.referencing]
    target = Row(child, rows.key_of(session, child, rest[0]))
    if _read(session, target, relationship.column) != row.key:
        raise faults.no_row(child.name, target.key)
    match request.method, [segment.name for segment in rest[1:]]:
        case "DELETE", ["$ref"]:
            return _update(session, request, target, {relationship.navigation + odata.BIND: None})
        case "GET", _:
            return _at(session, request, target, rest[1:])
    raise faults.unknown_path(rest[0].name)


def _narrowed(request: Request, row: Row, relationship: Relationship) -> options.Query:
    """Return the query of the request, narrowed to the rows that point to this one."""
    asked = options.parse(request.query)
    here = tree.Comparison("eq", tree.Path((odata.lookup_property(relationship.column),)), tree.Value(row.key))
    return replace(asked, filter=tree.both(here, asked.filter))


def _references(session: Session, request: Request, table: Table, asked: options.Query) -> Response:
    page = rows.page(session, request, table, replace(asked, select=(table.key,)))
    found = [{odata.ROW_ID: _address(request, Row(table, item[table.key]))} for item in page.items]
    body = {odata.CONTEXT: f"{request.root}$metadata#Collection($ref)", "value": found}
    return Response.json(body | rows.next_link(request, page.skip))


def _id(reference: object, table: Table) -> str:
    try:
        return odata.record_id(str(reference))
    except ValueError as error:
        raise faults.bad_request(f"'{reference}' does not refer to a row of '{table.entity_set}'.") from error
