"""What the environment is known to hold: what was published before, brought up with what came of the requests since.

For a row of our own tables that is the digest of its values, for a row of the environment's tables its link
(linking.md 5). What we know is the last acknowledgement, unless a read that began after it says otherwise.
"""

from __future__ import annotations

from functools import reduce
from itertools import groupby
from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt
import numpy as np
import pyarrow as pa

from backstamp import runs, shapes
from backstamp.engine import functions
from backstamp.link import plan as plans

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import ibis.expr.types as ir

    from backstamp import engine as engines
    from backstamp.connect import ports
    from backstamp.link.desired import Own

LINKS = "known_links"
COLUMNS = "known_columns"
UNKNOWN = ""
"""The digest of a row that may be there or not, with whatever values: it is sent again."""

COLUMN = shapes.shape(table=pa.string(), column=pa.string())
"""`known_columns`: every column of our own tables that a run ever wrote."""

_COPIED = "journal_copied"
_COPY = shapes.shape(entry=pa.int64())
_SPAN = shapes.shape(entry=pa.int64(), first=pa.int64(), end=pa.int64(), state=pa.string())
_EXCEPTION = shapes.shape(entry=pa.int64(), position=pa.int64(), state=pa.string())


def of_table(engine: engines.Engine, table: str) -> ir.Table:
    """Return what is known of one of our own tables, as `shapes.KNOWN`."""
    return _table(engine, _name(table), shapes.KNOWN)


def of_links(engine: engines.Engine) -> ir.Table:
    """Return the links that are known, as `shapes.KNOWN_LINKS`; a row without one has no link."""
    return _table(engine, LINKS, shapes.KNOWN_LINKS)


def of_columns(engine: engines.Engine) -> ir.Table:
    """Return every column of our own tables that a run ever wrote, as `COLUMN`."""
    return _table(engine, COLUMNS, COLUMN)


def acknowledge(
    engine: engines.Engine, journal: runs.Journal, state: Path, seen: ir.Table, sources: Mapping[str, ir.Table]
) -> None:
    """Bring up what is known, and keep it in the draft; to be called when nobody is hydrating.

    Args:
        engine: holds what was known at the last publishing.
        journal: of the requests since then.
        state: the folder with the work lists of earlier runs.
        seen: `shapes.KNOWN_LINKS` of the rows of linked tables that this run read; `customer_id` null for no link.
        sources: the rows that there are of each linked table: what was known of others is forgotten.
    """
    journal.give_up()
    copied = max((row["entry"] for row in engine.rows(_table(engine, _COPIED, _COPY))), default=0)
    if copied > journal.last():
        copied = 0  # the journal is another one than that which was copied
        _note_copied(engine, copied)
    entries = journal.after(copied)
    own, links = _events(engine, entries, state)
    for table, events in own.items():
        engine.keep(_name(table), _overlaid(of_table(engine, table), _latest(events, ["key"]), ["key"], "digest"))
    known = of_links(engine)
    rows = ["table", "key"]
    for newer in (*([_latest(links, rows)] if links else []), seen):
        known = _overlaid(known, newer, rows, "customer_id")
    engine.keep(LINKS, _existing(known, sources))
    if entries:
        _note_copied(engine, entries[-1].id)


def compare(engine: engines.Engine, table: str, keys: ir.Table) -> None:
    """Hold what is known of one of our own tables against the environment, and keep it in the draft.

    Rows that are not there any more are forgotten, and those that nobody knew of are noted as there with whatever
    values: the plan writes them again, or deletes them.

    Args:
        engine: holds what is known.
        table: the table.
        keys: `key` of every row that the environment holds.
    """
    known = of_table(engine, table)
    unknown = keys.select("key").anti_join(known, "key").mutate(digest=ibis.literal(UNKNOWN))
    engine.keep(_name(table), engine.cache(known.semi_join(keys, "key").union(unknown)))


def read_back(engine: engines.Engine, own: Own, rows: ir.Table) -> None:
    """Take what the environment holds of one of our own tables for what is known of it, and keep it in the draft.

    Args:
        engine: whose draft it is.
        own: the table as it is to be.
        rows: its rows in the environment: `key`, and those of its columns that are there.
    """
    wanted = own.rows.schema()
    names = [column.name for column in own.definition.columns]
    values = {name: rows[name] if name in rows.columns else ibis.null("string") for name in names}
    same = rows.select("key", **{name: value.cast(wanted[name]) for name, value in values.items()})
    engine.keep(_name(own.definition.name), same.select("key", digest=digest(same, own.definition)))


def digest(rows: ir.Table, definition: ports.TableDefinition) -> ir.Value:
    """Return the digest of each row's values; a column without one leaves no trace.

    So a new or removed column writes only the rows that have a value in it (linking.md 4).
    """
    texts = ((column.name, rows[column.name].cast(dt.string)) for column in definition.columns)
    parts = (
        ibis.coalesce(ibis.literal(f"{name}=") + text.length().cast(dt.string) + ":" + text, ibis.literal(""))
        for name, text in texts
    )
    return functions.digest([reduce(lambda left, right: left + right, parts)])


def is_known(engine: engines.Engine, table: str) -> bool:
    """Tell whether anything was ever known of one of our own tables."""
    return engine.has(_name(table))


def _note_copied(engine: engines.Engine, entry: int) -> None:
    engine.land(_COPIED, _COPY, [pa.RecordBatch.from_pylist([{"entry": entry}], schema=_COPY)])


def _name(table: str) -> str:
    return f"known_{table}"


def _table(engine: engines.Engine, name: str, schema: pa.Schema) -> ir.Table:
    return engine.table(name) if engine.has(name) else engine.load(schema, [])


