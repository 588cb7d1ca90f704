"""What people supply beside the rows: pairs that are one customer or are not, values that count as equal or as empty.

Each list is a CSV file beside the project file, or a table of a source, which is read like any other. A message tells
where a wrong line stands, never what stands there: keys and values can be personal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import ibis
import pyarrow as pa

from backstamp import errors, project, shapes
from backstamp.connect import lists as files
from backstamp.pipeline import reading
from backstamp.unify import normalize, places, transform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import ibis.expr.types as ir

    from backstamp.engine import Engine
    from backstamp.pipeline.describe import SourceTable
    from backstamp.unify.settings import Unify

KEPT_PAIRS, _LISTS = "supplied_pairs", "lists"
_PAIRS = shapes.shape(**{name: pa.string() for name in ("kind", *places.PAIR)})
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_MISTAKES_TOLD = 20

Row: TypeAlias = tuple[str, str]
"""The table and the key of a row, "" where one is missing."""


@dataclass(frozen=True)
class Sheet:
    """A list as it was read.

    Attributes:
        columns: the values of each column that is used; None where there is none.
        places: where each row stands.
    """

    columns: Mapping[str, Sequence[str | None]]
    places: Sequence[errors.Location]


@dataclass(frozen=True)
class Pair:
    """Two rows that always or never are one customer, and where that is said."""

    kind: places.ListKind
    left: Row
    right: Row
    place: errors.Location


@dataclass(frozen=True)
class Sleeping:
    """Pairs that do nothing, because no row has one of their keys (any more).

    Attributes:
        kind: of which list they are, `always` or `never`.
        tables: of their rows, in the order of their names; one if both are of one table.
        pairs: how many there are.
    """

    kind: str
    tables: tuple[str, ...]
    pairs: int


@dataclass(frozen=True)
class _Mistake:
    """What is wrong with a row of a list: where it stands, and in which column if in one."""

    place: errors.Location
    message: str
    column: str = ""

    def locate(self) -> errors.Location:
        """Return the place of the value, in a file."""
        is_in_file = self.place.line is not None and self.column
        return files.locate(Path(self.place.file), self.place, self.column) if is_in_file else self.place


def names(settings: project.Project) -> dict[str, places.Supplied]:
    """Return the lists that the project names, each with the first place that does."""
    found: dict[str, places.Supplied] = {}
    for supplied in places.lists(settings.unify):
        found.setdefault(supplied.name, supplied)
    return found


def tables(settings: project.Project) -> tuple[str, ...]:
    """Return the lists that are tables of sources; the others are files."""
    return tuple(name for name in names(settings) if name in settings.tables)


def read_files(settings: project.Project) -> dict[str, Sheet]:
    """Read the lists that are files.

    Raises:
        ConfigurationError: a file is not there, its heading lacks a column, or a line cannot be read.
    """
    sheets: dict[str, Sheet] = {}
    missing: list[errors.Problem] = []
    for name, supplied in names(settings).items():
        if name not in settings.tables:
            try:
                sheets[name] = _of_file(settings.folder / name, _columns(settings, name))
            except OSError as error:
                missing.append(_unreadable(supplied, error, settings.tables))
    project.reject(settings, missing)
    return sheets


def read_tables(engine: Engine, settings: project.Project) -> dict[str, Sheet]:
    """Return the lists that are tables of sources, as they were read into the warehouse."""
    return {name: _of_table(engine, name, _columns(settings, name)) for name in tables(settings)}


def pairs(unify: Unify, sheets: Mapping[str, Sheet], described: Iterable[SourceTable]) -> list[Pair]:
    """Return the pairs of rows that the sheets read so far tell, their keys as the tables spell them.

    Raises:
        ConfigurationError: some are no pairs of rows of unification, or are in both lists; each is told with its line.
    """
    spell = {table.name: _spelling(unify, table) for table in described}
    found = [
        Pair(supplied.kind, _row(spell, *row[:2]), _row(spell, *row[2:]), place)
        for supplied in places.lists(unify)
        if supplied.kind in {shapes.ALWAYS, shapes.NEVER} and supplied.name in sheets
        for *row, place in _rows(sheets[supplied.name], places.PAIR)
    ]
    _refuse(list(_mistakes(found, [table.table for table in unify.tables])))
    return found


def lists(unify: Unify, sheets: Mapping[str, Sheet]) -> normalize.Lists:
    """Return the lists of values that conditions name."""
    return {
        supplied.name: normalize.Entries(
            sheets[supplied.name].columns["value"], sheets[supplied.name].columns.get("alias", ())
        )
        for supplied in places.lists(unify)
        if supplied.kind in {"alias", "bypass"}
    }


def overrides(engine: Engine, records: ir.Table, found: Sequence[Pair]) -> ir.Table | None:
    """Keep pairs with their records, as `shapes.SUPPLIED_PAIRS`; return those whose rows are there.

    Args:
        engine: whose draft takes them.
        records: `shapes.RECORDS` of the rows that take part in unification.
        found: the pairs.

    Returns:
        `shapes.OVERRIDES`, None without any pair.
    """
    told = [dict(zip(_PAIRS.names, (pair.kind, *pair.left, *pair.right), strict=True)) for pair in found]
    written = engine.load(_PAIRS, [pa.RecordBatch.from_pylist(told, schema=_PAIRS)])
    for side in ("left", "right"):
        known = records.select(**{side: "record", f"{side}_table": "table", f"{side}_key": "key"})
        joined = written.left_join(known, [f"{side}_table", f"{side}_key"])
        written = joined.drop(f"{side}_table_right", f"{side}_key_right")
    kept = engine.keep(KEPT_PAIRS, written.select(*shapes.SUPPLIED_PAIRS.names))
    there = kept.filter(kept.left.notnull() & kept.right.notnull())
    ends = {"left": ibis.least(there.left, there.right), "right": ibis.greatest(there.left, there.right)}
    return engine.cache(there.select(**ends, kind="kind").distinct()) if found else None


def sleeping(engine: Engine, kept: ir.Table) -> tuple[Sleeping, ...]:
    """Return how many pairs sleep, of each kind and of each two tables that have some."""
    asleep = kept.filter(kept.left.isnull() | kept.right.isnull())
    ends = asleep.left_table, asleep.right_table
    asleep = asleep.select("kind", first=ibis.least(*ends), second=ibis.greatest(*ends))
    counted = asleep.group_by("kind", "first", "second").agg(pairs=asleep.count())
    return tuple(
        Sleeping(row["kind"], tuple(dict.fromkeys((row["first"], row["second"]))), row["pairs"])
        for row in engine.rows(counted.order_by("kind", "first", "second"))
    )


def keep_lists(engine: Engine, found: normalize.Lists) -> None:
    """Keep lists of values in the draft, as `shapes.LISTS`, for those who ask later what the run compared."""
    told = [{"name": name, "values": list(one.values), "aliases": list(one.aliases)} for name, one in found.items()]
    engine.land(_LISTS, shapes.LISTS, [pa.RecordBatch.from_pylist(told, schema=shapes.LISTS)])


def kept_lists(engine: Engine) -> normalize.Lists:
    """Return the lists of values that the last run had."""
    kept = engine.rows(engine.table(_LISTS)) if engine.has(_LISTS) else []
    return {row["name"]: normalize.Entries(row["values"], row["aliases"]) for row in kept}


def forget(engine: Engine) -> None:
    """Let the draft hold nothing that people supplied, where the run before had something."""
    for name, shape in ((KEPT_PAIRS, shapes.SUPPLIED_PAIRS), (_LISTS, shapes.LISTS)):
        if engine.has(name):
            engine.land(name, shape, [])


def _columns(settings: project.Project, name: str) -> list[str]:
    """Return the columns that a list must have for all that it is used for."""
    kinds = (supplied.kind for supplied in places.lists(settings.unify) if supplied.name == name)
    return list(dict.fromkeys(column for kind in kinds for column in places.LIST_COLUMNS[kind]))


def _of_file(file: Path, columns: Sequence[str]) -> Sheet:
    rows = files.read(file)
    place, heading = next(rows, (errors.Location(str(file), 1, 1), []))
    if missing := [column for column in columns if column not in heading]:
        message = f"The heading lacks {', '.join(f'`{name}`' for name in missing)}: the first line names the columns,"
        raise errors.ConfigurationError(f"{message} commas between them: {','.join(columns)}.", place)
    wheres: list[errors.Location] = []
    written: list[list[str]] = []
    mistakes: list[_Mistake] = []
    for place, row in rows:
        if len(row) != len(heading):
            message = f"This line has {len(row)} values where the heading names {len(heading)} columns."
            mistakes.append(_Mistake(place, message))
        wheres.append(place)
        written.append(row)
    _refuse(mistakes)
    return Sheet({name: [row[heading.index(name)] or None for row in written] for name in columns}, wheres)


def _of_table(engine: Engine, name: str, columns: Sequence[str]) -> Sheet:
    stored = reading.stored(engine, name).order_by(transform.ROW)
    # The key has a name of its own in a stored table.
    spelled = {column: stored[column if column in stored.columns else "key"] for column in columns}
    rows = engine.rows(stored.select(**spelled))
    wheres = [errors.Location(f"row {number} of {name}") for number in range(1, len(rows) + 1)]
    return Sheet({column: _texts([row[column] for row in rows]) for column in columns}, wheres)


def _texts(values: Sequence[Any]) -> list[str | None]:
    """Return values as text, numbers as conditions see them."""
    column: pa.Array[Any] = pa.array(values)
    texts = column if pa.types.is_string(column.type) else normalize.comparable(column, ())
    made: list[str | None] = texts.to_pylist()
    return made


def _unreadable(supplied: places.Supplied, error: OSError, known: Iterable[str]) -> errors.Problem:
    heading = ",".join(places.LIST_COLUMNS[supplied.kind])
    hint = errors.did_you_mean(supplied.name, known)
    message = f"`{supplied.name}` is neither a table of a source nor a file that can be read ({error.strerror}).{hint}"
    return errors.Problem(supplied.path, f"{message} Make it a CSV file whose first line is {heading}.")


def _rows(sheet: Sheet, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the values of each row, then its place."""
    return zip(*(sheet.columns[column] for column in columns), sheet.places, strict=True)


