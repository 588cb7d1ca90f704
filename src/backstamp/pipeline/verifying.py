"""The links of an environment, checked: every row is read from there, none from the warehouse (linking.md 6)."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from backstamp import engine as engines
from backstamp import link, runs, shapes
from backstamp.pipeline import exporting, hydrating, recovery
from backstamp.runs import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import ibis.expr.types as ir

    from backstamp import project
    from backstamp.connect import ports
    from backstamp.pipeline.describe import Described

_RUNS_LOOKED_AT = 20
_MEMORY = "256MB"
"""What the comparison may take: enough for any number of rows, since the rest is in files."""
_LISTED = shapes.shape(
    table=pa.string(),
    key=pa.string(),
    found=pa.string(),
    expected=pa.string(),
    finding=pa.string(),
    excuse=pa.string(),
)


@dataclass(frozen=True)
class VerifiedTable:
    """How the links of a table are.

    Attributes:
        table: as the project names it.
        has_column: whether it has the column of links yet.
        rows: how many it has.
        linked: how many of them have a link.
        findings: how many rows are what, those excused left out.
        excused: how many rows are not right, and the last run has said so: by its reason.
    """

    table: str
    has_column: bool
    rows: int
    linked: int
    findings: Counter[link.Finding]
    excused: Counter[str]

    @property
    def is_right(self) -> bool:
        """Whether every row is right, or excused."""
        return not any(count for finding, count in self.findings.items() if finding is not link.Finding.RIGHT)

    @property
    def not_right(self) -> int:
        """How many rows are not right, those excused among them."""
        return self.rows - self.findings[link.Finding.RIGHT]


@dataclass(frozen=True)
class Verified:
    """How the links of an environment are.

    Attributes:
        tables: those that may be linked.
        failed: why others are not.
        going_on: the number of a run that is going on: what it has not written yet is not right yet; None without.
        held_since: the run whose undoing holds the environment: the state before it is compared with; None without.
    """

    tables: tuple[VerifiedTable, ...]
    failed: tuple[link.FailedCheck, ...]
    going_on: int | None
    held_since: int | None

    @property
    def is_right(self) -> bool:
        """Whether all tables are."""
        return all(table.is_right for table in self.tables)

    @property
    def sentence(self) -> str:
        """How the links are, in a sentence."""
        if not self.tables:
            return "No table is linked, so there is nothing to check."
        rows = words.count(sum(table.rows for table in self.tables), "row")
        if self.is_right:
            return f"All links are right: {rows} checked."
        wrong = sum(table.not_right - table.excused.total() for table in self.tables)
        return f"{words.count(wrong, 'link')} not right of {rows}: `backstamp run --full` puts them right."


def verify(
    settings: project.Project,
    environment: ports.Sink,
    described: Described,
    *,
    list_to: Path | None = None,
    progress: Callable[[str, int], None] = lambda _table, _rows: None,
) -> Verified:
    """Read every row of every table that may be linked, and hold its link against the alternate keys.

    Args:
        settings: the project.
        environment: what is checked.
        described: the sources' tables, as `describe` found them.
        list_to: a .csv or .parquet file for the rows that are not right: table, key, the CustomerId found and that
            expected, what is wrong, and the excuse of the last run.
        progress: is told of the table that is being read how many rows have come.

    Raises:
        ConfigurationError: the file is of another kind.
        EnvironmentServiceError: the environment refused or did not answer.
    """
    if list_to is not None:
        exporting.refuse_unknown(list_to)
    with _on_disk() as engine:
        # The keys first: a run that is going on writes them before the links.
        profiles = _profiles(engine, settings, environment)
        keys = recovery.keyed(engine, settings, environment)
        keys = engine.load(shapes.MEMBERS, []) if keys is None else keys
        bad: dict[str, ir.Table] = {}
        tables = []
        for one in described.eligibility.linked:
            definition = environment.define(one.outer)
            lookup = definition.column(link.lookup_name(settings.link))
            links = _links(engine, environment, definition, lookup, partial(progress, one.table))
            of_table = keys.filter(keys.table == one.table)
            excused = _excused(engine, settings, one.table)
            found = link.findings(links, of_table, profiles, excused)
            bad[one.table] = engine.cache(found.filter(found.finding != link.Finding.RIGHT.value))
            tables.append(_counted(engine, one.table, links, bad[one.table], has_column=lookup is not None))
        if list_to is not None:
            exporting.write(pa.Table.from_batches(_listed(engine, bad), _LISTED), list_to)
    return Verified(tuple(tables), described.eligibility.failed, *_state(settings))


@contextmanager
def _on_disk() -> Iterator[engines.DuckDB]:
    """Give an engine that keeps what it compares in files, which are gone when it is closed."""
    with (
        tempfile.TemporaryDirectory(prefix="backstamp-") as folder,
        engines.DuckDB(Path(folder) / "links.duckdb", engines.DuckDBSettings(memory=_MEMORY)) as engine,
    ):
        yield engine


def _profiles(engine: engines.Engine, settings: project.Project, environment: ports.Sink) -> ir.Table:
    definition = environment.find(link.profile_table(settings.link))
    if definition is None:
        return engine.load(shapes.shape(key=pa.string()), [])
    return recovery.rows(engine, environment, definition, [])


def _links(
    engine: engines.Engine,
    environment: ports.Sink,
    definition: ports.TableDefinition,
    lookup: ports.Column | None,
    progress: Callable[[int], None],
) -> ir.Table:
    """Return `key` and `customer_id` of every row of a table as it is now; no link where it has no such column."""
    schema = shapes.shape(key=pa.string(), customer_id=pa.string())

    def batches() -> Iterator[pa.RecordBatch]:
        read = 0
        for page in environment.read(definition.name, [lookup.name] if lookup else []):
            rows = page.rows
            links = rows[lookup.name] if lookup else pa.nulls(rows.num_rows, pa.string())
            read += rows.num_rows
            progress(read)
            yield pa.record_batch([rows[definition.key], links], schema=schema)

    return engine.load(schema, batches())


def _excused(engine: engines.Engine, settings: project.Project, table: str) -> ir.Table:
    """Return what the last run that sent something says of rows that it did not write."""
    if runs.exists(settings.ledger_location):
        with runs.Ledger(settings.ledger_location) as ledger, runs.Status(settings.ledger_location) as status:
            for run in status.history(_RUNS_LOOKED_AT):
                plan = link.load(settings.state, run.number)
                if plan is not None and ledger.journal.entries(run.number):
                    return link.excused(engine, plan, ledger.journal, table)
    return engine.load(shapes.shape(key=pa.string(), excuse=pa.string()), [])


def _counted(engine: engines.Engine, table: str, links: ir.Table, bad: ir.Table, *, has_column: bool) -> VerifiedTable:
    """Count what was found of a table; `bad` are the findings that are not right."""
    [rows] = engine.rows(links.aggregate(total=links.count(), linked=links.customer_id.count()))
    [wrong] = engine.rows(bad.aggregate(rows=bad.key.nunique()))
    findings = Counter({link.Finding.RIGHT: rows["total"] - wrong["rows"]})
    excused: Counter[str] = Counter()
    for row in engine.rows(bad.group_by("finding", "excuse").aggregate(rows=bad.count())):
        if row["excuse"] is None:
            findings[link.Finding(row["finding"])] += row["rows"]
        else:
            excused[row["excuse"]] += row["rows"]
    return VerifiedTable(table, has_column, rows["total"], rows["linked"], findings, excused)


def _listed(engine: engines.Engine, bad: dict[str, ir.Table]) -> Iterator[pa.RecordBatch]:
    """Yield the rows that are not right, in the order of their keys."""
    for table, rows in bad.items():
        for batch in engine.batches(rows.order_by("key")):
            names = pa.array([table] * batch.num_rows, pa.string())
            yield pa.record_batch([names, *(batch[name] for name in _LISTED.names[1:])], schema=_LISTED)


def _state(settings: project.Project) -> tuple[int | None, int | None]:
    """Return the number of a run that is going on, and the run since which the environment is held."""
    if not runs.exists(settings.ledger_location):
        return None, None
    with runs.Ledger(settings.ledger_location) as ledger, runs.Status(settings.ledger_location) as status:
        last = status.last()
        going_on = last is not None and last.status in runs.UNDER_WAY
        return last.number if last and going_on else None, ledger.held_since(hydrating.name_of(settings))
