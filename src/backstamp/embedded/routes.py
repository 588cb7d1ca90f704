"""Which part of the CRM answers which path: the table of contents of the Web API."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backstamp import odata
from backstamp.embedded import customization, faults, rows, security, steps, store
from backstamp.embedded.request import Response, Segment
from backstamp.embedded.rights import Right

if TYPE_CHECKING:
    from backstamp.embedded.request import Request
    from backstamp.embedded.store import Session, Store


def answer(crm: Store, request: Request) -> Response:
    """Answer a request in one transaction; a refused one leaves nothing behind."""
    try:
        transaction = crm.reading if request.method == "GET" else crm.writing
        with transaction(request.user) as session:
            return _route(_entered(session, request), request)
    except faults.Fault as fault:
        return Response.fault(fault)


def _entered(session: Session, request: Request) -> Session:
    entered = security.enter(session, request)
    return replace(entered, bypass=steps.bypass(request.headers, entered.rights))


def _route(session: Session, request: Request) -> Response:
    match request.method, request.segments:
        case "GET", ():
            return _service_document(session, request)
        case "GET", (Segment(odata.WHO_AM_I),):
            return _who_am_i(session, request)
        case "GET", (Segment("systemusers", str() as user), Segment(name)) if name.endswith(odata.RETRIEVE_PRIVILEGES):
            return security.retrieve_privileges(session, request, user)
        case _, (Segment(odata.CREATE_TABLES | odata.TABLE_DEFINITIONS | odata.RELATIONSHIP_DEFINITIONS), *_):
            return _definitions(session, request)
        case _, (segment, *rest):
            return _rows(session, request, segment, rest)
    raise faults.unknown_path(request.path)


def _definitions(session: Session, request: Request) -> Response:
    security.require_customization(session, request)
    match request.method, request.segments:
        case "POST", (Segment(odata.CREATE_TABLES),):
            return customization.create_tables(session, request)
        case _, (Segment(odata.TABLE_DEFINITIONS), *_):
            return customization.tables(session, request, request.segments)
        case _, (Segment(odata.RELATIONSHIP_DEFINITIONS) as segment,):
            return customization.relationships(session, request, segment)
    raise faults.unknown_path(request.path)


def _rows(session: Session, request: Request, segment: Segment, rest: list[Segment]) -> Response:
    table = rows.table_of(session, segment)
    if request.method == "GET":  # in whatever way the rows are read
        session.rights.require(Right.READ, table)
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


def _who_am_i(session: Session, request: Request) -> Response:
    context = f"{request.root}$metadata#{odata.type_name('WhoAmIResponse')}"
    return Response.json(
        {
            odata.CONTEXT: context,
            "BusinessUnitId": store.BUSINESS_UNIT_ID,
            "UserId": session.user,
            "OrganizationId": store.ORGANIZATION_ID,
        }
    )
