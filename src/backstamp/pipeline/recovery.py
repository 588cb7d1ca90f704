"""What the environment tells of the run before, where the warehouse is lost (unification.md 7).

Our own tables there hold enough to go on from: every key of every table with its CustomerId, and on each profile the
ids that it stands for and the run that made its own. What they cannot tell is by which rows ids that vanished before
are followed: all rows of a profile that stands for one are taken for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import pyarrow.compute as pc

from backstamp import errors, link, shapes
from backstamp.engine import functions
from backstamp.unify import cluster, places, transform
from backstamp.unify.history import Before

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import ibis.expr.types as ir
    import pyarrow as pa

    from backstamp import engine as engines
    from backstamp import project
    from backstamp.connect import ports

_BEFORE_ALL_RUNS = functions.whole(0)


def before(engine: engines.Engine, settings: project.Project, environment: ports.Sink) -> Before | None:
    """Return what the environment tells of the run before, None if it holds no profiles.

    The run that made a cluster's id is not there: all of them count as equally old. Nor is it known which ids are
    derived from columns: they are kept by rows until their value is seen.

    Raises:
        SourceError: it holds profiles, and no keys to go with them.
        EnvironmentServiceError: it refused or did not answer.
    """
    prefix = settings.link.prefix
    definition = environment.find(link.profile_table(settings.link))
    if definition is None:
        return None
    kinds = {name: f"{prefix}{cluster.column(name)}".lower() for _, name in places.clusters(settings.unify)}
    kinds = {name: column for name, column in kinds.items() if definition.column(column)}
    told = [f"{prefix}previouscustomerid", f"{prefix}madeinrun", f"{prefix}customerid"]
    if missing := [name for name in told if definition.column(name) is None]:
        raise _unreadable(settings, f"its table {definition.name} has no column {missing[0]}")
    profiles = rows(engine, environment, definition, [*told, *kinds.values()])
    profiles = profiles.filter(profiles[told[2]].notnull())  # others are gone, and only wait for rows to leave
    if not engine.count(profiles):
        return None
    made_in_run = profiles[told[1]].cast("int64").fill_null(_BEFORE_ALL_RUNS)
    made = profiles.select(customer_id="key", made_in_run=made_in_run, derived=False)
    listed = profiles.select(customer_id="key", previous_id=profiles[told[0]].split(";").unnest())
    previous = listed.filter(listed.previous_id.length() > 0)
    members = keyed(engine, settings, environment)
    if members is None:
        raise _unreadable(settings, f"its table {link.key_table(settings.link)} is not there, or not as we made it")
    members = engine.cache(members)
    vanished = previous.anti_join(made, previous.previous_id == made.customer_id)
    followed = vanished.inner_join(members, "customer_id").select("table", "key", customer_id="previous_id")
    clusters = [
        profiles.filter(profiles[column].notnull()).select(
            cluster=ibis.literal(name), customer_id="key", cluster_id=column, made_in_run=_BEFORE_ALL_RUNS
        )
        for name, column in kinds.items()
    ]
    return Before(
        members,
        engine.cache(made),
        engine.cache(previous),
        engine.cache(followed),
        ibis.union(*clusters) if clusters else None,
    )


def last_run(settings: project.Project, environment: ports.Sink) -> int:
    """Return the largest number of a run that made an id of a profile in the environment, 0 if there is none."""
    definition = environment.find(link.profile_table(settings.link))
    column = f"{settings.link.prefix}madeinrun"
    if definition is None or definition.column(column) is None:
        return 0
    pages = environment.read(definition.name, [column])
    return max((pc.max(page.rows[column]).as_py() or 0 for page in pages), default=0)


def rows(
    engine: engines.Engine, environment: ports.Sink, definition: ports.TableDefinition, columns: Sequence[str]
) -> ir.Table:
    """Return the rows of a table of the environment: `key`, and these columns."""
    pages = environment.read(definition.name, columns)
    first = next(pages).rows.select([definition.key, *columns])
    schema = transform.plain_schema(first.schema)

    def batches() -> Iterator[pa.RecordBatch]:
        yield transform.plain(first)
        yield from (transform.plain(page.rows.select(first.schema.names)) for page in pages)

    return engine.load(schema, batches()).rename(key=definition.key)


def keyed(engine: engines.Engine, settings: project.Project, environment: ports.Sink) -> ir.Table | None:
    """Return `shapes.MEMBERS` as the table of alternate keys tells them; None where it is not there as we made it."""
    prefix = settings.link.prefix
    definition = environment.find(link.key_table(settings.link))
    names = [prefix + name for name in ("datasourcename", "tablename", "alternatevalue", "customerid")]
    if definition is None or any(definition.column(name) is None for name in names):
        return None
    keys = rows(engine, environment, definition, names)
    source, table, key, customer = (keys[name] for name in names)
    return keys.select(table=source + "." + table, key=key, customer_id=customer).select(*shapes.MEMBERS.names)


def _unreadable(settings: project.Project, why: str) -> errors.SourceError:
    return errors.SourceError(
        f"The warehouse in {settings.state} is new, and the CRM, which holds profiles, does not tell whose they are:"
        f" {why}. Put the warehouse back, or run `backstamp run --new-ids`: it gives every customer a new CustomerId"
        " and writes all links anew."
    )
