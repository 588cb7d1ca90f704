"""One CRM: its database, its settings, and what a new one starts with.

A request works in one `Session`: one transaction, with the definitions that belong to it.
"""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from backstamp import errors, odata
from backstamp.embedded import catalog, column_security, database, messages, metadata, security, standard
from backstamp.embedded.mishaps import Mishap
from backstamp.embedded.protection import Limits
from backstamp.embedded.rights import Rights
from backstamp.embedded.schema import Schema
from backstamp.embedded.steps import Bypass

if TYPE_CHECKING:
    from collections.abc import Iterator

ADMINISTRATOR = "administrator@onmicrosoft.com"
"""The domain name of the person who may do everything."""
APPLICATION_USER = "insightsappsplatform@onmicrosoft.com"
"""The domain name of the service account that writes links."""

ORGANIZATION_ID = metadata.well_known_id("organization")
BUSINESS_UNIT_ID = metadata.well_known_id("businessunit")
ADMINISTRATOR_ID = metadata.well_known_id(ADMINISTRATOR)
_USERS = (
    (ADMINISTRATOR, "System", "Administrator", "System Administrator"),
    (APPLICATION_USER, None, "InsightsAppsPlatform", "InsightsAppsPlatform"),
)


_NOTHING = Rights()
_NO_BYPASS = Bypass()


