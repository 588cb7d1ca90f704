"""Which part of the CRM answers which path: the table of contents of the Web API."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from backstamp import odata
from backstamp.embedded import (
    alternate,
    associations,
    batch,
    changes,
    choices,
    customization,
    edmx,
    faults,
    files,
    jobs,
    merging,
    navigation,
    options,
    rows,
    security,
    steps,
    store,
)
from backstamp.embedded.navigation import Row
from backstamp.embedded.request import Response, Segment
from backstamp.embedded.rights import Right

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from backstamp.embedded.metadata import Table
    from backstamp.embedded.request import Request
    from backstamp.embedded.store import Session, Store


def answer(crm: Store, request: Request) -> Response:
    """Answer a request in one transaction, or a batch; a refused request leaves nothing behind."""
    try:
        if request.method == "POST" and request.segments == (Segment(odata.BATCH),):
            return batch.answer(request, partial(_answering, crm))
        if request.method == "POST":
            request = rows.parse_ahead(crm.schema, request)
        with _answering(crm, request.user, writes=request.method != "GET") as answer_one:
            return answer_one(request)
    except faults.Fault as fault:
        return Response.fault(fault)


@contextmanager
def _answering(crm: Store, user: str, *, writes: bool) -> Iterator[Callable[[Request], Response]]:
    """Give one transaction's function that answers requests; it refuses them by a `Fault`."""
    with (crm.writing if writes else crm.reading)(user) as session:
        yield lambda request: _route(_entered(session, request), request)


def _entered(session: Session, request: Request) -> Session:
    entered = security.enter(session, request)
    return replace(entered, bypass=steps.bypass(request.headers, entered.rights))


def _route(session: Session, request: Request) -> Response:  # noqa: PLR0911 - one line for each kind of path
    security.require_customization(session, request)
    match request.segments:
        case () if request.method == "GET":
            return _service_document(session, request)
        case (Segment("systemusers", str() as user), Segment(name)) if name.endswith(odata.RETRIEVE_PRIVILEGES):
            return security.retrieve_privileges(session, request, user)
        case (Segment("systemusers", str() as user), Segment(name)) if name.endswith(odata.RETRIEVE_COLUMN_PRIVILEGES):
            return security.retrieve_column_privileges(session, request, user)
        case (segment,) if (request.method, segment.name) in _UNBOUND:
            return _UNBOUND[request.method, segment.name](session, request, segment)
        case (Segment(odata.TABLE_DEFINITIONS), *_):
            return customization.tables(session, request, request.segments)
        case (Segment(odata.RELATIONSHIP_DEFINITIONS) as segment,):
            return customization.relationships(session, request, segment)
        case (Segment(odata.CHOICE_DEFINITIONS) as segment,):
            return choices.answer(session, request, segment)
        case (segment, *rest):
            return _rows(session, request, segment, rest)
    raise faults.unknown_path(request.path)


def _rows(session: Session, request: Request, segment: Segment, rest: list[Segment]) -> Response:
    table = rows.table_of(session, segment)
    if request.method == "GET":  # in whatever way the rows are read
        session.rights.require(Right.READ, table)
    if segment.key is not None:
        return _below(session, request, table, segment, rest) if rest else _row(session, request, table, segment)
    match request.method, rest:
        case "GET", [Segment("$count", None)]:
            return rows.count(session, table, options.parse(request.query))
        case "GET", []:
            return rows.read_list(session, request, table)
        case "POST", []:
            return rows.create(session, request, table)
        case "POST", [action]:
            return rows.act(session, request, table, action.name)
    raise faults.unknown_path(request.path)


def _below(session: Session, request: Request, table: Table, segment: Segment, rest: list[Segment]) -> Response:
    """Answer what stands below a row: a file, the rows of a many-to-many relationship, or what `navigation` knows."""
    key = rows.key_of(session, table, segment)
    column = table.by_name.get(rest[0].name)
    if column is not None and column.is_file:
        return files.answer(session, request, table, key, rest)
    if rest[0].name in session.schema.associations[table.name]:
        return associations.answer(session, request, table, key, rest)
    return navigation.answer(session, request, Row(table, key), rest)


def _row(session: Session, request: Request, table: Table, segment: Segment) -> Response:
    if request.method == "PATCH" and alternate.names_values(table, segment) and "if-match" not in request.headers:
        return rows.upsert(session, request, table)
    key = rows.key_of(session, table, segment)
    match request.method:
        case "GET":
            return rows.read_one(session, request, table, key)
        case "PATCH":
            return rows.update(session, request, table, key)
        case "DELETE":
            return rows.delete(session, request, table, key)
    raise faults.unknown_path(request.path)


def _service_document(session: Session, request: Request) -> Response:
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(session.schema.by_entity_set)]
    return Response.json({odata.CONTEXT: f"{request.root}$metadata", "value": sets})


def _who_am_i(session: Session, request: Request, _segment: Segment) -> Response:
    context = f"{request.root}$metadata#{odata.type_name('WhoAmIResponse')}"
    return Response.json(
        {
            odata.CONTEXT: context,
            "BusinessUnitId": store.BUSINESS_UNIT_ID,
            "UserId": session.user,
            "OrganizationId": store.ORGANIZATION_ID,
        }
    )


_UNBOUND: dict[tuple[str, str], Callable[[Session, Request, Segment], Response]] = {
    ("GET", odata.WHO_AM_I): _who_am_i,
    ("GET", odata.METADATA): edmx.answer,
    ("GET", odata.METADATA_CHANGES): changes.answer,
    ("GET", odata.TOTAL_RECORD_COUNT): rows.count_tables,
    ("POST", odata.BULK_DELETE): jobs.bulk_delete,
    ("POST", odata.MERGE): merging.merge,
    ("POST", odata.CREATE_TABLES): customization.create_tables,
    ("POST", odata.INSERT_OPTION): choices.insert_option,
    ("POST", odata.UPDATE_OPTION): choices.update_option,
    ("POST", odata.DELETE_OPTION): choices.delete_option,
}
"""What belongs to no table: functions and actions of the CRM as a whole, by method and name."""
