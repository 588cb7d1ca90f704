"""A source table's rows, or what changed of them, into the draft of the warehouse (unification.md 1)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from backstamp import errors, link, shapes
from backstamp.pipeline import steps
from backstamp.unify import transform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    import ibis.expr.types as ir

    from backstamp.connect import ports
    from backstamp.engine import Engine
    from backstamp.pipeline.describe import SourceTable

_KEY = pa.schema([("key", pa.string())])


@dataclass(frozen=True)
class Read:
    """What reading a table came to.

    Attributes:
        token: where the next read goes on; None where there is no feed.
        in_full: whether all rows were read.
        rows: how many were read; `deleted`: how many keys were said to be gone.
        known: how many rows are known now.
        corrupt: how many rows and values could not be used.
        seen: the links of the rows read, where the lookup was read with them.
        note: why a feed did not go on, or "".
        changes: how the table differs from what was known before, which is not in the draft yet; None where it was
            stored as a whole, or nothing was read.
        is_same: whether nothing was read.
    """

    token: str | None
    in_full: bool
    rows: int
    deleted: int
    known: int
    corrupt: int
    seen: link.Seen | None
    note: str = ""
    changes: transform.Changes | None = None
    is_same: bool = False

    @property
    def is_changed(self) -> bool:
        """Whether some rows differ from those known before."""
        return self.changes is not None and self.changes.count > 0

    @property
    def is_whole(self) -> bool:
        """Whether the table was stored as a whole."""
        return self.changes is None and not self.is_same


@dataclass(frozen=True)
class Request:
    """What is asked of a read.

    Attributes:
        token: where the last read ended; None reads everything.
        pages: what `pages` gives from there, perhaps read ahead.
        began: a moment before the first page was asked for.
        whole: store the whole table, also where little of it changed.
        accept_loss: believe the read however much it lacks.
        joined: the tables that its transform step joins, as they are now, by the names that it has for them.
        is_joined_same: whether none of these changed.
    """

    token: str | None
    pages: Iterator[ports.Change]
    began: datetime
    whole: bool
    accept_loss: bool
    joined: Mapping[str, ir.Table] = field(default_factory=dict)
    is_joined_same: bool = True


def pages(table: SourceTable, token: str | None, lookup: str) -> Iterator[ports.Change]:
    """Read a table page by page: what changed since the token, or all of it, the first page telling why.

    Args:
        table: what is read.
        token: where the last read ended; None reads everything.
        lookup: the name of our lookup, which is read where it is.

    Raises:
        SourceError: the table cannot be read.
        EnvironmentServiceError: the environment refused or did not answer.
    """
    if table.definition is None:
        raise table.failure or errors.SourceError(f"{table.name} could not be described.")
    columns = dict.fromkeys((*table.read_columns, *_authorship(table), *([lookup] if _has(table, lookup) else [])))
    began = _since(table, token)
    found = table.source.read(table.outer, list(columns), began)
    try:
        first = next(found)
    except errors.FeedEndedError as ended:
        found = table.source.read(table.outer, list(columns))
        first = replace(next(found), ended=str(ended))
    yield first
    yield from found


def read(
    engine: Engine,
    table: SourceTable,
    request: Request,
    *,
    lookup: str,
    us: str,
    progress: Callable[[int], None],
) -> Read:
    """Read a table: `source_<s>_<t>`, or what changed of it, and `<s>_<t>_corrupt` into the draft.

    Args:
        engine: whose draft it is.
        table: what is read.
        request: how.
        lookup: the name of our lookup.
        us: the user as whom we write to the environment.
        progress: is told how many rows have come so far.

    Raises:
        SourceError: the table cannot be read, or lacks too much to be believed.
        EnvironmentServiceError: the environment refused or did not answer.
    """
    incoming = _begin(table, request, progress)
    landed = engine.load(incoming.schema, incoming.batches())
    if incoming.is_delta and not incoming.rows and not incoming.deleted and request.is_joined_same:
        known, corrupt = (engine.count(engine.table(make(table.name))) for make in (stored_name, corrupt_name))
        return Read(_token(table, incoming), False, 0, 0, known, corrupt, None, is_same=True)
    seen = None
    if _has(table, lookup):
        seen = engine.cache(_seen(table, landed, lookup))
        if lookup not in table.read_columns:
            landed = landed.drop(lookup)
    deleted = _keys(engine, incoming.deleted) if incoming.is_delta else None
    if seen is not None and deleted is not None and table.step:
        # A row that the step leaves out is linked no more, one that is gone is not there to be written.
        gone = deleted.select(table=ibis.literal(table.name), key=deleted.key, customer_id=ibis.null("string"))
        seen = engine.cache(seen.union(gone))
    unreadable = [{"place": row.where, "column": row.column, "reason": row.reason} for row in incoming.unreadable]
    everything = transform.Landed(
        rows=landed,
        deleted=deleted,
        unreadable=engine.load(shapes.CORRUPT, [pa.RecordBatch.from_pylist(unreadable, schema=shapes.CORRUPT)]),
        latest_wins=table.through_connector,
        us=us if _tells_authors(table) else None,
        only_read=_authorship(table),
    )
    return _store(engine, table, everything, incoming, seen, request)


def _since(table: SourceTable, token: str | None) -> str | None:
    return table.step.of(token) if table.step else token


def _has(table: SourceTable, lookup: str) -> bool:
    """Tell whether the links of a table can be read; where column security hides them none is linked."""
    column = table.raw.column(lookup) if table.raw else None
    return table.is_of_environment and column is not None and not column.hidden


def _token(table: SourceTable, incoming: _Incoming) -> str | None:
    return table.step.token(incoming.token) if table.step else incoming.token


def _transformed(
    engine: Engine, table: SourceTable, landed: transform.Landed, request: Request
) -> tuple[transform.Landed, ir.Table | None]:
    """Return what the transform step of a table makes of what landed, and what of that could not be used before.

    A step that looks at single rows takes those that landed; any other one all rows as they were read, which are kept
    for it.
    """
    step = table.step
    if step is None:
        return landed, None
    if step.select.is_of_single_rows:
        made = engine.cache(steps.row_by_row(engine, step, landed.rows, landed.only_read))
        deleted = None if landed.deleted is None else landed.deleted.union(steps.gone(step, landed.rows, made))
        return replace(landed, rows=made, deleted=deleted), None
    name = read_name(table.name)
    previous = engine.published(name)
    types = {column.name: column.type for column in step.raw.columns}
    read = transform.store(engine, landed, previous, step.raw.key, types, whole=request.whole)
    if isinstance(read, transform.Stored):
        now = engine.keep(name, read.rows)
    else:
        assert previous is not None  # noqa: S101 - else there is nothing that it differs from
        now = engine.keep(name, transform.changed(previous, read)) if read.count else previous
    rows = steps.as_a_whole(engine, step, now, request.joined)
    nothing = engine.load(shapes.CORRUPT, [])
    return transform.Landed(rows, None, nothing, latest_wins=False), read.corrupt


def _tells_authors(table: SourceTable) -> bool:
    """Tell whether the project uses the time of the last change, which our own stamps move."""
    definition = table.raw
    told = all(definition and definition.column(name) for name in (transform.MODIFIED_BY, transform.CREATED_ON))
    return table.is_of_environment and told and transform.MODIFIED_ON in (*table.columns, *table.read_columns)


def _authorship(table: SourceTable) -> tuple[str, ...]:
    """Return what must be read besides to tell our own stamps from changes."""
    names = (transform.MODIFIED_BY, transform.CREATED_ON) if _tells_authors(table) else ()
    return tuple(name for name in names if name not in (*table.columns, *table.read_columns))


def _seen(table: SourceTable, landed: ir.Table, lookup: str) -> ir.Table:
    """Return the links of the rows that were read, as `shapes.KNOWN_LINKS`; of a row read twice the last one."""
    assert table.raw is not None  # noqa: S101 - `read` has looked
    key = landed[table.raw.key]
    last = ibis.row_number().over(group_by=key, order_by=landed[transform.POSITION].desc())
    rows = landed.select(table=ibis.literal(table.name), key=key, customer_id=landed[lookup], place=last)
    return rows.filter(rows.place == 0).drop("place")


def tokens(engine: Engine) -> dict[str, str]:
    """Return where the change feeds of tables go on, by `source.table`."""
    return {row["table"]: row["token"] for row in feeds(engine)}


def feeds(engine: Engine) -> list[dict[str, Any]]:
    """Return the rows of `shapes.FEEDS`."""
    return engine.rows(engine.table("feeds")) if engine.has("feeds") else []


def stored(engine: Engine, table: str) -> ir.Table:
    """Return a source table as it is known: `shapes.SOURCE`."""
    return engine.table(stored_name(table))


def stored_name(table: str) -> str:
    """Return the name of a stored source table."""
    return f"source_{table.replace('.', '_')}"


def read_name(table: str) -> str:
    """Return the name of the table of a source table's rows as they were before its transform step, if that is kept."""
    return f"read_{table.replace('.', '_')}"


