"""Which part of the CRM answers which path: the table of contents of the Web API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstamp import odata
from backstamp.embedded import customization, faults, messages, rows, store
from backstamp.embedded.request import Response, Segment

if TYPE_CHECKING:
    from backstamp.embedded.request import Request
    from backstamp.embedded.store import Session, Store


def answer(crm: Store, request: Request) -> Response:
    """Answer a request in one transaction; a refused one leaves nothing behind."""
    try:
        transaction = crm.reading if request.method == "GET" else crm.writing
        with transaction(request.user) as session:
            return _route(session, request)
    except faults.Fault as fault:
        return Response.fault(fault)


def _route(session: Session, request: Request) -> Response:  # noqa: PLR0911 - one line for each path
    match request.method, request.segments:
        case "GET", ():
            return _service_document(session, request)
        case "GET", (Segment(odata.WHO_AM_I),):
            return _who_am_i(request)
        case "POST", (Segment(odata.CREATE_TABLES),):
            return customization.create_tables(session, request)
        case _, (Segment(odata.TABLE_DEFINITIONS), *_):
            return customization.tables(session, request, request.segments)
        case _, (Segment(odata.RELATIONSHIP_DEFINITIONS) as segment,):
            return customization.relationships(session, request, segment)
        case "GET", (Segment(odata.MESSAGE_FILTERS),):
            return messages.filters(session, request)
        case _, (segment, *rest):
            return _rows(session, request, segment, rest)
    raise faults.unknown_path(request.path)


def _rows(session: Session, request: Request, segment: Segment, rest: list[Segment]) -> Response:
    table = rows.table_of(session, segment)
    if segment.key is not None and not rest:
        key = rows.key_of(table, segment)
        match request.method:
            case "GET":
                return rows.read_one(session, request, table, key)
            case "PATCH":
                return rows.update(session, request, table, key)
            case "DELETE":
                return rows.delete(session, request, table, key)
    match request.method, segment.key, rest:
        case "GET", None, []:
            return rows.read_list(session, request, table)
        case "POST", None, []:
            return rows.create(session, request, table)
        case "POST", None, [action]:
            return rows.act(session, request, table, action.name)
    raise faults.unknown_path(request.path)


def _service_document(session: Session, request: Request) -> Response:
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(session.schema.by_entity_set)]
    return Response.json({odata.CONTEXT: f"{request.root}$metadata", "value": sets})


def _who_am_i(request: Request) -> Response:
    context = f"{request.root}$metadata#{odata.type_name('WhoAmIResponse')}"
    return Response.json(
        {
            odata.CONTEXT: context,
            "BusinessUnitId": store.BUSINESS_UNIT_ID,
            "UserId": request.user,
            "OrganizationId": store.ORGANIZATION_ID,
        }
    )
