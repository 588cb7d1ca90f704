"""Who asks, and what he or she may do: roles and their privileges in the database, impersonation, rights to read.

A role is a row of the table `role`; its privileges, and who has it, are in tables of our own.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import column_security, database, faults, metadata, standard
from backstamp.embedded import rights as privileges
from backstamp.embedded.request import Response
from backstamp.embedded.rights import Right, Rights

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backstamp.embedded.request import Request
    from backstamp.embedded.rights import Denied
    from backstamp.embedded.schema import Schema
    from backstamp.embedded.store import Session

_role_privileges = sa.Table(
    "_role_privilege",
    database.internal,
    sa.Column("role_id", database.text(36), primary_key=True),
    sa.Column("privilege", database.text(150), primary_key=True),
)
_user_roles = sa.Table(
    "_user_role",
    database.internal,
    sa.Column("user_id", database.text(36), primary_key=True),
    sa.Column("role_id", database.text(36), primary_key=True),
)

SYSTEM_ADMINISTRATOR = "System Administrator"
SERVICE_ACCOUNT = "InsightsAppsPlatform"
"""The role of the account that reads tables of the CRM, stamps their rows, and keeps tables of its own."""

_OF_CLIENT = {odata.CALLER_OBJECT_ID: "azureactivedirectoryobjectid", odata.CALLER_ID: "systemuserid"}
_DEFINITIONS = {
    odata.CREATE_TABLES: "Entity",
    odata.TABLE_DEFINITIONS: "Entity",
    odata.RELATIONSHIP_DEFINITIONS: "Relationship",
    odata.CHOICE_DEFINITIONS: "OptionSet",
    **dict.fromkeys((odata.INSERT_OPTION, odata.UPDATE_OPTION, odata.DELETE_OPTION), "OptionSet"),
}
_PARTS = {"Attributes": "Attribute", "Keys": "EntityKey"}
_VERBS = {"POST": "Create", "PUT": "Write", "PATCH": "Write", "DELETE": "Delete"}


def role_id(name: str) -> str:
    """Return the id of a role that a new CRM has."""
    return metadata.well_known_id(f"role/{name}")


def first_privileges() -> dict[str, list[str]]:
    """Return the roles that a new CRM has, by name, with their privileges; an administrator needs none."""
    people = [table for table in standard.TABLES if table.user_owned]
    used = (Right.READ, Right.WRITE, Right.APPEND, Right.APPEND_TO)
    stamps = [privileges.privilege(right, table) for table in people for right in used]
    reads = [privileges.privilege(Right.READ, table) for table in standard.TABLES if not table.user_owned]
    return {SYSTEM_ADMINISTRATOR: [], SERVICE_ACCOUNT: [*privileges.CUSTOMIZE, *stamps, *reads]}


def grant(connection: sa.Connection, role: str, names: Iterable[str]) -> None:
    """Give a role, by id, privileges that it does not have yet."""
    rows = [{"role_id": role, "privilege": name} for name in sorted(set(names))]
    if rows:
        connection.execute(_role_privileges.insert(), rows)


def assign(connection: sa.Connection, user: str, role: str) -> None:
    """Give a user, by id, a role that he or she does not have yet."""
    connection.execute(_user_roles.insert().values(user_id=user, role_id=role))


def roles_of(session: Session, user: str) -> list[str]:
    """Return the names of a user's roles."""
    roles = session.schema.sql["role"].c
    statement = sa.select(roles.name).join_from(roles.roleid.table, _user_roles, _user_roles.c.role_id == roles.roleid)
    return list(session.connection.scalars(statement.where(_user_roles.c.user_id == user).order_by(roles.name)))


def rights_of(session: Session, user: str) -> Rights:
    """Return what a user, by id, may do.

    Raises:
        Fault: there is no such user, or he or she is disabled.
    """
    rows = session.connection.execute(_rights_query(session.schema), {"user": user}).all()
    if not rows:
        raise faults.no_row("systemuser", user)
    if rows[0].isdisabled:
        raise faults.Fault(403, odata.USER_DISABLED, f"The specified user (Id = {user}) is disabled.")
    held = {row.roleid for row in rows} - {None}
    names = frozenset(row.privilege for row in rows if row.privilege)
    unlimited = role_id(SYSTEM_ADMINISTRATOR) in held
    customizes = privileges.CREATE_TABLES in names
    denied: Denied = frozenset() if unlimited else column_security.denied(session, user)
    return Rights(user, len(held), names, unlimited, customizes=customizes, denied=denied)


