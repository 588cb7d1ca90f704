"""What a run is going to write: what the environment is to hold against what it is known to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from backstamp import errors, link, shapes
from backstamp.pipeline import reading
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
    environment: ports.Sink | None,
) -> None:
    """Bring up what the environment is known to hold.

    Args:
        engine: holds what was known before.
        settings: the project.
        described: says which tables are linked.
        journal: of what was sent since the run before published.
        seen: `shapes.KNOWN_LINKS` of the rows that this run read.
        environment: asked which rows of our own tables it holds; None where what is known of them is relied on.
    """
    every = ibis.union(*seen) if seen else engine.load(shapes.KNOWN_LINKS, [])
    link.acknowledge(engine, journal, settings.state, every, _linked(engine, described))
    if environment is not None:
        for table in link.own_tables(settings.link):
            _compare(engine, environment, table)


def plan(
    engine: engines.Engine, settings: project.Project, described: Described, members: ir.Table, run: int
) -> link.Plan:
    """Write the work lists of a run, and return the plan that names them; after `know`.

    Args:
        engine: holds what unification and measures gave, and what is known.
        settings: the project.
        described: says which tables are linked.
        members: `shapes.MEMBERS`.
        run: its number.
    """
    sources = _linked(engine, described)
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
    return link.make_plan(engine, desired, settings.link, settings.state, run)


def refuse_other_profiles(settings: project.Project, environment: ports.Sink) -> None:
    """Refuse to give every customer a new id because the warehouse is empty, while the CRM holds profiles.

    Raises:
        SourceError: it holds some.
    """
    table = link.profile_table(settings.link)
    if environment.find(table) and any(page.rows.num_rows for page in environment.read(table, [])):
        raise errors.SourceError(
            f"The CRM holds profiles, and the warehouse in {settings.state} holds none: it is new, or another one than"
            " theirs. Put theirs back, or run `backstamp run --new-ids`: it gives every customer a new CustomerId and"
            " writes all links anew."
        )


def _measures(engine: engines.Engine, settings: project.Project, members: ir.Table) -> tuple[link.Own, ...]:
    """Return the customer attributes; where they are hydrated no more, an empty table, so that its rows go."""
    if settings.measures and "attributes" in settings.hydrate and engine.has("measures"):
        return (link.desired_measures(settings.link, engine.table("measures")),)
    if link.is_known(engine, link.measure_table(settings.link)):
        return (link.desired_measures(settings.link, members.select("customer_id").limit(0)),)
    return ()


def _linked(engine: engines.Engine, described: Described) -> dict[str, ir.Table]:
    return {one.table: reading.stored(engine, one.table) for one in described.eligibility.linked}


def _compare(engine: engines.Engine, environment: ports.Sink, table: str) -> None:
    definition = environment.find(table)
    pages = environment.read(table, []) if definition else iter(())
    keys = (pa.RecordBatch.from_arrays([page.rows.column(0)], schema=_KEY) for page in pages)
    link.compare(engine, table, engine.load(_KEY, keys))
