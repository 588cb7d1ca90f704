"""Definitions of tables, columns and relationships, as values; what every table has of its own accord.

Names are logical names (dataverse-webapi.md 2.4). Nothing here knows SQL or JSON.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMESPACE = uuid.UUID("5f1b7d0e-3c52-4c4e-9a58-6c1de5b3a7f4")


def well_known_id(name: str) -> str:
    """Return the GUID that stands for this name in every embedded CRM."""
    return str(uuid.uuid5(_NAMESPACE, name))


class ColumnType(StrEnum):
    """The attribute types of Dataverse that a column can have."""

    BIGINT = "BigInt"
    BOOLEAN = "Boolean"
    CUSTOMER = "Customer"
    DATETIME = "DateTime"
    DECIMAL = "Decimal"
    DOUBLE = "Double"
    ENTITY_NAME = "EntityName"
    FILE = "File"
    IMAGE = "Image"
    INTEGER = "Integer"
    LOOKUP = "Lookup"
    MEMO = "Memo"
    MONEY = "Money"
    OWNER = "Owner"
    PICKLIST = "Picklist"
    STATE = "State"
    STATUS = "Status"
    STRING = "String"
    UNIQUEIDENTIFIER = "Uniqueidentifier"


LOOKUPS = frozenset({ColumnType.LOOKUP, ColumnType.CUSTOMER, ColumnType.OWNER})
CHOICES = frozenset({ColumnType.PICKLIST, ColumnType.STATE, ColumnType.STATUS})
TEXTS = frozenset({ColumnType.STRING, ColumnType.MEMO})


CASCADED_EVENTS = ("Assign", "Merge", "Reparent", "Share", "Unshare", "RollupView", "Archive")
CASCADES = frozenset({"Active", "Cascade", "NoCascade", "RemoveLink", "Restrict", "UserOwned"})


FILES = frozenset({ColumnType.FILE, ColumnType.IMAGE})


class OnDelete(StrEnum):
    """What becomes of the rows that point to a deleted row."""

    CASCADE = "Cascade"
    REMOVE_LINK = "RemoveLink"
    RESTRICT = "Restrict"


@dataclass(frozen=True)
class Option:
    """One value of a choice or of a yes/no column; a status belongs to a state."""

    value: int
    label: str
    state: int | None = None


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: the logical name.
        type: what its values are.
        schema_name: the name with its case.
        label: what users read.
        max_length: of text, in characters; of a file, in kilobytes.
        format: how texts, numbers and times are to be shown ("Email", "DateOnly", …), "" for the usual form.
        minimum, maximum: of numbers.
        precision: digits after the point of Decimal, Money and Double.
        date_only: the values of a DateTime are days, not moments.
        targets: the tables that a lookup may point to.
        options: the values of a choice, or the two labels of a yes/no column.
        default: the value of a new row that gives none.
        writable: whether a client may write it; others are ignored in a body, as Dataverse does.
        part_of: the lookup whose target table this column names (EntityName only).
        custom: made by a client, not by the product.
        choice: the global choice from which the options come, "" for options of the column's own.
        secured: only who has a permission for it may read or write it.
    """

    name: str
    type: ColumnType
    schema_name: str = ""
    label: str = ""
    description: str = ""
    required: str = "None"
    max_length: int | None = None
    format: str = ""
    minimum: float | None = None
    maximum: float | None = None
    precision: int | None = None
    date_only: bool = False
    targets: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    default: int | bool | None = None
    writable: bool = True
    part_of: str = ""
    custom: bool = False
    choice: str = ""
    secured: bool = False
    id: str = ""

    @property
    def is_lookup(self) -> bool:
        """Tell whether the values point to rows."""
        return self.type in LOOKUPS

    @property
    def is_polymorphic(self) -> bool:
        """Tell whether the values can point to rows of several tables."""
        return len(self.targets) > 1

    @property
    def is_file(self) -> bool:
        """Tell whether the column keeps files."""
        return self.type in FILES

    @property
    def is_text(self) -> bool:
        """Tell whether the values are compared as text."""
        return self.type in TEXTS


@dataclass(frozen=True)
class Choice:
    """Options that several columns share."""

    name: str
    label: str
    description: str
    options: tuple[Option, ...]
    id: str = ""


@dataclass(frozen=True)
class Relationship:
    """One-to-many: rows of `referencing` point with `column` to rows of `referenced`.

    Attributes:
        navigation: the single-valued property on the side of `referencing`.
        collection: the collection-valued property on the side of `referenced`.
        audit: made by the server for its own columns (created by, …).
        cascades: what the definition says of other events than deletion; the server keeps and tells it.
    """

    schema_name: str
    referenced: str
    referencing: str
    column: str
    navigation: str
    collection: str
    on_delete: OnDelete = OnDelete.REMOVE_LINK
    audit: bool = False
    custom: bool = False
    cascades: tuple[tuple[str, str], ...] = ()
    id: str = ""


@dataclass(frozen=True)
class Side:
    """One end of a many-to-many relationship.

    Attributes:
        column: the lookup of the intersect table that points to this side.
        navigation: the property by which rows of this side reach the other.
    """

    table: str
    column: str
    navigation: str


@dataclass(frozen=True)
class ManyToMany:
    """Many-to-many: pairs of rows, kept in a table of their own."""

    schema_name: str
    intersect: str
    first: Side
    second: Side
    id: str = ""


