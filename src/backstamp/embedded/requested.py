"""Definitions that a client sends, made into values: tables, columns, relationships (dataverse-webapi.md 2.2)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backstamp import odata
from backstamp.embedded import faults, metadata
from backstamp.embedded.metadata import (
    AlternateKey,
    Column,
    ColumnType,
    ManyToMany,
    OnDelete,
    Option,
    Relationship,
    Side,
    Table,
)
from backstamp.embedded.schema import MONEY_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backstamp.embedded.schema import Schema

    Body = Mapping[str, Any]

_CUSTOM_CODES = 10_000
# A publisher's prefix comes first, so that no custom name can be one of the product's or of the database's own.
_NAME = re.compile(r"(?!sqlite_|pg_|mscrm_)[A-Za-z][A-Za-z0-9]{1,7}_\w{1,100}", re.ASCII)
_TYPE = re.compile(rf"#?{re.escape(odata.NAMESPACE)}\.(?:Complex)?(\w+)AttributeMetadata")
_DEFAULT_LENGTHS = {ColumnType.STRING: 100, ColumnType.MEMO: 2000}
_INT32 = 2**31 - 1
_LARGEST = 100_000_000_000.0
_PRECISIONS = {ColumnType.DECIMAL: 2, ColumnType.DOUBLE: 5, ColumnType.MONEY: 2}
_LARGEST_MONEY = 922_337_203_685_477.0


def table(schema: Schema, body: Body) -> Table:
    """Return the table that a client wants; the server adds what every table has.

    Raises:
        Fault: the body is incomplete or malformed.
    """
    schema_name = _name(body)
    name = schema_name.lower()
    attributes = body.get("Attributes")
    if not isinstance(attributes, list):
        raise faults.bad_request(f"The entity {schema_name} needs a list of Attributes.")
    columns = {made.name: made for made in map(column, attributes)}
    name_column = next((_name(each).lower() for each in attributes if each.get("IsPrimaryName")), None)
    if name_column is None:
        raise faults.bad_request(f"The entity {schema_name} needs an attribute with IsPrimaryName.")
    wanted = Table(
        name,
        schema_name,
        _other_name(body, "EntitySetName", odata.entity_set_name(name)),
        f"{name}id",
        name_column,
        (*columns.values(), *metadata.state_columns()),
        label=_text(body.get("DisplayName")) or schema_name,
        plural_label=_text(body.get("DisplayCollectionName")),
        description=_text(body.get("Description")),
        user_owned=body.get("OwnershipType", "UserOwned") == "UserOwned",
        tracks_changes=body.get("ChangeTrackingEnabled", False) is True,
        custom=True,
        code=_CUSTOM_CODES + len(schema.tables),
    )
    return metadata.complete(wanted)


def _name(body: object) -> str:
    name = body.get("SchemaName") if isinstance(body, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise faults.bad_request(
            "A SchemaName needs a publisher's prefix of 2 to 8 letters or digits, an underscore, and letters, digits "
            "or underscores."
        )
    return name


def _other_name(body: Body, name: str, default: str) -> str:
    given = body.get(name) or default
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        raise faults.bad_request(f"The {name} needs a publisher's prefix, as names of tables do.")
    return given


def _part(body: Body, name: str) -> Body:
    """Return an object inside of a body; an empty one where it is not given."""
    part = body.get(name) or {}
    if not isinstance(part, dict):
        raise faults.bad_request(f"{name} must be an object.")
    return part


def _text(label: object) -> str:
    """Return the text of a label in its first language."""
    match label:
        case {"LocalizedLabels": [{"Label": str(text)}, *_]}:
            return text
        case {"UserLocalizedLabel": {"Label": str(text)}}:
            return text
    return ""


def column(body: Body) -> Column:
    """Return the column that a client wants.

    Raises:
        Fault: the body is malformed, or its type cannot be made this way.
    """
    schema_name = _name(body)
    kind = _type(body)
    plain = Column(
        schema_name.lower(),
        kind,
        schema_name,
        _text(body.get("DisplayName")) or schema_name,
        _text(body.get("Description")),
        required=_level(body),
        custom=True,
    )
    try:
        return _DETAILS[kind](plain, body) if kind in _DETAILS else plain
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise faults.bad_request(f"The attribute {schema_name} is malformed.") from error


def _type(body: Body) -> ColumnType:
    found = _TYPE.fullmatch(str(body.get(odata.TYPE)))
    try:
        kind = ColumnType(found[1] if found else "")
    except ValueError as error:
        raise faults.bad_request(f"Attributes of type '{body.get(odata.TYPE)}' are not supported.") from error
    if kind in metadata.LOOKUPS or kind in {ColumnType.STATE, ColumnType.STATUS, ColumnType.ENTITY_NAME}:
        raise faults.bad_request(f"An attribute of type {kind.value} cannot be made by itself.")
    return kind


def _level(body: Body) -> str:
    return str(_part(body, "RequiredLevel").get("Value", "None"))


def _with_length(column: Column, body: Body) -> Column:
    return replace(column, max_length=int(body.get("MaxLength") or _DEFAULT_LENGTHS[column.type]))


def _with_limits(column: Column, body: Body) -> Column:
    return replace(column, minimum=_limit(body, "MinValue", -_INT32), maximum=_limit(body, "MaxValue", _INT32))


def _with_behavior(column: Column, body: Body) -> Column:
    return replace(column, date_only=_part(body, "DateTimeBehavior").get("Value") == "DateOnly")


def _with_two_options(column: Column, body: Body) -> Column:
    sides = _part(body, "OptionSet")
    options = (_option(_part(sides, "FalseOption"), 0, "No"), _option(_part(sides, "TrueOption"), 1, "Yes"))
    return replace(column, options=options, default=bool(body.get("DefaultValue", False)))


def _with_options(column: Column, body: Body) -> Column:
    listed = _part(body, "OptionSet").get("Options") or []
    return replace(column, options=tuple(_option(each, each["Value"], "") for each in listed))


def _with_precision(column: Column, body: Body) -> Column:
    precision = int(body.get("Precision", _PRECISIONS[column.type]))
    if not 0 <= precision <= 10:
        raise ValueError
    if column.type is ColumnType.DOUBLE:
        bound = _LARGEST
    else:
        # The database keeps whole numbers of the smallest unit, so more digits behind the point leave fewer before it.
        digits = MONEY_DIGITS if column.type is ColumnType.MONEY else precision
        bound = min(_LARGEST_MONEY, float((2**63 - 1) // 10**digits))
    lowest = max(-bound, _limit(body, "MinValue", -_LARGEST))
    highest = min(bound, _limit(body, "MaxValue", _LARGEST))
    return replace(column, precision=precision, minimum=lowest, maximum=highest)


_DETAILS: dict[ColumnType, Callable[[Column, Body], Column]] = {
    ColumnType.STRING: _with_length,
    ColumnType.MEMO: _with_length,
    ColumnType.INTEGER: _with_limits,
    ColumnType.DECIMAL: _with_precision,
    ColumnType.MONEY: _with_precision,
    ColumnType.DOUBLE: _with_precision,
    ColumnType.DATETIME: _with_behavior,
    ColumnType.BOOLEAN: _with_two_options,
    ColumnType.PICKLIST: _with_options,
}


def _limit(body: Body, name: str, default: float) -> float:
    value = body.get(name)
    return default if value is None else float(value)


def _option(body: Body, value: int, text: str) -> Option:
    return Option(int(value), _text(body.get("Label")) or text)


def relationship(schema: Schema, body: Body) -> tuple[Relationship, Column]:
    """Return the one-to-many relationship that a client wants, and its lookup column.

    Raises:
        Fault: the body is malformed or names a table that does not exist.
    """
    lookup = _part(body, "Lookup")
    lookup_name = _name(lookup)
    referenced, referencing = (_end(schema, body, end) for end in ("ReferencedEntity", "ReferencingEntity"))
    schema_name = _name(body)
    wanted = Relationship(
        schema_name,
        referenced,
        referencing,
        lookup_name.lower(),
        _other_name(body, "ReferencingEntityNavigationPropertyName", lookup_name),
        _other_name(body, "ReferencedEntityNavigationPropertyName", schema_name),
        _on_delete(body),
        custom=True,
        cascades=_cascades(body),
    )
    return wanted, _lookup(lookup, lookup_name, referenced)


def many_to_many(schema: Schema, body: Body) -> tuple[ManyToMany, Table, list[Relationship]]:
    """Return the many-to-many relationship that a client wants, its intersect table, and that table's relationships.

    Raises:
        Fault: the body is malformed or names a table that does not exist.
    """
    schema_name = _name(body)
    intersect_name = _other_name(body, "IntersectEntityName", schema_name)
    intersect = intersect_name.lower()
    first, second = (_end(schema, body, end) for end in ("Entity1LogicalName", "Entity2LogicalName"))
    keys = [schema.tables[name].key for name in (first, second)]
    columns = [f"{key}{ending}" for key, ending in zip(keys, ("one", "two"), strict=True)] if first == second else keys
    sides = [
        Side(name, column, _other_name(body, f"Entity{place}NavigationPropertyName", schema_name))
        for place, (name, column) in enumerate(zip((first, second), columns, strict=True), start=1)
    ]
    lookups = [
        Column(side.column, ColumnType.LOOKUP, side.column, side.column, targets=(side.table,)) for side in sides
    ]
    table = Table(
        intersect,
        intersect_name,
        f"{intersect}set",
        f"{intersect}id",
        f"{intersect}id",
        tuple(lookups),
        label=intersect_name,
        user_owned=False,
        custom=True,
        intersect=True,
        code=_CUSTOM_CODES + len(schema.tables),
    )
    relationships = [_to_side(intersect, side) for side in sides]
    return ManyToMany(schema_name, intersect, sides[0], sides[1]), metadata.complete(table), relationships


def _to_side(intersect: str, side: Side) -> Relationship:
    name = f"{intersect}_{side.column}"
    return Relationship(name, side.table, intersect, side.column, side.column, name, OnDelete.CASCADE, audit=True)


def key(table: Table, body: Body) -> AlternateKey:
    """Return the alternate key that a client wants.

    Raises:
        Fault: the body is malformed.
    """
    schema_name = _name(body)
    columns = body.get("KeyAttributes")
    if not isinstance(columns, list) or not all(isinstance(each, str) for each in columns):
        raise faults.bad_request("KeyAttributes must be a list of names.")
    name = schema_name.lower()
    if name in {each.name for each in table.keys}:
        raise faults.already_exists(f"An entity key with the specified name {schema_name} in {table.name}")
    label = _text(body.get("DisplayName")) or schema_name
    return AlternateKey(name, schema_name, tuple(each.lower() for each in columns), label)


def _end(schema: Schema, body: Body, end: str) -> str:
    name = str(body.get(end, "")).lower()
    if name not in schema.tables:
        raise faults.no_definition(f"the entity '{name}' ({end})")
    return name


def changed_relationship(relationship: Relationship, body: Body) -> Relationship:
    """Return a one-to-many relationship with the cascade configuration that a client wants.

    Raises:
        Fault: the body is malformed.
    """
    if not _part(body, "CascadeConfiguration"):
        return relationship
    return replace(relationship, on_delete=_on_delete(body), cascades=_cascades(body))


def _cascades(body: Body) -> tuple[tuple[str, str], ...]:
    given = _part(body, "CascadeConfiguration")
    cascades = tuple((event, str(given[event])) for event in metadata.CASCADED_EVENTS if given.get(event))
    for event, value in cascades:
        if value not in metadata.CASCADES:
            raise faults.bad_request(f"CascadeConfiguration.{event} cannot be '{value}'.")
    return cascades


def _on_delete(body: Body) -> OnDelete:
    try:
        return OnDelete(_part(body, "CascadeConfiguration").get("Delete") or OnDelete.REMOVE_LINK)
    except ValueError as error:
        raise faults.bad_request("CascadeConfiguration.Delete is Cascade, RemoveLink or Restrict.") from error


def _lookup(body: Body, schema_name: str, target: str) -> Column:
    return Column(
        schema_name.lower(),
        ColumnType.LOOKUP,
        schema_name,
        _text(body.get("DisplayName")) or schema_name,
        _text(body.get("Description")),
        required=_level(body),
        targets=(target,),
        custom=True,
    )
