"""What the tables of the sources are, and whether the project fits them; before anything runs or is written."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backstamp import errors, link, measures, project
from backstamp.connect import files
from backstamp.pipeline import steps, supplied
from backstamp.project import EnvironmentSource, FileSource, OrganizationSource
from backstamp.unify import describe as unify
from backstamp.unify import transform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from backstamp.connect import ports


@dataclass(frozen=True)
class SourceTable:
    """A table of a source, and where it is read.

    Attributes:
        name: `source.table`.
        outer: its name in the system outside.
        source: that system.
        columns: what the project uses of it, besides its key.
        is_of_environment: whether its rows are those of the default environment.
        through_connector: whether a connector of Dataverse reads it, from whichever organization.
        definition: what it is; None where its system could not be asked.
        foreign_keys: those of its columns that name rows of other tables, by the project's relationships.
        failure: why not.
        step: what is done with its rows as read; `definition` tells what it makes of them.
        is_joined: whether the step of another table reads it.
    """

    name: str
    outer: str
    source: ports.Source
    columns: tuple[str, ...]
    is_of_environment: bool
    through_connector: bool
    definition: ports.TableDefinition | None
    foreign_keys: tuple[str, ...] = ()
    failure: errors.BackstampError | None = None
    step: steps.Step | None = None
    is_joined: bool = False

    @property
    def raw(self) -> ports.TableDefinition | None:
        """What it is before its transform step."""
        return self.step.raw if self.step else self.definition

    @property
    def read_columns(self) -> tuple[str, ...]:
        """What is read of it, besides its key."""
        wanted = self.step.select.reads[self.outer] if self.step else self.columns
        return tuple(name for name in wanted if self.step is None or name != self.step.raw.key)

    @property
    def by_number(self) -> bool:
        """Whether its keys compare as whole numbers."""
        if self.definition is None:
            return False
        types = {column.name: column.type for column in self.definition.columns}
        return transform.is_number(self.definition.key, types)


@dataclass(frozen=True)
class Described:
    """The tables of a project's sources that it uses, and which of them are linked.

    Attributes:
        tables: in the order of the file.
        eligibility: which of them are linked.
        sheets: the lists that people supply in files.
    """

    tables: tuple[SourceTable, ...]
    eligibility: link.Eligibility
    sheets: Mapping[str, supplied.Sheet]


def describe(
    settings: project.Project, environment: ports.Sink, organizations: Mapping[str, ports.Source] | None = None
) -> Described:
    """Ask every source for its tables, and hold the project against them.

    Args:
        settings: the project.
        environment: where the CRM's rows are.
        organizations: the other organizations that are read, by the names of their sources.

    Raises:
        ConfigurationError: a table or column is not there, or is not what a rule needs; a file cannot be read, or a
            list that people supply is wrong.
    """
    tables: list[SourceTable] = []
    problems: list[errors.Problem] = []
    for path, table in _tables(settings, environment, organizations or {}):
        try:
            tables.append(_defined(table))
        except errors.SourceError as error:
            problems.append(errors.Problem(path, str(error)))
    tables, wrong = _transformed(settings, tables)
    problems += wrong
    found = {table.name: table.definition for table in tables if table.definition}
    if not problems:
        types = {name: {column.name: column.type for column in made.columns} for name, made in found.items()}
        problems += unify.problems(settings.unify, types)
        keys = {name: made.key for name, made in found.items() if made.key} | _keys_of(settings)
        if len(found) == len(tables):
            problems += measures.problems(settings.definitions, types, keys)
    project.reject(settings, problems)
    measured = {measure.of for measure in settings.definitions.measures.values()}
    needed = {*_keys_of(settings), *supplied.tables(settings), *measured}
    used = tuple(table for table in tables if table.columns or table.is_joined or table.name in needed)
    sheets = supplied.read_files(settings)
    supplied.pairs(settings.unify, sheets, used)
    return Described(used, _eligibility(settings, tables, environment), sheets)


def _keys_of(settings: project.Project) -> dict[str, str]:
    """Return the key of each unified table."""
    return {table.table: table.key for table in settings.unify.tables}


def _tables(
    settings: project.Project, environment: ports.Sink, organizations: Mapping[str, ports.Source]
) -> Iterator[tuple[tuple[str | int, ...], SourceTable]]:
    """Yield each source table, not yet described, with its place in the project file."""
    for name, source in settings.sources.items():
        from_files = isinstance(source, FileSource)
        is_own = isinstance(source, EnvironmentSource)
        system: ports.Source = environment
        if isinstance(source, FileSource):
            system = files.Files(settings.folder, source.tables)
        elif isinstance(source, OrganizationSource):
            system = organizations[name]
        for place, table in enumerate(source.listed):
            path = ("sources", name, "tables", table.outer if from_files else place)
            full_name = f"{name}.{table.name}"
            columns, keys = settings.columns_of(full_name), measures.foreign_keys(full_name, settings.definitions)
            yield path, SourceTable(full_name, table.outer, system, columns, is_own, not from_files, None, keys)


def _defined(table: SourceTable) -> SourceTable:
    """Return the table with its definition; or with the reason why its system cannot tell it now."""
    made, failure = None, None
    try:
        made = table.source.define(table.outer)
    except errors.EnvironmentServiceError as error:
        failure = error
    return replace(table, definition=made, failure=failure)


def _transformed(
    settings: project.Project, tables: list[SourceTable]
) -> tuple[list[SourceTable], list[errors.Problem]]:
    """Return the tables as their transform steps make them, and what is wrong with these."""
    made = {table.name: table for table in tables}
    problems: list[errors.Problem] = []
    keys = _keys_of(settings)
    for path, name, text in _selects(settings):
        table = made.get(name)
        if table is None or table.definition is None:
            continue
        try:
            step = steps.step(text, table.outer, keys.get(name, ""), table.columns, _readable(tables, name, settings))
        except errors.ConfigurationError as error:
            problems.append(errors.Problem(path, error.message))
            continue
        made[name] = replace(table, definition=step.made, step=step)
        for outer, needed in step.joined.items():
            other = f"{name.partition('.')[0]}.{outer}"
            columns = dict.fromkeys([*made[other].columns, *needed])
            made[other] = replace(made[other], columns=tuple(columns), is_joined=True)
    return list(made.values()), problems


def _selects(settings: project.Project) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield the place, the table and the text of each transform step."""
    for name, source in settings.sources.items():
        if not isinstance(source, FileSource):
            for place, table in enumerate(source.listed):
                if table.select is not None:
                    yield (
                        ("sources", name, "tables", place, table.outer, "select"),
                        f"{name}.{table.name}",
                        table.select,
                    )