@dataclass(frozen=True)
class AlternateKey:
    """Columns whose values, taken together, no two rows have; rows can be addressed by them.

    Attributes:
        active: whether the database holds to it; not where rows had the same values when it was made.
    """

    name: str
    schema_name: str
    columns: tuple[str, ...]
    label: str = ""
    active: bool = True
    id: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the CRM.

    Attributes:
        key: the primary key column, a GUID.
        intersect: it holds the pairs of a many-to-many relationship.
        name_column: the column that stands for a row before users.
        changed_in: the version at which its definition changed last; a change feed from before may not go on.
    """

    name: str
    schema_name: str
    entity_set: str
    key: str
    name_column: str
    columns: tuple[Column, ...]
    label: str = ""
    plural_label: str = ""
    description: str = ""
    user_owned: bool = True
    tracks_changes: bool = False
    custom: bool = False
    code: int = 0
    changed_in: int = 0
    intersect: bool = False
    id: str = ""
    keys: tuple[AlternateKey, ...] = ()
    by_name: dict[str, Column] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.by_name.update({column.name: column for column in self.columns})

    def can_secure(self, column: Column) -> bool:
        """Tell whether a column can be secured: not what names the rows, identifies them, or the server writes."""
        named = {self.key, self.name_column, "ownerid", *(name for key in self.keys for name in key.columns)}
        return column.writable and not column.part_of and not self.intersect and column.name not in named


_USER = ("systemuser",)


def _audit(name: str, schema_name: str, kind: ColumnType, label: str, **details: object) -> Column:
    column = Column(name, kind, schema_name, label, writable=False)
    return replace(column, **details)  # type: ignore[arg-type]


def _history() -> Iterator[Column]:
    yield _audit("createdon", "CreatedOn", ColumnType.DATETIME, "Created On")
    yield _audit("createdby", "CreatedBy", ColumnType.LOOKUP, "Created By", targets=_USER)
    yield _audit("createdonbehalfby", "CreatedOnBehalfBy", ColumnType.LOOKUP, "Created By (Delegate)", targets=_USER)
    yield _audit("modifiedon", "ModifiedOn", ColumnType.DATETIME, "Modified On")
    yield _audit("modifiedby", "ModifiedBy", ColumnType.LOOKUP, "Modified By", targets=_USER)
    yield _audit("modifiedonbehalfby", "ModifiedOnBehalfBy", ColumnType.LOOKUP, "Modified By (Delegate)", targets=_USER)
    yield _audit("versionnumber", "VersionNumber", ColumnType.BIGINT, "Version Number")


def _ownership() -> Iterator[Column]:
    yield Column("ownerid", ColumnType.OWNER, "OwnerId", "Owner", targets=_USER)
    yield _audit("owninguser", "OwningUser", ColumnType.LOOKUP, "Owning User", targets=_USER)
    yield Column("overriddencreatedon", ColumnType.DATETIME, "OverriddenCreatedOn", "Record Created On")


ACTIVE = (Option(0, "Active"), Option(1, "Inactive"))
ACTIVE_REASONS = (Option(1, "Active", 0), Option(2, "Inactive", 1))


def state_columns(
    states: tuple[Option, ...] = ACTIVE, reasons: tuple[Option, ...] = ACTIVE_REASONS
) -> tuple[Column, Column]:
    """Return statecode and statuscode; a new row has the first state and its first reason."""
    state = Column("statecode", ColumnType.STATE, "StateCode", "Status", options=states, default=states[0].value)
    reason = Column(
        "statuscode", ColumnType.STATUS, "StatusCode", "Status Reason", options=reasons, default=reasons[0].value
    )
    return state, reason


def type_column(lookup: str) -> str:
    """Return the column that names the target table of a lookup to several tables: `parentcustomeridtype`."""
    return f"{lookup}type"


def _type_columns(columns: tuple[Column, ...]) -> Iterator[Column]:
    for column in columns:
        if column.is_polymorphic:
            name = type_column(column.name)
            label = f"{column.label} Type"
            yield _audit(name, f"{column.schema_name}Type", ColumnType.ENTITY_NAME, label, part_of=column.name)


def complete(table: Table) -> Table:
    """Add what every table has: its key, history and version, and an owner where users own the rows."""
    key = _audit(table.key, f"{table.schema_name}Id", ColumnType.UNIQUEIDENTIFIER, table.label, writable=True)
    owner = tuple(_ownership()) if table.user_owned else ()
    types = _type_columns(table.columns)
    return replace(table, columns=(key, *table.columns, *types, *owner, *_history()))


def audit_relationships(table: Table) -> Iterator[Relationship]:
    """Give the relationships of the columns that the server keeps: creator, last writer, their delegates, owner."""
    for name in ("createdby", "createdonbehalfby", "modifiedby", "modifiedonbehalfby", "owninguser", "ownerid"):
        if name in table.by_name:
            schema_name = f"lk_{table.name}_{name}"
            yield Relationship(
                schema_name, "systemuser", table.name, name, name, schema_name, OnDelete.RESTRICT, audit=True
            )


def to_side(intersect: str, side: Side) -> Relationship:
    """Return the relationship of an intersect table to one side: with a row of that its pairs go."""
    name = f"{intersect}_{side.column}"
    return Relationship(name, side.table, intersect, side.column, side.column, name, OnDelete.CASCADE, audit=True)