def _row(spell: Mapping[str, Callable[[str], str]], table: str | None, key: str | None) -> Row:
    return table or "", spell.get(table or "", str)(key or "")


def _spelling(unify: Unify, table: SourceTable) -> Callable[[str], str]:
    """Return what spells the keys of a table as it has them: keys compare by type (unification.md 1)."""
    keys = [unified.key for unified in unify.tables if unified.table == table.name]
    column = table.definition.column(keys[0]) if table.definition and keys else None
    if column is None or table.definition is None:
        return str
    if pa.types.is_integer(column.type):
        return _as_whole_number
    return transform.as_guid if table.through_connector and column.name == table.definition.key else str


def _as_whole_number(key: str) -> str:
    return str(int(key)) if _WHOLE_NUMBER.fullmatch(key.strip()) else key


def _mistakes(found: Iterable[Pair], order: Sequence[str]) -> Iterator[_Mistake]:
    """Yield what is wrong with pairs."""
    first: dict[frozenset[Row], Pair] = {}
    for pair in found:
        rows = frozenset({pair.left, pair.right})
        before = first.setdefault(rows, pair)
        told = dict(zip(places.PAIR, (*pair.left, *pair.right), strict=True))
        empty = [name for name, value in told.items() if not value]
        unknown = [name for name in ("left_table", "right_table") if told[name] not in order]
        if empty:
            message = "This pair lacks a table or a key: fill it in, or remove the line."
            yield _Mistake(pair.place, message, empty[0])
        elif unknown:
            hint = errors.did_you_mean(told[unknown[0]], order)
            message = f"A table of this pair is none of `unify`.{hint} There are: {', '.join(order)}."
            yield _Mistake(pair.place, message, unknown[0])
        elif len(rows) == 1:
            yield _Mistake(pair.place, "These two are one row: a pair is made of two rows.")
        elif before.kind != pair.kind:
            message = f"This pair is one of `{before.kind}` too, at {before.place}: remove one of the two."
            yield _Mistake(pair.place, message)


def _refuse(mistakes: Sequence[_Mistake]) -> None:
    """Refuse lists for what is wrong with them, if anything; the first mistakes are told, a line each."""
    if mistakes:
        first, *others = mistakes[:_MISTAKES_TOLD]
        lines = [first.message, *(f"{other.locate()}: {other.message}" for other in others)]
        if len(mistakes) > _MISTAKES_TOLD:
            lines.append(f"and {len(mistakes) - _MISTAKES_TOLD:,} more.")
        raise errors.ConfigurationError("\n".join(lines), first.locate())