def corrupt_name(table: str) -> str:
    """Return the name of the table of what could not be used of a source table (`shapes.CORRUPT`)."""
    return f"{table.replace('.', '_')}_corrupt"


@dataclass
class _Incoming:
    """The pages of a read as they come, and what they tell besides rows."""

    schema: pa.Schema
    pages: Iterator[ports.Change]
    is_delta: bool
    progress: Callable[[int], None]
    rows: int = 0
    note: str = ""
    token: str | None = None
    deleted: list[str] = field(default_factory=list)
    unreadable: list[ports.Unreadable] = field(default_factory=list)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows, numbered in the order in which they come."""
        for page in self.pages:
            positions = pa.array(range(self.rows, self.rows + page.rows.num_rows), pa.int64())
            self.rows += page.rows.num_rows
            self.deleted += page.deleted
            self.unreadable += page.unreadable
            self.token = page.token
            rows = transform.plain(page.rows)
            columns = [rows[name] for name in self.schema.names[:-1]]
            yield pa.RecordBatch.from_arrays([*columns, positions], schema=self.schema)
            self.progress(self.rows)


def _begin(table: SourceTable, request: Request, progress: Callable[[int], None]) -> _Incoming:
    first = next(request.pages)
    names = [name for name in first.rows.schema.names if name != transform.POSITION]
    plain = transform.plain_schema(first.rows.select(names).schema)
    schema = plain.append(pa.field(transform.POSITION, pa.int64()))
    since = _since(table, request.token)
    note = "its select changed" if request.token and not since else first.ended
    is_delta = since is not None and not first.ended
    return _Incoming(schema, itertools.chain([first], request.pages), is_delta, progress, note=note)


def _store(
    engine: Engine,
    table: SourceTable,
    landed: transform.Landed,
    incoming: _Incoming,
    seen: ir.Table | None,
    request: Request,
) -> Read:
    definition = table.definition
    assert definition is not None  # noqa: S101 - `read` has looked
    landed, unusable = _transformed(engine, table, landed, request)
    previous = engine.published(stored_name(table.name))
    types = {column.name: column.type for column in definition.columns}
    made = transform.store(
        engine, landed, previous, definition.key, types, foreign_keys=table.foreign_keys, whole=request.whole
    )
    corrupt = made.corrupt if unusable is None else made.corrupt.union(unusable)
    corrupt = engine.keep(corrupt_name(table.name), corrupt)
    changes = made if isinstance(made, transform.Changes) else None
    if isinstance(made, transform.Stored):
        now = engine.keep(stored_name(table.name), made.rows)
        missing = 0 if previous is None else engine.count(previous.anti_join(now, "key"))
        found = _Found(0 if previous is None else engine.count(previous), engine.count(now), missing)
    else:
        assert previous is not None  # noqa: S101 - else there is nothing that it differs from
        found = _counted(engine, previous, made)
    if not request.accept_loss:
        try:
            _believe(engine, table.name, incoming, found, corrupt)
        except errors.SourceError:
            # What is not believed must not be published with the rest.
            engine.discard(corrupt_name(table.name))
            if changes is None:
                engine.discard(stored_name(table.name))
            raise
    return Read(
        token=_token(table, incoming),
        in_full=not incoming.is_delta,
        rows=incoming.rows,
        deleted=len(incoming.deleted),
        known=found.now,
        corrupt=engine.count(corrupt),
        seen=None if seen is None else link.Seen(table.name, seen, request.began),
        note=incoming.note,
        changes=changes,
    )


@dataclass(frozen=True)
class _Found:
    """How many rows of a table were known before, are known now, and are missing of those."""

    before: int
    now: int
    missing: int


def _counted(engine: Engine, previous: ir.Table, changes: transform.Changes) -> _Found:
    known, removed, added = map(engine.count, (previous, changes.removed, changes.added))
    missing = engine.count(changes.removed.anti_join(changes.added, "key"))
    return _Found(known, known - removed + added, missing)


def _believe(engine: Engine, table: str, incoming: _Incoming, found: _Found, corrupt: ir.Table) -> None:
    # A feed says what was deleted, so that it is believed, unless all rows are gone.
    asks = not incoming.is_delta or not found.now
    # The place of a row without a key is its number, which can be another row's key.
    unusable = engine.count(corrupt.select("place", has_no_key=corrupt.reason == transform.NO_KEY).distinct())
    read = incoming.rows + sum(1 for row in incoming.unreadable if not row.column)
    known, missing = (found.before, found.missing) if asks else (0, 0)
    transform.believe(table, known=known, missing=missing, read=read, corrupt=unusable)


def _keys(engine: Engine, keys: list[str]) -> ir.Table:
    return engine.load(_KEY, [pa.RecordBatch.from_pydict({"key": keys}, schema=_KEY)])
