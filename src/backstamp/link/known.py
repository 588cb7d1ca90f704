"""What the environment is known to hold: what was published before, brought up with what came of the requests since.

For a row of our own tables that is the digest of its values, for a row of the environment's tables its link
(linking.md 5). What we know is the last acknowledgement, unless a read that began after it says otherwise.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from operator import or_
from typing import TYPE_CHECKING, TypeAlias

import ibis
import ibis.expr.datatypes as dt
import numpy as np
import pyarrow as pa

from backstamp import runs, shapes
from backstamp.engine import functions
from backstamp.link import plan as plans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import ibis.expr.types as ir
    import numpy.typing as npt

    from backstamp import engine as engines
    from backstamp.connect import ports
    from backstamp.link.desired import Own

    _Sent: TypeAlias = tuple[plans.Plan, dict[str, list[runs.Entry]]]

LINKS = "known_links"
COLUMNS = "known_columns"
UNKNOWN = ""
"""The digest of a row that may be there or not, with whatever values: it is sent again."""
_OTHER = "other"
"""The digest of a row that is there with values that nobody wants."""

COLUMN = shapes.shape(table=pa.string(), column=pa.string())
"""`known_columns`: every column of our own tables that a run ever wrote."""

_READ = "links_read"
_READ_TABLE = shapes.shape(table=pa.string())
_KEY = ["key"]
_ROW = ["table", "key"]
_COPIED = "journal_copied"
_COPY = shapes.shape(entry=pa.int64())
_SENT = shapes.shape(key=pa.string(), value=pa.string(), entry=pa.int64(), state=pa.string())


def of_table(engine: engines.Engine, table: str) -> ir.Table:
    """Return what is known of one of our own tables, as `shapes.KNOWN`."""
    return _table(engine, _name(table), shapes.KNOWN)


def of_links(engine: engines.Engine) -> ir.Table:
    """Return the links that are known, as `shapes.KNOWN_LINKS`; a row without one has no link."""
    return _table(engine, LINKS, shapes.KNOWN_LINKS)


def of_columns(engine: engines.Engine) -> ir.Table:
    """Return every column of our own tables that a run ever wrote, as `COLUMN`."""
    return _table(engine, COLUMNS, COLUMN)


@dataclass(frozen=True)
class Seen:
    """The links of a table as they were read.

    Attributes:
        table: as the project names it.
        links: `shapes.KNOWN_LINKS` of the rows that were read; `customer_id` null for no link.
        began: the moment before the first request of the read left.
    """

    table: str
    links: ir.Table
    began: datetime


def acknowledge(
    engine: engines.Engine,
    journal: runs.Journal,
    state: Path,
    seen: Sequence[Seen],
    sources: Mapping[str, ir.Table],
    ask: Callable[[str, Sequence[str]], Mapping[str, str | None]],
    *,
    in_part: bool,
) -> ir.Table:
    """Bring up what is known, and keep it in the draft; to be called when nobody is hydrating.

    Args:
        engine: holds what was known at the last publishing.
        journal: of the requests since then.
        state: the folder with the work lists of earlier runs.
        seen: what this run read of linked tables.
        sources: the rows that there are of each linked table: what was known of others is forgotten.
        ask: gives the links of rows of a table of the environment, by key, as they are now: of those that were sent and
            never answered.
        in_part: whether this run changes a part of what was published, so that what is known may be patched too.

    Returns:
        The links that are not as they were acknowledged, though they were not new to us (*drift*): as
        `shapes.KNOWN_LINKS`, with the CustomerId that was acknowledged, null for none.
    """
    journal.give_up()
    copied = max((row["entry"] for row in engine.rows(_table(engine, _COPIED, _COPY))), default=0)
    if copied > journal.last():
        copied = 0  # the journal is another one than that which was copied
        _note_copied(engine, copied)
    entries = journal.after(copied)
    sent = list(_sent(entries, state))
    for table, events in _own_events(engine, sent).items():
        _bring_up(engine, _name(table), of_table(engine, table), _latest(events, _KEY), _KEY, in_part=in_part)

    def learn(links: ir.Table) -> None:
        _bring_up(engine, LINKS, of_links(engine), links, _ROW, in_part=in_part)

    began = {one.table: one.began for one in seen}
    earlier, later = _link_events(engine, sent, began)
    if earlier:
        learn(_latest(earlier, _ROW))
    drift = _drift(engine, seen)
    if seen:
        learn(ibis.union(*(one.links for one in seen)))
    if later:
        learn(_latest(later, _ROW))
    if asked := {(row["table"], row["key"]): row for row in _asked(sent, ask)}:
        found = pa.RecordBatch.from_pylist(list(asked.values()), schema=shapes.KNOWN_LINKS)
        learn(engine.load(shapes.KNOWN_LINKS, [found]))
    without_row = engine.cache(_without_row(engine, sources))
    if engine.count(without_row):
        learn(without_row)
    if entries:
        _note_copied(engine, entries[-1].id)
    return drift


def last_written(plan: plans.Plan, journal: runs.Journal, most: int) -> tuple[str, dict[str, str | None]] | None:
    """Return the links that a run wrote last, at most so many: their table in the environment, and what was written.

    None where it wrote none.
    """
    lists = {linking.list: linking for linking in plan.links}
    written = [
        entry
        for entry in journal.entries(plan.run)
        if entry.work_list in lists and entry.state is runs.EntryState.ACKNOWLEDGED
    ]
    if not written:
        return None
    last = written[-1]
    others = {exceptional.position for exceptional in last.exceptions}
    rows = (row for batch in plan.rows(last.work_list, ["key", "customer_id"]) for row in batch.to_pylist())
    of_entry = itertools.islice(enumerate(rows), last.first, last.first + last.count)
    ours = (row for place, row in of_entry if place not in others)
    return lists[last.work_list].outer, {row["key"]: row["customer_id"] for row in itertools.islice(ours, most)}


def linked_tables(engine: engines.Engine) -> list[str]:
    """Return the tables that have links, as the project names them."""
    return sorted(row["table"] for row in engine.rows(of_links(engine).select("table").distinct()))


def forget_links(engine: engines.Engine, tables: Iterable[str]) -> None:
    """Know of no links in these tables any more, and keep that in the draft."""
    links = of_links(engine)
    engine.keep(LINKS, links.filter(links.table.notin(list(tables))))


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


def read_back(engine: engines.Engine, own: Own, rows: ir.Table, removed: Sequence[str]) -> None:
    """Take what the environment holds of one of our own tables for what is known of it, and keep it in the draft.

    Args:
        engine: whose draft it is.
        own: the table as it is to be.
        rows: its rows in the environment: `key`, and those of its columns that are there.
        removed: columns of `rows` that we wrote once and do no more: a row with a value in one is another one.
    """
    wanted = own.rows.schema()
    names = [column.name for column in own.definition.columns]
    values = {name: rows[name] if name in rows.columns else ibis.null("string") for name in names}
    same = rows.select("key", **{name: value.cast(wanted[name]) for name, value in values.items()})
    told = same.select("key", digest=digest(same, own.definition))
    if removed:
        left = rows.filter(reduce(or_, (rows[name].notnull() for name in removed))).select("key")
        told = told.anti_join(left, "key").union(left.mutate(digest=ibis.literal(_OTHER)))
    engine.keep(_name(own.definition.name), told)


def removed_columns(engine: engines.Engine, definition: ports.TableDefinition) -> list[str]:
    """Return the columns of one of our own tables that a run wrote once, and that it has no more."""
    written = (row["column"] for row in engine.rows(of_columns(engine)) if row["table"] == definition.name)
    return sorted(column for column in written if definition.column(column) is None)


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


def filled_tables(engine: engines.Engine) -> list[str]:
    """Return the tables of ours that a run ever wrote and that are known to have rows."""
    tables = sorted({row["table"] for row in engine.rows(of_columns(engine).select("table").distinct())})
    return [table for table in tables if engine.count(of_table(engine, table))]


def _note_copied(engine: engines.Engine, entry: int) -> None:
    engine.land(_COPIED, _COPY, [pa.RecordBatch.from_pylist([{"entry": entry}], schema=_COPY)])


def _name(table: str) -> str:
    return f"known_{table}"


def _table(engine: engines.Engine, name: str, schema: pa.Schema) -> ir.Table:
    return engine.table(name) if engine.has(name) else engine.load(schema, [])


def _sent(entries: Iterable[runs.Entry], state: Path) -> Iterator[_Sent]:
    """Yield the plans of these requests, each with its requests by work list.

    What a run wrote whose work lists are no longer kept is simply not known.
    """
    for run, of_run in groupby(entries, lambda entry: entry.run):
        plan = plans.load(state, run)
        if plan is not None:
            yield plan, _by_list(of_run)


def _own_events(engine: engines.Engine, sent: Iterable[_Sent]) -> dict[str, list[ir.Table]]:
    """Return what came of the rows of our own tables, by table: (key, entry, digest), null where the row is gone."""
    own: dict[str, list[ir.Table]] = {}
    for plan, by_list in sent:
        for writing in (*plan.writings, plan.emptied):
            rows = _rows(engine, plan, writing.list, writing.definition.key, plans.DIGEST, by_list)
            own.setdefault(writing.definition.name, []).extend(map(_written, rows))
        for removal in (*plan.removals, plan.retired):
            rows = _rows(engine, plan, removal.list, "key", "key", by_list)
            own.setdefault(removal.table, []).extend(map(_deleted, rows))
    return {table: events for table, events in own.items() if events}


def _link_events(
    engine: engines.Engine,
    sent: Iterable[_Sent],
    began: Mapping[str, datetime],
) -> tuple[list[ir.Table], list[ir.Table]]:
    """Return the links that were acknowledged before their table was read, and those since.

    Both are (table, key, entry, customer_id), null for no link.
    """
    events: tuple[list[ir.Table], list[ir.Table]] = ([], [])
    for plan, by_list in sent:
        for linking in plan.links:
            for is_later, entries in _by_read(by_list.get(linking.list, []), began.get(linking.table)).items():
                rows = _rows(engine, plan, linking.list, "key", "customer_id", {linking.list: entries})
                events[is_later].extend(_linked(linking.table, found) for found in rows)
    return events


def _by_read(entries: Iterable[runs.Entry], began: datetime | None) -> dict[bool, list[runs.Entry]]:
    """Tell requests that were answered after a read began from the others."""
    found: dict[bool, list[runs.Entry]] = {False: [], True: []}
    for entry in entries:
        found[began is not None and entry.answered is not None and entry.answered > began].append(entry)
    return found


def _asked(
    sent: Iterable[_Sent],
    ask: Callable[[str, Sequence[str]], Mapping[str, str | None]],
) -> Iterator[dict[str, str | None]]:
    """Ask for the links that were sent and never answered, and yield them as `shapes.KNOWN_LINKS`."""
    for plan, by_list in sent:
        for linking in plan.links:
            lost = [entry for entry in by_list.get(linking.list, []) if entry.state is runs.EntryState.LOST]
            if keys := _keys_at(plan, linking.list, lost):
                found = ask(linking.outer, keys)
                yield from ({"table": linking.table, "key": key, "customer_id": found.get(key)} for key in keys)


def _keys_at(plan: plans.Plan, work_list: str, entries: Sequence[runs.Entry]) -> list[str]:
    """Return the keys of the rows of a work list that requests held."""
    if not entries:
        return []
    keys = [str(key) for batch in plan.rows(work_list, ["key"]) for key in batch["key"].to_pylist()]
    return [key for entry in entries for key in keys[entry.first : entry.first + entry.count]]


def _drift(engine: engines.Engine, seen: Sequence[Seen]) -> ir.Table:
    """Return what was seen otherwise than it was acknowledged, of tables whose links were read before.

    The first read with the lookup among its columns only learns what is there (linking.md 4).
    """
    read_before = {row["table"] for row in engine.rows(_table(engine, _READ, _READ_TABLE))}
    if new := {one.table for one in seen} - read_before:
        rows = [{"table": table} for table in sorted(read_before | new)]
        engine.land(_READ, _READ_TABLE, [pa.RecordBatch.from_pylist(rows, schema=_READ_TABLE)])
    told = [one.links for one in seen if one.table in read_before]
    if not told:
        return engine.load(shapes.KNOWN_LINKS, [])
    links = ibis.union(*told)
    known = of_links(engine).rename(acknowledged_id="customer_id")
    pairs = links.left_join(known, _ROW).select("table", "key", "customer_id", "acknowledged_id")
    drifted = pairs.filter(~pairs.customer_id.identical_to(pairs.acknowledged_id))
    return engine.cache(drifted.select("table", "key", customer_id="acknowledged_id"))


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
    # Those that were never answered are asked for.
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
    """Return the rows of a work list that were sent as `_SENT`, each once, with what its last request came to."""
    entries = [entry for entry in sent.get(work_list, []) if entry.state is not runs.EntryState.REJECTED]
    if not entries:
        return []
    pairs = (batch.select([key, value]) for batch in plan.rows(work_list, list({key, value})))
    return [engine.load(_SENT, _ended(pairs, entries))]


def _ended(batches: Iterable[pa.RecordBatch], entries: Sequence[runs.Entry]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a work list that were sent, as `_SENT`."""
    last, states = _outcomes(entries)
    first = 0
    for batch in batches:
        here = slice(first, first + batch.num_rows)
        [places] = np.nonzero(last[here])
        sent = batch.take(pa.array(places, pa.int64()))
        told = (pa.array(last[here][places]), pa.array(states[here][places], pa.string()))
        yield pa.record_batch([*sent.columns, *told], schema=_SENT)
        first += batch.num_rows