def _events(
    engine: engines.Engine, entries: Iterable[runs.Entry], state: Path
) -> tuple[dict[str, list[ir.Table]], list[ir.Table]]:
    """Return what came of the rows of these requests.

    Returns:
        For each of our own tables: (key, entry, digest), the digest null where the row is gone.
        For the links: (table, key, entry, customer_id), null for none.
    """
    own: dict[str, list[ir.Table]] = {}
    links: list[ir.Table] = []
    for run, of_run in groupby(entries, lambda entry: entry.run):
        plan = plans.load(state, run)
        if plan is None:
            continue  # its work lists are no longer kept: what it wrote is simply not known
        sent = _by_list(of_run)
        for writing in plan.writings:
            rows = _rows(engine, plan, writing.list, writing.definition.key, plans.DIGEST, sent)
            own.setdefault(writing.definition.name, []).extend(map(_written, rows))
        for removal in (*plan.removals, plan.retired):
            rows = _rows(engine, plan, removal.list, "key", "key", sent)
            own.setdefault(removal.table, []).extend(map(_deleted, rows))
        for linking in plan.links:
            rows = _rows(engine, plan, linking.list, "key", "customer_id", sent)
            links += [_linked(linking.table, found) for found in rows]
    return {table: events for table, events in own.items() if events}, links


def _by_list(entries: Iterable[runs.Entry]) -> dict[str, list[runs.Entry]]:
    found: dict[str, list[runs.Entry]] = {}
    for entry in entries:
        found.setdefault(entry.work_list, []).append(entry)
    return found


def _written(rows: ir.Table) -> ir.Table:
    lost = rows.state == runs.EntryState.LOST
    return rows.select("key", "entry", digest=lost.ifelse(UNKNOWN, _unless_gone(rows)))


def _deleted(rows: ir.Table) -> ir.Table:
    lost = rows.state == runs.EntryState.LOST
    return rows.select("key", "entry", digest=lost.ifelse(UNKNOWN, ibis.null(str)))


def _linked(table: str, rows: ir.Table) -> ir.Table:
    # The next feed brings every row that was written: until then a lost one keeps what was known of it.
    answered = rows.filter(rows.state != runs.EntryState.LOST)
    return answered.select("key", "entry", table=ibis.literal(table), customer_id=_unless_gone(answered))


def _unless_gone(rows: ir.Table) -> ir.Value:
    return (rows.state == runs.RowState.GONE).ifelse(ibis.null(str), rows.value)


def _rows(
    engine: engines.Engine,
    plan: plans.Plan,
    work_list: str,
    key: str,
    value: str,
    sent: Mapping[str, Sequence[runs.Entry]],
) -> list[ir.Table]:
    """Return the rows of a work list that were sent as (key, value, entry, state), without those refused.

    A refused row keeps what was known of it, as if it had not been sent.
    """
    entries = [entry for entry in sent.get(work_list, []) if entry.state is not runs.EntryState.REJECTED]
    if not entries:
        return []
    spans = engine.load(_SPAN, [_spans(entries)])
    exceptions = engine.load(_EXCEPTION, [_exceptions(entries)])
    schema = shapes.shape(key=pa.string(), value=pa.string(), position=pa.int64())
    rows = engine.load(schema, _numbered(plan.rows(work_list, [key, value]), key, value, schema))
    found = rows.join(spans, [rows.position >= spans.first, rows.position < spans.end])
    ended = found.left_join(
        exceptions, [found.entry == exceptions.entry, found.position == exceptions.position]
    ).select(found["key"], found.value, found.entry, state=ibis.coalesce(exceptions.state, found.state))
    return [ended.filter(ended.state != runs.RowState.REFUSED)]


def _spans(entries: Sequence[runs.Entry]) -> pa.RecordBatch:
    told = [
        {"entry": entry.id, "first": entry.first, "end": entry.first + entry.count, "state": entry.state}
        for entry in entries
    ]
    return pa.RecordBatch.from_pylist(told, schema=_SPAN)


def _exceptions(entries: Sequence[runs.Entry]) -> pa.RecordBatch:
    told = [
        {"entry": entry.id, "position": exceptional.position, "state": exceptional.state}
        for entry in entries
        for exceptional in entry.exceptions
    ]
    return pa.RecordBatch.from_pylist(told, schema=_EXCEPTION)


def _numbered(batches: Iterable[pa.RecordBatch], key: str, value: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    first = 0
    for batch in batches:
        positions = np.arange(first, first + batch.num_rows)
        yield pa.record_batch([batch[key], batch[value], pa.array(positions)], schema=schema)
        first += batch.num_rows


def _latest(events: Sequence[ir.Table], by: list[str]) -> ir.Table:
    """Return the last event of each row: requests are numbered in the order in which they left."""
    names = [*by, "entry", *(name for name in events[0].columns if name not in {*by, "entry"})]
    every = ibis.union(*(event.select(names) for event in events))
    last = ibis.row_number().over(group_by=by, order_by=every.entry.desc())
    return every.mutate(place=last).filter(ibis._.place == 0).drop("place", "entry")


def _overlaid(known: ir.Table, newer: ir.Table, by: list[str], value: str) -> ir.Table:
    """Return what is known after newer news, which say of a row its value, or null that it has none any more."""
    return known.anti_join(newer, by).union(newer.filter(newer[value].notnull()).select(known.columns))


def _existing(links: ir.Table, sources: Mapping[str, ir.Table]) -> ir.Table:
    """Forget the rows that are gone; the links of tables that are linked no more stay known."""
    kept = [links.filter(links.table == table).semi_join(rows, "key") for table, rows in sources.items()]
    return ibis.union(links.filter(links.table.notin(list(sources))), *kept)
