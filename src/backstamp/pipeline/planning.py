"""What a run is going to write: what the environment is to hold against what it is known to hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from backstamp import link, runs, shapes
from backstamp.engine import functions
from backstamp.pipeline import history, hydrated, reading, recovery
from backstamp.unify import merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import ibis.expr.types as ir

    from backstamp import engine as engines
    from backstamp import project
    from backstamp.connect import ports
    from backstamp.pipeline.describe import Described
    from backstamp.pipeline.incremental import Replaced

_KEY = shapes.shape(key=pa.string())


RESTORED = (
    "{table}: many links are not as they were written. If the CRM was restored from a backup, nothing is to be done:"
    " what it holds was compared, and is put right."
)
_MANY = 0.01
"""The share of a table's links from which on the CRM seems to be another one than that which we wrote to."""
_AT_LEAST = 10
_SAMPLE = 100
_RUNS_LOOKED_AT = 20
_GROUPS = frozenset({"Unification", "Dataverse Hydration"})


@dataclass(frozen=True)
class Known:
    """What is known of the environment, besides what the draft holds of it.

    Attributes:
        drift: links that somebody else wrote: `shapes.KNOWN_LINKS`, with what was acknowledged.
        restored: tables of which so many did that the environment seems to have been restored from a backup.
        there: our own tables as the environment has them, None where it has one not.
    """

    drift: ir.Table
    restored: tuple[str, ...]
    there: Mapping[str, ports.TableDefinition | None]


def seems_restored(settings: project.Project, journal: runs.Journal, environment: ports.Sink, run: int) -> bool:
    """Tell whether most of the links that we wrote last are others now; before anything is read.

    An environment that was restored from a backup gives no row of it to a token that is younger than the backup.

    Args:
        settings: the project.
        journal: of what was sent.
        environment: is asked, once at most.
        run: the number of the run that begins.
    """
    lookup = link.lookup_name(settings.link)
    for number in range(run - 1, max(run - 1 - _RUNS_LOOKED_AT, 0), -1):
        plan = link.load(settings.state, number)
        last = link.last_written(plan, journal, _SAMPLE) if plan else None
        if last:
            table, written = last
            if len(written) < _AT_LEAST or not _has_column(environment, table, lookup):
                return False
            now = environment.links(table, lookup, list(written))
            return sum(now.get(key) != profile for key, profile in written.items()) > len(written) / 2
    return False


def did_not_succeed(settings: project.Project, run: int) -> bool:
    """Tell whether what was unified or sent last before a run did not succeed: then it compares every row.

    That is the full pass of linking.md 4; nothing but differences is sent all the same.
    """
    with runs.Status(settings.ledger_location) as status:
        earlier = [found for found in status.history(_RUNS_LOOKED_AT) if found.number < run]
    for found in earlier:
        ended = {task.status for task in found.tasks if task.group in _GROUPS}
        if found.published or not ended.isdisjoint(runs.FAILURES):
            return not ended.isdisjoint(runs.FAILURES)
    return False


def know(
    engine: engines.Engine,
    settings: project.Project,
    described: Described,
    journal: runs.Journal,
    seen: Sequence[link.Seen],
    environment: ports.Sink,
    *,
    in_part: bool,
) -> Known:
    """Bring up what the environment is known to hold; under its lease.

    Args:
        engine: holds what was known before.
        settings: the project.
        described: says which tables are linked.
        journal: of what was sent since the run before published.
        seen: the links of the rows that this run read.
        environment: is asked for links that were sent and never answered.
        in_part: whether the run changes a part of what was published.
    """
    lookup = link.lookup_name(settings.link)
    every = ibis.union(*(one.links for one in seen)) if seen else engine.load(shapes.KNOWN_LINKS, [])
    drift = link.acknowledge(
        engine,
        journal,
        settings.state,
        seen,
        _linked(engine, described, every),
        lambda table, keys: environment.links(table, lookup, keys),
        in_part=in_part,
    )
    there = {table: environment.find(table) for table in hydrated.own_tables(settings)}
    without = [
        table for table in link.linked_tables(engine) if not _has_column(environment, table.partition(".")[2], lookup)
    ]
    if without:
        link.forget_links(engine, without)
    linked = {one.table for one in described.eligibility.linked}
    return Known(drift, (*_restored(engine, drift), *(table for table in without if table in linked)), there)


def _has_column(environment: ports.Sink, table: str, column: str) -> bool:
    """Tell whether a table that we linked has the column still: an administrator may drop it, a backup be older."""
    definition = environment.find(table)
    return definition is not None and definition.column(column) is not None


def _restored(engine: engines.Engine, drift: ir.Table) -> Iterator[str]:
    """Yield the tables with many links that are not as they were written."""
    counts = {row["table"]: row["rows"] for row in engine.rows(drift.group_by("table").agg(rows=ibis._.count()))}
    for table, drifted in sorted(counts.items()):
        links = link.of_links(engine)
        if drifted >= max(_AT_LEAST, _MANY * engine.count(links.filter(links.table == table))):
            yield table


