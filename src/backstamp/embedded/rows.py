"""The routes of entity sets: read, create, update, upsert and delete rows, one by one and in bulk."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import faults, messages, options, query, records, tracking
from backstamp.embedded.projection import Annotations
from backstamp.embedded.request import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstamp.embedded.metadata import Table
    from backstamp.embedded.options import Query
    from backstamp.embedded.request import Request, Segment
    from backstamp.embedded.store import Session


def table_of(session: Session, segment: Segment) -> Table:
    """Return the table whose entity set a path names.

    Raises:
        Fault: there is none.
    """
    table = session.schema.by_entity_set.get(segment.name)
    if table is None:
        raise faults.unknown_path(segment.name)
    return table


def key_of(table: Table, segment: Segment) -> str:
    """Return the id that a path names.

    Raises:
        Fault: it is not a GUID, or named as something else than the primary key.
    """
    key = segment.key or ""
    if segment.key_name not in {"", table.key} or not odata.is_guid(key):
        message = f"The key in the request URI is not valid for resource '{odata.type_name(table.name)}'."
        raise faults.bad_request(message)
    return key.lower()


def read_list(session: Session, request: Request, table: Table) -> Response:
    """Answer `GET contacts`, with change tracking where it is asked for."""
    asked = options.parse(request.query)
    size = _page_size(session, request)
    annotations = _annotations(request)
    if asked.delta or odata.TRACK_CHANGES in request.preferences:
        return _tracked(request, table, asked, tracking.page(session, table, asked, size, annotations))
    page = query.page(session, table, asked, size, annotations)
    body: dict[str, Any] = {odata.CONTEXT: _context(request, table, asked)}
    if page.total is not None:
        body[odata.COUNT] = page.total
    body["value"] = page.items
    if page.skip:
        body[odata.NEXT_LINK] = _link(request, table, odata.SKIP_TOKEN, page.skip)
    return Response.json(body, headers=_applied(request))


def _tracked(request: Request, table: Table, asked: Query, page: tracking.TrackedPage) -> Response:
    deleted = f"{request.root}$metadata#{table.entity_set}{odata.DELETED_ENTITY}"
    gone = [{odata.CONTEXT: deleted, "id": key, "reason": odata.DELETED_REASON} for key in page.deleted]
    ending = "/$delta" if asked.delta else ""
    body: dict[str, Any] = {odata.CONTEXT: _context(request, table, asked) + ending, "value": page.items + gone}
    if page.skip:
        body[odata.NEXT_LINK] = _link(request, table, odata.SKIP_TOKEN, page.skip)
    else:
        body[odata.DELTA_LINK] = _link(request, table, odata.DELTA_TOKEN, page.delta)
    return Response.json(body, headers=_applied(request))


def _context(request: Request, table: Table, asked: Query) -> str:
    columns = f"({','.join(asked.select)})" if asked.select else ""
    return f"{request.root}$metadata#{table.entity_set}{columns}"


def _link(request: Request, table: Table, option: str, token: str) -> str:
    """Return the address of this request that goes on from a token; a delta keeps its own while it is paged."""
    replaced = {odata.SKIP_TOKEN, odata.DELTA_TOKEN} if option == odata.DELTA_TOKEN else {odata.SKIP_TOKEN}
    parts = [part for part in request.query.split("&") if part and part.partition("=")[0] not in replaced]
    parts.append(f"{option}={quote(token, safe='')}")
    return f"{request.root}{table.entity_set}?{'&'.join(parts)}"


def _page_size(session: Session, request: Request) -> int:
    wanted = request.preferences.get(odata.MAX_PAGE_SIZE_PREFERENCE, "")
    largest = session.settings.max_page_size
    return min(int(wanted), largest) if wanted.isdecimal() and int(wanted) > 0 else largest


def _annotations(request: Request) -> Annotations:
    return Annotations.parse(request.preferences.get(odata.INCLUDE_ANNOTATIONS, ""))


def _applied(request: Request) -> dict[str, str]:
    known = (odata.MAX_PAGE_SIZE_PREFERENCE, odata.TRACK_CHANGES, odata.INCLUDE_ANNOTATIONS)
    applied = [name + _quoted(request.preferences[name]) for name in known if name in request.preferences]
    return {odata.PREFERENCE_APPLIED: ",".join(applied)} if applied else {}


def _quoted(value: str) -> str:
    if not value:
        return ""
    return f"={value}" if value.isdecimal() else f'="{value}"'


def read_one(session: Session, request: Request, table: Table, key: str) -> Response:
    """Answer `GET contacts(8f3c…)`."""
    return _row(session, request, table, key, 200)


def _row(session: Session, request: Request, table: Table, key: str, status: int) -> Response:
    asked = options.parse(request.query)
    item = query.find(session, table, key, asked, _annotations(request))
    context = _context(request, table, asked) + "/$entity"
    return Response.json({odata.CONTEXT: context, **item}, status, {odata.ETAG: item[odata.ROW_ETAG]})


def create(session: Session, request: Request, table: Table) -> Response:
    """Answer `POST contacts`."""
    [key] = records.create(session, table, [request.json()])
    return _written(session, request, table, key, created=True)


def update(session: Session, request: Request, table: Table, key: str) -> Response:
    """Answer `PATCH contacts(8f3c…)`: with If-Match an update, else an update or a creation."""
    body = {**request.json_object(), table.key: key}
    match = request.headers.get("if-match")
    created = False
    if match is not None:
        _require(session, table, key, match)
        records.update(session, table, [body])
    else:
        if request.headers.get("if-none-match") == odata.ANY_VERSION and records.existing(session, table, [key]):
            raise faults.Fault(412, odata.DUPLICATE_ID, "A record with matching key values already exists.")
        created = records.upsert(session, table, [body]) == 1
    return _written(session, request, table, key, created=created)


def _written(session: Session, request: Request, table: Table, key: str, *, created: bool) -> Response:
    if request.wants_rows:
        response = _row(session, request, table, key, 201 if created else 200)
        applied = (odata.PREFERENCE_APPLIED, odata.RETURN_REPRESENTATION)
        return replace(response, headers=(*response.headers, applied))
    return Response.created(f"{request.root}{table.entity_set}({key})")


def delete(session: Session, request: Request, table: Table, key: str) -> Response:
    """Answer `DELETE contacts(8f3c…)`."""
    match = request.headers.get("if-match")
    if match is not None:
        _require(session, table, key, match)
    records.delete(session, table, [key])
    return Response()


def _require(session: Session, table: Table, key: str, match: str) -> None:
    """Refuse a write to a row that is gone or is not of the version that the client knows."""
    rows = session.schema.sql[table.name].c
    version = session.connection.execute(sa.select(rows.versionnumber).where(rows[table.key] == key)).scalar()
    if version is None:
        raise faults.no_row(table.name, key)
    if match not in {odata.ANY_VERSION, odata.etag(version)}:
        message = "The version of the existing record doesn't match the RowVersion property provided."
        raise faults.Fault(412, odata.VERSION_MISMATCH, message)


def act(session: Session, request: Request, table: Table, action: str) -> Response:
    """Answer `POST contacts/Microsoft.Dynamics.CRM.UpdateMultiple` and its like: all targets or none.

    Raises:
        Fault: there is no such action, or a target is wrong.
    """
    perform = _ACTIONS.get(action.removeprefix(f"{odata.NAMESPACE}."))
    if perform is None or not messages.takes_bulk(session, table.name):
        raise faults.unknown_path(action)
    targets = request.json_object().get("Targets")
    if not isinstance(targets, list) or not targets:
        raise faults.bad_request("'Targets' must be a list with at least one row.")
    for target in targets:
        _require_type(target, table)
    return perform(session, table, targets)


def _require_type(target: object, table: Table) -> None:
    given = target.get(odata.TYPE) if isinstance(target, dict) else None
    if not isinstance(given, str) or given.removeprefix("#") != odata.type_name(table.name):
        raise faults.bad_request(f"Each target needs '{odata.TYPE}': '{odata.type_name(table.name)}'.")


def _create_multiple(session: Session, table: Table, targets: list[object]) -> Response:
    return Response.json({"Ids": records.create(session, table, targets)})


def _update_multiple(session: Session, table: Table, targets: list[object]) -> Response:
    records.update(session, table, targets)
    return Response()


def _upsert_multiple(session: Session, table: Table, targets: list[object]) -> Response:
    records.upsert(session, table, targets)
    return Response()


_ACTIONS: dict[str, Callable[[Session, Table, list[object]], Response]] = {
    odata.CREATE_MULTIPLE: _create_multiple,
    odata.UPDATE_MULTIPLE: _update_multiple,
    odata.UPSERT_MULTIPLE: _upsert_multiple,
}