def _readable(tables: list[SourceTable], name: str, settings: project.Project) -> dict[str, ports.TableDefinition]:
    """Return what a step may read: its own table as it is read, and those of its source that come as they are."""
    source = name.partition(".")[0]
    as_they_are = {f"{source}.{table.outer}" for table in tables} - {table for _, table, _ in _selects(settings)}
    return {
        table.outer: table.definition for table in tables if table.definition and table.name in {name, *as_they_are}
    }


def _eligibility(settings: project.Project, tables: list[SourceTable], environment: ports.Sink) -> link.Eligibility:
    keys = _keys_of(settings)
    asked = [table.outer for table in tables if table.is_of_environment and table.name in keys and table.definition]
    obstacles: dict[str, tuple[link.Obstacle, ...]] = {}
    with contextlib.suppress(errors.EnvironmentServiceError):  # its tables say so too
        obstacles = link.obstacles(environment, settings.link, asked) if asked else {}
    candidates = [
        link.Candidate(
            table=table.name,
            outer=table.outer,
            default_environment=table.is_of_environment,
            connector=table.through_connector,
            key=keys.get(table.name),
            true_key=table.raw.key if table.raw else "",
            obstacles=obstacles.get(table.outer, ()) if table.is_of_environment else (),
        )
        for table in tables
        if table.is_of_environment or table.name in keys
    ]
    return link.eligibility(candidates, settings.environment.audience, own_lake=settings.output is not None)
