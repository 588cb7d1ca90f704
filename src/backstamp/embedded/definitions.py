"""Definitions as JSON: what a client reads of tables, columns and relationships (dataverse-webapi.md 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backstamp import odata
from backstamp.embedded import faults, filters
from backstamp.embedded.metadata import CHOICES, LOOKUPS, TEXTS, Column, ColumnType, Relationship, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from backstamp.embedded.options import Expansion, Query
    from backstamp.embedded.schema import Schema

    Item = dict[str, Any]

LANGUAGE = 1033
_PRIVILEGES = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share")
_CASCADES = ("Assign", "Merge", "Reparent", "Share", "Unshare")


def label(text: str) -> Item:
    """Return a label in the one language that the embedded CRM has."""
    localized = {"Label": text, "LanguageCode": LANGUAGE} if text else None
    return {"LocalizedLabels": [localized] if localized else [], "UserLocalizedLabel": localized}


def table_item(schema: Schema, table: Table) -> Item:
    """Return the definition of a table, with everything that can be expanded under its own name."""
    return {
        "MetadataId": table.id,
        "LogicalName": table.name,
        "SchemaName": table.schema_name,
        "EntitySetName": table.entity_set,
        "LogicalCollectionName": table.entity_set,
        "CollectionSchemaName": table.entity_set,
        "PrimaryIdAttribute": table.key,
        "PrimaryNameAttribute": table.name_column,
        "DisplayName": label(table.label),
        "DisplayCollectionName": label(table.plural_label),
        "Description": label(table.description),
        "ObjectTypeCode": table.code,
        "OwnershipType": "UserOwned" if table.user_owned else "OrganizationOwned",
        "TableType": "Standard",
        "IsCustomEntity": table.custom,
        "IsPrivate": False,
        "IsActivity": False,
        "HasNotes": False,
        "HasActivities": False,
        "ChangeTrackingEnabled": table.tracks_changes,
        "CanChangeTrackingBeEnabled": {"Value": True},
        "IsOptimisticConcurrencyEnabled": True,
        "Privileges": [{"Name": f"prv{kind}{table.schema_name}", "PrivilegeType": kind} for kind in _PRIVILEGES],
        "Attributes": [column_item(table, column) for column in table.columns],
        "Keys": [],
        **_relationship_items(schema, table),
    }


EXPANDABLE = ("Attributes", "Keys", "OneToManyRelationships", "ManyToOneRelationships", "ManyToManyRelationships")


def _relationship_items(schema: Schema, table: Table) -> Item:
    ends = {"OneToManyRelationships": "referenced", "ManyToOneRelationships": "referencing"}
    several = {
        name: [relationship_item(schema, each) for each in schema.relationships if getattr(each, end) == table.name]
        for name, end in ends.items()
    }
    return {**several, "ManyToManyRelationships": []}


def column_item(table: Table, column: Column) -> Item:
    """Return the definition of a column, with what its type adds."""
    return {
        odata.TYPE: f"#{odata.type_name(column.type.value)}AttributeMetadata",
        "MetadataId": column.id,
        "LogicalName": column.name,
        "SchemaName": column.schema_name,
        "EntityLogicalName": table.name,
        "AttributeType": column.type.value,
        "AttributeTypeName": {"Value": f"{column.type.value}Type"},
        "AttributeOf": column.part_of or None,
        "DisplayName": label(column.label),
        "Description": label(column.description),
        "IsPrimaryId": column.name == table.key,
        "IsPrimaryName": column.name == table.name_column,
        "IsCustomAttribute": column.custom,
        "IsSecured": False,
        "IsValidForRead": True,
        "IsValidForCreate": column.writable,
        "IsValidForUpdate": column.writable and column.name not in {table.key, "overriddencreatedon"},
        "RequiredLevel": {
            "Value": column.required,
            "CanBeChanged": True,
            "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
        },
        **(_DETAILS[column.type](column) if column.type in _DETAILS else {}),
    }


def _text_details(column: Column) -> Item:
    return {"MaxLength": column.max_length, "FormatName": {"Value": "Text"}}


def _number_details(column: Column) -> Item:
    return {"MinValue": column.minimum, "MaxValue": column.maximum, "Precision": column.precision}


def _time_details(column: Column) -> Item:
    behavior, form = ("DateOnly", "DateOnly") if column.date_only else ("UserLocal", "DateAndTime")
    return {"Format": form, "DateTimeBehavior": {"Value": behavior}}


def _choice_details(column: Column) -> Item:
    return {"DefaultFormValue": column.default, "OptionSet": {"IsGlobal": False, "Options": _options(column)}}


def _lookup_details(column: Column) -> Item:
    return {"Targets": list(column.targets)}


def _options(column: Column) -> list[Item]:
    states = column.type is ColumnType.STATUS
    return [
        {"Value": option.value, "Label": label(option.label), **({"State": option.state} if states else {})}
        for option in column.options
    ]


def _yes_no_details(column: Column) -> Item:
    options = {item["Value"]: item for item in _options(column)}
    sides = {"IsGlobal": False, "FalseOption": options.get(0), "TrueOption": options.get(1)}
    return {"DefaultValue": column.default, "OptionSet": sides}


_DETAILS: dict[ColumnType, Callable[[Column], Item]] = {
    **dict.fromkeys(TEXTS, _text_details),
    **dict.fromkeys((ColumnType.INTEGER, ColumnType.BIGINT), _number_details),
    **dict.fromkeys((ColumnType.DECIMAL, ColumnType.DOUBLE, ColumnType.MONEY), _number_details),
    ColumnType.DATETIME: _time_details,
    ColumnType.BOOLEAN: _yes_no_details,
    **dict.fromkeys(CHOICES, _choice_details),
    **dict.fromkeys(LOOKUPS, _lookup_details),
}


def relationship_item(schema: Schema, relationship: Relationship) -> Item:
    """Return the definition of a one-to-many relationship."""
    return {
        odata.TYPE: f"#{odata.type_name('OneToManyRelationshipMetadata')}",
        "MetadataId": relationship.id,
        "SchemaName": relationship.schema_name,
        "RelationshipType": "OneToManyRelationship",
        "IsCustomRelationship": relationship.custom,
        "ReferencedEntity": relationship.referenced,
        "ReferencedAttribute": schema.tables[relationship.referenced].key,
        "ReferencingEntity": relationship.referencing,
        "ReferencingAttribute": relationship.column,
        "ReferencingEntityNavigationPropertyName": relationship.navigation,
        "ReferencedEntityNavigationPropertyName": relationship.collection,
        "CascadeConfiguration": {
            **dict.fromkeys(_CASCADES, "NoCascade"),
            "Delete": relationship.on_delete.value,
        },
    }


def answer(items: Iterable[Item], query: Query) -> list[Item]:
    """Return the definitions that fit `$filter`, cut down to `$select` and `$expand`."""
    kept = (item for item in items if query.filter is None or filters.matches(query.filter, item))
    return [cut(item, query) for item in kept]


def cut(item: Item, query: Query) -> Item:
    """Return what `$select` and `$expand` ask of a definition; its id and type are always there.

    Raises:
        Fault: they name what the definition does not have.
    """
    expandable = set(EXPANDABLE) | ({"OptionSet"} if query.select else set())
    plain = {name: value for name, value in item.items() if name not in expandable}
    if query.select is not None:
        _refuse_unknown(item, query.select)
        plain = {name: value for name, value in plain.items() if name in {"MetadataId", odata.TYPE, *query.select}}
    for expansion in query.expand:
        _refuse_unknown(item, [expansion.navigation])
        plain[expansion.navigation] = _expanded(item[expansion.navigation], expansion)
    return plain


def _expanded(value: object, expansion: Expansion) -> object:
    if isinstance(value, list):
        return answer(value, expansion.query)
    if isinstance(value, dict) and expansion.query.select:
        return {name: part for name, part in value.items() if name in expansion.query.select}
    return value


def _refuse_unknown(item: Item, names: Iterable[str]) -> None:
    # Columns differ by type: a property that only others have is no mistake.
    known = {*item, "OptionSet", "Targets", "MaxLength", "MinValue", "MaxValue", "Precision", "Format"}
    for name in names:
        if name not in known:
            raise faults.bad_request(f"Could not find a property named '{name}' on a definition.")
