"""The routes of entity sets: read, create, update, upsert and delete rows, one by one and in bulk."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import alternate, faults, messages, options, query, records, selected, tracking, values
from backstamp.embedded.options import Query
from backstamp.embedded.projection import Annotations
from backstamp.embedded.query import Reader
from backstamp.embedded.request import Response, Segment

_MOST_COUNTED = 2**53

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backstamp.embedded.metadata import Table
    from backstamp.embedded.request import Request
    from backstamp.embedded.schema import Schema
    from backstamp.embedded.selected import Selected
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


def key_of(session: Session, table: Table, segment: Segment) -> str:
    """Return the id of the row that a path names, by its id or by the values of an alternate key.

    Raises:
        Fault: it is not a GUID, no row has the values, or there is no such key.
    """
    if alternate.names_values(table, segment):
        return alternate.find(session, table, segment)
    key = segment.key or ""
    if segment.key_name not in {"", table.key} or not odata.is_guid(key):
        message = f"The key in the request URI is not valid for resource '{odata.type_name(table.name)}'."
        raise faults.bad_request(message)
    return key.lower()


def read_list(session: Session, request: Request, table: Table) -> Response:
    """Answer `GET contacts`: by query options (with change tracking where that is asked for), FetchXML, or SQL."""
    given = options.pairs(request.query)
    for name, value in given:
        answer = selected.LANGUAGES.get(name.lower())
        if answer is not None:
            skip = dict(given).get(odata.SKIP_TOKEN, "")
            return _selected(request, table, answer(reader(session, request), table, value, skip))
    asked = options.parse(request.query)
    if asked.delta or odata.TRACK_CHANGES in request.preferences:
        size, annotations = _page_size(session, request), _annotations(request)
        return _tracked(request, table, asked, tracking.page(session, table, asked, size, annotations))
    if asked.apply:
        return _selected(request, table, selected.by_apply(reader(session, request), table, asked))
    return listed(session, request, table, asked)


def _selected(request: Request, table: Table, found: Selected) -> Response:
    context = f"{request.root}$metadata#{table.entity_set}"
    body = {odata.CONTEXT: context, **found.annotations, "value": found.items}
    return Response.json(body | next_link(request, found.skip), headers=applied(request))


def reader(session: Session, request: Request) -> Reader:
    """Return who reads by this request, and how."""
    return Reader(session, _annotations(request), request.root, _page_size(session, request))


def listed(session: Session, request: Request, table: Table, asked: Query) -> Response:
    """Answer with a page of the table's rows that fit the query."""
    found = page(session, request, table, asked)
    body: dict[str, Any] = {odata.CONTEXT: _context(request, table, asked)}
    if found.total is not None:
        body |= _counted(found.total, _annotations(request))
    body["value"] = found.items
    return Response.json(body | next_link(request, found.skip), headers=applied(request))


def page(session: Session, request: Request, table: Table, asked: Query) -> query.Page:
    """Return the page of rows that a request asks for."""
    return query.page(reader(session, request), table, asked)


def next_link(request: Request, token: str) -> dict[str, Any]:
    """Return the link to the page that begins at a token; nothing without one."""
    return {odata.NEXT_LINK: _link(request, odata.SKIP_TOKEN, token)} if token else {}


def _counted(total: int, annotations: Annotations) -> dict[str, Any]:
    counted: dict[str, Any] = {odata.COUNT: total}
    if annotations.wants(odata.TOTAL_COUNT):
        counted[odata.TOTAL_COUNT] = total
    if annotations.wants(odata.TOTAL_COUNT_EXCEEDED):
        counted[odata.TOTAL_COUNT_EXCEEDED] = total >= query.COUNT_LIMIT
    return counted


def count(session: Session, table: Table, asked: Query) -> Response:
    """Answer `GET contacts/$count` with a bare number: of rows, or of changes since a delta token."""
    if asked.delta:
        changes = tracking.page(session, table, replace(asked, select=()), query.COUNT_LIMIT, Annotations())
        total = len(changes.items) + len(changes.deleted)
    else:
        total = query.count(session, table, asked)
    return Response(200, content=str(total).encode(), media_type=odata.TEXT)


def count_tables(session: Session, request: Request, segment: Segment) -> Response:
    """Answer `GET RetrieveTotalRecordCount(EntityNames=['contact'])`, where the list may stand for a parameter alias.

    Raises:
        Fault: it is no list, or a table does not exist.
    """
    given = segment.key or ""
    names = re.findall(r"'(\w+)'|\"(\w+)\"", dict(options.pairs(request.query)).get(given, given))
    wanted = [one or other for one, other in names]
    unknown = next((name for name in wanted if name not in session.schema.tables), None)
    if unknown is not None or not wanted or segment.key_name != "EntityNames":
        raise faults.bad_request(f"EntityNames is a list of tables, and '{unknown or given}' is none.")
    numbers = [query.count(session, session.schema.tables[name], Query(), _MOST_COUNTED) for name in wanted]
    context = f"{request.root}$metadata#{odata.type_name(odata.TOTAL_RECORD_COUNT)}Response"
    found = {"Count": len(wanted), "IsReadOnly": False, "Keys": wanted, "Values": numbers}
    return Response.json({odata.CONTEXT: context, "EntityRecordCountCollection": found})


