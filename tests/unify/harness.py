"""The oracle's projects and rows, unified by backstamp, and what came of it in the oracle's words."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa
from tests.oracle import families, model, strategies
from tests.oracle.unification import seed_of

from backstamp import errors, pipeline, shapes
from backstamp.pipeline import incremental, reading, stages, supplied
from backstamp.unify import history, normalize, places, settings, transform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from backstamp.engine import Engine

TYPES: dict[str, pa.DataType] = {
    "email": pa.string(),
    "phone": pa.string(),
    "first": pa.string(),
    "last": pa.string(),
    "points": pa.int64(),
    "updated": shapes.TIME,
    families.FAMILY: pa.int64(),
}
KEY_TYPES: dict[str, pa.DataType] = {"id": pa.string(), "number": pa.int64()}


@dataclass
class Nobody:
    """Listens to the stages and forgets."""

    rows: int | None = None

    def detail(self, text: str) -> None:
        """Forget what was said."""

    def warn(self, text: str) -> None:
        """Forget the warning."""


@contextmanager
def nobody(_name: str) -> Iterator[Nobody]:
    """Open no task."""
    yield Nobody()


def settings_of(project: model.Project) -> settings.Unify:
    """Say the oracle's project as a project file would."""
    return settings.Unify(
        tables=tuple(_table(table) for table in project.tables),
        match=tuple(
            settings.Match((between.lower, between.upper), tuple(_rule(rule, alone=False) for rule in between.rules))
            for between in project.match
        ),
        profile=replace(
            _profile(project.profile), customer_id=tuple(f"{table}.{column}" for table, column in project.ids_from)
        ),
        clusters=tuple(
            settings.Cluster(cluster.name, tuple(_rule(rule, alone=True) for rule in cluster.rules))
            for cluster in project.clusters
        ),
    )


def _table(table: model.Table) -> settings.UnifiedTable:
    rules = None if table.deduplicate is None else tuple(_rule(rule, alone=True) for rule in table.deduplicate)
    columns = {column: _keep(keep) for column, keep in (table.keep_column or {}).items()}
    return settings.UnifiedTable(
        table.name,
        table.key,
        include_all=table.include_all,
        default_region=table.default_region,
        where=dict(table.where),
        deduplicate=settings.Deduplicate(rules, _keep(table.keep), columns),
    )


def _keep(keep: model.Keep) -> settings.Keep:
    return "most_filled" if len(keep) == 1 else settings.Recency(**{keep[0]: keep[1]})


def _rule(rule: model.Rule, *, alone: bool) -> settings.Rule:
    conditions = tuple(_condition(condition, alone=alone) for condition in rule.conditions)
    unless = tuple(tuple(_condition(one, alone=alone) for one in exception) for exception in rule.exceptions)
    return settings.Rule(rule.name, conditions, unless, max_rows_per_key=rule.max_rows_per_key)


def _condition(condition: model.Condition, *, alone: bool) -> settings.Condition:
    return settings.Condition(
        column=condition.left if alone else None,
        columns=None if alone else (condition.right, condition.left),
        normalize=condition.normalize,  # type: ignore[arg-type] # the oracle draws the names that there are
        precision="exact" if condition.precision is None else condition.precision,
        default_region=condition.default_region,
        differs=condition.differs,
        alias=repr(condition.alias) if condition.alias else None,
        bypass=repr(condition.bypass) if condition.bypass else None,
    )


def lists_of(project: model.Project) -> normalize.Lists:
    """Return the lists of all conditions; `settings_of` names each by its content."""
    rules = [rule for table in project.tables for rule in table.deduplicate or ()]
    rules += [rule for between in project.match for rule in between.rules]
    rules += [rule for cluster in project.clusters for rule in cluster.rules]
    conditions = [condition for rule in rules for condition in strategies.conditions_of(rule)]
    aliases = {repr(one.alias): normalize.Entries(*zip(*one.alias, strict=True)) for one in conditions if one.alias}
    return aliases | {repr(one.bypass): normalize.Entries(one.bypass) for one in conditions if one.bypass}


def _profile(profile: Sequence[model.ProfileColumns]) -> settings.Profile:
    columns: dict[str, settings.ProfileColumn] = {}
    groups: dict[str, dict[str, tuple[str, ...]]] = {}
    prefer: dict[str, settings.ByTime] = {}
    for taken in profile:
        names = sorted({name for _, given in taken.sources for name in given})
        sources = {name: tuple(f"{table}.{given[name]}" for table, given in taken.sources) for name in names}
        times = taken.prefer[1] if len(taken.prefer) > 1 else {}
        by_time = settings.ByTime(**{taken.prefer[0]: dict(times)}) if times else None
        if len(names) == 1:
            columns[names[0]] = settings.ProfileColumn(sources[names[0]], by_time or "importance")
        else:
            groups["-".join(names)] = sources
            prefer |= {"-".join(names): by_time} if by_time else {}
    return settings.Profile(columns, groups, prefer)


