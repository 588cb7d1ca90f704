"""What can be wrong in a project file whose values are each of the right kind; nothing outside the file is looked at.

What concerns unification alone is checked there (`unify.contradictions`), what needs the tables by the rooms that
use them (`unify.describe`, `measures.check`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from backstamp import errors, measures
from backstamp.engine import SparkSettings
from backstamp.measures import clock
from backstamp.project.running import length_of
from backstamp.project.settings import (
    SECRETS,
    DataverseOrganization,
    EnvironmentSource,
    FileSource,
    OrganizationSource,
)
from backstamp.unify import contradictions, select

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from backstamp.engine import Settings as Engine
    from backstamp.project.document import Document, KeyPath
    from backstamp.project.running import Console, LedgerSettings, Notify, Schedule
    from backstamp.project.settings import Settings, Source

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_MEMORY = re.compile(r"\d+(\.\d+)? ?[KMGT]i?B", re.IGNORECASE)
_JAVA_MEMORY = re.compile(r"\d+[kmgt]", re.IGNORECASE)
_WEB = re.compile(r"https://[\w.-]|http://(localhost|127\.0\.0\.1|\[::1\])[:/]")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_PREFIX = re.compile(r"(?!mscrm)[a-z][a-z0-9]{1,7}_")
_URL = re.compile(r"https://[\w.-]+(:\d+)?/?|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?/?")
_ISSUER = re.compile(r"(https://[\w.-]+|http://(localhost|127\.0\.0\.1|\[::1\]))(:\d+)?(/[^?#\s]*)?")
_VARIABLE = re.compile(r"\$\{\w+\}")
_STANDS_IN_FILE = (
    "A secret stands in the file: write `{name}: ${{NAME}}` and set the environment variable NAME. If others may have"
    " read it, have it replaced."
)
_PASSWORD = re.compile(r"(?<=:)(?!//)[^@]+(?=@)|(?<=[?&]password=)[^&]+")


def literal_secrets(document: Document) -> Iterator[errors.Problem]:
    """Yield the secrets that stand in the file itself."""
    sources: list[KeyPath] = [("sources", name, "from", "credential") for name in document.keys(("sources",))]
    for credential in (("environment", "credential"), ("console", "single_sign_on"), *sources):
        for name in SECRETS:
            path: KeyPath = (*credential, name)
            if document.has(path) and not document.is_variable(path):
                yield errors.Problem(path, _STANDS_IN_FILE.format(name=name))
    for path in (("notify", "mail", "password"), ("notify", "webhook", "token")):
        if document.has(path) and not document.is_variable(path):
            yield errors.Problem(path, _STANDS_IN_FILE.format(name=path[-1]))
    databases: tuple[KeyPath, ...] = (("environment", "database"), ("ledger", "url"))
    for database in databases:
        if any(not _VARIABLE.fullmatch(password) for password in _PASSWORD.findall(document.text(database) or "")):
            message = "A password stands in the file: write `${NAME}` for it and set the environment variable NAME."
            yield errors.Problem(database, f"{message} If others may have read it, have it replaced.")


def problems(read: Settings) -> list[errors.Problem]:
    """Return everything that is wrong, each with its place in the file."""
    unknown = list(_unknown_tables(read))
    return [
        *_wrong_urls(read),
        *_wrong_names(read.sources),
        *_wrong_keys(read),
        *unknown,
        # One wrong name in the list of tables would be told again at every place that has it right.
        *(contradictions.contradictions(read.unify) if all(problem.path[0] != "unify" for problem in unknown) else ()),
        *_read_twice(read.sources),
        *_wrong_selects(read.sources),
        *_wrong_expressions(read),
        *_wrong_engine(read.engine),
        *_wrong_prefix(read.link.prefix),
        *_wrong_console(read.console),
        *_wrong_ledger(read.ledger),
        *_wrong_webhook(read.notify),
        *(_wrong_schedule(read.schedule) if read.schedule else ()),
    ]


def _read_twice(sources: Mapping[str, Source]) -> Iterator[errors.Problem]:
    """Tell of tables of the environment that two sources read: each would link their rows in its own way."""
    first: dict[str, str] = {}
    for name, source in sources.items():
        if isinstance(source, EnvironmentSource):
            for place, table in enumerate(source.listed):
                if table.outer in first:
                    message = (
                        f"{table.outer} is read by the source `{first[table.outer]}` already: read each table once."
                    )
                    yield errors.Problem(("sources", name, "tables", place), message)
                first.setdefault(table.outer, name)


def _wrong_selects(sources: Mapping[str, Source]) -> Iterator[errors.Problem]:
    """Tell of transform steps that are no select, whatever tables there are."""
    for path, text in _selects(sources):
        try:
            select.parse(text)
        except errors.ConfigurationError as error:
            yield errors.Problem(path, error.message)
    for name, source in sources.items():
        for place, table in enumerate(() if isinstance(source, FileSource) else source.tables):
            for outer, step in table.items() if isinstance(table, dict) else ():
                if step.select is None and step.as_ is None:
                    message = f"`{outer}` has neither `select` nor `as`: add one, or write its name alone."
                    yield errors.Problem(("sources", name, "tables", place, outer), message)


def _selects(sources: Mapping[str, Source]) -> Iterator[tuple[KeyPath, str]]:
    """Yield the select of each transform step with its place."""
    for name, source in sources.items():
        if not isinstance(source, FileSource):
            for place, table in enumerate(source.listed):
                if table.select is not None:
                    yield ("sources", name, "tables", place, table.outer, "select"), table.select


def _wrong_expressions(read: Settings) -> Iterator[errors.Problem]:
    for name in read.insights:
        if name in read.measures:
            yield errors.Problem(("insights", name), f"`{name}` is a measure too: give one another name.")
    yield from measures.contradictions(read.definitions)


def _wrong_urls(read: Settings) -> Iterator[errors.Problem]:
    own = read.environment.url if isinstance(read.environment, DataverseOrganization) else ""
    if own:
        yield from _wrong_url(("environment", "url"), own)
    for name, source in read.sources.items():
        if isinstance(source, OrganizationSource):
            path: KeyPath = ("sources", name, "from", "dataverse")
            yield from _wrong_url(path, source.from_.dataverse)
            if source.from_.dataverse.rstrip("/").lower() == own.rstrip("/").lower():
                yield errors.Problem(path, "This is the project's own environment: write `from: environment`.")


def _wrong_url(path: KeyPath, url: str) -> Iterator[errors.Problem]:
    if not _URL.fullmatch(url):
        message = f"`{path[-1]}` should be like https://contoso.crm.dynamics.com: without https anybody on the way"
        yield errors.Problem(path, f"{message} could read the token.")


def _wrong_names(sources: Mapping[str, Source]) -> Iterator[errors.Problem]:
    """Tell of names that cannot be part of a table's name in the warehouse, and of tables that would share one."""
    named: list[tuple[KeyPath, str]] = [(("sources", source), source) for source in sources]
    named += [(path, table) for path, _, table in _tables(sources)]
    for path, name in named:
        if not _NAME.fullmatch(name):
            message = (
                f"`{name}` is no name for a source or a table: use letters, digits and _, and begin with a letter."
            )
            yield errors.Problem(path, message)
    stored: dict[str, str] = {}
    for path, source, table in _tables(sources):
        kept_as = f"{source}_{table}".lower()
        if kept_as in stored:
            message = f"{source}.{table} and {stored[kept_as]} are two tables of one name (as `{kept_as}`):"
            yield errors.Problem(path, f"{message} remove or rename one.")
        stored.setdefault(kept_as, f"{source}.{table}")