def _tracked(request: Request, table: Table, asked: Query, page: tracking.TrackedPage) -> Response:
    deleted = f"{request.root}$metadata#{table.entity_set}{odata.DELETED_ENTITY}"
    gone = [{odata.CONTEXT: deleted, "id": key, "reason": odata.DELETED_REASON} for key in page.deleted]
    ending = "/$delta" if asked.delta else ""
    body: dict[str, Any] = {odata.CONTEXT: _context(request, table, asked) + ending, "value": page.items + gone}
    if page.skip:
        body |= next_link(request, page.skip)
    else:
        body[odata.DELTA_LINK] = _link(request, odata.DELTA_TOKEN, page.delta)
    return Response.json(body, headers=applied(request))


def _context(request: Request, table: Table, asked: Query) -> str:
    columns = f"({','.join(asked.select)})" if asked.select else ""
    return f"{request.root}$metadata#{table.entity_set}{columns}"


def _link(request: Request, option: str, token: str) -> str:
    """Return the address of this request that goes on from a token; a delta keeps its own while it is paged."""
    replaced = {odata.SKIP_TOKEN, odata.DELTA_TOKEN} if option == odata.DELTA_TOKEN else {odata.SKIP_TOKEN}
    parts = [part for part in request.query.split("&") if part and part.partition("=")[0] not in replaced]
    parts.append(f"{option}={quote(token, safe='')}")
    return f"{request.root}{request.path.lstrip('/')}?{'&'.join(parts)}"


def _page_size(session: Session, request: Request) -> int:
    wanted = request.preferences.get(odata.MAX_PAGE_SIZE_PREFERENCE, "")
    largest = session.settings.max_page_size
    return min(int(wanted), largest) if wanted.isdecimal() and int(wanted) > 0 else largest


def _annotations(request: Request) -> Annotations:
    return Annotations.parse(request.preferences.get(odata.INCLUDE_ANNOTATIONS, ""))


def applied(request: Request) -> dict[str, str]:
    """Return the header that tells which preferences were honoured."""
    known = (odata.MAX_PAGE_SIZE_PREFERENCE, odata.TRACK_CHANGES, odata.INCLUDE_ANNOTATIONS)
    applied = [name + _quoted(request.preferences[name]) for name in known if name in request.preferences]
    return {odata.PREFERENCE_APPLIED: ",".join(applied)} if applied else {}


def _quoted(value: str) -> str:
    if not value:
        return ""
    return f"={value}" if value.isdecimal() else f'="{value}"'


def read_one(session: Session, request: Request, table: Table, key: str) -> Response:
    """Answer `GET contacts(8f3c…)`; the client's own copy will do where it is of the row's version."""
    asked = options.parse(request.query)
    known = request.headers.get("if-none-match", "null")
    whole = not asked.expand and odata.INCLUDE_ANNOTATIONS not in request.preferences
    if known != "null" and whole:
        version = _version(session, table, key)
        if version is not None and _names_version(known, version):
            return Response(304, ((odata.ETAG, odata.etag(version)),))
    return _row(session, request, table, key, 200)


def _row(session: Session, request: Request, table: Table, key: str, status: int) -> Response:
    asked = options.parse(request.query)
    item = query.find(reader(session, request), table, key, asked)
    context = _context(request, table, asked) + "/$entity"
    headers = {odata.ETAG: item[odata.ROW_ETAG], **applied(request)}
    return Response.json({odata.CONTEXT: context, **item}, status, headers)


def create(session: Session, request: Request, table: Table, given: Mapping[str, object] | None = None) -> Response:
    """Answer `POST contacts`; `given` is what the address says of the new row."""
    body = {**request.json_object(), **given} if given else request.json()
    [key] = records.create(session, table, [body])
    return _written(session, request, table, key, created=True)


def update(session: Session, request: Request, table: Table, key: str) -> Response:
    """Answer `PATCH contacts(8f3c…)`: with If-Match an update, else an update or a creation."""
    body = {**request.json_object(), table.key: key}
    match = request.headers.get("if-match")
    created = False
    if match is not None:
        require(session, table, key, match)
        records.update(session, table, [body])
    else:
        if request.headers.get("if-none-match") == odata.ANY_VERSION and records.existing(session, table, [key]):
            raise _exists()
        [created] = records.upsert(session, table, [body]).values()
    return _written(session, request, table, key, created=created)


