"""The routes of definitions: read, create, change and drop tables, columns and relationships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backstamp import odata
from backstamp.embedded import catalog, definitions, faults, messages, options, requested
from backstamp.embedded.metadata import ManyToMany, Relationship
from backstamp.embedded.request import Response, Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from backstamp.embedded.metadata import AlternateKey, Column, Table
    from backstamp.embedded.request import Request
    from backstamp.embedded.store import Session


def tables(session: Session, request: Request, rest: tuple[Segment, ...]) -> Response:
    """Answer what begins with `EntityDefinitions`; `rest` has the segment itself and what follows.

    Raises:
        Fault: the path leads nowhere or the body is wrong.
    """
    match request.method, rest:
        case "GET", (Segment(key=None),):
            items = (definitions.table_item(session.schema, table) for table in session.schema.tables.values())
            return listed(request, items, odata.TABLE_DEFINITIONS)
        case "POST", (Segment(key=None),):
            return _create_table(session, request, request.json_object())
        case "GET", (segment,):
            return one(request, definitions.table_item(session.schema, _table(session, segment)))
        case "PUT", (segment,):
            return _replace_table(session, request, _table(session, segment))
        case "DELETE", (segment,):
            return _drop_table(session, _custom(_table(session, segment)))
        case _, (segment, part, *cast):
            return _part(session, request, _table(session, segment), part, cast)
    raise faults.unknown_path(odata.TABLE_DEFINITIONS)


def _part(session: Session, request: Request, table: Table, part: Segment, cast: list[Segment]) -> Response:
    """Answer what stands below one table: its columns, keys and relationships."""
    if request.method == "GET" and part.key is None and part.name in definitions.EXPANDABLE:
        items = definitions.table_item(session.schema, table)[part.name]
        return listed(request, _of_type(items, cast), f"{odata.TABLE_DEFINITIONS}('{table.name}')/{part.name}")
    if part.name in _PARTS:
        return _PARTS[part.name](session, request, table, part)
    raise faults.unknown_path(part.name)


def _attributes(session: Session, request: Request, table: Table, part: Segment) -> Response:
    match request.method, part.key:
        case "GET", _:
            return one(request, definitions.column_item(table, _column(table, part)))
        case "POST", None:
            identity = catalog.add_column(
                session.connection, table, requested.column(session.schema, request.json_object())
            )
            return Response.created(f"{request.root}{odata.TABLE_DEFINITIONS}({table.id})/Attributes({identity})")
        case "PUT", _:
            merges = _merges_labels(request)
            before = _column(table, part)
            column = requested.changed_column(before, request.json_object(), merge_labels=merges)
            if before.secured and not column.secured:
                session.rights.require_whole(table, before)
            catalog.replace_column(session.connection, table, column)
            return Response()
        case "DELETE", _:
            catalog.drop_column(session.connection, table, _column(table, part))
            return Response()
    raise faults.unknown_path(part.name)


def _merges_labels(request: Request) -> bool:
    return request.headers.get(odata.MERGE_LABELS.lower(), "").lower() == "true"


def _keys(session: Session, request: Request, table: Table, part: Segment) -> Response:
    match request.method, part.key:
        case "GET", _:
            return one(request, definitions.key_item(table, _key(table, part)))
        case "POST", None:
            identity = catalog.add_key(session.connection, table, requested.key(table, request.json_object()))
            address = f"{odata.TABLE_DEFINITIONS}(LogicalName='{table.name}')/Keys({identity})"
            return Response.created(f"{request.root}{address}")
        case "DELETE", _:
            catalog.drop_key(session.connection, table, _key(table, part))
            return Response()
    raise faults.unknown_path(part.name)


_PARTS: dict[str, Callable[[Session, Request, Table, Segment], Response]] = {
    "Attributes": _attributes,
    "Keys": _keys,
}


def _of_type(items: Iterable[dict[str, Any]], cast: list[Segment]) -> list[dict[str, Any]]:
    """Keep the columns of the type in which the path ends: `…/Microsoft.Dynamics.CRM.PicklistAttributeMetadata`."""
    return [item for item in items if not cast or item[odata.TYPE] == f"#{cast[0].name}"]


def listed(request: Request, items: Iterable[dict[str, Any]], context: str) -> Response:
    """Answer with the definitions that fit the query."""
    found = definitions.answer(items, options.parse(request.query))
    return Response.json({odata.CONTEXT: f"{request.root}$metadata#{context}", "value": found})


def one(request: Request, item: dict[str, Any]) -> Response:
    """Answer with one definition."""
    return Response.json(definitions.cut(item, options.parse(request.query)))


def _table(session: Session, segment: Segment) -> Table:
    for table in session.schema.tables.values():
        if segment.key in {table.name, table.id}:
            return table
    raise faults.no_definition(f"an entity with the specified key '{segment.key}'")


def _custom(table: Table) -> Table:
    if not table.custom:
        raise faults.Fault(400, odata.HAS_DEPENDENCIES, f"The {table.name} component cannot be deleted.")
    return table


def _column(table: Table, segment: Segment) -> Column:
    for column in table.columns:
        if segment.key in {column.name, column.id}:
            return column
    raise faults.no_definition(f"an attribute with the specified key '{segment.key}' in {table.name}")


def _key(table: Table, segment: Segment) -> AlternateKey:
    for key in table.keys:
        if segment.key in {key.name, key.id}:
            return key
    raise faults.no_definition(f"an entity key with the specified key '{segment.key}' in {table.name}")


def create_tables(session: Session, request: Request, _segment: Segment) -> Response:
    """Answer `POST CreateEntities`."""
    wanted = request.json_object().get("Entities")
    if not isinstance(wanted, list) or not wanted:
        raise faults.bad_request("'Entities' must be a list with at least one definition.")
    for body in wanted:
        _create_table(session, request, body)
    return Response()


def _create_table(session: Session, request: Request, body: dict[str, Any]) -> Response:
    identity = catalog.create_table(session.connection, requested.table(session.schema, body))
    messages.follow(session.connection, session.settings.tables_without_bulk)
    return Response.created(f"{request.root}{odata.TABLE_DEFINITIONS}({identity})")


def _drop_table(session: Session, table: Table) -> Response:
    catalog.drop_table(session.connection, table)
    messages.follow(session.connection, session.settings.tables_without_bulk)
    return Response()


def _replace_table(session: Session, request: Request, table: Table) -> Response:
    """Change labels and the name of the entity set, and switch change tracking on."""
    changed = requested.changed_table(table, request.json_object(), merge_labels=_merges_labels(request))
    if changed != table:
        catalog.replace_table(session.connection, changed)
    return Response()


def relationships(session: Session, request: Request, segment: Segment) -> Response:
    """Answer what begins with `RelationshipDefinitions`.

    Raises:
        Fault: the path leads nowhere or the body is wrong.
    """
    match request.method, segment.key:
        case "GET", None:
            items = (_item(session, each) for each in session.schema.defined)
            return listed(request, items, odata.RELATIONSHIP_DEFINITIONS)
        case "GET", _:
            return one(request, _item(session, _relationship(session, segment)))
        case "POST", None:
            identity = _create_relationship(session, request.json_object())
            return Response.created(f"{request.root}{odata.RELATIONSHIP_DEFINITIONS}({identity})")
        case "PUT", _:
            return _replace_relationship(session, request, _relationship(session, segment))
        case "DELETE", _:
            return _drop_relationship(session, _relationship(session, segment))
    raise faults.unknown_path(odata.RELATIONSHIP_DEFINITIONS)


def _item(session: Session, relationship: Relationship | ManyToMany) -> dict[str, Any]:
    if isinstance(relationship, ManyToMany):
        return definitions.many_to_many_item(relationship)
    return definitions.relationship_item(session.schema, relationship)


def _create_relationship(session: Session, body: dict[str, Any]) -> str:
    kind = str(body.get(odata.TYPE)).rpartition(".")[2]
    match kind:
        case "OneToManyRelationshipMetadata":
            return catalog.add_relationship(session.connection, *requested.relationship(session.schema, body))
        case "ManyToManyRelationshipMetadata":
            return catalog.add_many_to_many(session.connection, *requested.many_to_many(session.schema, body))
    raise faults.bad_request(f"Relationships of type '{body.get(odata.TYPE)}' are not supported.")


def _replace_relationship(session: Session, request: Request, relationship: Relationship | ManyToMany) -> Response:
    """Change the cascade configuration; nothing else of a relationship changes."""
    if isinstance(relationship, Relationship):
        changed = requested.changed_relationship(relationship, request.json_object())
        catalog.replace_relationship(session.connection, changed)
    return Response()


def _drop_relationship(session: Session, relationship: Relationship | ManyToMany) -> Response:
    if isinstance(relationship, ManyToMany):
        catalog.drop_many_to_many(session.connection, relationship)
    else:
        table = session.schema.tables[relationship.referencing]
        catalog.drop_column(session.connection, table, table.by_name[relationship.column])
    return Response()


def _relationship(session: Session, segment: Segment) -> Relationship | ManyToMany:
    for relationship in session.schema.defined:
        if segment.key in {relationship.id, relationship.schema_name}:
            return relationship
    raise faults.no_definition(f"a relationship with the specified key '{segment.key}'")
