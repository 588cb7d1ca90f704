"""Definitions as JSON: what a client reads of tables, columns and relationships (dataverse-webapi.md 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backstamp import odata
from backstamp.embedded import faults, filters, metadata
from backstamp.embedded.metadata import (
    CHOICES,
    FILES,
    LOOKUPS,
    TEXTS,
    AlternateKey,
    Choice,
    Column,
    ColumnType,
    ManyToMany,
    Option,
    Relationship,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from backstamp.embedded.options import Expansion, Query
    from backstamp.embedded.schema import Schema

    Item = dict[str, Any]

LANGUAGE = 1033
_CAN_BE_SECURED = ("CanBeSecuredForRead", "CanBeSecuredForCreate", "CanBeSecuredForUpdate")
_PRIVILEGES = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share")


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
        "IsIntersect": table.intersect,
        "IsActivity": False,
        "HasNotes": False,
        "HasActivities": False,
        "ChangeTrackingEnabled": table.tracks_changes,
        "CanChangeTrackingBeEnabled": {"Value": True},
        "IsOptimisticConcurrencyEnabled": True,
        "Privileges": [{"Name": f"prv{kind}{table.schema_name}", "PrivilegeType": kind} for kind in _PRIVILEGES],
        "Attributes": [column_item(table, column) for column in table.columns],
        "Keys": [key_item(table, key) for key in table.keys],
        **_relationship_items(schema, table),
    }


EXPANDABLE = ("Attributes", "Keys", "OneToManyRelationships", "ManyToOneRelationships", "ManyToManyRelationships")


def _relationship_items(schema: Schema, table: Table) -> Item:
    ends = {"OneToManyRelationships": "referenced", "ManyToOneRelationships": "referencing"}
    one_to_many = [each for each in schema.defined if isinstance(each, Relationship)]
    several = {
        name: [relationship_item(schema, each) for each in one_to_many if getattr(each, end) == table.name]
        for name, end in ends.items()
    }
    associations = [each for each in schema.many_to_many if table.name in {each.first.table, each.second.table}]
    return {**several, "ManyToManyRelationships": [many_to_many_item(each) for each in associations]}


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
        "IsSecured": column.secured,
        **dict.fromkeys(_CAN_BE_SECURED, table.can_secure(column)),
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
    return {"MaxLength": column.max_length, "FormatName": {"Value": column.format or "Text"}}


def _file_details(column: Column) -> Item:
    return {"MaxSizeInKB": column.max_length}


def _whole_details(column: Column) -> Item:
    return {**_number_details(column), "Format": column.format or "None"}


def _number_details(column: Column) -> Item:
    return {"MinValue": column.minimum, "MaxValue": column.maximum, "Precision": column.precision}


def _time_details(column: Column) -> Item:
    behavior, form = ("DateOnly", "DateOnly") if column.date_only else ("UserLocal", "DateAndTime")
    return {"Format": column.format or form, "DateTimeBehavior": {"Value": behavior}}


def _choice_details(column: Column) -> Item:
    own = {"IsGlobal": bool(column.choice), "Name": column.choice or None, "Options": _options(column.options)}
    return {"DefaultFormValue": column.default, "OptionSet": own}


def _lookup_details(column: Column) -> Item:
    return {"Targets": list(column.targets)}


def _options(options: Iterable[Option]) -> list[Item]:
    return [
        {
            "Value": option.value,
            "Label": label(option.label),
            **({} if option.state is None else {"State": option.state}),
        }
        for option in options
    ]


def choice_item(choice: Choice) -> Item:
    """Return the definition of a global choice."""
    return {
        odata.TYPE: f"#{odata.type_name('OptionSetMetadata')}",
        "MetadataId": choice.id,
        "Name": choice.name,
        "DisplayName": label(choice.label),
        "Description": label(choice.description),
        "IsGlobal": True,
        "IsCustomOptionSet": True,
        "OptionSetType": "Picklist",
        "Options": _options(choice.options),
    }


def _yes_no_details(column: Column) -> Item:
    options = {item["Value"]: item for item in _options(column.options)}
    sides = {"IsGlobal": False, "FalseOption": options.get(0), "TrueOption": options.get(1)}
    return {"DefaultValue": column.default, "OptionSet": sides}


_DETAILS: dict[ColumnType, Callable[[Column], Item]] = {
    **dict.fromkeys(TEXTS, _text_details),
    **dict.fromkeys((ColumnType.INTEGER, ColumnType.BIGINT), _whole_details),
    **dict.fromkeys(FILES, _file_details),
    **dict.fromkeys((ColumnType.DECIMAL, ColumnType.DOUBLE, ColumnType.MONEY), _number_details),
    ColumnType.DATETIME: _time_details,
    ColumnType.BOOLEAN: _yes_no_details,
    **dict.fromkeys(CHOICES, _choice_details),
    **dict.fromkeys(LOOKUPS, _lookup_details),
}


def many_to_many_item(association: ManyToMany) -> Item:
    """Return the definition of a many-to-many relationship."""
    return {
        odata.TYPE: f"#{odata.type_name('ManyToManyRelationshipMetadata')}",
        "MetadataId": association.id,
        "SchemaName": association.schema_name,
        "RelationshipType": "ManyToManyRelationship",
        "IsCustomRelationship": True,
        "IntersectEntityName": association.intersect,
        "Entity1LogicalName": association.first.table,
        "Entity1IntersectAttribute": association.first.column,
        "Entity1NavigationPropertyName": association.first.navigation,
        "Entity2LogicalName": association.second.table,
        "Entity2IntersectAttribute": association.second.column,
        "Entity2NavigationPropertyName": association.second.navigation,
    }


def key_item(table: Table, key: AlternateKey) -> Item:
    """Return the definition of an alternate key."""
    return {
        "MetadataId": key.id,
        "LogicalName": key.name,
        "SchemaName": key.schema_name,
        "EntityLogicalName": table.name,
        "DisplayName": label(key.label),
        "KeyAttributes": list(key.columns),
        "EntityKeyIndexStatus": "Active" if key.active else "Failed",
        "IsManaged": False,
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
            **dict.fromkeys(metadata.CASCADED_EVENTS, "NoCascade"),
            **dict(relationship.cascades),
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


_OF_SOME_TYPES = (
    "DateTimeBehavior",
    "DefaultFormValue",
    "DefaultValue",
    "Format",
    "FormatName",
    "MaxLength",
    "MaxSizeInKB",
    "MaxValue",
    "MinValue",
    "OptionSet",
    "Precision",
    "Targets",
)


def _refuse_unknown(item: Item, names: Iterable[str]) -> None:
    # Columns differ by type: a property that only others have is no mistake.
    known = {*item, *_OF_SOME_TYPES}
    for name in names:
        if name not in known:
            raise faults.bad_request(f"Could not find a property named '{name}' on a definition.")