def _outcomes(entries: Sequence[runs.Entry]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
    """Return by position the last request that tells something of a row, 0 for none, and what it tells.

    A row that was refused or left out keeps what was known of it, as if it had not been sent.
    """
    end = max(entry.first + entry.count for entry in entries)
    last, states = np.zeros(end, np.int64), np.full(end, "", np.object_)
    for entry in entries:
        gone = [one.position for one in entry.exceptions if one.state is runs.RowState.GONE]
        untouched = [one.position for one in entry.exceptions if one.state is not runs.RowState.GONE]
        told = np.setdiff1d(np.arange(entry.first, entry.first + entry.count), untouched, assume_unique=True)
        last[told], states[told] = entry.id, entry.state.value
        states[gone] = runs.RowState.GONE.value
    return last, states


def _latest(events: Sequence[ir.Table], by: list[str]) -> ir.Table:
    """Return the last event of each row: requests are numbered in the order in which they left."""
    if len(events) == 1:  # a work list names a row once
        return events[0].drop("entry")
    names = [*by, "entry", *(name for name in events[0].columns if name not in {*by, "entry"})]
    every = ibis.union(*(event.select(names) for event in events))
    last = ibis.row_number().over(group_by=by, order_by=every.entry.desc())
    return every.mutate(place=last).filter(ibis._.place == 0).drop("place", "entry")


def _bring_up(
    engine: engines.Engine, name: str, known: ir.Table, news: ir.Table, by: list[str], *, in_part: bool
) -> None:
    """Keep what is known in the draft, after news that say of a row its value, or null that it has none any more.

    Only what differs is written: by a patch in a run that changes a part, since what was patched cannot be put aside
    without being computed once more. Where nothing is known, all news is kept: there is nothing to compare or to patch.
    """
    [value] = set(known.columns) - set(by)
    if not engine.count(known):
        engine.keep(name, news.filter(news[value].notnull()).select(known.columns))
        return
    before = known.rename(known_value=value)
    pairs = news.left_join(before, by).select(*(news[column] for column in known.columns), before.known_value)
    different = engine.cache(pairs.filter(~pairs[value].identical_to(pairs.known_value)).drop("known_value"))
    if engine.has(name) and not engine.count(different):
        return
    added = different.filter(different[value].notnull())
    if in_part and engine.has(name):
        engine.patch(name, by, different, added)
    else:
        engine.keep(name, known.anti_join(different, by).union(added))


def _without_row(engine: engines.Engine, sources: Mapping[str, ir.Table]) -> ir.Table:
    """Return the links of rows that are gone, with null; the links of tables that are linked no more stay known."""
    links = of_links(engine)
    gone = (links.filter(links.table == table).anti_join(rows, "key") for table, rows in sources.items())
    none = links.limit(0)
    return ibis.union(none, *gone).mutate(customer_id=ibis.null(str))
