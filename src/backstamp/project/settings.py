"""What a project file says: the settings of all rooms together, and those of the file's own.

Pydantic reads the annotations while the program runs, so they are no mere text here.
"""

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, SecretStr, Tag

from backstamp.connect.dataverse.credentials import SignIn
from backstamp.connect.files import FileTable
from backstamp.engine import DuckDBSettings, SparkSettings
from backstamp.link.settings import Link
from backstamp.measures import of_insight
from backstamp.measures.settings import Activity, Definitions, Insight, Measure, Relationship
from backstamp.project.running import FORBID_OTHER_KEYS, Console, LedgerSettings, Notify, Schedule
from backstamp.unify.settings import Unify

_OF_ORGANIZATION = "{dataverse: …}"
SECRETS = ("client_secret", "password", "token")  # the keys of a credential that the file may only take from a variable

Audience = Literal["individuals", "businesses"]


@dataclass(frozen=True)
class Embedded:
    """The CRM that comes with backstamp.

    Attributes:
        audience: whom its customers are.
        delta_days: how long a place in its change feed is good for.
        expire_on_metadata_change: whether a new column ends the feed of its table, as in Dataverse.
        database: the URL of a PostgreSQL database that keeps it; none for a file of the project's own.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    kind: Literal["embedded"]
    audience: Audience = "individuals"
    delta_days: Annotated[int, Field(ge=1)] = 7
    expire_on_metadata_change: bool = True
    database: SecretStr | None = None


@dataclass(frozen=True)
class ClientSecret:
    """An application of the tenant, and its secret.

    Attributes:
        authority: who gives it tokens, if not Microsoft: an embedded CRM that is served elsewhere gives its own.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    tenant_id: str
    client_id: str
    client_secret: SecretStr
    authority: str | None = None


@dataclass(frozen=True)
class Certificate:
    """An application of the tenant, and its certificate.

    Attributes:
        certificate: a PEM or PKCS #12 file with certificate and private key.
        password: of the private key.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    tenant_id: str
    client_id: str
    certificate: str
    password: SecretStr | None = None


@dataclass(frozen=True)
class SignedIn:
    """Who is signed in, or signs in when asked.

    Attributes:
        sign_in: in a browser, by `az login`, or as what this machine is to Azure.
        tenant_id: the tenant, where it is not the person's own.
        client_id: of the application that a browser signs in to, or of a user-assigned managed identity.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    sign_in: SignIn
    tenant_id: str | None = None
    client_id: str | None = None


@dataclass(frozen=True)
class Token:
    """A bearer token as it is."""

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    token: SecretStr


def _names(value: object) -> set[str]:
    """Return the names of the settings of a value that is read already."""
    return {one.name for one in fields(value)} if is_dataclass(value) else set()


def _kind_of_credential(value: object) -> str:
    keys = value.keys() if isinstance(value, dict) else _names(value)
    for key, kind in (("sign_in", "signed in"), ("certificate", "certificate")):
        if key in keys:
            return kind
    return "token" if {"tenant_id", "client_id", "client_secret"}.isdisjoint(keys) else "application"


Credential = Annotated[
    Annotated[ClientSecret, Tag("application")]
    | Annotated[Certificate, Tag("certificate")]
    | Annotated[SignedIn, Tag("signed in")]
    | Annotated[Token, Tag("token")],
    Discriminator(_kind_of_credential),
]


@dataclass(frozen=True)
class DataverseOrganization:
    """A Dynamics 365 organization.

    Attributes:
        url: where it is: `https://contoso.crm.dynamics.com`.
        credential: of the one account that reads and writes.
        audience: whom its customers are.
        bypass_custom_logic: whether our writes keep custom plug-ins, workflows and flows from running.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    kind: Literal["dataverse"]
    url: str
    credential: Credential
    audience: Audience = "individuals"
    bypass_custom_logic: bool = False


Environment = Annotated[Embedded | DataverseOrganization, Field(discriminator="kind")]


@dataclass(frozen=True)
class Transformed:
    """How a table is changed on its way in.

    Attributes:
        select: a SQL select over its rows as read, which may join other tables of the source.
        as_: another name for it; a table with another name than its own is unified, never linked.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    select: str | None = None
    as_: Annotated[str | None, Field(alias="as")] = None


@dataclass(frozen=True)
class ListedTable:
    """A table of a source: what its system calls it, what the project does, and its transform step, if any."""

    outer: str
    name: str
    select: str | None = None


Tables = Annotated[
    tuple[str | Annotated[dict[str, Transformed], Field(min_length=1, max_length=1)], ...], Field(min_length=1)
]


