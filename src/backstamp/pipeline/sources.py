"""The source tables of a run, read: each in a task of its own, those of a CRM side by side."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING

import pyarrow as pa

from backstamp import errors, link, runs, shapes
from backstamp.connect import ahead
from backstamp.pipeline import attempts, incremental, planning, reading, steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from backstamp import project
    from backstamp.connect import ports
    from backstamp.engine import Engine
    from backstamp.pipeline.describe import Described, SourceTable


@dataclass(frozen=True)
class Sources:
    """What a run reads, and the run."""

    settings: project.Project
    environment: ports.Sink
    described: Described
    ledger: runs.Ledger
    current: runs.Run

    @property
    def tasks(self) -> list[runs.PlannedTask]:
        """The task of each table."""
        return [_task(table) for table in self.described.tables]

    def accepts(self, table: str) -> bool:
        """Tell whether a source table is believed however much it lacks."""
        return bool({table, table.partition(".")[0]}.intersection(self.current.arguments.accept_loss))

    def read(self, engine: Engine) -> dict[str, reading.Read]:
        """Read every source table; those that could not be read are missing in what is returned."""
        feeds = {row["table"]: row for row in reading.feeds(engine)}
        read: dict[str, reading.Read] = {}
        # Those whose transform step joins others come after them.
        tables = sorted(self.described.tables, key=lambda table: bool(table.step and table.step.joined))
        with ahead.Ahead(self.settings.state / "ahead") as side_by_side:
            asked: dict[str, Iterator[reading.Request]] = {}
            for table in tables:
                ask = partial(self._request, table, feeds.get(table.name, {}), side_by_side)
                asked[table.name] = itertools.chain([ask()], iter(ask, None))  # all at once; anew for another attempt
            for table in tables:
                self._check()
                work = partial(self._read_source, engine, table, asked[table.name], read)
                try:
                    planned = _task(table)
                    read[table.name] = attempts.repeated(self.ledger, self.current, planned, work, self._check)
                except errors.CanceledError:
                    raise
                except errors.BackstampError:
                    continue  # its task says why
        foreign_keys = {table.name: ",".join(table.foreign_keys) for table in tables}
        feeds |= {
            name: {"table": name, "token": found.token, "foreign_keys": foreign_keys[name]}
            for name, found in read.items()
        }
        here = set(self.settings.tables)
        told = [feed for name, feed in feeds.items() if name in here and feed["token"] is not None]
        engine.land("feeds", shapes.FEEDS, [pa.RecordBatch.from_pylist(told, schema=shapes.FEEDS)])
        return read

    def _request(
        self, table: SourceTable, feed: Mapping[str, str | None], side_by_side: ahead.Ahead
    ) -> reading.Request:
        """Return what is asked of a read; a connector of Dataverse begins with it at once."""
        full = self.current.arguments.full
        is_stored_otherwise = feed.get("foreign_keys") != ",".join(table.foreign_keys)
        anew = full or is_stored_otherwise or (table.is_of_environment and self._is_full_pass)
        since, began = None if anew else feed["token"], datetime.now(UTC)
        pages = reading.pages(table, since, link.lookup_name(self.settings.link))
        pages = side_by_side.fetch(pages) if table.through_connector else pages
        return reading.Request(since, pages, began, whole=full, accept_loss=self.accepts(table.name))

    def _joined(
        self, engine: Engine, table: SourceTable, request: reading.Request, read: Mapping[str, reading.Read]
    ) -> reading.Request:
        """Return the request with the tables that the step joins; raise `SourceError` where one was not read."""
        source = table.name.partition(".")[0]
        others = {f"{source}.{outer}" for outer in (table.step.joined if table.step else ())}
        if missing := sorted(others - set(read)):
            raise errors.SourceError(f"{', '.join(missing)}, which the select joins, could not be read.")
        described = {one.name: one for one in self.described.tables if one.name in others}
        joined = {
            one.outer: steps.other(incremental.now(engine, name, read[name].changes), one.definition)
            for name, one in described.items()
            if one.definition
        }
        is_same = not any(read[name].is_whole or read[name].is_changed for name in others)
        return replace(request, joined=joined, is_joined_same=is_same)

    def _read_source(
        self,
        engine: Engine,
        table: SourceTable,
        asked: Iterator[reading.Request],
        read: Mapping[str, reading.Read],
        task: runs.RunningTask,
    ) -> reading.Read:
        def progress(rows: int) -> None:
            task.progress(rows)
            self._check()

        found = reading.read(
            engine,
            table,
            self._joined(engine, table, next(asked), read),
            lookup=link.lookup_name(self.settings.link),
            us=self.environment.who_am_i() if table.is_of_environment else "",
            progress=progress,
        )
        task.rows = found.rows + found.deleted
        task.detail(_words(found))
        if found.corrupt:
            listed = reading.corrupt_name(table.name)
            task.warn(f"{found.corrupt:,} rows or values of {table.name} cannot be used: see the table {listed}.")
        return found

    @cached_property
    def _is_full_pass(self) -> bool:
        settings, run = self.settings, self.current.number
        return planning.did_not_succeed(settings, run) or planning.seems_restored(
            settings, self.ledger.journal, self.environment, run
        )

    def _check(self) -> None:
        self.ledger.check_canceled(self.current)


def _task(table: SourceTable) -> runs.PlannedTask:
    return runs.PlannedTask("Data Sources", table.name, runs_as=runs.TaskStatus.REFRESHING)


def _words(found: reading.Read) -> str:
    """Say in short what was read."""
    if found.in_full:
        return f"{found.rows:,} rows, all of them" + (f": {found.note}" if found.note else "")
    return f"{found.rows:,} new or changed and {found.deleted:,} deleted rows of {found.known:,}"
