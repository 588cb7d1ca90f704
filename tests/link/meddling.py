"""Environments in which something happens at a bad moment; each is a sink around a sink."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from backstamp import errors
from backstamp.connect import ports

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa


class Meddling:
    """Passes everything on to an environment.

    Args:
        sink: the environment.
    """

    def __init__(self, sink: ports.Sink) -> None:
        self._sink = sink

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)


class Without(Meddling):
    """Has not a table that it should have.

    Args:
        sink: the environment.
        table: the table that is not found.
    """

    def __init__(self, sink: ports.Sink, table: str) -> None:
        super().__init__(sink)
        self._table = table

    def find(self, table: str) -> ports.TableDefinition | None:
        """Find all tables but that one."""
        return None if table == self._table else self._sink.find(table)


class DoesBeforeStamp(Meddling):
    """Somebody does something in the CRM just before the first links are written."""

    def __init__(self, sink: ports.Sink, action: Callable[[], object]) -> None:
        super().__init__(sink)
        self._action: Callable[[], object] | None = action

    def stamp(self, table: str, lookup: str, stamps: Sequence[ports.Stamp]) -> list[ports.Outcome]:
        """Let it happen once, then write."""
        if self._action is not None:
            action, self._action = self._action, None
            action()
        return self._sink.stamp(table, lookup, stamps)


class Refuses(Meddling):
    """Refuses one row of a table of ours, in words that quote it."""

    def __init__(self, sink: ports.Sink, table: str, key: str) -> None:
        super().__init__(sink)
        self._table = table
        self._key = key

    def upsert(self, table: str, rows: pa.RecordBatch) -> list[ports.Outcome]:
        """Write all rows but that one."""
        if table != self._table:
            return self._sink.upsert(table, rows)
        keys = rows[0].to_pylist()
        others = [place for place, key in enumerate(keys) if key != self._key]
        refused = ports.Outcome(self._key, "refused", "0x80040216", "Ada Lovelace is not welcome")
        return [*self._sink.upsert(table, rows.take(others)), *([refused] if self._key in keys else [])]


class RefusesLink(Meddling):
    """Refuses the link of one row, in words that quote it."""

    def __init__(self, sink: ports.Sink, key: str) -> None:
        super().__init__(sink)
        self._key = key

    def stamp(self, table: str, lookup: str, stamps: Sequence[ports.Stamp]) -> list[ports.Outcome]:
        """Write all links but that one."""
        outcomes = self._sink.stamp(table, lookup, [stamp for stamp in stamps if stamp.key != self._key])
        refused = ports.Outcome(self._key, "refused", "0x80040216", "Ada Lovelace is not welcome")
        return [*outcomes, *([refused] if len(outcomes) < len(stamps) else [])]


class Fails(Meddling):
    """Breaks down at one request that writes, counted from 0, before or after the rows are written."""

    def __init__(
        self, sink: ports.Sink, at: int, error: type[Exception] = errors.TransientError, *, late: bool
    ) -> None:
        super().__init__(sink)
        self._at = at
        self._requests = itertools.count()
        self._late = late
        self._error = error

    def upsert(self, table: str, rows: pa.RecordBatch) -> list[ports.Outcome]:
        """See the class."""
        return self._breaking(lambda: self._sink.upsert(table, rows))

    def stamp(self, table: str, lookup: str, stamps: Sequence[ports.Stamp]) -> list[ports.Outcome]:
        """See the class."""
        return self._breaking(lambda: self._sink.stamp(table, lookup, stamps))

    def delete(self, table: str, keys: Sequence[str]) -> list[ports.Outcome]:
        """See the class."""
        return self._breaking(lambda: self._sink.delete(table, keys))

    def _breaking(self, write: Callable[[], list[ports.Outcome]]) -> list[ports.Outcome]:
        breaks = next(self._requests) == self._at  # several are under way at once
        if breaks and not self._late:
            raise self._error("The environment does not answer.")
        outcomes = write()
        if breaks:
            raise self._error("The environment does not answer.")
        return outcomes
