"""What the environment gets of measures and activities (linking.md 2.3).

What was wanted of each table is kept as `sent_<table>`: so a value that hardly changes can stay as it was sent, and an
undone run puts back what was there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt

from backstamp import link, measures
from backstamp.engine import functions
from backstamp.pipeline import measuring

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import ibis.expr.types as ir

    from backstamp import engine as engines
    from backstamp import project
    from backstamp.connect import ports

MOST_ROWS = 100_000
"""A business measure with more rows is not written: it is split by something that a person cannot look through."""

TOO_LARGE = f"{{measure}} has more than {MOST_ROWS:,} rows, and is not written to the CRM: split it by less."

_ID = "customer_id"


@dataclass(frozen=True)
class Hydrated:
    """A table of the warehouse that is written to the environment.

    Attributes:
        table: its name in the warehouse.
        outer: its name in the environment.
        measure: which measure it is; "" for attributes and activities, which are of several.
    """

    table: str
    outer: str
    measure: str = ""


def tables(settings: project.Project) -> list[Hydrated]:
    """Return what a project writes of measures and activities: measures of customers alone always."""
    named = {name: one for name, one in settings.definitions.measures.items() if one.kind != "attribute"}
    outer = link.tables_of_measures(settings.link, named)
    found = []
    if _written_attributes(settings):
        found.append(Hydrated(measuring.ATTRIBUTES_TABLE, link.measure_table(settings.link)))
    for name, measure in named.items():
        if measure.is_of_customers_alone:
            found.append(Hydrated(measuring.table_name(name, "customer"), outer[name], name))
        if measure.kind == "business" and "business" in settings.hydrate:
            found.append(Hydrated(measuring.table_name(name, "business"), outer[name], name))
    if "activities" in settings.hydrate and settings.activities:
        found.append(Hydrated(measuring.ACTIVITIES_TABLE, link.activity_table(settings.link)))
    return found


def _written_attributes(settings: project.Project) -> list[str]:
    """Return the attributes that are written, insights among them where these are."""
    attributes = (name for name, measure in settings.definitions.measures.items() if measure.kind == "attribute")
    return [
        name for name in attributes if ("insights" if name in settings.insights else "attributes") in settings.hydrate
    ]


def own_tables(settings: project.Project) -> list[str]:
    """Return the names of all our tables in the environment, also of those that may be there from before."""
    always = [part(settings.link) for part in (link.profile_table, link.key_table, link.measure_table)]
    return list(dict.fromkeys([*always, link.activity_table(settings.link), *(one.outer for one in tables(settings))]))


def of_customers(settings: project.Project) -> dict[str, str]:
    """Return the tables of measures that have a row for each customer, as the environment calls them, by measure.

    That of attributes, which are of several, has no measure's name.
    """
    alone = {"", *(name for name, measure in settings.definitions.measures.items() if measure.is_of_customers_alone)}
    found = (one for one in tables(settings) if one.measure in alone)
    return {one.outer: one.measure for one in found if one.table != measuring.ACTIVITIES_TABLE}


def too_large(engine: engines.Engine, settings: project.Project) -> list[str]:
    """Return the business measures that have too many rows for the environment."""
    of_all = {name for name, measure in settings.definitions.measures.items() if measure.kind == "business"}
    several = (one for one in tables(settings) if one.measure in of_all)
    return [one.measure for one in several if engine.has(one.table) and _count(engine, one) > MOST_ROWS]


def desired(
    engine: engines.Engine, settings: project.Project, there: Mapping[str, ports.TableDefinition | None]
) -> Iterator[link.Own]:
    """Yield the tables as the environment is to hold them, and keep their rows as `sent_<table>` in the draft.

    Rows of customers that are gone are left out, and those of a table that the project writes no more go.

    Args:
        engine: holds what measures gave.
        settings: the project.
        there: our own tables as the environment has them, None where it has one not.
    """
    large = too_large(engine, settings)
    wanted = [one for one in tables(settings) if engine.has(one.table) and one.measure not in large]
    for one in wanted:
        rows = engine.keep(_sent(one.outer), _rows(engine, settings, one))
        yield _own(settings, one, rows, there.get(one.outer))
    others = {link.profile_table(settings.link), link.key_table(settings.link), *(one.outer for one in wanted)}
    for outer in link.filled_tables(engine):
        if outer not in others:
            nothing = engine.keep(_sent(outer), engine.table("profiles").select(_ID).limit(0))
            yield link.without_rows(settings.link, outer, nothing)


def before(
    engine: engines.Engine, settings: project.Project, there: Mapping[str, ports.TableDefinition | None]
) -> Iterator[link.Own]:
    """Yield the tables as the run before wanted them, where the project has them still."""
    for one in tables(settings):
        rows = engine.published(_sent(one.outer))
        if rows is not None and tuple(rows.columns) != (_ID,):  # which is what is kept of a table that was emptied
            yield _own(settings, one, rows, there.get(one.outer))


def _sent(outer: str) -> str:
    return f"sent_{outer}"


def _count(engine: engines.Engine, one: Hydrated) -> int:
    return engine.count(engine.table(one.table))


def _rows(engine: engines.Engine, settings: project.Project, one: Hydrated) -> ir.Table:
    rows = engine.table(one.table)
    if _ID in rows.columns:
        rows = rows.semi_join(engine.table("profiles"), _ID)
    if one.table == measuring.ACTIVITIES_TABLE:
        return _newest(rows, settings.link.activities)
    if one.table == measuring.ATTRIBUTES_TABLE:
        rows = rows.select(_ID, *(name for name in rows.columns if name in _written_attributes(settings)))
    sent = engine.published(_sent(one.outer))
    return rows if sent is None else _held(rows, sent, _dead_bands(settings, one))


def _dead_bands(settings: project.Project, one: Hydrated) -> dict[str, measures.DeadBand]:
    """Return the dead-bands of a table's columns, where they have one."""
    of_table = (
        {one.measure: settings.definitions.measures[one.measure]} if one.measure else settings.definitions.measures
    )
    return {
        column: band
        for name, measure in of_table.items()
        if (band := measures.dead_band(measure))
        for column in measures.calculations(name, measure)
    }


