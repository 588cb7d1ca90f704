"""What a project file says: the settings of all rooms together, and those of the file's own.

Pydantic reads the annotations while the program runs, so they are no mere text here.
"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, SecretStr, Tag

from backstamp.connect.files import FileTable
from backstamp.engine import DuckDBSettings, SparkSettings
from backstamp.link.settings import Link
from backstamp.measures.settings import Measure, Relationship
from backstamp.unify.settings import Unify

FORBID_OTHER_KEYS = {"extra": "forbid"}
SECRETS = ("client_secret", "token")  # the keys of a credential that the file may only take from a variable

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
    """An application of the tenant, and its secret."""

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    tenant_id: str
    client_id: str
    client_secret: SecretStr


@dataclass(frozen=True)
class Token:
    """A bearer token as it is."""

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    token: SecretStr


def _kind_of_credential(value: object) -> str:
    keys = value.keys() if isinstance(value, dict) else {"client_secret"} if isinstance(value, ClientSecret) else ()
    return "token" if {"tenant_id", "client_id", "client_secret"}.isdisjoint(keys) else "application"


Credential = Annotated[
    Annotated[ClientSecret, Tag("application")] | Annotated[Token, Tag("token")], Discriminator(_kind_of_credential)
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
class EnvironmentSource:
    """Tables of the environment, by name."""

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    from_: Annotated[Literal["environment"], Field(alias="from")]
    tables: Annotated[tuple[str, ...], Field(min_length=1)]


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


Source = Annotated[EnvironmentSource | FileSource, Field(discriminator="from_")]


def _with_its_kind(value: object) -> object:
    """Return an engine whose kind is left out, which is DuckDB, with it."""
    return {"kind": "duckdb", **value} if isinstance(value, dict) else value


Engine = Annotated[DuckDBSettings | SparkSettings, Field(discriminator="kind"), BeforeValidator(_with_its_kind)]


@dataclass(frozen=True)
class Settings:
    """Everything that a project file says.

    Attributes:
        version: of the form of the file.
        environment: where the rows of the CRM live and links are written.
        sources: what is read, by name; their tables are called `source.table`.
        unify: how rows become profiles.
        relationships: foreign keys from the tables of measures to those of unification.
        measures: calculations, by name.
        hydrate: what is written to the environment besides profiles, keys and links.
        link: how our tables and columns are named there.
        engine: what computes.
    """

    __pydantic_config__: ClassVar = FORBID_OTHER_KEYS

    version: Literal[1]
    environment: Environment
    sources: Annotated[dict[str, Source], Field(min_length=1)]
    unify: Unify
    relationships: tuple[Relationship, ...] = ()
    measures: dict[str, Measure] = field(default_factory=dict)
    hydrate: tuple[Literal["attributes"], ...] = ()
    link: Link = field(default_factory=Link)
    engine: Engine = field(default_factory=DuckDBSettings)
