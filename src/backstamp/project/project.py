"""A project file, read and checked."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic
import yaml

from backstamp import errors, measures
from backstamp.project import checks, document, mistakes
from backstamp.project.settings import FileSource, Settings
from backstamp.unify import places

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from backstamp.project.document import Document, KeyPath
    from backstamp.project.settings import Source

LEDGER = ("ledger", "url")
"""Where in the file the ledger's URL stands."""
_FORM = pydantic.TypeAdapter(Settings)


@dataclass(frozen=True, kw_only=True)
class Project(Settings):
    """What a project file says, and where in it."""

    document: Document = field(repr=False, compare=False)

    @property
    def file(self) -> Path:
        """The project file."""
        return Path(self.document.file)

    @property
    def folder(self) -> Path:
        """The folder of the file, from which the paths in it start."""
        return self.file.parent

    @property
    def state(self) -> Path:
        """The folder of what backstamp keeps: warehouse, ledger, lists of what is to be sent."""
        return state_folder(self.file)

    @property
    def ledger_location(self) -> str | Path:
        """Where it is kept what runs did: the URL of a database, or a file in the folder of state."""
        url = self.ledger.url
        return url.get_secret_value() if url else _ledger_file(self.file)

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables of all sources, as `source.table`."""
        return tuple(f"{name}.{table.name}" for name, source in self.sources.items() for table in source.listed)

    def locate(self, path: KeyPath) -> errors.Location:
        """Return the line and column of a setting, or of what it should be in where the file leaves it out."""
        return self.document.locate(path)

    def columns_of(self, table: str) -> tuple[str, ...]:
        """Return the columns of a source table that the project uses, without a key that the file names.

        Measures and relationships must be without problems (`measures.problems`).
        """
        measured = measures.columns_of(self.definitions, table)
        key = _keys(self).get(table)
        used = dict.fromkeys([*places.columns_of(self.unify, table), *sorted(measured)])
        return tuple(name for name in used if name != key)


def state_folder(file: Path) -> Path:
    """Return where what belongs to a project file is kept, whatever the file says."""
    return file.parent / ".backstamp"


def find_ledger(file: Path) -> str | Path:
    """Return `Project.ledger_location` of a project file, whatever else is wrong in it.

    Raises:
        ConfigurationError: there is no such file, it is no YAML, or the ledger's URL is a variable that is not set.
    """
    read = document.read(file)
    if not read.has(LEDGER):
        return _ledger_file(file)
    values, problems = read.values(LEDGER)
    if problems:
        raise _refusal(read, problems)
    return str(values)


def _ledger_file(file: Path) -> Path:
    return state_folder(file) / "ledger.sqlite"


def load(path: Path) -> Project:
    """Read a project file; `${NAME}` in a value is the environment variable of that name.

    Raises:
        ConfigurationError: something in it is wrong; everything that is wrong is told, a line each.
    """
    read = document.read(path)
    values, problems = read.values()
    problems += checks.literal_secrets(read)
    settings, mistaken = _validate(values, read)
    told = {problem.path for problem in problems}
    problems += [problem for problem in mistaken if problem.path not in told]
    if settings is None or problems:
        raise _refusal(read, problems)
    said = {setting.name: getattr(settings, setting.name) for setting in fields(Settings)}
    expanded = {name: measures.expanded(measure) for name, measure in settings.measures.items()}
    return Project(**said | {"sources": _with_keys(settings), "measures": expanded}, document=read)


def reject(project: Project, problems: Sequence[errors.Problem]) -> None:
    """Refuse a project for what rooms found wrong with it, if anything.

    Raises:
        ConfigurationError: everything that is wrong, a line each, in the order of the file.
    """
    if problems:
        raise _refusal(project.document, problems)


def show(project: Project) -> str:
    """Return the whole project as YAML: every default visible, secrets masked, variables replaced."""
    values = _FORM.dump_python(project, mode="json", by_alias=True)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a project file."""
    return _FORM.json_schema()


def _validate(values: object, read: Document) -> tuple[Settings | None, list[errors.Problem]]:
    """Return the settings or what is wrong; Pydantic's own error, which holds every value, ends here."""
    try:
        settings = _FORM.validate_python(values)
    except pydantic.ValidationError as error:
        return None, list(mistakes.problems(error, read, schema()))
    return settings, checks.problems(settings)


def _with_keys(settings: Settings) -> dict[str, Source]:
    """Return the sources, in which tables of files have the keys that unification names."""
    keys = _keys(settings)
    return {
        name: replace(
            source,
            tables={table: replace(files, key=keys[f"{name}.{table}"]) for table, files in source.tables.items()},
        )
        if isinstance(source, FileSource)
        else source
        for name, source in settings.sources.items()
    }


def _keys(settings: Settings) -> dict[str, str]:
    """Return the keys of source tables as far as the file tells them, "" where it could and does not."""
    of_files = {
        f"{name}.{table}": files.key
        for name, source in settings.sources.items()
        if isinstance(source, FileSource)
        for table, files in source.tables.items()
    }
    return of_files | {table.table: table.key for table in settings.unify.tables}


def _refusal(read: Document, problems: Iterable[errors.Problem]) -> errors.ConfigurationError:
    """Return the error that tells every problem, a line each, in the order of the file."""
    told = list(dict.fromkeys((read.locate(problem.path), problem.message) for problem in problems))
    told.sort(key=lambda one: (one[0].line, one[0].column))
    location, message = told[0]
    others = "".join(f"\n{place}: {other}" for place, other in told[1:])
    return errors.ConfigurationError(message + others, location)