def _held(rows: ir.Table, sent: ir.Table, bands: Mapping[str, measures.DeadBand]) -> ir.Table:
    """Return values as they were sent where what they are now is within their dead-band of that."""
    held = [name for name in bands if name in sent.columns and name in rows.columns]
    held = [name for name in held if sent[name].type() == rows[name].type()]
    if not held:
        return rows
    before = sent.select(sent_id=_ID, **{f"{name}_sent": name for name in held})
    pairs = rows.left_join(before, rows[_ID] == before.sent_id)
    values = {name: _unless_near(pairs[name], pairs[f"{name}_sent"], bands[name]) for name in held}
    return pairs.mutate(**values).select(*rows.columns)


def _unless_near(value: ir.Value, sent: ir.Value, band: measures.DeadBand) -> ir.Value:
    number, before = value.cast(dt.float64), sent.cast(dt.float64)
    least = before.abs() * band.amount if band.is_share else ibis.literal(band.amount)
    return ((number - before).abs() <= least).fill_null(False).ifelse(sent, value)


def _newest(activities: ir.Table, most: int) -> ir.Table:
    """Return so many activities of each customer, those without a time last."""
    order = [ibis.desc(activities.time, nulls_first=False), ibis.desc(activities.activity_id)]
    place = ibis.row_number().over(group_by=_ID, order_by=order)
    return activities.mutate(place=place).filter(ibis._.place < functions.whole(most)).drop("place")


def _own(settings: project.Project, one: Hydrated, rows: ir.Table, there: ports.TableDefinition | None) -> link.Own:
    if one.table == measuring.ATTRIBUTES_TABLE:
        return link.desired_attributes(settings.link, rows, there)
    if one.table == measuring.ACTIVITIES_TABLE:
        return link.desired_activities(settings.link, rows)
    measure, named = settings.definitions.measures[one.measure], (one.outer, one.measure)
    if measure.kind == "business":
        values = measures.calculations(one.measure, measure)
        dimensions = [column for column in rows.columns if column not in values]
        return link.desired_business(settings.link, named, rows, dimensions, there)
    return link.desired_measure(settings.link, named, rows, there)
