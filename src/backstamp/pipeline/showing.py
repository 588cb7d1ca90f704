"""All that is known of a row and its customer, as one value: of the environment and of the warehouse, if it is free.

The reader is a connection to the environment: where its account may not read the row, nothing is told of its customer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from backstamp import errors, link, runs
from backstamp.pipeline import hydrated, measuring, published, searching
from backstamp.pipeline.explain import found
from backstamp.unify import explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    import ibis.expr.types as ir

    from backstamp import project
    from backstamp.connect import ports
    from backstamp.engine import Engine


@dataclass(frozen=True)
class Measured:
    """A measure of a customer.

    Attributes:
        name: of the measure.
        rows: its values by name, with its dimensions; one row where it has none.
        as_of: the time of the run since which they hold.
    """

    name: str
    rows: tuple[dict[str, Any], ...]
    as_of: datetime | None


@dataclass(frozen=True)
class Event:
    """Something that happened, and the row that tells of it."""

    type: str
    time: datetime | None
    title: str | None
    detail: str
    row: explain.Row


@dataclass(frozen=True)
class Cluster:
    """A cluster that the customer is in: its kind, its id, and what those in it are called, by their CustomerIds."""

    kind: str
    id: str
    members: Mapping[str, str]


@dataclass(frozen=True)
class Customer:
    """What the last published run knows of a customer.

    Attributes:
        customer_id: who it is.
        rows: all rows that are this customer's, in match order.
        values: those of the profile, each with the row and the column that it came from.
        measures: in the order of the project file.
        timeline: the newest activities, the newest first.
        clusters: that it is in.
    """

    customer_id: str
    rows: tuple[explain.Row, ...]
    values: tuple[explain.Origin, ...]
    measures: tuple[Measured, ...]
    timeline: tuple[Event, ...]
    clusters: tuple[Cluster, ...]


@dataclass(frozen=True)
class Shown:
    """A row and its customer.

    Attributes:
        card: what the environment holds, now.
        customer: what the last run knows besides; None where there is none, or
        lacking: says why it cannot be told.
    """

    card: link.Card
    customer: Customer | None = None
    lacking: str = ""


def show(settings: project.Project, reader: ports.Sink, row: explain.Row, outer: str) -> Shown | None:
    """Return a row and all that is known of its customer; None where the reader sees no such row.

    Args:
        settings: the project.
        reader: the environment, as the account of who reads.
        row: which row.
        outer: how the environment calls its table.
    """
    card = link.read_card(reader, settings.link, outer, row.key, hydrated.of_customers(settings))
    if card is None:
        return None
    try:
        return Shown(card, customer(settings, explain.Row(row.table, card.key)))
    except errors.BusyError:
        return Shown(card, lacking=_busy(settings))
    except (errors.ConfigurationError, errors.SourceError) as error:
        return Shown(card, lacking=str(error))


def customer(settings: project.Project, row: explain.Row) -> Customer | None:
    """Return what the last run knows of a row's customer, None where it has none.

    Raises:
        BusyError: a run has the warehouse open.
        ConfigurationError: the table is none of unification, or no run has unified the tables as the file has them.
        SourceError: no row had that key, or a row filter keeps it out.
    """
    with found(settings, row) as (unified, record):
        return _customer(settings, unified, record)


def customer_of(settings: project.Project, customer_id: str) -> Customer | None:
    """Return what the last run knows of a customer, None where no profile has this CustomerId.

    Raises:
        BusyError: a run has the warehouse open.
        ConfigurationError: no run has unified the tables as the file has them.
    """
    with published.unified(settings) as unified:
        wanted = pa.RecordBatch.from_pylist([{"customer_id": customer_id}])
        named = unified.ids.semi_join(unified.engine.load(wanted.schema, [wanted]), "customer_id")
        first = unified.engine.rows(named.select("customer"))
        return _customer(settings, unified, first[0]["customer"]) if first else None


def _customer(settings: project.Project, unified: explain.Unified, record: int) -> Customer | None:
    told, engine = explain.explain(unified, record), unified.engine
    if told.customer_id is None:
        return None
    return Customer(
        customer_id=told.customer_id,
        rows=tuple(member.row for member in told.members),
        values=told.values,
        measures=tuple(_measures(engine, settings, told.customer_id)),
        timeline=tuple(_timeline(engine, settings, told.customer_id)),
        clusters=tuple(_clusters(engine, told.customer_id)),
    )


def _busy(settings: project.Project) -> str:
    with runs.Status(settings.ledger_location) as status:
        last = status.last()
    who = f"Run {last.number}" if last and last.ended is None else "Another process"
    return f"{who} has the warehouse: the CRM alone tells this, without the timeline or where values come from."


def _measures(engine: Engine, settings: project.Project, customer_id: str) -> Iterator[Measured]:
    since = {row["measure"]: row["since"] for row in engine.rows(engine.table(measuring.MEASURED))}
    since |= {row["measure"]: row["since"] for row in _of(engine, measuring.HELD, customer_id)}
    attributes = _of(engine, measuring.ATTRIBUTES_TABLE, customer_id)
    for name, measure in settings.definitions.measures.items():
        if measure.kind == "attribute":
            found = [{name: row[name]} for row in attributes if name in row]
        elif measure.kind == "customer":
            found = _of(engine, measuring.table_name(name, "customer"), customer_id)
        else:
            continue
        if found:
            yield Measured(name, tuple(found), since.get(name))


def _of(engine: Engine, table: str, customer_id: str) -> list[dict[str, Any]]:
    """Return a customer's rows of a table of measures, in an order that does not depend on the engine."""
    if not engine.has(table):
        return []
    rows = engine.table(table)
    return sorted(engine.rows(rows.filter(rows.customer_id == customer_id).drop("customer_id")), key=repr)


def _timeline(engine: Engine, settings: project.Project, customer_id: str) -> Iterator[Event]:
    if not settings.activities or not engine.has(measuring.ACTIVITIES_TABLE):
        return
    activities = engine.table(measuring.ACTIVITIES_TABLE)
    order = [ibis.desc(activities.time, nulls_first=False), ibis.desc(activities.activity_id)]
    newest: ir.Table = activities.filter(activities.customer_id == customer_id).order_by(order)
    for row in engine.rows(newest.limit(settings.link.activities)):
        source = explain.Row(row["table"], row["key"])
        yield Event(row["type"], row["time"], row["title"], row["detail"] or "", source)


def _clusters(engine: Engine, customer_id: str) -> Iterator[Cluster]:
    if not engine.has("clusters"):
        return
    every = engine.table("clusters")
    mine = every.filter(every.customer_id == customer_id).select("cluster", "cluster_id")
    together = every.semi_join(mine, ["cluster", "cluster_id"])
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in engine.rows(searching.named(engine, together).order_by("cluster", "customer_id")):
        found.setdefault((row["cluster"], row["cluster_id"]), {})[row["customer_id"]] = row["label"]
    for (kind, identifier), members in found.items():
        yield Cluster(kind, identifier, members)
