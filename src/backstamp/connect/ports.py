"""What the rest of the house asks of a system outside: read tables, write rows.

A `Source` gives the rows of its tables as typed Arrow batches: all of them, or what changed since a token.
A `Sink` is an environment: it can besides be given tables, columns, lookups and rows.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LONGEST_TEXT = 1_048_576
"""Characters of the longest text that a column of any system keeps."""
MOST_DECIMAL_PLACES = 10


@dataclass(frozen=True)
class Column:
    """A column of an outside table.

    Attributes:
        name: as the outside system spells it (Dataverse: the logical name).
        type: the Arrow type of its values; GUIDs and choices' labels are text, times are UTC microseconds.
        lookup_to: for a lookup, the table that it points to; its value is then that row's GUID as text.
        max_length: for text, the most characters that the system keeps; None where it sets no limit.
        decimal_places: for decimals that are there already, how many places the system keeps.
        display_name: what its users read; the name where none is given.
        hidden: security of its own keeps its values from our account: all of them would seem to be empty.
        locked: security of its own keeps our account from changing its values.
    """

    name: str
    type: pa.DataType
    lookup_to: str | None = None
    max_length: int | None = None
    decimal_places: int | None = None
    display_name: str = ""
    hidden: bool = False
    locked: bool = False

    def can_hold(self, wanted: Column) -> bool:
        """Tell whether this column, which is there already, can hold what the wanted one would."""
        if self.lookup_to != wanted.lookup_to or _family(self.type) != _family(wanted.type):
            return False
        if pa.types.is_decimal(wanted.type) and self.decimal_places is not None:
            return bool(self.decimal_places >= min(wanted.type.scale, MOST_DECIMAL_PLACES))
        if not pa.types.is_integer(wanted.type):
            return (self.max_length or LONGEST_TEXT) >= (wanted.max_length or 0)
        return bool(self.type.bit_width >= wanted.type.bit_width)


@dataclass(frozen=True)
class TableDefinition:
    """A table of an outside system: its name, true primary key, columns, and whether it tells its changes."""

    name: str
    key: str
    columns: tuple[Column, ...]
    tracks_changes: bool = False
    display_name: str = ""

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True)
class Unreadable:
    """A row that could not be read at all, or a value of one that could; never its content.

    Attributes:
        where: the row stands (file and line); of a value the key of its row, or else the row's place in its table.
        reason: why not.
        column: of the value, which is null among the rows; "" for a whole row.
    """

    where: str
    reason: str
    column: str = ""


@dataclass(frozen=True)
class Change:
    """One page of what a source tells about a table.

    Attributes:
        rows: rows that are there: all of them in a full read, else the new and changed ones.
        deleted: keys of rows that are gone since the token (empty in a full read).
        unreadable: rows and values that could not be read.
        token: on the last page, where the next read can go on; None on the others and where there is no feed.
        ended: on the first page of a full read that a feed was asked for: why it could not go on.
    """

    rows: pa.RecordBatch
    deleted: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    token: str | None = None
    ended: str = ""


class Source(Protocol):
    """A system that tables are read from."""

    def define(self, table: str) -> TableDefinition:
        """Return what the table is; raise `SourceError` where it does not exist or cannot be read."""
        ...

    def read(self, table: str, columns: Sequence[str], token: str | None = None) -> Iterator[Change]:
        """Read the table's key and these columns: everything without a token, else what changed since it.

        Raises:
            FeedEndedError: the feed cannot go on from this token; read again without one.
            SourceError: the table cannot be read.
        """
        ...


@dataclass(frozen=True)
class Stamp:
    """A link to write: the key of a row and the CustomerId of its profile, or None to empty the link."""

    key: str
    profile: str | None


@dataclass(frozen=True)
class Outcome:
    """How the writing of one row ended.

    Attributes:
        key: the row's key.
        state: "acknowledged", "refused" (the row is wrong), or "gone" (there is no such row any more).
        code: the service's error code for a refused row.
        message: the service's own words; they may quote the row, so they never go to a log or a status.
    """

    key: str
    state: str
    code: str = ""
    message: str = ""


@dataclass(frozen=True)
class Access:
    """What our account can do with a table.

    Attributes:
        table: its name.
        key: its true primary key; "" where there is no such table.
        tracks_changes: whether it tells its changes.
        in_bulk: whether many of its rows can be updated in one request.
        read, write, append, append_to: how far the right reaches: to the rows of the whole organization ("Global"), to
            fewer, or to none (""); None where the service does not tell.
    """

    table: str
    key: str = ""
    tracks_changes: bool = False
    in_bulk: bool = False
    read: str | None = None
    write: str | None = None
    append: str | None = None
    append_to: str | None = None


@dataclass(frozen=True)
class Inspection:
    """What an environment lets our account do; None where it does not tell.

    Attributes:
        url: where it is.
        user_id, user: who we are there, by id and by name.
        may_create: whether "tables", "columns" and "relationships" may be made.
        days_kept: for how many days a feed can go on from a token.
        at_once: how many requests at once it wants.
        requests_left: how many it takes before it asks to wait.
        tables: what can be done with each table that was asked about.
    """

    url: str
    user_id: str
    user: str
    may_create: Mapping[str, bool | None]
    days_kept: int | None
    at_once: int
    requests_left: int | None
    tables: tuple[Access, ...]


@dataclass(frozen=True)
class Step:
    """Something of the environment's own that runs when a row is written.

    Attributes:
        name: what its owners call it.
        kind: "plug-in", "workflow" or "flow".
        mode: "synchronous" or "asynchronous".
        kept_from_running: whether our requests keep it from that, if it is no part of the product itself.
    """

    name: str
    kind: str
    mode: str
    kept_from_running: bool


@dataclass(frozen=True)
class Steps:
    """What runs when a column of a table is written, as far as the environment tells; `untold` has the other kinds."""

    told: tuple[Step, ...]
    untold: tuple[str, ...]


def _family(kind: pa.DataType) -> str:
    """Return what a type is, whatever its width and scale."""
    if pa.types.is_integer(kind):
        return "integer"
    return "decimal" if pa.types.is_decimal(kind) else str(kind)


@dataclass
class Traffic:
    """How many requests went out and how many rows they carried; kept by a connection for its owner to show.

    `waited_seconds` is how long its threads, all together, stood still because the service asked them to.
    """

    reads: int = 0
    writes: int = 0
    rows_read: int = 0
    rows_written: int = 0
    waited_seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def add(
        self,
        *,
        reads: int = 0,
        writes: int = 0,
        rows_read: int = 0,
        rows_written: int = 0,
        waited_seconds: float = 0.0,
    ) -> None:
        """Count more of it; several threads may."""
        with self._lock:
            self.reads += reads
            self.writes += writes
            self.rows_read += rows_read
            self.rows_written += rows_written
            self.waited_seconds += waited_seconds


class Sink(Source, Protocol):
    """An environment: a source that can also be written to."""

    @property
    def traffic(self) -> Traffic:
        """How much has gone over the wire so far."""
        ...

    @property
    def batch_size(self) -> int:
        """How many rows one request carries best; a call may bring any number, in as many requests as it takes."""
        ...

    def who_am_i(self) -> str:
        """Return the id of the user that we write as: rows last modified by it are our own writes."""
        ...

    def changes(self, table: str, token: str) -> Iterator[Change]:
        """Read what changed since a token, with the columns that it is good for.

        Raises:
            FeedEndedError: the feed cannot go on from this token.
            SourceError: the table is not there.
        """
        ...

    def inspect(self, tables: Sequence[str]) -> Inspection:
        """Find out what our account may do, and with these tables; nothing is written."""
        ...

    def find(self, table: str) -> TableDefinition | None:
        """Return what the table is, or None where there is none."""
        ...

    def row(self, table: str, key: str, columns: Sequence[str]) -> dict[str, object] | None:
        """Return the key and these columns of one row as it is now, or None where no row has that key."""
        ...

    def create_table(self, definition: TableDefinition) -> None:
        """Create a table with its key (a GUID that the writer gives), columns and lookups."""
        ...

    def create_column(self, table: str, column: Column) -> None:
        """Add a column to a table; with `lookup_to`, a lookup whose delete behaviour is *remove link*."""
        ...

    def drop_column(self, table: str, column: str) -> bool:
        """Drop a lookup, with what its rows have in it; return whether it was there."""
        ...

    def upsert(self, table: str, rows: pa.RecordBatch) -> list[Outcome]:
        """Create or overwrite rows of one of our own tables, by key; writing twice is harmless."""
        ...

    def stamp(self, table: str, lookup: str, stamps: Sequence[Stamp]) -> list[Outcome]:
        """Update one lookup of existing rows and nothing else; never creates a row."""
        ...

    def links(self, table: str, lookup: str, keys: Sequence[str]) -> dict[str, str | None]:
        """Return what these rows of a table have in a lookup now, by key; rows that are gone are missing."""
        ...

    def delete(self, table: str, keys: Sequence[str]) -> list[Outcome]:
        """Delete rows of one of our own tables; a row that is not there is "gone"."""
        ...

    def referencing(self, table: str) -> tuple[tuple[str, str], ...]:
        """Return every lookup to a table that somebody made, by asking the environment now: its table and its name."""
        ...

    def steps(self, table: str, column: str) -> Steps:
        """Return what of the environment's own runs when a column of a table is written."""
        ...

    def linked(self, table: str, lookup: str, keys: Sequence[str]) -> set[str]:
        """Return those of these keys that any row of the table has in its lookup, by asking the environment now."""
        ...
