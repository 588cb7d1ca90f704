"""Engines: keep and read tables, run Ibis expressions, map a column, join what is connected.

Relational work is written once as Ibis expressions and runs on any engine; work on single strings is written once
as a function on Arrow batches and is mapped by any engine.

    settings   which engine computes
    duckdb     the engine in this process,
    held       whose files stay open for a moment, and
    spark      its twin for more than one machine:
    parquet    its tables as files
    session    how it starts
    functions  functions of values that Ibis does not name
    built      expressions that are built once a process
    graph      connected records on one machine, and
    stars      on many
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from backstamp import errors
from backstamp.engine import held
from backstamp.engine.duckdb import DuckDB as DuckDB
from backstamp.engine.settings import DuckDBSettings as DuckDBSettings
from backstamp.engine.settings import Settings as Settings
from backstamp.engine.settings import SparkSettings as SparkSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    import ibis.expr.types as ir
    import pyarrow as pa


WAREHOUSE, SPARK_WAREHOUSE = "warehouse.duckdb", "warehouse"
"""The names of the warehouses in a project's folder of state, where the project file names no other place."""


class Engine(Protocol):
    """A warehouse and the means to compute in it.

    `patches_in_place` tells whether views of a table show what `patch` does to it.

    A run keeps tables in its *draft*, beside the published ones; `publish` makes all of them the published ones in
    one moment. A draft that was neither published nor put aside is forgotten at the next opening.
    """

    patches_in_place: bool

    def __enter__(self) -> Self:
        """Return the engine, which is closed at the end of the block."""
        ...

    def __exit__(self, *_: object) -> None:
        """Close it."""
        ...

    def has(self, name: str) -> bool:
        """Tell whether there is a table of that name, in the draft or published."""
        ...

    def table(self, name: str) -> ir.Table:
        """Return a table: the draft's if it has one of that name, else the published one (KeyError if none)."""
        ...

    def published(self, name: str) -> ir.Table | None:
        """Return the published table of that name, whatever the draft holds, or None."""
        ...

    def keep(self, name: str, expression: ir.Table) -> ir.Table:
        """Compute an expression and keep it in the draft under that name."""
        ...

    def view(self, name: str, expression: ir.Table) -> ir.Table:
        """Keep an expression over kept tables in the draft under that name; it may be computed when it is read."""
        ...

    def discard(self, name: str) -> None:
        """Forget what the draft holds under that name; what is published under it stays."""
        ...

    def names(self) -> Collection[str]:
        """Return the names of the published tables."""
        ...

    def retire(self, name: str) -> None:
        """Let the published table of that name go at the next publication; the draft has it no more."""
        ...

    def patch(self, name: str, by: Sequence[str], removed: ir.Table, added: ir.Table) -> None:
        """Put rows in the place of others of a table, at a cost that follows their number where the engine can.

        Until `publish` this process alone sees it, also in what `published` gives.

        Args:
            name: of the table; no view.
            by: columns without nulls, by which rows are known.
            removed: has these columns; of the table all rows go that have their values together. It must be computed.
            added: rows with the columns of the table. They must be computed.
        """
        ...

    def land(self, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> ir.Table:
        """Keep a stream of Arrow batches in the draft under that name."""
        ...

    def cache(self, expression: ir.Table) -> ir.Table:
        """Compute an expression now, for the use of this process only."""
        ...

    def pick(self, table: ir.Table, by: Sequence[str], keys: ir.Table) -> ir.Table:
        """Return the rows of a kept table that have in some columns what one of some keys has, for this process only.

        It looks at these columns alone, and at whole rows only where they are asked for: so it costs little to take a
        few rows out of many.

        Args:
            table: what `table` or `published` gave, and no view.
            by: the columns.
            keys: has these columns.
        """
        ...

    def constant(self, value: int | str | datetime) -> ir.Scalar:
        """Return a value for expressions of this process.

        Where statements are kept they are the same whatever the value is: so it is for what differs from run to run.
        """
        ...

    def load(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> ir.Table:
        """Hold a stream of Arrow batches as a table, for the use of this process only."""
        ...

    def map(
        self,
        expression: ir.Table,
        function: Callable[[pa.RecordBatch], pa.RecordBatch],
        schema: pa.Schema,
        rows: int = ...,
    ) -> ir.Table:
        """Give each batch of an expression to a function, in threads; hold what it returns, a table of that schema.

        A batch has about `rows` rows at most, the fewer the longer the function takes for one.
        """
        ...

    def select(self, statement: str, tables: Mapping[str, ir.Table]) -> ir.Table:
        """Compute a select, written in DuckDB's SQL, over tables that it calls by these names; hold what it gives.

        Raises:
            ConfigurationError: it does not fit the tables.
            SourceError: it does not fit a value of theirs, which the message does not quote.
        """
        ...

    def spanning_forest(self, links: ir.Table) -> tuple[ir.Table, ir.Table]:
        """Join what `shapes.LINKS` connects, in the order rule, score (high first), left, right.

        Returns:
            (record, group) of every record with a link, the group being its smallest record; and the links that
            joined two groups not yet joined, as `shapes.LINKS`.
        """
        ...

    def separated_forest(self, links: ir.Table, apart: ir.Table) -> tuple[ir.Table, ir.Table, ir.Table]:
        """Join what `shapes.LINKS` connects as `spanning_forest` does, but for what must stay apart.

        Args:
            links: all links, not too many: they are taken one by one.
            apart: left, right: pairs of records that must not come into one group.

        Returns:
            As `spanning_forest`, and the links that were refused, each pair once, as `shapes.LINKS`.
        """
        ...

    def toward(self, forest: ir.Table, roots: ir.Table) -> ir.Table:
        """Return (record, partner): the next record on the way of each one to its root, along the forest."""
        ...

    def rows(self, expression: ir.Table) -> list[dict[str, Any]]:
        """Return a small result as Python values."""
        ...

    def count(self, expression: ir.Table) -> int:
        """Return the number of rows."""
        ...

    def counts(self, expressions: Sequence[ir.Table]) -> list[int]:
        """Return the number of rows of each."""
        ...

    def batches(self, expression: ir.Table) -> Iterator[pa.RecordBatch]:
        """Stream a result as Arrow batches; nothing else may be asked of the engine meanwhile."""
        ...

    def write_parquet(self, expression: ir.Table, path: Path) -> int:
        """Write a result to one Parquet file, in its order; return the number of rows.

        Raises:
            OSError: the file cannot be written.
        """
        ...

    def publish(self) -> None:
        """Make the draft's tables the published ones, all in one moment; what was computed beside them is forgotten."""
        ...

    @property
    def can_put_aside(self) -> bool:
        """Whether the draft can be put aside: not once published tables were patched in place."""
        ...

    def put_aside(self, number: int) -> None:
        """Keep the draft under a number for a later process, instead of the one that was put aside before."""
        ...

    def aside(self) -> int | None:
        """Return the number of the draft that was put aside, None without one; `publish` forgets it."""
        ...

    def take_up(self) -> None:
        """Make the tables that were put aside the draft."""
        ...

    def forget_aside(self) -> None:
        """Forget the draft that was put aside."""
        ...

    def close(self) -> None:
        """Let the warehouse go, so that another process can open it."""
        ...


def lingering() -> AbstractContextManager[None]:
    """Let warehouses that are only read stay open for a moment after, as long as the block lasts, for a server."""
    return held.FILES.wanted()


def open_warehouse(
    state: Path, settings: Settings | None = None, *, patches_in_place: bool = True, reads_only: bool = False
) -> Engine:
    """Open the warehouse of a project on the engine that its file names.

    Args:
        state: the project's folder of state.
        settings: which engine; DuckDB where nothing is said.
        patches_in_place: let patches change published tables themselves where the engine can: fast, but such a draft
            cannot be put aside.
        reads_only: only look at what is published at this moment; on DuckDB also while a run of this process goes on.

    Raises:
        BusyError: another process has it open.
        ConfigurationError: it cannot be opened for another reason.
    """
    if not isinstance(settings, SparkSettings):
        return DuckDB(state / WAREHOUSE, settings, patches_in_place=patches_in_place, reads_only=reads_only)
    try:
        spark = importlib.import_module("backstamp.engine.spark")  # only who computes on Spark has its libraries
    except ModuleNotFoundError as error:
        message = "The engine Spark needs libraries of its own: install `backstamp[spark]`."
        raise errors.ConfigurationError(message) from error
    opened: Engine = spark.Spark(_spark_path(state, settings), settings)
    return opened


def has_warehouse(state: Path, settings: Settings | None = None) -> bool:
    """Tell whether there is a warehouse to open, empty or not."""
    if not isinstance(settings, SparkSettings):
        return (state / WAREHOUSE).exists()
    path = _spark_path(state, settings)
    return "://" in path or Path(path).exists()  # what a store holds, only opening it can tell


def _spark_path(state: Path, settings: SparkSettings) -> str:
    return settings.path or str(state / SPARK_WAREHOUSE)