def landed(engine: Engine, table: model.Table, rows: model.Rows) -> tuple[transform.Landed, dict[str, pa.DataType]]:
    """Return the rows of a table as a full read brings them, and the types of its columns."""
    mine = [{table.key: key, **row} for (name, key), row in rows.items() if name == table.name]
    types = {table.key: KEY_TYPES[table.key], **TYPES}
    schema = shapes.shape(**types, **{transform.POSITION: pa.int64()})
    numbered = [{**row, transform.POSITION: place} for place, row in enumerate(mine)]
    arrived = transform.Landed(
        rows=engine.load(schema, [pa.RecordBatch.from_pylist(numbered, schema=schema)]),
        deleted=None,
        unreadable=engine.load(shapes.CORRUPT, []),
        latest_wins=False,
    )
    return arrived, types


def land(engine: Engine, project: model.Project, rows: model.Rows) -> dict[str, Any]:
    """Store the rows of each table as a first read does."""
    stored = {}
    for table in project.tables:
        arrived, types = landed(engine, table, rows)
        made = transform.store(engine, arrived, None, table.key, types, whole=True)
        assert isinstance(made, transform.Stored)
        stored[table.name] = engine.keep(reading.stored_name(table.name), made.rows)
    return stored


def given_of(engine: Engine, project: model.Project, rows: model.Rows) -> pipeline.Given:
    """Store the rows, and supply the project's overrides and lists."""
    sources = land(engine, project, rows)
    return pipeline.Given(sources, overrides_of(engine, project, sources), lists_of(project), _by_number(project))


def overrides_of(engine: Engine, project: model.Project, sources: Mapping[str, Any]) -> Any:
    """Return the project's overrides by the records of the rows that there are, None without any."""
    both: tuple[tuple[places.ListKind, tuple[model.Pair, ...]], ...] = (
        ("always", project.always),
        ("never", project.never),
    )
    nowhere = errors.Location("overrides")
    told = [
        supplied.Pair(kind, (left[0], str(left[1])), (right[0], str(right[1])), nowhere)
        for kind, pairs in both
        for left, right in pairs
    ]
    if not told:
        return None
    return supplied.overrides(engine, stages.recorded(settings_of(project), sources), told)


def _by_number(project: model.Project) -> frozenset[str]:
    return frozenset(table.name for table in project.tables if table.key == "number")


@dataclass(frozen=True)
class Outcome:
    """What a run came to, in the oracle's words."""

    groups: Mapping[str, Mapping[Any, Any]]
    winners: Mapping[str, Mapping[Any, Any]]
    duplicates: Mapping[model.Record, model.Evidence]
    matches: frozenset[model.Evidence]
    customers: Mapping[UUID, frozenset[model.Record]]
    left_out: frozenset[model.Record]
    profiles: Mapping[UUID, Mapping[str, Any]]
    previous: Mapping[UUID, tuple[UUID, ...]]
    followed: Mapping[UUID, frozenset[model.Record]]
    refused: frozenset[tuple[model.Record, model.Record, str]]


def expected(result: model.Result) -> Outcome:
    """Say the oracle's result so that it can be compared."""
    return Outcome(
        groups=result.groups,
        winners=result.winners,
        duplicates=result.duplicates,
        matches=frozenset(result.matches.values()),
        customers=result.customers,
        left_out=result.left_out,
        profiles={own: {name: _plain(value) for name, value in made.items()} for own, made in result.profiles.items()},
        previous=result.previous,
        followed=result.state.followed,
        refused=frozenset((link.partner, link.row, link.rule) for link in result.refused),
    )


def _plain(value: Any) -> Any:
    return None if value == "" else str(value) if isinstance(value, UUID) else value


def unified(
    engine: Engine, project: model.Project, rows: model.Rows, before: history.Before | None, run: int
) -> Outcome:
    """Unify rows in the draft of an engine, and read what came of it."""
    given = given_of(engine, project, rows)
    pipeline.unify(engine, settings_of(project), given, before, run=run, seed=seed_of(run), stage=nobody)
    return _Reader(engine, project).outcome()


