"""Definitions that a client sends, made into values: tables, columns, relationships (dataverse-webapi.md 2.2)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backstamp import odata
from backstamp.embedded import faults, metadata
from backstamp.embedded.metadata import (
    AlternateKey,
    Choice,
    Column,
    ColumnType,
    ManyToMany,
    OnDelete,
    Option,
    Relationship,
    Side,
    Table,
)
from backstamp.embedded.request import reference
from backstamp.embedded.schema import MONEY_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backstamp.embedded.schema import Schema

    Body = Mapping[str, Any]

_CUSTOM_CODES = 10_000
# A publisher's prefix comes first, so that no custom name can be one of the product's or of the database's own.
_NAME = re.compile(r"(?!sqlite_|pg_|mscrm_)[A-Za-z][A-Za-z0-9]{1,7}_\w{1,100}", re.ASCII)
_LONGEST_NAME = 63
"""Characters of a table's or column's name: as many as PostgreSQL keeps; on SQLite too, so that both take the same."""
_TYPE = re.compile(rf"#?{re.escape(odata.NAMESPACE)}\.(?:Complex)?(\w+)AttributeMetadata")
_DEFAULT_LENGTHS = {ColumnType.STRING: 100, ColumnType.MEMO: 2000}
_LONGEST = {ColumnType.STRING: 4000, ColumnType.MEMO: 1_048_576}
_DEFAULT_FILE_KB = 32_768
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
    _refuse_long(f"{name}id")
    attributes = body.get("Attributes")
    if not isinstance(attributes, list):
        raise faults.bad_request(f"The entity {schema_name} needs a list of Attributes.")
    columns = {made.name: made for made in (column(schema, each) for each in attributes)}
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


def _refuse_long(name: str) -> None:
    """Refuse a name that the database would cut off."""
    if len(name) > _LONGEST_NAME:
        what = f"'{name}' has {len(name)} characters"
        raise faults.bad_request(f"{what}: names of tables, their keys and columns can have at most {_LONGEST_NAME}.")


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


def column(schema: Schema, body: Body) -> Column:
    """Return the column that a client wants.

    Raises:
        Fault: the body is malformed, its type cannot be made this way, or its global choice does not exist.
    """
    schema_name = _name(body)
    _refuse_long(schema_name)
    kind = _type(body)
    plain = Column(
        schema_name.lower(),
        kind,
        schema_name,
        _text(body.get("DisplayName")) or schema_name,
        _text(body.get("Description")),
        required=_level(body),
        custom=True,
        secured=body.get("IsSecured") is True,
    )
    return _with_choice(schema, _detailed(plain, body), body)


def _detailed(column: Column, body: Body) -> Column:
    try:
        return _DETAILS[column.type](column, body) if column.type in _DETAILS else column
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise faults.bad_request(f"The attribute {column.schema_name} is malformed.") from error


def _with_choice(schema: Schema, column: Column, body: Body) -> Column:
    """Give a column the options of the global choice that its definition names, by id or by name."""
    if column.type is not ColumnType.PICKLIST:
        return column
    sides = _part(body, "OptionSet")
    bound = str(body.get(f"GlobalOptionSet{odata.BIND}") or "")
    named = reference(bound).key if bound else sides.get("Name") if sides.get("IsGlobal") else None
    if named is None:
        return column
    for choice in schema.choices.values():
        if str(named).lower() in {choice.id, choice.name}:
            return replace(column, choice=choice.name, options=choice.options)
    raise faults.no_definition(f"the option set '{named}'")


def changed_column(column: Column, body: Body, *, merge_labels: bool) -> Column:
    """Return a column as a client wants it; its name, type and options stay, and what the body does not tell.

    Labels that the body does not tell stay only where labels are merged.

    Raises:
        Fault: the body is malformed, of another type, or gives a time another behavior.
    """
    if _type_name(body) not in {"", column.type.value}:
        raise faults.bad_request(f"The type of the attribute {column.name} cannot change.")
    told = {**_told(column), **{name: value for name, value in body.items() if value is not None}}
    changed = _detailed(column, told)
    if changed.date_only is not column.date_only:
        raise faults.bad_request(f"The behavior of the attribute {column.name} cannot change.")
    return replace(
        changed,
        label=_label_of(body, "DisplayName", column.label if merge_labels else column.schema_name),
        description=_label_of(body, "Description", column.description if merge_labels else ""),
        required=_level(told),
        options=column.options,
        writable=column.writable,
        secured=told["IsSecured"] is True,
    )


def _told(column: Column) -> dict[str, Any]:
    """Return what is known of a column as its definition would tell it."""
    return {
        "MaxLength": column.max_length,
        "MaxSizeInKB": column.max_length,
        "MinValue": column.minimum,
        "MaxValue": column.maximum,
        "Precision": column.precision,
        "Format": column.format,
        "FormatName": {"Value": column.format},
        "DateTimeBehavior": {"Value": "DateOnly" if column.date_only else ""},
        "RequiredLevel": {"Value": column.required},
        "DefaultFormValue": column.default,
        "DefaultValue": column.default,
        "IsSecured": column.secured,
    }


def _label_of(body: Body, name: str, default: str) -> str:
    return _text(body.get(name)) or default


def changed_table(table: Table, body: Body, *, merge_labels: bool) -> Table:
    """Return a table as a client wants it: labels, the name of its entity set, and change tracking.

    Raises:
        Fault: change tracking would be switched off, or a name is malformed.
    """
    if table.tracks_changes and body.get("ChangeTrackingEnabled") is False:
        raise faults.bad_request("Change tracking cannot be disabled once it is enabled.")
    renamed = table.custom and body.get("EntitySetName") not in {None, table.entity_set}
    return replace(
        table,
        label=_label_of(body, "DisplayName", table.label if merge_labels else table.schema_name),
        plural_label=_label_of(body, "DisplayCollectionName", table.plural_label if merge_labels else ""),
        description=_label_of(body, "Description", table.description if merge_labels else ""),
        entity_set=_other_name(body, "EntitySetName", table.entity_set) if renamed else table.entity_set,
        tracks_changes=table.tracks_changes or body.get("ChangeTrackingEnabled") is True,
    )


def choice(body: Body) -> Choice:
    """Return the global choice that a client wants.

    Raises:
        Fault: the body is malformed.
    """
    name = body.get("Name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise faults.bad_request("The Name of an option set needs a publisher's prefix.")
    label = _text(body.get("DisplayName")) or name
    return Choice(name.lower(), label, _text(body.get("Description")), _options(body))


def changed_choice(choice: Choice, body: Body) -> Choice:
    """Return a global choice with the labels and options that a client wants.

    Raises:
        Fault: the body is malformed.
    """
    return replace(
        choice,
        label=_label_of(body, "DisplayName", choice.label),
        description=_label_of(body, "Description", choice.description),
        options=_options(body) or choice.options,
    )


def _options(sides: Body) -> tuple[Option, ...]:
    listed = sides.get("Options") or []
    try:
        options = tuple(_option(each, each["Value"], "") for each in listed)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise faults.bad_request("The Options of an option set are malformed.") from error
    if len({option.value for option in options}) < len(options):
        raise faults.bad_request("Two options have the same Value.")
    return options


def _type_name(body: Body) -> str:
    found = _TYPE.fullmatch(str(body.get(odata.TYPE)))
    return found[1] if found else ""


def _type(body: Body) -> ColumnType:
    try:
        kind = ColumnType(_type_name(body))
    except ValueError as error:
        raise faults.bad_request(f"Attributes of type '{body.get(odata.TYPE)}' are not supported.") from error
    if kind in metadata.LOOKUPS or kind in {ColumnType.STATE, ColumnType.STATUS, ColumnType.ENTITY_NAME}:
        raise faults.bad_request(f"An attribute of type {kind.value} cannot be made by itself.")
    return kind


def _level(body: Body) -> str:
    return str(_part(body, "RequiredLevel").get("Value", "None"))


def _with_length(column: Column, body: Body) -> Column:
    length = int(body.get("MaxLength") or _DEFAULT_LENGTHS[column.type])
    if not 1 <= length <= _LONGEST[column.type]:
        raise ValueError
    return replace(column, max_length=length, format=_format(_part(body, "FormatName").get("Value"), "Text"))


def _with_size(column: Column, body: Body) -> Column:
    # Files are written by an address of their own, not by the body of a row.
    return replace(column, max_length=int(body.get("MaxSizeInKB") or _DEFAULT_FILE_KB), writable=False)


def _format(given: object, usual: str) -> str:
    """Return a form of showing values, "" for the usual one."""
    return "" if given in {None, "", usual} else str(given)


def _with_limits(column: Column, body: Body) -> Column:
    lowest, highest = _limit(body, "MinValue", -_INT32), _limit(body, "MaxValue", _INT32)
    return replace(column, minimum=lowest, maximum=highest, format=_format(body.get("Format"), "None"))


def _with_behavior(column: Column, body: Body) -> Column:
    date_only = _part(body, "DateTimeBehavior").get("Value") == "DateOnly"
    return replace(column, date_only=date_only, format=_format(body.get("Format"), "DateAndTime"))


def _with_two_options(column: Column, body: Body) -> Column:
    sides = _part(body, "OptionSet")
    options = (_option(_part(sides, "FalseOption"), 0, "No"), _option(_part(sides, "TrueOption"), 1, "Yes"))
    return replace(column, options=options, default=bool(body.get("DefaultValue", False)))


def _with_options(column: Column, body: Body) -> Column:
    default = body.get("DefaultFormValue")
    options = _options(_part(body, "OptionSet"))
    return replace(column, options=options, default=None if default in {None, -1} else int(default))


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
    ColumnType.FILE: _with_size,
    ColumnType.IMAGE: _with_size,
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


def option(body: Body, value: int) -> Option:
    """Return the option of a choice that a client wants; `value` is for one that brings none.

    Raises:
        Fault: the body is malformed.
    """
    try:
        return _option(body, body.get("Value") or value, "")
    except (ValueError, TypeError, AttributeError) as error:
        raise faults.bad_request("The option is malformed.") from error


def _option(body: Body, value: int, text: str) -> Option:
    return Option(int(value), _text(body.get("Label")) or text)


def relationship(schema: Schema, body: Body) -> tuple[Relationship, Column]:
    """Return the one-to-many relationship that a client wants, and its lookup column.

    Raises:
        Fault: the body is malformed or names a table that does not exist.
    """
    lookup = _part(body, "Lookup")
    lookup_name = _name(lookup)
    _refuse_long(lookup_name)
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
    _refuse_long(f"{intersect}id")
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
    relationships = [metadata.to_side(intersect, side) for side in sides]
    return ManyToMany(schema_name, intersect, sides[0], sides[1]), metadata.complete(table), relationships


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
        secured=body.get("IsSecured") is True,
    )
