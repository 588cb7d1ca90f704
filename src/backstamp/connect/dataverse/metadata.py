"""Dataverse's table definitions in the house's words, and back; nothing here talks to anyone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from backstamp import odata
from backstamp.connect import ports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backstamp.connect.dataverse import rights

LONGEST_STRING = 4000
"""Characters of a String column; longer text needs a Memo column."""
_LARGEST_DECIMAL = 100_000_000_000
_ENGLISH = 1033

TIME = pa.timestamp("us", "UTC")

# Dataverse's numbers reach 1e11 with 10 places (Decimal) and are SQL Server's money with 4 (Money), whatever fewer
# places a column's metadata show: older rows may have more.
_ARROW_TYPES: dict[str, pa.DataType] = {
    "String": pa.string(),
    "Memo": pa.string(),
    "Uniqueidentifier": pa.string(),
    "Integer": pa.int32(),
    "Picklist": pa.int32(),
    "State": pa.int32(),
    "Status": pa.int32(),
    "BigInt": pa.int64(),
    "Decimal": pa.decimal128(23, 10),
    "Money": pa.decimal128(19, 4),
    "Double": pa.float64(),
    "Boolean": pa.bool_(),
    "DateTime": TIME,
}
_LOOKUP_TYPES = frozenset({"Lookup", "Customer", "Owner"})


@dataclass(frozen=True)
class Table:
    """A table as the house knows it, and how the wire spells it.

    Attributes:
        definition: the table in the house's words.
        entity_set: its name in addresses.
        lookups: the columns whose values are read as `_x_value`.
        navigation: for each lookup to one table, the property that `@odata.bind` goes to.
        schema_name: its name with capitals, which privileges are called after.
        privileges: their names by what they are for, where the service tells them: those of `task` are of `Activity`.
    """

    definition: ports.TableDefinition
    entity_set: str
    lookups: frozenset[str]
    navigation: Mapping[str, str]
    schema_name: str = ""
    privileges: Mapping[str, str] = field(default_factory=dict)

    def privilege(self, right: str) -> str:
        """Return the name of the privilege that a right to its rows is: `prvReadContact`."""
        return self.privileges.get(right) or f"prv{right}{self.schema_name}"

    def wire_name(self, column: str) -> str:
        """Return the property under which a column is selected and read."""
        return odata.lookup_property(column) if column in self.lookups else column

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """Return the Arrow schema of rows with the key first and these columns.

        Raises:
            KeyError: there is no such column; it is named.
        """
        types = {column.name: column.type for column in self.definition.columns}
        return pa.schema([(name, types[name]) for name in dict.fromkeys((self.definition.key, *columns))])


def table(
    entity: Mapping[str, Any],
    attributes: Sequence[Mapping[str, Any]],
    relationships: Sequence[Mapping[str, Any]],
    closed: Mapping[str, rights.Closed] | None = None,
) -> Table:
    """Read a table's metadata: its `EntityDefinitions` item, `Attributes` and `ManyToOneRelationships`.

    Columns of types that have no plain value (files, images, the shadows of lookups and choices) are left out.
    `closed` says what column security keeps our account from, by the ids of attributes.
    """
    targets: dict[str, list[Mapping[str, Any]]] = {}
    for relationship in relationships:
        targets.setdefault(relationship["ReferencingAttribute"], []).append(relationship)
    single = {lookup: found[0] for lookup, found in targets.items() if len(found) == 1}
    readable = [attribute for attribute in attributes if _is_readable(attribute)]
    columns = (
        _column(attribute, single.get(attribute["LogicalName"]), (closed or {}).get(attribute.get("MetadataId", "")))
        for attribute in readable
    )
    return Table(
        definition=ports.TableDefinition(
            name=entity["LogicalName"],
            key=entity["PrimaryIdAttribute"],
            columns=tuple(columns),
            tracks_changes=bool(entity.get("ChangeTrackingEnabled")),
            display_name=_text(entity.get("DisplayName")),
        ),
        entity_set=entity["EntitySetName"],
        lookups=frozenset(a["LogicalName"] for a in readable if a["AttributeType"] in _LOOKUP_TYPES),
        navigation={lookup: found["ReferencingEntityNavigationPropertyName"] for lookup, found in single.items()},
        schema_name=str(entity.get("SchemaName") or entity["LogicalName"]),
        privileges={each["PrivilegeType"]: each["Name"] for each in entity.get("Privileges") or ()},
    )


def table_body(definition: ports.TableDefinition) -> dict[str, object]:
    """Return what creates a table, without its lookups: its first text column becomes its primary name."""
    plain = [column for column in definition.columns if column.lookup_to is None and column.name != definition.key]
    name = next((column for column in plain if _is_string(column)), None)
    primary = name or ports.Column(f"{definition.name}_name", pa.string(), max_length=100)
    others = [column for column in plain if column is not name]
    display = definition.display_name or definition.name
    return {
        odata.TYPE: odata.type_name("EntityMetadata"),
        "SchemaName": definition.name,
        "DisplayName": _label(display),
        "DisplayCollectionName": _label(display),
        "OwnershipType": "UserOwned",
        "HasActivities": False,
        "HasNotes": False,
        "ChangeTrackingEnabled": True,
        "Attributes": [
            {**attribute_body(primary), "IsPrimaryName": True},
            *(attribute_body(column) for column in others),
        ],
    }


def attribute_body(column: ports.Column) -> dict[str, object]:
    """Return what creates a column that is no lookup."""
    kind, limits = _dataverse_type(column)
    return {
        odata.TYPE: odata.type_name(f"{kind}AttributeMetadata"),
        "AttributeType": kind,
        "SchemaName": column.name,
        "DisplayName": _label(column.display_name or column.name),
        "RequiredLevel": {"Value": "None"},
        **limits,
    }


def relationship_body(referencing: str, column: ports.Column, referenced: Table) -> dict[str, object]:
    """Return what creates a lookup: deleting the row it points to empties it, and nothing else cascades.

    The name follows Microsoft's own client: `{referenced}_{referencing}_{lookup}` (dataverse-webapi.md 2.2).
    """
    target = referenced.definition
    kept = dict.fromkeys(("Assign", "Merge", "Reparent", "Share", "Unshare"), "NoCascade")
    return {
        odata.TYPE: odata.type_name("OneToManyRelationshipMetadata"),
        "SchemaName": f"{target.name}_{referencing}_{column.name}",
        "ReferencedEntity": target.name,
        "ReferencingEntity": referencing,
        "ReferencedAttribute": target.key,
        "CascadeConfiguration": {**kept, "Delete": "RemoveLink"},
        "Lookup": {
            odata.TYPE: odata.type_name("LookupAttributeMetadata"),
            "SchemaName": column.name,
            "AttributeType": "Lookup",
            "AttributeTypeName": {"Value": "LookupType"},
            "DisplayName": _label(column.display_name or column.name),
            "RequiredLevel": {"Value": "None"},
        },
    }


def _is_readable(attribute: Mapping[str, Any]) -> bool:
    known = attribute["AttributeType"] in _ARROW_TYPES or attribute["AttributeType"] in _LOOKUP_TYPES
    return known and not attribute.get("AttributeOf") and attribute.get("IsValidForRead") is not False


def _column(
    attribute: Mapping[str, Any], relationship: Mapping[str, Any] | None, closed: rights.Closed | None
) -> ports.Column:
    kind = attribute["AttributeType"]
    return ports.Column(
        name=attribute["LogicalName"],
        type=pa.date32() if _is_date(attribute) else _ARROW_TYPES.get(kind, pa.string()),
        lookup_to=relationship["ReferencedEntity"] if relationship and kind in _LOOKUP_TYPES else None,
        max_length=attribute.get("MaxLength"),
        decimal_places=attribute.get("Precision") if kind in {"Decimal", "Money"} else None,
        display_name=_text(attribute.get("DisplayName")),
        hidden=closed is not None and closed.hidden,
        locked=closed is not None and closed.locked,
    )


def _is_date(attribute: Mapping[str, Any]) -> bool:
    """Tell a date from a time: a format of date only still has a time of day unless its behaviour says otherwise."""
    return (attribute.get("DateTimeBehavior") or {}).get("Value") == "DateOnly"


def _dataverse_type(column: ports.Column) -> tuple[str, dict[str, object]]:
    """Return the kind of attribute that holds an Arrow type, and its limits."""
    kind = column.type
    name = "Memo"
    limits: dict[str, object] = {"MaxLength": column.max_length or ports.LONGEST_TEXT, "Format": "TextArea"}
    if _is_string(column):
        name, limits = "String", {"MaxLength": column.max_length, "FormatName": {"Value": "Text"}}
    elif pa.types.is_decimal(kind):
        bounds = {"MinValue": -_LARGEST_DECIMAL, "MaxValue": _LARGEST_DECIMAL}
        name, limits = "Decimal", {"Precision": min(kind.scale, ports.MOST_DECIMAL_PLACES), **bounds}
    elif pa.types.is_timestamp(kind):
        name, limits = "DateTime", {"Format": "DateAndTime", "DateTimeBehavior": {"Value": "UserLocal"}}
    elif pa.types.is_date(kind):
        name, limits = "DateTime", {"Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}}
    elif pa.types.is_boolean(kind):
        name, limits = "Boolean", {"OptionSet": _yes_or_no()}
    elif pa.types.is_floating(kind):
        name, limits = "Double", {"Precision": 5}
    elif pa.types.is_integer(kind):
        name, limits = ("BigInt", {}) if kind.bit_width > pa.int32().bit_width else ("Integer", {"Format": "None"})
    return name, limits


def _is_string(column: ports.Column) -> bool:
    return bool(pa.types.is_string(column.type)) and 0 < (column.max_length or 0) <= LONGEST_STRING


def _yes_or_no() -> dict[str, object]:
    return {
        odata.TYPE: odata.type_name("BooleanOptionSetMetadata"),
        "TrueOption": {"Value": 1, "Label": _label("Yes")},
        "FalseOption": {"Value": 0, "Label": _label("No")},
    }


def _label(text: str) -> dict[str, object]:
    localized = {odata.TYPE: odata.type_name("LocalizedLabel"), "Label": text, "LanguageCode": _ENGLISH}
    return {odata.TYPE: odata.type_name("Label"), "LocalizedLabels": [localized]}


def _text(label: Mapping[str, Any] | None) -> str:
    """Return what a label says to the user who asks, or "" where it says nothing."""
    return str(((label or {}).get("UserLocalizedLabel") or {}).get("Label") or "")