def _wrong_keys(read: Settings) -> Iterator[errors.Problem]:
    """Tell of files with one key where they are read and another in unification."""
    unified = {table.table: table.key for table in read.unify.tables}
    for name, source in read.sources.items():
        for table, files in source.tables.items() if isinstance(source, FileSource) else ():
            key = unified.get(f"{name}.{table}", files.key)
            if files.key not in {"", key}:
                path: KeyPath = ("sources", name, "tables", table, "key")
                yield errors.Problem(path, f"`unify` names another key, `{key}`: leave this one out, or correct one.")


def _unknown_tables(read: Settings) -> Iterator[errors.Problem]:
    """Tell of tables that no source has; `match` and `profile` may only name those of `unify.tables`."""
    known = [f"{source}.{table}" for _, source, table in _tables(read.sources)]
    named: list[tuple[KeyPath, str, str]] = [
        (("unify", "tables", place, "table"), table.table, table.table) for place, table in enumerate(read.unify.tables)
    ]
    for place, link in enumerate(read.relationships):
        named.append((("relationships", place, "from"), link.from_table, link.from_))
        named.append((("relationships", place, "to"), link.to_table, link.to))
    for place, activity in enumerate(read.activities):
        named.append((("activities", place, "table"), activity.table, activity.table))
    for name, insight in read.insights.items():
        named.append((("insights", name, "table"), insight.table, insight.table))
    for name, measure in read.measures.items():
        if measure.of not in {measures.ACTIVITIES, measures.CUSTOMERS}:
            named.append((("measures", name, "of"), measure.of, measure.of))
    for path, table, written in named:
        if table not in known:
            hint = errors.did_you_mean(table, known)
            message = f"`{written}` names no table of a source.{hint} There are: {', '.join(known)}."
            yield errors.Problem(path, message)