def desired(
    engine: engines.Engine,
    settings: project.Project,
    described: Described,
    members: ir.Table,
    customers: ir.Table | None,
    known: Known,
) -> link.Desired:
    """Return what the environment is to hold after a run.

    Args:
        engine: holds what unification and measures gave.
        settings: the project.
        described: says which tables are linked.
        members: `shapes.MEMBERS`.
        customers: `customer_id` of those that this run unified, None where these may be all.
        known: as `know` found it.
    """
    sources = _linked(engine, described, link.of_links(engine).limit(0))
    profiles = engine.table("profiles")

    def own(of_customers: ir.Table) -> tuple[link.Own, link.Own]:
        some = (table.semi_join(of_customers, "customer_id") for table in (profiles, members))
        return _profiles_and_keys(settings, known, *some)

    every = _profiles_and_keys(settings, known, profiles, members)
    linked = [
        link.desired_links(one.table, one.outer, sources[one.table], members) for one in described.eligibility.linked
    ]
    unified = {table.table for table in settings.unify.tables}
    links = link.of_links(engine)
    left = [link.cleared_links(table, links) for table in link.linked_tables(engine) if table not in unified]
    return link.Desired(
        *every,
        own,
        measures=tuple(hydrated.desired(engine, settings, known.there)),
        links=(*linked, *left),
        skip="" if left else described.eligibility.skip,
        touched=customers,
    )


def _profiles_and_keys(
    settings: project.Project, known: Known, profiles: ir.Table, members: ir.Table
) -> tuple[link.Own, link.Own]:
    """Return how these profiles and their alternate keys are to be."""
    return (
        link.desired_profiles(settings.link, profiles, known.there[link.profile_table(settings.link)]),
        link.desired_keys(settings.link, members, profiles, _key_columns(settings)),
    )


def ask(
    engine: engines.Engine,
    settings: project.Project,
    wanted: link.Desired,
    environment: ports.Sink,
    *,
    knows_values: bool,
) -> None:
    """Hold what is known of our own tables against what the environment holds of them.

    Args:
        engine: holds what is known.
        settings: the project.
        wanted: what the environment is to hold.
        environment: is asked.
        knows_values: whether the values that it holds are known, so that only keys are asked for.
    """
    own = {table.definition.name: table for table in (wanted.profiles, wanted.keys, *wanted.measures)}
    for table in dict.fromkeys([*hydrated.own_tables(settings), *link.filled_tables(engine)]):
        _compare(engine, environment, table, None if knows_values else own.get(table))


def plan(
    engine: engines.Engine,
    settings: project.Project,
    wanted: link.Desired,
    replaced: Replaced,
    known: Known,
    run: int,
) -> link.Plan:
    """Write the work lists of a run, and return the plan that names them.

    Args:
        engine: holds what is known of the environment.
        settings: the project.
        wanted: what the environment is to hold.
        replaced: what the run before published of the customers that this run unified.
        known: as `know` found it.
        run: its number.
    """
    causes = link.Causes(known.drift, _id_changes(engine, run))
    before = [*_before(settings, replaced, known), *hydrated.before(engine, settings, known.there)]
    return link.make_plan(engine, wanted, before, causes, settings.link, settings.state, run)


def _key_columns(settings: project.Project) -> dict[str, str]:
    """Return the profile column with the key of the first winner, by unified table."""
    return {table.table: merge.key_column(table.table, table.key) for table in settings.unify.tables}


def _before(settings: project.Project, replaced: Replaced, known: Known) -> Iterator[link.Own]:
    """Yield rows of profiles and keys as the run before wanted them."""
    there, profiles = known.there, replaced.profiles
    if replaced.before is not None and profiles is not None:
        yield link.desired_profiles(settings.link, profiles, there[link.profile_table(settings.link)])
        if keys := {table: column for table, column in _key_columns(settings).items() if column in profiles.columns}:
            yield link.desired_keys(settings.link, replaced.before.members, profiles, keys)


def _id_changes(engine: engines.Engine, run: int) -> ir.Table:
    """Return what became of ids in this run, if anything."""
    if not engine.has(history.ID_CHANGES):
        return engine.load(shapes.ID_CHANGES, [])
    changes = engine.table(history.ID_CHANGES)
    return changes.filter(changes["run"] == functions.whole(run))


def _linked(engine: engines.Engine, described: Described, seen: ir.Table) -> dict[str, ir.Table]:
    """Return `key` of the rows of each linked table, also of those that its transform step leaves out.

    Of these we know the ones that have a link, which they are to lose.
    """
    left_out = {table.name for table in described.tables if table.step}
    rows = {one.table: reading.stored(engine, one.table).select("key") for one in described.eligibility.linked}
    for name in left_out & set(rows):
        known = (links.filter(links.table == name).select("key") for links in (link.of_links(engine), seen))
        rows[name] = engine.cache(ibis.union(rows[name], *known, distinct=True))
    return rows


def _compare(engine: engines.Engine, environment: ports.Sink, table: str, own: link.Own | None) -> None:
    """Hold what is known of one of our own tables against the environment; `own` where its values are to be read."""
    definition = environment.find(table)
    if definition is None:
        link.compare(engine, table, engine.load(_KEY, []))
    elif own is None:
        link.compare(engine, table, recovery.rows(engine, environment, definition, []))
    else:
        there = [column.name for column in own.definition.columns if definition.column(column.name)]
        removed = [name for name in link.removed_columns(engine, own.definition) if definition.column(name)]
        link.read_back(engine, own, recovery.rows(engine, environment, definition, [*there, *removed]), removed)