@lru_cache(maxsize=8)
def _rights_query(schema: Schema) -> sa.Select[Any]:
    """Return the statement that every request begins with: to put it together takes longer than to execute it."""
    users, roles = schema.sql["systemuser"], schema.sql["role"]
    source = (
        users.outerjoin(_user_roles, _user_roles.c.user_id == users.c.systemuserid)
        .outerjoin(roles, roles.c.roleid == _user_roles.c.role_id)
        .outerjoin(_role_privileges, _role_privileges.c.role_id == roles.c.roleid)
    )
    columns = (users.c.isdisabled, roles.c.roleid, _role_privileges.c.privilege)
    return sa.select(*columns).select_from(source).where(users.c.systemuserid == sa.bindparam("user"))


def enter(session: Session, request: Request) -> Session:
    """Return the session as the request may use it: with its user's rights, or those of whom the user acts for.

    Raises:
        Fault: the user is disabled, may not act for others, or acts for somebody who is not there.
    """
    own = rights_of(session, request.user)
    for header, column in _OF_CLIENT.items():
        wanted = request.headers.get(header.lower())
        if wanted:
            own.require_privilege(privileges.ACT_ON_BEHALF)
            user = _find_user(session, column, wanted)
            held = rights_of(session, user).within(own)
            return replace(session, user=user, actor=request.user, rights=held)
    return replace(session, rights=own)


def _find_user(session: Session, column: str, wanted: str) -> str:
    if not odata.is_guid(wanted):
        raise faults.bad_request("The header that names the user to act for needs a GUID.")
    users = session.schema.sql["systemuser"].c
    found = session.connection.scalar(sa.select(users.systemuserid).where(users[column] == wanted.lower()))
    if found is None:
        raise faults.no_row("systemuser", wanted.lower())
    return str(found)


def require_customization(session: Session, request: Request) -> None:
    """Refuse a request that changes definitions where its user may not: `prvCreateAttribute` and its like."""
    first, *rest = request.segments or (None,)
    if first is None or first.name not in _DEFINITIONS or request.method not in _VERBS:
        return
    what = next((_PARTS[segment.name] for segment in rest if segment.name in _PARTS), _DEFINITIONS[first.name])
    session.rights.require_privilege(f"prv{_VERBS[request.method]}{what}")
    if (request.method, what) == ("POST", "Relationship"):  # which makes a lookup column too
        session.rights.require_privilege("prvCreateAttribute")


def retrieve_privileges(session: Session, request: Request, user: str) -> Response:
    """Answer `GET systemusers(8f3c…)/Microsoft.Dynamics.CRM.RetrieveUserPrivileges`.

    Raises:
        Fault: there is no such user, or the one who asks may not read users.
    """
    granted = _told_of(session, user).granted(session.schema)
    listed = [
        {
            "Depth": "Global",
            "PrivilegeId": privileges.privilege_id(name),
            "BusinessUnitId": metadata.well_known_id("businessunit"),
            "PrivilegeName": name,
        }
        for name in granted
    ]
    context = f"{request.root}$metadata#{odata.type_name('RetrieveUserPrivilegesResponse')}"
    return Response.json({odata.CONTEXT: context, "RolePrivileges": listed})


def retrieve_column_privileges(session: Session, request: Request, user: str) -> Response:
    """Answer `GET systemusers(8f3c…)/Microsoft.Dynamics.CRM.RetrievePrincipalAttributePrivileges`.

    Raises:
        Fault: there is no such user, or the one who asks may not read users.
    """
    found = column_security.privileges(session, _told_of(session, user).denied)
    context = f"{request.root}$metadata#{odata.type_name('RetrievePrincipalAttributePrivilegesResponse')}"
    return Response.json({odata.CONTEXT: context, "AttributePrivileges": found})


def _told_of(session: Session, user: str) -> Rights:
    """Return what a user may do, to somebody who may know."""
    if not odata.is_guid(user):
        raise faults.bad_request("The key in the request URI is not valid for resource 'systemuser'.")
    if user.lower() != session.user:
        session.rights.require(Right.READ, session.schema.tables["systemuser"])
    return rights_of(session, user.lower())