def upsert(session: Session, request: Request, table: Table) -> Response:
    """Answer `PATCH accounts(name='Contoso')` without If-Match: update the row with these values, or create it."""
    [(key, created)] = records.upsert(session, table, [{**request.json_object(), odata.ROW_ID: request.path}]).items()
    if not created and request.headers.get("if-none-match") == odata.ANY_VERSION:
        raise _exists()
    return _written(session, request, table, key, created=created)


def _exists() -> faults.Fault:
    return faults.Fault(412, odata.DUPLICATE_ID, "A record with matching key values already exists.")


def _written(session: Session, request: Request, table: Table, key: str, *, created: bool) -> Response:
    if request.wants_rows:
        response = _row(session, request, table, key, 201 if created else 200)
        headers = dict(response.headers)
        told = (headers.get(odata.PREFERENCE_APPLIED), odata.RETURN_REPRESENTATION)
        headers[odata.PREFERENCE_APPLIED] = ",".join(filter(None, told))
        return replace(response, headers=tuple(headers.items()))
    return Response.created(f"{request.root}{table.entity_set}({key})")


def delete(session: Session, request: Request, table: Table, key: str) -> Response:
    """Answer `DELETE contacts(8f3c…)`."""
    match = request.headers.get("if-match")
    if match is not None:
        require(session, table, key, match)
    records.delete(session, table, [key])
    return Response()


def require(session: Session, table: Table, key: str, match: str) -> None:
    """Refuse a write to a row that is gone or is not of the version that the client knows.

    Raises:
        Fault: 404 or 412.
    """
    version = _version(session, table, key)
    if version is None:
        raise faults.no_row(table.name, key)
    if not _names_version(match, version):
        message = "The version of the existing record doesn't match the RowVersion property provided."
        raise faults.Fault(412, odata.VERSION_MISMATCH, message)


def _version(session: Session, table: Table, key: str) -> int | None:
    rows = session.schema.sql[table.name].c
    return session.connection.execute(sa.select(rows.versionnumber).where(rows[table.key] == key)).scalar()


def _names_version(header: str, version: int) -> bool:
    """Tell whether a condition's list of entity tags has the version, in any of the spellings that clients send."""
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
    return not tags.isdisjoint({odata.ANY_VERSION, str(version)})


def act(session: Session, request: Request, table: Table, action: str) -> Response:
    """Answer `POST contacts/Microsoft.Dynamics.CRM.UpdateMultiple` and its like: all targets or none.

    Raises:
        Fault: there is no such action, or a target is wrong.
    """
    perform = _action(action)
    if perform is None or not messages.takes_bulk(session, table.name):
        raise faults.unknown_path(action)
    return perform(session, table, request.targets or _targets(request, table))


def parse_ahead(schema: Schema, request: Request) -> Request:
    """Parse the targets of a bulk action, which takes a while, before others have to wait for it.

    What is wrong with the request is not said here: `act` finds it again, in its turn.
    """
    match request.segments:
        case (Segment(name, None), Segment(action, None)) if name in schema.by_entity_set and _action(action):
            table = schema.by_entity_set[name]
            with contextlib.suppress(faults.Fault):
                targets = _targets(request, table)
                rows = [values.parse(schema, table, target) for target in targets]
                return replace(request, targets=values.Parsed(schema, targets, rows))
    return request


def _action(name: str) -> Callable[[Session, Table, records.Bodies], Response] | None:
    return _ACTIONS.get(name.removeprefix(f"{odata.NAMESPACE}."))


def _targets(request: Request, table: Table) -> list[object]:
    targets = request.json_object().get("Targets")
    if not isinstance(targets, list) or not targets:
        raise faults.bad_request("'Targets' must be a list with at least one row.")
    for target in targets:
        _require_type(target, table)
    return targets


def _require_type(target: object, table: Table) -> None:
    given = target.get(odata.TYPE) if isinstance(target, dict) else None
    if not isinstance(given, str) or given.removeprefix("#") != odata.type_name(table.name):
        raise faults.bad_request(f"Each target needs '{odata.TYPE}': '{odata.type_name(table.name)}'.")


def _create_multiple(session: Session, table: Table, targets: records.Bodies) -> Response:
    return Response.json({"Ids": records.create(session, table, targets)})


def _update_multiple(session: Session, table: Table, targets: records.Bodies) -> Response:
    records.update(session, table, targets)
    return Response()


def _upsert_multiple(session: Session, table: Table, targets: records.Bodies) -> Response:
    records.upsert(session, table, targets)
    return Response()


def _delete_multiple(_session: Session, _table: Table, _targets: records.Bodies) -> Response:
    raise faults.Fault(400, odata.UNEXPECTED, "DeleteMultiple has not yet been implemented for standard tables.")


_ACTIONS: dict[str, Callable[[Session, Table, records.Bodies], Response]] = {
    odata.CREATE_MULTIPLE: _create_multiple,
    odata.UPDATE_MULTIPLE: _update_multiple,
    odata.UPSERT_MULTIPLE: _upsert_multiple,
    odata.DELETE_MULTIPLE: _delete_multiple,
}
