"""Application users: system users that are bound to a client id and sign in with a secret.

A secret is kept as a hash by Argon2 and shown once, when it is made. `identity` gives tokens for it.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

import argon2
import sqlalchemy as sa

from backstamp import errors, odata
from backstamp.embedded import database, faults, records, security
from backstamp.embedded.store import ADMINISTRATOR_ID, Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backstamp.embedded.store import Session, Settings

_secrets = sa.Table(
    "_client_secret",
    database.internal,
    sa.Column("client_id", database.text(36), primary_key=True),
    sa.Column("hash", database.text(200), nullable=False),
)
# Costs that are enough for people's passwords; a secret of ours is random, so that nobody could guess it anyway.
_hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@dataclass(frozen=True)
class Application:
    """An application user; `signs_in` tells whether it has a secret and is not disabled."""

    name: str
    client_id: str
    user_id: str
    roles: tuple[str, ...]
    signs_in: bool


@dataclass(frozen=True)
class Credential:
    """What an application signs in with, as it is shown once."""

    name: str
    client_id: str
    client_secret: str


@contextmanager
def administering(settings: Settings) -> Iterator[Session]:
    """Give a session of the administrator, who needs no token for it: whoever may open the database may do everything.

    Raises:
        ConfigurationError: what is asked in it is refused.
    """
    crm = Store(settings)
    try:
        with crm.writing(ADMINISTRATOR_ID) as session:
            yield replace(session, rights=security.rights_of(session, ADMINISTRATOR_ID))
    except faults.Fault as fault:
        raise errors.ConfigurationError(fault.message) from fault
    finally:
        crm.close()


def add(session: Session, name: str, *, roles: Sequence[str] = (), privileges: Sequence[str] = ()) -> Credential:
    """Make an application user with these roles, by name, and a role of its own with these privileges.

    Raises:
        ConfigurationError: there is no such role or privilege, or the name is taken.
    """
    users = session.schema.sql["systemuser"].c
    if session.connection.scalar(sa.select(sa.exists().where(sa.func.folded(users.fullname) == database.folded(name)))):
        raise errors.ConfigurationError(f"There is a user called {name!r} already.")
    unknown = sorted(set(privileges) - set(session.rights.granted(session.schema)))
    if unknown:
        raise errors.ConfigurationError(f"There is no privilege {unknown[0]!r}: they are called like 'prvReadContact'.")
    ids = [_role(session, role) for role in dict.fromkeys(roles)]
    if privileges:
        ids += records.create(session, session.schema.tables["role"], [{"name": name}])
        security.grant(session.connection, ids[-1], privileges)
    client_id = str(uuid4())
    body = {"fullname": name, "lastname": name, "domainname": f"{client_id}@applications", "applicationid": client_id}
    body["azureactivedirectoryobjectid"] = str(uuid4())
    [user] = records.create(session, session.schema.tables["systemuser"], [body])
    for role in ids:
        security.assign(session.connection, user, role)
    return _with_secret(session, name, client_id)


def _role(session: Session, name: str) -> str:
    roles = session.schema.sql["role"].c
    found = session.connection.scalar(sa.select(roles.roleid).where(roles.name == name))
    if found is None:
        known = ", ".join(session.connection.scalars(sa.select(roles.name).order_by(roles.name)))
        raise errors.ConfigurationError(f"There is no role {name!r}: there are {known}.")
    return str(found)


def _with_secret(session: Session, name: str, client_id: str) -> Credential:
    secret = secrets.token_urlsafe(32)
    session.connection.execute(sa.delete(_secrets).where(_secrets.c.client_id == client_id))
    session.connection.execute(_secrets.insert().values(client_id=client_id, hash=_hasher.hash(secret)))
    return Credential(name, client_id, secret)


def listed(session: Session) -> list[Application]:
    """Return all application users, by name."""
    users = session.schema.sql["systemuser"].c
    columns = (users.fullname, users.applicationid, users.systemuserid, users.isdisabled, _secrets.c.client_id)
    statement = (
        sa.select(*columns)
        .select_from(users.systemuserid.table)
        .outerjoin(_secrets, _secrets.c.client_id == users.applicationid)
        .where(users.applicationid.is_not(None))
        .order_by(users.fullname)
    )
    return [
        Application(
            row.fullname,
            row.applicationid,
            row.systemuserid,
            tuple(security.roles_of(session, row.systemuserid)),
            signs_in=row.client_id is not None and not row.isdisabled,
        )
        for row in session.connection.execute(statement)
    ]


def _find(session: Session, client_id: str) -> Application:
    for application in listed(session):
        if application.client_id == client_id.lower():
            return application
    raise errors.ConfigurationError(f"There is no application with the client id {client_id!r}.")


def renew(session: Session, client_id: str) -> Credential:
    """Give an application another secret and let it in; the one before is good for nothing from now on.

    Raises:
        ConfigurationError: there is no such application.
    """
    found = _find(session, client_id)
    _disable(session, found, disabled=False)
    return _with_secret(session, found.name, found.client_id)


def revoke(session: Session, client_id: str) -> Application:
    """Take its secret from an application and shut it out, with the tokens that it has.

    Raises:
        ConfigurationError: there is no such application.
    """
    found = _find(session, client_id)
    _disable(session, found, disabled=True)
    session.connection.execute(sa.delete(_secrets).where(_secrets.c.client_id == found.client_id))
    return _find(session, client_id)


def _disable(session: Session, application: Application, *, disabled: bool) -> None:
    body = {"systemuserid": application.user_id, "isdisabled": disabled}
    records.update(session, session.schema.tables["systemuser"], [body])


def first_credential(session: Session, domain_name: str) -> Credential | None:
    """Return a first secret of the application user with this domain name; None where it has had one before."""
    users = session.schema.sql["systemuser"].c
    statement = sa.select(users.applicationid).where(users.domainname == domain_name, users.isdisabled.is_(False))
    found = next((one for one in listed(session) if one.client_id == session.connection.scalar(statement)), None)
    return None if found is None or found.signs_in else _with_secret(session, found.name, found.client_id)


def user_of(session: Session, client_id: str) -> tuple[str, str] | None:
    """Return the user and the hashed secret of a client id; None where there is none, or it is shut out."""
    if not odata.is_guid(client_id):  # whatever else a client may send is not for the database
        return None
    users = session.schema.sql["systemuser"].c
    statement = (
        sa.select(users.systemuserid, _secrets.c.hash)
        .join_from(users.systemuserid.table, _secrets, _secrets.c.client_id == users.applicationid)
        .where(users.applicationid == client_id.lower(), users.isdisabled.is_(False))
    )
    row = session.connection.execute(statement).first()
    return (row.systemuserid, row.hash) if row else None


def fits(secret: str, hashed: str) -> bool:
    """Tell whether this is the secret; takes a while, as Argon2 is meant to."""
    try:
        return _hasher.verify(hashed, secret)
    except argon2.exceptions.VerificationError:
        return False
