"""`$metadata`: the tables, columns and relationships as a document of OData's own schema language (CSDL)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from backstamp import odata
from backstamp.embedded import options
from backstamp.embedded.metadata import ColumnType, Relationship
from backstamp.embedded.projection import property_name
from backstamp.embedded.request import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp.embedded.metadata import Column, Table
    from backstamp.embedded.request import Request, Segment
    from backstamp.embedded.schema import Schema
    from backstamp.embedded.store import Session

_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM = "http://docs.oasis-open.org/odata/ns/edm"
_CORE = "Org.OData.Core.V1"
_BASE = "crmbaseentity"
_TYPES = {
    ColumnType.BIGINT: "Edm.Int64",
    ColumnType.BOOLEAN: "Edm.Boolean",
    ColumnType.DECIMAL: "Edm.Decimal",
    ColumnType.DOUBLE: "Edm.Double",
    ColumnType.ENTITY_NAME: "Edm.String",
    ColumnType.INTEGER: "Edm.Int32",
    ColumnType.MEMO: "Edm.String",
    ColumnType.MONEY: "Edm.Decimal",
    ColumnType.PICKLIST: "Edm.Int32",
    ColumnType.STATE: "Edm.Int32",
    ColumnType.STATUS: "Edm.Int32",
    ColumnType.STRING: "Edm.String",
}
_ACTIONS = {odata.CREATE_MULTIPLE: True, odata.UPDATE_MULTIPLE: False, odata.UPSERT_MULTIPLE: False}
"""The actions bound to each entity set, with whether they return ids."""


def answer(session: Session, request: Request, _segment: Segment) -> Response:
    """Answer `GET $metadata`, with annotations where `annotations=true` stands in the address."""
    annotated = dict(options.pairs(request.query)).get("annotations") == "true"
    return Response(200, content=document(session.schema, annotated=annotated), media_type=odata.XML)


@lru_cache(maxsize=4)
def document(schema: Schema, *, annotated: bool) -> bytes:
    """Return the document; annotated with labels, descriptions and what is only read, where that is asked for."""
    ET.register_namespace("edmx", _EDMX)
    root = ET.Element(f"{{{_EDMX}}}Edmx", Version="4.0")
    services = ET.SubElement(root, f"{{{_EDMX}}}DataServices")
    body = _add(services, "Schema", Namespace=odata.NAMESPACE, Alias="mscrm")
    _add(body, "EntityType", Name=_BASE, Abstract="true")
    for table in schema.tables.values():
        body.append(_entity_type(schema, table, annotated=annotated))
    for table in schema.tables.values():
        body.extend(_actions(table))
    body.append(_who_am_i())
    body.append(_who_am_i_response())
    body.append(_container(schema))
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _add(parent: ET.Element, name: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, f"{{{_EDM}}}{name}", attributes)


def _new(name: str, **attributes: str) -> ET.Element:
    return ET.Element(f"{{{_EDM}}}{name}", attributes)


def _entity_type(schema: Schema, table: Table, *, annotated: bool) -> ET.Element:
    found = _new("EntityType", Name=table.name, BaseType=odata.type_name(_BASE))
    _add(_add(found, "Key"), "PropertyRef", Name=table.key)
    for key in table.keys:
        found.append(_alternate_key([property_name(table.by_name[name]) for name in key.columns]))
    for column in table.columns:
        if column.type is not ColumnType.ENTITY_NAME:
            found.append(_property(table, column, annotated=annotated))
    found.extend(_single(schema, table))
    found.extend(_several(schema, table))
    if annotated:
        _describe(found, table.label, table.description)
    return found


def _property(table: Table, column: Column, *, annotated: bool) -> ET.Element:
    kind = _DAYS[column.date_only] if column.type is ColumnType.DATETIME else _TYPES.get(column.type, "Edm.Guid")
    found = _new("Property", Name=property_name(column), Type=kind)
    if column.name == table.key:
        found.set("Nullable", "false")
    if column.is_text and column.max_length:
        found.set("MaxLength", str(column.max_length))
    if kind == "Edm.Decimal":
        found.set("Scale", "Variable")
    if annotated:
        _describe(found, column.label, column.description)
        if column.is_lookup or not column.writable:
            _add(found, "Annotation", Term=f"{_CORE}.Computed", Bool="true")
    return found


_DAYS = {True: "Edm.Date", False: "Edm.DateTimeOffset"}


def _describe(element: ET.Element, label: str, description: str) -> None:
    if label:
        _add(element, "Annotation", Term=f"{odata.NAMESPACE}.DisplayName", String=label)
    if description:
        _add(element, "Annotation", Term=f"{_CORE}.Description", String=description)


def _alternate_key(names: list[str]) -> ET.Element:
    found = _new("Annotation", Term="OData.Community.Keys.V1.AlternateKeys")
    record = _add(_add(found, "Collection"), "Record", Type="OData.Community.Keys.V1.AlternateKey")
    properties = _add(_add(record, "PropertyValue", Property="Key"), "Collection")
    for name in names:
        reference = _add(properties, "Record", Type="OData.Community.Keys.V1.PropertyRef")
        _add(reference, "PropertyValue", Property="Alias", String=name)
        _add(reference, "PropertyValue", Property="Name", PropertyPath=name)
    return found


def _single(schema: Schema, table: Table) -> Iterator[ET.Element]:
    for each in schema.navigations[table.name].values():
        found = _navigation(each.navigation, odata.type_name(each.referenced), each.collection)
        pair = {
            "Property": odata.lookup_property(each.column),
            "ReferencedProperty": schema.tables[each.referenced].key,
        }
        _add(found, "ReferentialConstraint", **pair)
        yield found


def _several(schema: Schema, table: Table) -> Iterator[ET.Element]:
    for each in schema.collections[table.name].values():
        yield _navigation(each.collection, f"Collection({odata.type_name(each.referencing)})", each.navigation)
    for name, (_, _, far) in schema.associations[table.name].items():
        yield _navigation(name, f"Collection({odata.type_name(far.table)})", far.navigation)


def _navigation(name: str, kind: str, partner: str) -> ET.Element:
    return _new("NavigationProperty", Name=name, Type=kind, Partner=partner)


def _actions(table: Table) -> Iterator[ET.Element]:
    kind = f"Collection({odata.type_name(table.name)})"
    for name, returns_ids in _ACTIONS.items():
        action = _new("Action", Name=name, IsBound="true")
        _add(action, "Parameter", Name="entityset", Type=kind, Nullable="false")
        _add(action, "Parameter", Name="Targets", Type=kind, Nullable="false")
        if returns_ids:
            _add(action, "ReturnType", Type="Collection(Edm.Guid)")
        yield action


def _who_am_i() -> ET.Element:
    function = _new("Function", Name=odata.WHO_AM_I)
    _add(function, "ReturnType", Type=odata.type_name("WhoAmIResponse"), Nullable="false")
    return function


def _who_am_i_response() -> ET.Element:
    found = _new("ComplexType", Name="WhoAmIResponse")
    for name in ("BusinessUnitId", "UserId", "OrganizationId"):
        _add(found, "Property", Name=name, Type="Edm.Guid", Nullable="false")
    return found


def _container(schema: Schema) -> ET.Element:
    container = _new("EntityContainer", Name="System")
    for table in schema.tables.values():
        found = _add(container, "EntitySet", Name=table.entity_set, EntityType=odata.type_name(table.name))
        for name, target in _bindings(schema, table):
            _add(found, "NavigationPropertyBinding", Path=name, Target=schema.tables[target].entity_set)
    _add(container, "FunctionImport", Name=odata.WHO_AM_I, Function=odata.type_name(odata.WHO_AM_I))
    return container


def _bindings(schema: Schema, table: Table) -> Iterator[tuple[str, str]]:
    single: dict[str, Relationship] = schema.navigations[table.name]
    yield from ((name, each.referenced) for name, each in single.items())
    yield from ((name, each.referencing) for name, each in schema.collections[table.name].items())
    yield from ((name, far.table) for name, (_, _, far) in schema.associations[table.name].items())