class _Listed:
    """Tables in a list: each by its name, or by its name and what is done with it."""

    tables: Tables

    @property
    def listed(self) -> tuple[ListedTable, ...]:
        """The tables, in their order."""
        alone: list[dict[str, Transformed]] = [
            {table: Transformed()} if isinstance(table, str) else table for table in self.tables
        ]
        return tuple(
            ListedTable(outer, step.as_ or outer, step.select) for table in alone for outer, step in table.items()
        )


@dataclass(frozen=True)
class EnvironmentSource(_Listed):
    """Tables of the environment."""

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    from_: Annotated[Literal["environment"], Field(alias="from")]
    tables: Tables


@dataclass(frozen=True)
class Organization:
    """A Dynamics 365 organization that is only read.

    Attributes:
        dataverse: its URL.
        credential: of the account that reads.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    dataverse: str
    credential: Credential


@dataclass(frozen=True)
class OrganizationSource(_Listed):
    """Tables of another organization than the project's own: unified, never linked."""

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    from_: Annotated[Organization, Field(alias="from")]
    tables: Tables


def _with_its_path(value: object) -> object:
    """Return a table of files that is given by its path alone in its long form."""
    return {"path": value} if isinstance(value, str) else value


@dataclass(frozen=True)
class FileSource:
    """Tables kept in files: their paths, or their long forms."""

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    from_: Annotated[Literal["files"], Field(alias="from")]
    tables: Annotated[
        dict[str, Annotated[FileTable, BeforeValidator(_with_its_path, json_schema_input_type=str | FileTable)]],
        Field(min_length=1),
    ]

    @property
    def listed(self) -> tuple[ListedTable, ...]:
        """The tables, in their order."""
        return tuple(ListedTable(name, name) for name in self.tables)


def _kind_of_source(value: object) -> str | None:
    """Return the word after `from`, or that it is an organization, which has settings of its own there."""
    kinds = {EnvironmentSource: "environment", FileSource: "files", OrganizationSource: _OF_ORGANIZATION}
    if not isinstance(value, dict):
        return kinds.get(type(value))
    named = value.get("from")
    return _OF_ORGANIZATION if isinstance(named, dict) else None if named is None else str(named)


Source = Annotated[
    Annotated[EnvironmentSource, Tag("environment")]
    | Annotated[FileSource, Tag("files")]
    | Annotated[OrganizationSource, Tag(_OF_ORGANIZATION)],
    Discriminator(_kind_of_source),
]


def _with_its_kind(value: object) -> object:
    """Return an engine whose kind is left out, which is DuckDB, with it."""
    return {"kind": "duckdb", **value} if isinstance(value, dict) else value


Engine = Annotated[DuckDBSettings | SparkSettings, Field(discriminator="kind"), BeforeValidator(_with_its_kind)]


Hydrated = Literal["attributes", "activities", "business", "insights"]


@dataclass(frozen=True)
class Output:
    """Where what a run makes is written besides.

    Attributes:
        data_lake: a folder for profiles and measures as Parquet files; no table is linked then.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    data_lake: str


@dataclass(frozen=True)
class Settings:
    """Everything that a project file says.

    Attributes:
        version: of the form of the file.
        environment: where the rows of the CRM live and links are written.
        sources: what is read, by name; their tables are called `source.table`.
        unify: how rows become profiles.
        time_zone: whose days and months are meant where a measure speaks of them.
        relationships: foreign keys from the tables of measures to those of unification.
        activities: tables of things that happened.
        measures: calculations, by name.
        insights: scores of customers that a table has, by name.
        hydrate: what is written to the environment besides profiles, keys, links and the measures by customer alone.
        output: where profiles and measures are written besides.
        link: how our tables and columns are named there.
        engine: what computes.
        ledger: where it is kept what runs did and do.
        schedule: when runs begin by themselves; never where it is left out.
        notify: how people are told of what failed; not at all where it is left out.
        console: how the console is reached and who may come.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    version: Literal[1]
    environment: Environment
    sources: Annotated[dict[str, Source], Field(min_length=1)]
    unify: Unify
    time_zone: str = "UTC"
    relationships: tuple[Relationship, ...] = ()
    activities: tuple[Activity, ...] = ()
    measures: dict[str, Measure] = field(default_factory=dict)
    insights: dict[str, Insight] = field(default_factory=dict)
    hydrate: tuple[Hydrated, ...] = ()
    output: Output | None = None
    link: Link = field(default_factory=Link)
    engine: Engine = field(default_factory=DuckDBSettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    schedule: Schedule | None = None
    notify: Notify = field(default_factory=Notify)
    console: Console = field(default_factory=Console)

    @property
    def definitions(self) -> Definitions:
        """What measures are made of."""
        unified = tuple(table.table for table in self.unify.tables)
        scores = {name: of_insight(name, insight) for name, insight in self.insights.items()}
        every = self.measures | scores
        return Definitions(every, self.relationships, self.activities, unified, self.time_zone, self.insights)
