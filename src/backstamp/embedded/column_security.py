"""Column security: who may read and write the values of secured columns (dataverse-webapi.md 8).

A row of `fieldpermission` lets the members of a `fieldsecurityprofile` read, create or update the values of one secured
column. Everybody else, but an administrator, reads null there and is refused to write.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import faults, metadata
from backstamp.embedded.metadata import Column, ColumnType, ManyToMany, Option, Relationship, Side, Table
from backstamp.embedded.rights import ColumnRight

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backstamp.embedded.rights import Denied
    from backstamp.embedded.schema import Schema
    from backstamp.embedded.store import Session

PROFILES, PERMISSIONS, MEMBERS = "fieldsecurityprofile", "fieldpermission", "systemuserprofiles"
_NOT_ALLOWED, _ALLOWED = 0, 4
_GRANTS = {ColumnRight.READ: "canread", ColumnRight.CREATE: "cancreate", ColumnRight.UPDATE: "canupdate"}
_TOLD = {ColumnRight.READ: "CanRead", ColumnRight.CREATE: "CanCreate", ColumnRight.UPDATE: "CanUpdate"}
MEMBERSHIP = ManyToMany(
    "systemuserprofiles_association",
    MEMBERS,
    Side("systemuser", "systemuserid", "systemuserprofiles_association"),
    Side(PROFILES, "fieldsecurityprofileid", "systemuserprofiles_association"),
)
"""Whose permissions a profile has."""


def members_table() -> tuple[Table, list[Relationship]]:
    """Return the table that holds who belongs to which profile, and its relationships."""
    sides = (MEMBERSHIP.first, MEMBERSHIP.second)
    lookups = (Column(side.column, ColumnType.LOOKUP, side.column, targets=(side.table,)) for side in sides)
    key = f"{MEMBERS}id"
    name, plural = "SystemUserProfiles", f"{MEMBERS}set"
    table = Table(MEMBERS, name, plural, key, key, tuple(lookups), code=1202, user_owned=False, intersect=True)
    return metadata.complete(table), [metadata.to_side(MEMBERS, side) for side in sides]


def grant_columns() -> Iterable[Column]:
    """Return the columns of a permission that say what it lets its holders do."""
    options = (Option(_NOT_ALLOWED, "Not Allowed"), Option(_ALLOWED, "Allowed"))
    for right, name in _GRANTS.items():
        label = f"Can {right} the attribute"
        yield Column(name, ColumnType.PICKLIST, _TOLD[right], label, options=options, default=_NOT_ALLOWED)


def denied(session: Session, user: str) -> Denied:
    """Return what column security keeps a user, by id, from, if he or she is no administrator."""
    secured = session.schema.secured
    if not secured:
        return frozenset()
    every = {(table, column, right) for table, column in secured for right in ColumnRight}
    return frozenset(every - _granted(session, user))


def _granted(session: Session, user: str) -> set[tuple[str, str, ColumnRight]]:
    permissions, members = session.schema.sql[PERMISSIONS].c, session.schema.sql[MEMBERS].c
    same = members.fieldsecurityprofileid == permissions.fieldsecurityprofileid
    grants = [permissions[name] for name in _GRANTS.values()]
    found = (
        sa.select(permissions.entityname, permissions.attributelogicalname, *grants)
        .join_from(permissions.entityname.table, members.systemuserid.table, same)
        .where(members.systemuserid == user)
    )
    return {
        (table, column, right)
        for table, column, *values in session.connection.execute(found)
        for right, value in zip(_GRANTS, values, strict=True)
        if value == _ALLOWED
    }


def visible(session: Session, table: str) -> sa.FromClause:
    """Return a table as the session's user sees it: the values of hidden columns are null, in conditions too."""
    hidden = session.rights.hidden(table)
    return _masked(session.schema, table, hidden) if hidden else session.schema.sql[table]


@lru_cache(maxsize=32)
def _masked(schema: Schema, table: str, hidden: frozenset[str]) -> sa.FromClause:
    """Return the one view of a table without these columns: all parts of a statement must mean the same."""
    columns = schema.tables[table].columns
    masked = {column.name for column in columns if not hidden.isdisjoint({column.name, column.part_of})}
    # A case that never comes true has the type, and the order of text, of its column.
    shown = [
        sa.case((sa.false(), column)).label(column.name) if column.name in masked else column
        for column in schema.sql[table].c
    ]
    return sa.select(*shown).subquery()


def require_secured(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse permissions for columns that are not there or not secured.

    Raises:
        Fault: one of the rows, if they are permissions, is such a one.
    """
    if table.name != PERMISSIONS:
        return
    for row in rows:
        named = (row.get("entityname"), row.get("attributelogicalname"))
        if named not in session.schema.secured:
            message = f"The attribute '{named[1]}' of '{named[0]}' is not enabled for column security."
            raise faults.Fault(400, odata.COLUMN_NOT_SECURED, message)


def forget(connection: sa.Connection, schema: Schema, table: str, column: str | None = None) -> None:
    """Drop the permissions for a column, or for all columns of a table."""
    permissions = schema.sql[PERMISSIONS]
    about = permissions.c.entityname == table
    if column is not None:
        about &= permissions.c.attributelogicalname == column
    connection.execute(sa.delete(permissions).where(about))


def privileges(session: Session, held: Denied) -> list[dict[str, object]]:
    """Return the secured columns with what may be done with each, as `RetrievePrincipalAttributePrivileges` tells."""
    return [
        {
            "AttributeId": session.schema.tables[table].by_name[column].id,
            **{_TOLD[right]: _NOT_ALLOWED if (table, column, right) in held else _ALLOWED for right in ColumnRight},
            "CanReadUnMasked": _NOT_ALLOWED,
        }
        for table, column in sorted(session.schema.secured)
    ]