def unified_again(engine: Engine, project: model.Project, rows: model.Rows, run: int) -> Outcome:
    """Unify what changed since the run that was published last, in the draft, and read all that is known then."""
    said = settings_of(project)
    changes = {}
    for table in project.tables:
        arrived, types = landed(engine, table, rows)
        made = transform.store(engine, arrived, engine.published(reading.stored_name(table.name)), table.key, types)
        assert isinstance(made, transform.Changes)
        if made.count:
            changes[table.name] = made
    now = {table.name: incremental.now(engine, table.name, changes.get(table.name)) for table in project.tables}
    overrides = overrides_of(engine, project, now)
    change = incremental.Change(changes, overrides, lists_of(project), _by_number(project))
    if not incremental.is_nothing(engine, change):
        part = incremental.find(engine, said, change)
        assert part is not None
        incremental.unify(engine, said, change, part, stages.Running(run, seed_of(run), nobody))
    return _Reader(engine, project).outcome()


def read(engine: Engine, project: model.Project) -> Outcome:
    """Read what the last run came to."""
    return _Reader(engine, project).outcome()


class _Reader:
    """Reads an engine's draft in the oracle's words."""

    def __init__(self, engine: Engine, project: model.Project) -> None:
        self._engine = engine
        self._project = project
        self._types = {table.name: int if table.key == "number" else str for table in project.tables}
        self._records = {row["record"]: self._record(row) for row in self._rows("records")}

    def outcome(self) -> Outcome:
        """Return everything that a run decided."""
        decided = self._rows("customers")
        profiles = {UUID(row["customer_id"]): row for row in self._rows("profiles")}
        return Outcome(
            groups=self._by_table(decided, "group"),
            winners=self._by_table(decided, "winner"),
            duplicates={self._records[row["record"]]: self._duplicate(row) for row in decided if row["duplicate_rule"]},
            matches=frozenset(self._match(row) for row in decided if row["rule"]),
            customers=self._by_id("members"),
            left_out=frozenset(self._records[row["record"]] for row in decided if row["customer"] is None),
            profiles={own: self._profile(row) for own, row in profiles.items()},
            previous={own: _ids(row["previous_customer_id"]) for own, row in profiles.items()},
            followed=self._by_id("followed"),
            refused=frozenset(
                (self._records[row["left"]], self._records[row["right"]], row["rule"]) for row in self._rows("refused")
            ),
        )

    def _rows(self, name: str) -> list[dict[str, Any]]:
        return self._engine.rows(self._engine.table(name))

    def _record(self, row: Mapping[str, Any]) -> model.Record:
        return row["table"], self._types[row["table"]](row["key"])

    def _by_table(self, rows: Sequence[Mapping[str, Any]], column: str) -> dict[str, dict[Any, Any]]:
        found: dict[str, dict[Any, Any]] = {table.name: {} for table in self._project.tables}
        for row in rows:
            name, key = self._records[row["record"]]
            found[name][key] = self._records[row[column]][1]
        return found

    def _by_id(self, name: str) -> dict[UUID, frozenset[model.Record]]:
        found: dict[UUID, frozenset[model.Record]] = {}
        for row in self._rows(name):
            own = UUID(row["customer_id"])
            found[own] = found.get(own, frozenset()) | {self._record(row)}
        return found

    def _duplicate(self, row: Mapping[str, Any]) -> model.Evidence:
        return self._evidence(row["duplicate_rule"], row["record"], row["duplicate_of"], row["duplicate_score"])

    def _match(self, row: Mapping[str, Any]) -> model.Evidence:
        return self._evidence(row["rule"], row["row"], row["partner"], row["score"])

    def _evidence(self, rule: str, record: int, partner: int, score: float | None) -> model.Evidence:
        exact = None if score is None else Fraction(score).limit_denominator(1000)
        return model.Evidence(rule, self._records[record], self._records[partner], exact)

    def _profile(self, row: Mapping[str, Any]) -> dict[str, Any]:
        numbers = {f"{table.prefix}_number" for table in self._project.tables if table.key == "number"}
        shown = {name: value for name, value in row.items() if name not in shapes.PROFILES.names}
        return {name: int(value) if name in numbers and value else value for name, value in shown.items()}


def _ids(text: str | None) -> tuple[UUID, ...]:
    return tuple(map(UUID, text.split(";"))) if text else ()


def before(engine: Engine) -> history.Before:
    """Return what the last run left in the draft, as the next one is given it."""
    made = engine.cache(engine.table("ids").drop("customer"))
    kept = ("members", "previous_ids", "followed", "clusters", "profile_values")
    members, previous, followed, clusters, values = (engine.cache(engine.table(name)) for name in kept)
    return history.Before(members, made, previous, followed, clusters, values)
