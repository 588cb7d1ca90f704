"""What a user may do, as a value: the privileges of his or her roles, each for the whole organization or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from backstamp import odata
from backstamp.embedded import faults, metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from backstamp.embedded.metadata import Column, Table
    from backstamp.embedded.schema import Schema


class ColumnRight(StrEnum):
    """What can be done with the values of a secured column."""

    READ = "read"
    CREATE = "create"
    UPDATE = "update"


Denied: TypeAlias = frozenset[tuple[str, str, ColumnRight]]
"""What column security keeps a user from: table, column, and what may not be done with its values."""
_NO_RIGHT = {ColumnRight.CREATE: odata.COLUMN_CREATE_DENIED, ColumnRight.UPDATE: odata.COLUMN_UPDATE_DENIED}


class Right(StrEnum):
    """What can be done with the rows of a table."""

    CREATE = "Create"
    READ = "Read"
    WRITE = "Write"
    DELETE = "Delete"
    APPEND = "Append"
    APPEND_TO = "AppendTo"


CREATE_TABLES = "prvCreateEntity"
CUSTOMIZE = tuple(
    f"prv{verb}{what}"
    for what in ("Entity", "Attribute", "Relationship", "EntityKey", "OptionSet")
    for verb in ("Create", "Write", "Delete")
)
ACT_ON_BEHALF = "prvActOnBehalfOfAnotherUser"
OVERRIDE_CREATED_ON = "prvOverrideCreatedOnCreatedBy"
BYPASS_LOGIC = "prvBypassCustomBusinessLogic"
BYPASS_PLUGINS = "prvBypassCustomPlugins"
MERGE_ROWS = "prvMerge"
MISCELLANEOUS = (
    *CUSTOMIZE,
    ACT_ON_BEHALF,
    OVERRIDE_CREATED_ON,
    BYPASS_LOGIC,
    BYPASS_PLUGINS,
    MERGE_ROWS,
    "prvBulkDelete",
)
"""The privileges that belong to no table."""


def privilege(right: Right, table: Table) -> str:
    """Return the name of a privilege: `prvReadContact`."""
    return f"prv{right}{table.schema_name}"


def privileges_on(table: Table) -> list[str]:
    """Return the names of all privileges on a table."""
    return [privilege(right, table) for right in Right]


def privilege_id(name: str) -> str:
    """Return the GUID of a privilege."""
    return metadata.well_known_id(f"privilege/{name}")


@dataclass(frozen=True)
class Rights:
    """What one user may do; as made here, nothing.

    Attributes:
        user: the id of the system user.
        roles: how many roles the user has.
        privileges: their names.
        unlimited: the user is a system administrator, who may do everything.
        customizes: the user may create tables, and so do everything with tables that were created.
        denied: what column security keeps the user from.
    """

    user: str = ""
    roles: int = 0
    privileges: frozenset[str] = frozenset()
    unlimited: bool = False
    customizes: bool = False
    denied: Denied = frozenset()

    def require(self, right: Right, table: Table) -> None:
        """Refuse, with a `Fault`, what may not be done with the rows of a table."""
        name = privilege(right, table)
        if not (self.unlimited or name in self.privileges or (self.customizes and table.custom)):
            raise self._missing(name, f" on OTC={table.code} for entity '{table.name}'")

    def require_privilege(self, name: str) -> None:
        """Refuse, with a `Fault`, what needs a privilege that belongs to no table."""
        if not (self.unlimited or name in self.privileges):
            raise self._missing(name)

    def hidden(self, table: str) -> frozenset[str]:
        """Return the columns of a table whose values the user may not read."""
        return frozenset(column for of, column, right in self.denied if (of, right) == (table, ColumnRight.READ))

    def require_columns(self, right: ColumnRight, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Refuse, with a `Fault`, rows with values that may not be written."""
        closed = {column for of, column, denied in self.denied if (of, denied) == (table.name, right)}
        name = next((name for row in rows for name in row if name in closed), None) if closed else None
        if name is not None:
            what = f"does not have {right} permissions to the secured column '{name}' of the entity '{table.name}'"
            raise faults.Fault(403, _NO_RIGHT[right], f"The caller (Id={self.user}) {what}.")

    def require_whole(self, table: Table, column: Column) -> None:
        """Refuse, with a `Fault`, to open a secured column to whoever may not do everything with its values."""
        if any((table.name, column.name, right) in self.denied for right in ColumnRight):
            message = f"You need every permission for the secured column '{column.name}' to change its security."
            raise faults.Fault(403, odata.COLUMN_SECURITY_DENIED, message)

    def _missing(self, name: str, where: str = "") -> faults.Fault:
        principal = f"Principal user (Id={self.user}, type=8, roleCount={self.roles})"
        message = f"{principal} is missing {name} privilege (Id={privilege_id(name)}){where}."
        return faults.Fault(403, odata.PRIVILEGE_DENIED, message)

    def granted(self, schema: Schema) -> list[str]:
        """Return the names of all privileges, of an administrator too, in order."""
        tables = schema.tables.values()
        if self.unlimited:
            return sorted({*MISCELLANEOUS, *(name for table in tables for name in privileges_on(table))})
        custom = [name for table in tables if self.customizes and table.custom for name in privileges_on(table)]
        return sorted({*self.privileges, *custom})

    def within(self, actor: Rights) -> Rights:
        """Return what both this user and the one who acts on his or her behalf may do."""
        if actor.unlimited:
            return self
        if self.unlimited:
            return replace(actor, user=self.user)
        common = self.privileges & actor.privileges
        customizes = self.customizes and actor.customizes
        return replace(self, privileges=common, customizes=customizes, denied=self.denied | actor.denied)
