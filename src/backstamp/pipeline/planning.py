"""What a run is going to write: what the environment is to hold against what it is known to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from backstamp import link, shapes
from backstamp.pipeline import reading, recovery
from backstamp.unify import merge

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from backstamp import engine as engines
    from backstamp import project, runs
    from backstamp.connect import ports
    from backstamp.pipeline.describe import Described

_KEY = shapes.shape(key=pa.string())


def know(
    engine: engines.Engine,
    settings: project.Project,
    described: Described,
    journal: runs.Journal,
    seen: Sequence[ir.Table],
) -> None:
    """Bring up what the environment is known to hold.

    Args:
        engine: holds what was known before.
        settings: the project.
        described: says which tables are linked.
        journal: of what was sent since the run before published.
        seen: `shapes.KNOWN_LINKS` of the rows that this run read.
    """
    every = ibis.union(*seen) if seen else engine.load(shapes.KNOWN_LINKS, [])
    link.acknowledge(engine, journal, settings.state, every, _linked(engine, described, every))


def plan(
    engine: engines.Engine,
    settings: project.Project,
    described: Described,
    members: ir.Table,
    run: int,
    asked: ports.Sink | None,
    *,
    knows_values: bool,
) -> link.Plan:
    """Write the work lists of a run, and return the plan that names them; after `know`.

    Args:
        engine: holds what unification and measures gave, and what is known.
        settings: the project.
        described: says which tables are linked.
        members: `shapes.MEMBERS`.
        run: its number.
        asked: the environment, to tell which rows of our own tables it holds; None where what is known is relied on.
        knows_values: whether the values that it holds are known, so that only keys are asked for.
    """
    sources = _linked(engine, described, link.of_links(engine).limit(0))
    keys = {table.table: merge.key_column(table.table, table.key) for table in settings.unify.tables}
    profiles = engine.table("profiles")
    desired = link.Desired(
        profiles=link.desired_profiles(settings.link, profiles),
        keys=link.desired_keys(settings.link, members, profiles, keys),
        measures=_measures(engine, settings, members),
        links=tuple(
            link.desired_links(one.table, one.outer, sources[one.table], members)
            for one in described.eligibility.linked
        ),
        skip=described.eligibility.skip,
    )
    own = {table.definition.name: table for table in (desired.profiles, desired.keys, *desired.measures)}
    if asked is not None:
        for table in link.own_tables(settings.link):
            _compare(engine, asked, table, None if knows_values else own.get(table))
    return link.make_plan(engine, desired, settings.link, settings.state, run)


def _measures(engine: engines.Engine, settings: project.Project, members: ir.Table) -> tuple[link.Own, ...]:
    """Return the customer attributes; where they are hydrated no more, an empty table, so that its rows go."""
    has_attributes = any(measure.kind == "attribute" for measure in settings.measures.values())
    if has_attributes and "attributes" in settings.hydrate and engine.has("measures"):
        return (link.desired_measures(settings.link, engine.table("measures")),)
    if link.is_known(engine, link.measure_table(settings.link)):
        return (link.desired_measures(settings.link, members.select("customer_id").limit(0)),)
    return ()


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
        link.read_back(engine, own, recovery.rows(engine, environment, definition, there))