class Settings(BaseModel):
    """How an embedded CRM is set up.

    Attributes:
        database_url: where the rows are: `sqlite:////srv/crm.sqlite`, `postgresql://user:password@host/name`.
        delta_days: how long a delta link can be used.
        expire_on_metadata_change: whether a new or dropped column ends the delta links of its table, as it does on
            real organizations.
        max_page_size: the most rows of a page.
        query_seconds: how long one statement of a query may take.
        token_seconds: how long a bearer token can be used.
        dop_hint: how many requests at once the service advises.
        limits: how much one user may ask in a while; None lets everybody ask as much as he or she likes.
        mishaps: what goes wrong, for tests of whoever talks to the CRM.
        seed: of the chance by which it does.
        tables_without_bulk: tables that take no UpdateMultiple and its like, as some of Dataverse's own.
        expired_delta_status: the HTTP status of an expired delta link, which Dataverse does not document.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: str
    delta_days: int = Field(default=7, ge=0, le=365)
    expire_on_metadata_change: bool = True
    max_page_size: int = Field(default=odata.MAX_PAGE_SIZE, ge=1, le=odata.MAX_PAGE_SIZE)
    query_seconds: float = Field(default=120, gt=0, le=3600)
    token_seconds: int = Field(default=3600, ge=1)
    dop_hint: int = Field(default=4, ge=1)
    limits: Limits | None = None
    mishaps: tuple[Mishap, ...] = ()
    seed: int = 0
    tables_without_bulk: frozenset[str] = frozenset()
    expired_delta_status: Literal[400, 404, 410, 412] = 400


@dataclass(frozen=True)
class Session:
    """What one request works with.

    Attributes:
        connection: its transaction.
        schema: the definitions, as this transaction sees them.
        version: the last row version that this transaction saw when it began.
        user: the id of the system user who asks, or for whom somebody else does.
        now: when it began, as it goes on the wire.
        rights: what may be done in it.
        actor: the id of the system user who acts for `user`; None where nobody does.
        bypass: which registered steps it keeps from firing.
    """

    connection: sa.Connection
    schema: Schema
    settings: Settings
    version: int
    user: str
    now: str
    rights: Rights = _NOTHING
    actor: str | None = None
    bypass: Bypass = _NO_BYPASS

    @property
    def authorship(self) -> dict[str, str | None]:
        """The values that tell of the last write of a row."""
        return {"modifiedon": self.now, "modifiedby": self.user, "modifiedonbehalfby": self.actor}

    def reserve(self, amount: int) -> int:
        """Take that many row versions and return the first."""
        return database.reserve(self.connection, database.ROW_VERSION, amount)


class Store:
    """The CRM behind the server; made once, used by all threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._engine = database.open_engine(settings.database_url)
        self._schema = Schema(-1, (), ())
        try:
            with database.writing(self._engine) as connection:
                if catalog.is_empty(connection):
                    _found(connection)
                elif not catalog.is_of_this_version(connection):
                    raise errors.ConfigurationError(
                        "The database of the embedded CRM was made by an earlier version: remove it, and fill it again."
                    )
                _keep_settings(connection, settings)
        except sa.exc.OperationalError as error:
            where = self._engine.url.render_as_string(hide_password=True)
            message = f"The database of the embedded CRM, {where}, does not answer: is it running, the password right?"
            raise errors.ConfigurationError(message) from error

    @property
    def schema(self) -> Schema:
        """The definitions as the last request saw them; those of a session may be others."""
        return self._schema

    @contextmanager
    def reading(self, user: str) -> Iterator[Session]:
        """Give a session that sees one state of everything."""
        with database.reading(self._engine) as connection:
            yield self._session(connection, user)

    @contextmanager
    def writing(self, user: str) -> Iterator[Session]:
        """Give the one session that may write; all of it is kept, or on any error nothing."""
        with database.writing(self._engine) as connection:
            yield self._session(connection, user)

    def _session(self, connection: sa.Connection, user: str) -> Session:
        counts = database.counts(connection)
        if self._schema.version != counts[database.METADATA_VERSION]:
            self._schema = catalog.load(connection)
        now = odata.format_time(dt.datetime.now(dt.UTC))
        return Session(connection, self._schema, self.settings, counts[database.ROW_VERSION], user, now)

    def user_id(self, domain_name: str) -> str:
        """Return the id of the system user with this domain name.

        Raises:
            ConfigurationError: there is none.
        """
        with self.reading(ADMINISTRATOR_ID) as session:
            users = session.schema.sql["systemuser"].c
            statement = sa.select(users.systemuserid).where(sa.func.folded(users.domainname) == domain_name.lower())
            found = session.connection.execute(statement).scalar()
        if found is None:
            raise errors.ConfigurationError(f"The embedded CRM has no user with the domain name {domain_name!r}.")
        return str(found)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _found(connection: sa.Connection) -> None:
    """Make a new CRM: tables, the organization, and its two users with their roles."""
    database.create_internal_tables(connection)
    catalog.add_tables(connection, standard.TABLES, standard.RELATIONSHIPS)
    catalog.add_many_to_many(connection, column_security.MEMBERSHIP, *column_security.members_table())
    database.reserve(connection, database.METADATA_VERSION)
    tables = catalog.load(connection).sql
    now = odata.format_time(dt.datetime.now(dt.UTC))
    roles = security.first_privileges()
    first = database.reserve(connection, database.ROW_VERSION, len(_USERS) + len(roles) + 1)
    history = {"createdon": now, "modifiedon": now, "createdby": ADMINISTRATOR_ID, "modifiedby": ADMINISTRATOR_ID}
    users = [
        {
            "systemuserid": metadata.well_known_id(domain_name),
            "domainname": domain_name,
            "internalemailaddress": domain_name,
            "firstname": first_name,
            "lastname": last_name,
            "fullname": full_name,
            "applicationid": str(uuid4()) if domain_name == APPLICATION_USER else None,
            "azureactivedirectoryobjectid": metadata.well_known_id(f"object/{domain_name}"),
            "isdisabled": False,
            "versionnumber": version,
            **history,
        }
        for version, (domain_name, first_name, last_name, full_name) in enumerate(_USERS, start=first)
    ]
    connection.execute(tables["systemuser"].insert(), users)
    organization = {"organizationid": ORGANIZATION_ID, "name": "backstamp", "versionnumber": first + len(_USERS)}
    connection.execute(tables["organization"].insert(), organization | history)
    for version, (name, privileges) in enumerate(roles.items(), start=first + len(_USERS) + 1):
        role = security.role_id(name)
        connection.execute(tables["role"].insert(), {"roleid": role, "name": name, "versionnumber": version, **history})
        security.grant(connection, role, privileges)
    security.assign(connection, ADMINISTRATOR_ID, security.role_id(security.SYSTEM_ADMINISTRATOR))
    security.assign(connection, metadata.well_known_id(APPLICATION_USER), security.role_id(security.SERVICE_ACCOUNT))


def _keep_settings(connection: sa.Connection, settings: Settings) -> None:
    """Show the retention, and which tables are written in bulk, where Dataverse shows them."""
    organization = catalog.load(connection).sql["organization"]
    connection.execute(sa.update(organization).values(expirechangetrackingindays=settings.delta_days))
    messages.follow(connection, settings.tables_without_bulk)