def _wrong_prefix(prefix: str) -> Iterator[errors.Problem]:
    """Tell of a prefix that no publisher can have, so that every table and column of ours would be refused."""
    if not _PREFIX.fullmatch(prefix):
        message = "`prefix` should be 2 to 8 small letters or digits, a letter first, and a `_`, like `msdynci_`; not"
        yield errors.Problem(("link", "prefix"), f"{message} `mscrm…`, which the system keeps for itself.")


def _wrong_console(console: Console) -> Iterator[errors.Problem]:
    """Tell of addresses at which passwords or tokens could be read on the way."""
    if console.url is not None and not _URL.fullmatch(console.url):
        message = "`url` should be like https://backstamp.example.com: without https anybody on the way could read"
        yield errors.Problem(("console", "url"), f"{message} passwords.")
    provider = console.single_sign_on
    if provider is not None and not _ISSUER.fullmatch(provider.issuer):
        message = "`issuer` should be an address like https://login.example.com/tenant/v2.0, with https."
        yield errors.Problem(("console", "single_sign_on", "issuer"), message)


def _wrong_ledger(settings: LedgerSettings) -> Iterator[errors.Problem]:
    if settings.url and not settings.url.get_secret_value().startswith("postgresql://"):
        message = (
            "`url` should be that of a PostgreSQL database, like postgresql://backstamp:${PASSWORD}@localhost/ledger."
        )
        yield errors.Problem(("ledger", "url"), message)


def _wrong_webhook(settings: Notify) -> Iterator[errors.Problem]:
    if settings.webhook and not _WEB.match(settings.webhook.url.get_secret_value()):
        message = "`url` should begin with https://, or with http:// and name this machine: others could read it else."
        yield errors.Problem(("notify", "webhook", "url"), message)


def _wrong_schedule(settings: Schedule) -> Iterator[errors.Problem]:
    if not (settings.every or settings.daily or settings.weekly or settings.on_change):
        message = "`schedule` says no time: give it `every`, `daily`, `weekly` or `on_change`, or leave it out."
        yield errors.Problem(("schedule",), message)
    for key, length in (("every", settings.every), ("look_every", settings.look_every)):
        try:
            if length is not None:
                length_of(length)
        except ValueError:
            message = f"`{key}` should be a length of time like `15 minutes` or `2 hours`."
            yield errors.Problem(("schedule", key), message)
    times: list[tuple[KeyPath, str]] = [(("daily", place), time) for place, time in enumerate(settings.daily)]
    for day in settings.weekly:
        times += [(("weekly", day, place), time) for place, time in enumerate(settings.weekly[day])]
    for path, time in times:
        if not _TIME.fullmatch(time):
            yield errors.Problem(("schedule", *path), "A time should be like `06:30`, from `00:00` to `23:59`.")
    if settings.time_zone is not None and not clock.is_zone(settings.time_zone):
        message = f"`{settings.time_zone}` is no time zone. Write one as `UTC` or `Europe/Berlin`."
        yield errors.Problem(("schedule", "time_zone"), message)


def _wrong_engine(settings: Engine) -> Iterator[errors.Problem]:
    if isinstance(settings, SparkSettings):
        if settings.memory is not None and not _JAVA_MEMORY.fullmatch(settings.memory):
            yield errors.Problem(("engine", "memory"), "`memory` should be a size as Spark writes it, like `8g`.")
        return
    if settings.threads is not None and settings.threads < 1:
        yield errors.Problem(("engine", "threads"), "`threads` should be 1 or more, or left out for all cores.")
    if settings.memory is not None and not _MEMORY.fullmatch(settings.memory):
        yield errors.Problem(("engine", "memory"), "`memory` should be a size like `8GB`.")


def _tables(sources: Mapping[str, Source]) -> Iterator[tuple[KeyPath, str, str]]:
    """Yield every table with its source and the place that names it."""
    for name, source in sources.items():
        files = isinstance(source, FileSource)
        for place, table in enumerate(source.listed):
            yield ("sources", name, "tables", table.outer if files else place), name, table.name
