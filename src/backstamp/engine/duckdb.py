"""The engine in this process: one DuckDB file."""

from __future__ import annotations

import errno
import inspect
import itertools
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import duckdb
import ibis
import ibis.expr.operations as ops
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.backends.sql.datatypes import DuckDBType

from backstamp import errors
from backstamp.engine import built, functions, graph, held
from backstamp.engine.settings import DuckDBSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    import ibis.expr.datatypes as dt
    import ibis.expr.schema as sch
    import ibis.expr.types as ir

BATCH_ROWS = 131_072
_SOURCE = Backend()  # compiles; it has no connection
_STORE = "store"  # the schema of the physical tables; the views of the main schema show the published ones
_SCRATCH = ops.Namespace("temp", "main")  # for what only this process needs; also in a transaction on the file
_KEPT_STATEMENTS = 4096
_FEW_ROWS = 5000
"""Up to so many rows blocks that hold none of them are passed over; to look for more takes longer than to read all."""
_VERY_FEW_ROWS = 50
_PLACE = '"place of a row"'
_DIGITS_OF_64_BITS = 18
_MACROS = (
    "short_hash(key) AS (key & 9223372036854775807::UHUGEINT)::BIGINT",
    "time_in_utc(words) AS TRY_CAST(words AS TIMESTAMPTZ)::TIMESTAMP",
    "local_time(moment, zone) AS timezone(zone, timezone('UTC', moment))",
    "time_at_local(shown, zone) AS timezone('UTC', timezone(zone, shown))",
    "unscaled(number) AS (number * 10000000000)::HUGEINT",
    "scaled(whole) AS whole::DECIMAL(38, 0) * 0.0000000001::DECIMAL(11, 10)",
    # Decimals are divided as floating numbers, whole numbers of 128 bits as what they are, but slowly: so that is done
    # only where an estimate, which six roundings of floating numbers have led to, is too near a half to be sure.
    "rounded(one, other) AS (2 * 10000000000 * abs(one) + abs(other)) // (2 * abs(other)) * sign(one) * sign(other)",
    "estimate(one, other) AS one::DOUBLE / other::DOUBLE * 1e10",
    "is_sure(estimate) AS abs(estimate) < 1e15 AND abs(abs(estimate) % 1 - 0.5) > 1e-15 * abs(estimate)",
    "exact_quotient(one, other) AS scaled(rounded(unscaled(one), unscaled(other)))",
    (
        "quotient(one, other) AS CASE WHEN is_sure(estimate(one, other))"
        " THEN scaled(round(estimate(one, other))::BIGINT) ELSE exact_quotient(one, other) END"
    ),
)
"""The names that `functions` has for what DuckDB has no single function for; `md5_number` is its own."""
PATIENCE_SECONDS = 3.0
"""How long to wait for another process that has the file open: a question is soon answered, a run is not."""
_HELD = ("Could not set lock", "used by another process")  # in DuckDB's words on Linux and macOS, and on Windows


class DuckDB:
    """An `Engine` on a DuckDB file.

    The manifest (`store.manifest`: name, physical table) says which tables are published; `publish` changes it, and
    the views that people read, in one transaction. `store.aside` says the same of the draft that was put aside.
    Physical tables that neither names are drafts of runs that ended in the middle, and are dropped when the file is
    opened.

    Args:
        path: of the file.
        settings: threads and memory.
        patches_in_place: patch the published tables themselves, in a transaction; else they are written anew, at a
            cost that follows their size, so that the draft can be put aside.
        reads_only: see what is published at this moment, in one transaction, and leave the drafts of others alone:
            a run of this process may be at work on the same file.

    Raises:
        BusyError: another process has the file open.
        ConfigurationError: it cannot be opened for another reason.
    """

    def __init__(
        self,
        path: Path | str = ":memory:",
        settings: DuckDBSettings | None = None,
        *,
        patches_in_place: bool = True,
        reads_only: bool = False,
    ) -> None:
        settings = settings or DuckDBSettings()
        self.patches_in_place = patches_in_place
        self._threads = settings.threads or os.cpu_count()
        self._draft: dict[str, str | None] = {}  # None for tables that are to go
        self._kept: set[str] = set()  # physical tables since the last publication
        self._is_patching = False  # in a transaction, which ends when all is published
        self._schemas: dict[str, sch.Schema] = {}  # of physical tables
        self._held: list[str] = []  # temporary tables,
        self._shown: list[str] = []  # and Arrow tables that queries see,
        self._made: Counter[str] = Counter()  # and how many there are of one place in the code
        self._picked: dict[
            ops.Node, dict[tuple[tuple[str, ...], ops.Node], str]
        ] = {}  # where picked rows stand, by keys
        self._connection = _connect(str(path), settings)
        if reads_only:
            held.FILES.hold(str(path), partial(_connect, str(path), settings))
        # To find out how text is compressed best takes longer than to write and read it as it is.
        self._execute("SET disabled_compression_methods = 'dictionary,fsst'")
        if not reads_only:
            self._execute(f"CREATE SCHEMA IF NOT EXISTS {_STORE}")
            self._execute(f"CREATE TABLE IF NOT EXISTS {_STORE}.manifest (name VARCHAR, physical VARCHAR)")
            self._execute(f"CREATE TABLE IF NOT EXISTS {_STORE}.aside (number BIGINT, name VARCHAR, physical VARCHAR)")
        self._execute("SET TimeZone = 'UTC'")  # else text with an offset is told in the zone of the machine
        self._execute("; ".join(f"CREATE TEMP MACRO {macro}" for macro in _MACROS))
        if reads_only:
            self._execute("BEGIN")
        self._manifest: dict[str, str] = dict(self._fetch(f"SELECT name, physical FROM {_STORE}.manifest"))
        if not reads_only:
            self._drop_unpublished()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def has(self, name: str) -> bool:
        """See `Engine.has`."""
        return (self._draft[name] if name in self._draft else self._manifest.get(name)) is not None

    def table(self, name: str) -> ir.Table:
        """See `Engine.table`."""
        return self._physical(self._draft.get(name) or self._manifest[name])

    def published(self, name: str) -> ir.Table | None:
        """See `Engine.published`."""
        physical = self._manifest.get(name)
        return None if physical is None else self._physical(physical)

    def keep(self, name: str, expression: ir.Table) -> ir.Table:
        """See `Engine.keep`."""
        has_wide = any(map(_is_wide, expression.schema().values()))
        return self._keep(name, "TABLE", _compiled(expression), has_wide=has_wide)

    def view(self, name: str, expression: ir.Table) -> ir.Table:
        """See `Engine.view`."""
        return self._keep(name, "VIEW", _compiled(expression))

    def discard(self, name: str) -> None:
        """See `Engine.discard`."""
        del self._draft[name]

    def names(self) -> Collection[str]:
        """See `Engine.names`."""
        return self._manifest.keys()

    def retire(self, name: str) -> None:
        """See `Engine.retire`."""
        self._draft[name] = None

    def patch(self, name: str, by: Sequence[str], removed: ir.Table, added: ir.Table) -> None:
        """See `Engine.patch`."""
        table = self.table(name)
        if not self.patches_in_place:
            others = table.anti_join(removed.select(*by).distinct(), list(by))
            self.keep(name, others.union(added.select(table.columns)))
            return
        if not self._is_patching:
            self._execute("BEGIN")
            self._is_patching = True
        stored = self._stored(table.op().name)
        places = self._picked.pop(table.op(), {}).get((tuple(by), removed.op()))
        if places is None:
            gone = _compiled(built.here(lambda: removed.select(*by).distinct()))
            same = " AND ".join(f"stored.{_quoted(column)} = gone.{_quoted(column)}" for column in by)
            self._execute(f"DELETE FROM {stored} AS stored USING ({gone}) AS gone WHERE {same}")
        else:
            self._execute(f"DELETE FROM {stored} WHERE rowid IN (SELECT {_PLACE} FROM {places})")
        rows = _compiled(built.here(lambda: added.select(table.columns)))
        self._execute(f"INSERT INTO {stored} {rows}")

    def land(self, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> ir.Table:
        """See `Engine.land`."""
        with self._landing(schema, batches) as landing:
            return self._keep(name, "TABLE", landing)

    def cache(self, expression: ir.Table) -> ir.Table:
        """See `Engine.cache`."""
        return self._hold(_compiled(expression), expression.schema())

    def pick(self, table: ir.Table, by: Sequence[str], keys: ir.Table) -> ir.Table:
        """See `Engine.pick`."""
        node = table.op()
        is_stored = isinstance(node, ops.DatabaseTable) and node.namespace.database == _STORE
        # A column of that name, in whatever letters, hides where rows are.
        if not is_stored or "rowid" in map(str.lower, table.columns):
            return self.cache(built.here(lambda: table.semi_join(keys, by)))
        # A join reads all columns of all rows that could fit; by their places it reads the blocks that hold one.
        stored, places = self._stored(node.name), self._name()
        same = " AND ".join(f"stored.{_quoted(column)} = keys.{_quoted(column)}" for column in by)
        there, columns = f"stored.rowid = keys.{_PLACE}", ", ".join(map(_quoted, by))
        asked = f"({_compiled(keys)}) AS keys"
        found = f"SELECT rowid AS {_PLACE}, {columns} FROM {stored} AS stored SEMI JOIN {asked} ON {same}"
        [(count,)] = self._fetch(f"CREATE TEMP TABLE {places} AS {found}")
        self._held.append(places)
        if _is_held(keys):
            self._picked.setdefault(node, {})[tuple(by), keys.op()] = places
        # Of a table in that order, those columns tell of whole parts that they hold none.
        same = f"{there} AND {same}" if count <= _VERY_FEW_ROWS else there
        self._execute(f"SET dynamic_or_filter_threshold = {_FEW_ROWS}")
        rows = f"SELECT stored.* FROM {stored} AS stored SEMI JOIN {places} AS keys ON {same}"
        picked = self._hold(rows, table.schema())
        self._execute("RESET dynamic_or_filter_threshold")
        return picked

    def constant(self, value: int | str | datetime) -> ir.Scalar:
        """See `Engine.constant`."""
        name, kind = self._name(), functions.CONSTANTS[type(value)]
        self._execute(f"SET VARIABLE {name} = CAST(? AS {DuckDBType.to_string(kind)})", [value])
        return functions.variable(name, kind)

    def load(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> ir.Table:
        """See `Engine.load`."""
        with self._landing(schema, batches) as landing:
            return self._hold(landing, ibis.Schema.from_pyarrow(schema))

    def map(
        self,
        expression: ir.Table,
        function: Callable[[pa.RecordBatch], pa.RecordBatch],
        schema: pa.Schema,
        rows: int = BATCH_ROWS,
    ) -> ir.Table:
        """See `Engine.map`."""
        with ThreadPoolExecutor(self._threads) as pool:
            made = pa.Table.from_batches(pool.map(function, self._read(expression, rows)), schema)
        return self._show(made)

    def select(self, statement: str, tables: Mapping[str, ir.Table]) -> ir.Table:
        """See `Engine.select`."""
        named = ", ".join(f"{_quoted(name)} AS ({_compiled(table)})" for name, table in tables.items())
        query = f"WITH {named} SELECT * FROM ({statement})"
        try:
            schema = self._execute(f"SELECT * FROM ({query}) LIMIT 0").to_arrow_table().schema
            return self._hold(query, ibis.Schema.from_pyarrow(schema))
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException) as error:
            said = str(error).partition("\n")[0]
            raise errors.ConfigurationError(f"The select does not fit its tables: {said}.") from error
        except duckdb.DataError:
            # The engine's own words quote the value.
            raise errors.SourceError("A value does not fit what the select does with it: use try_cast.") from None

    def spanning_forest(self, links: ir.Table) -> tuple[ir.Table, ir.Table]:
        """See `Engine.spanning_forest`."""
        members, forest = graph.spanning_forest(self._arrow(_in_order(links)))
        return self._show(members), self._show(forest)

    def separated_forest(self, links: ir.Table, apart: ir.Table) -> tuple[ir.Table, ir.Table, ir.Table]:
        """See `Engine.separated_forest`."""
        found = graph.separated_forest(self._arrow(_in_order(links)), self._arrow(apart))
        members, forest, refused = map(self._show, found)
        return members, forest, refused

    def toward(self, forest: ir.Table, roots: ir.Table) -> ir.Table:
        """See `Engine.toward`."""
        return self._show(graph.toward(self._arrow(forest), self._arrow(roots)))

    def rows(self, expression: ir.Table) -> list[dict[str, Any]]:
        """See `Engine.rows`."""
        rows: list[dict[str, Any]] = self._arrow(expression).to_pylist()
        return rows

    def count(self, expression: ir.Table) -> int:
        """See `Engine.count`."""
        return int(self._fetch(_compiled(_number_of(expression)))[0][0])

    def counts(self, expressions: Sequence[ir.Table]) -> list[int]:
        """See `Engine.counts`."""
        counts = ", ".join(f"({_compiled(_number_of(expression))})" for expression in expressions)
        return list(self._fetch(f"SELECT {counts}")[0]) if expressions else []

    def batches(self, expression: ir.Table) -> Iterator[pa.RecordBatch]:
        """See `Engine.batches`."""
        yield from self._read(expression)

    def write_parquet(self, expression: ir.Table, path: Path) -> int:
        """See `Engine.write_parquet`."""
        path.open("wb").close()  # what is wrong with the path is told in Python's own words
        target = str(path).replace("'", "''")
        copy = f"COPY ({_compiled(expression)}) TO '{target}' (FORMAT parquet, USE_TMP_FILE false)"
        try:
            return int(self._fetch(copy)[0][0])
        except duckdb.IOException as error:
            raise OSError(errno.EIO, str(error), str(path)) from error

    def publish(self) -> None:
        """See `Engine.publish`."""
        if not self._is_patching:
            self._execute("BEGIN")
        for name, physical in self._draft.items():
            self._execute(f"DELETE FROM {_STORE}.manifest WHERE name = ?", [name])
            view = f"{self._catalog_sql}.main.{_quoted(name)}"
            if physical is None:
                self._execute(f"DROP VIEW IF EXISTS {view}")
                continue
            self._execute(f"INSERT INTO {_STORE}.manifest VALUES (?, ?)", [name, physical])
            # Without the catalog's name, which is the file's, so that a renamed file still has its views.
            select = f"SELECT * FROM {_STORE}.{_quoted(physical)}"
            self._execute(f"CREATE OR REPLACE VIEW {view} AS {select}")
        self._execute(f"DELETE FROM {_STORE}.aside")
        self._execute("COMMIT")
        self._is_patching = False
        published = self._manifest | self._draft
        self._manifest = {name: physical for name, physical in published.items() if physical is not None}
        self._draft = {}
        self._kept = set()
        self._drop_unpublished()
        self._drop_held()

    @property
    def can_put_aside(self) -> bool:
        """See `Engine.can_put_aside`."""
        return not self._is_patching

    def put_aside(self, number: int) -> None:
        """See `Engine.put_aside`."""
        self._execute("BEGIN")
        self._execute(f"DELETE FROM {_STORE}.aside")
        # The first line stands for the draft itself, which may hold nothing.
        for name, physical in (("", ""), *self._draft.items()):
            self._execute(f"INSERT INTO {_STORE}.aside VALUES (?, ?, ?)", [number, name, physical])
        self._execute("COMMIT")

    def aside(self) -> int | None:
        """See `Engine.aside`."""
        return next((number for (number,) in self._fetch(f"SELECT number FROM {_STORE}.aside LIMIT 1")), None)

    def take_up(self) -> None:
        """See `Engine.take_up`."""
        self._draft = dict(self._fetch(f"SELECT name, physical FROM {_STORE}.aside WHERE name <> ''"))

    def forget_aside(self) -> None:
        """See `Engine.forget_aside`."""
        self._execute(f"DELETE FROM {_STORE}.aside")
        self._drop_unpublished()

    def close(self) -> None:
        """See `Engine.close`."""
        held.close(self._connection)

    @cached_property
    def _catalog_sql(self) -> str:
        return _quoted(self._fetch("SELECT current_catalog()")[0][0])

    def _stored(self, physical: str) -> str:
        return f"{self._catalog_sql}.{_STORE}.{_quoted(physical)}"

    def _physical(self, physical: str) -> ir.Table:
        if physical not in self._schemas:
            told = self._fetch(f"DESCRIBE {_STORE}.{_quoted(physical)}")
            self._schemas[physical] = ibis.schema({column: _kind(words) for column, words, *_ in told})
        return _table(physical, self._schemas[physical], ops.Namespace(database=_STORE))

    def _keep(self, name: str, kind: str, select: str, *, has_wide: bool = False) -> ir.Table:
        taken = self._kept.union(self._manifest.values(), self._put_aside())
        physical = next(one for number in itertools.count(1) if (one := f"{name}__{number}") not in taken)
        self._kept.add(physical)
        if not self._is_patching:
            self._picked = {}  # the commit may tidy the file up, and move rows
        if has_wide:
            self._execute(f"CREATE TABLE {self._stored(physical)} ({self._columns(select)})")
            self._execute(f"INSERT INTO {self._stored(physical)} {select}")
        else:
            self._execute(f"CREATE {kind} {self._stored(physical)} AS {select}")
        self._draft[name] = physical
        self._schemas.pop(physical, None)
        return self.table(name)

    def _columns(self, select: str) -> str:
        """Return the columns that a statement gives, as a table declares them.

        Decimals of more than 64 bits stay as they are: to read them back from the bits that they need takes DuckDB
        thirteen times as long.
        """
        told = self._fetch(f"DESCRIBE {select}")
        return ", ".join(
            f"{_quoted(column)} {words}{' USING COMPRESSION uncompressed' if _is_wide(_kind(words)) else ''}"
            for column, words, *_ in told
        )

    def _hold(self, select: str, schema: sch.Schema) -> ir.Table:
        name = self._name()
        self._execute(f"CREATE TEMP TABLE {name} AS {select}")
        self._held.append(name)
        return _table(name, schema, _SCRATCH)

    def _show(self, table: pa.Table) -> ir.Table:
        """Let queries see an Arrow table where it is, without a copy."""
        name = self._name()
        self._connection.register(name, table)
        self._shown.append(name)
        return _table(name, ibis.Schema.from_pyarrow(table.schema), ops.Namespace())

    def _name(self) -> str:
        """Return a name that tells where in the code a table is asked for, and for which time.

        So the same work has the same statements whenever it is done again, and they need not be compiled again.
        """
        frame = inspect.currentframe()
        while frame is not None and frame.f_code.co_filename == __file__:
            frame = frame.f_back
        assert frame is not None  # noqa: S101 - somebody asks
        asked = f"{Path(frame.f_code.co_filename).stem}_{frame.f_code.co_name.strip('<>')}_{frame.f_lineno}"
        self._made[asked] += 1
        return f"{asked}_{self._made[asked]}"

    @contextmanager
    def _landing(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
        """Give the query that reads a stream; what goes wrong in the stream is raised as it is.

        DuckDB would raise an error of its own, in whose message that of the stream is only quoted.
        """
        failures: list[BaseException] = []

        def watched() -> Iterator[pa.RecordBatch]:
            try:
                yield from batches
            except BaseException as error:
                failures.append(error)
                raise

        self._connection.register("landing", pa.RecordBatchReader.from_batches(schema, watched()))
        try:
            yield "SELECT * FROM landing"
        except duckdb.Error:
            if failures:
                raise failures[0] from None
            raise
        finally:
            self._connection.unregister("landing")

    def _read(self, expression: ir.Table, rows: int = BATCH_ROWS) -> pa.RecordBatchReader:
        return self._execute(_compiled(expression)).to_arrow_reader(rows)

    def _arrow(self, expression: ir.Table) -> pa.Table:
        return self._execute(_compiled(expression)).to_arrow_table()

    def _execute(self, sql: str, parameters: Sequence[object] = ()) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(sql, parameters)
        except RuntimeError as error:  # what DuckDB makes of Ctrl-C while it computes
            if "interrupted" in str(error):
                raise KeyboardInterrupt from error
            raise

    def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        return self._execute(sql).fetchall()

    def _put_aside(self) -> set[str]:
        return {physical for (physical,) in self._fetch(f"SELECT physical FROM {_STORE}.aside")}

    def _drop_unpublished(self) -> None:
        kept = {"manifest", "aside", *self._manifest.values(), *self._put_aside()}
        for kind in ("view", "table"):
            names = self._fetch(f"SELECT {kind}_name FROM duckdb_{kind}s() WHERE schema_name = '{_STORE}'")
            for (physical,) in names:
                if physical not in kept:
                    self._execute(f"DROP {kind} {self._stored(physical)}")

    def _drop_held(self) -> None:
        """Drop what only this process needed."""
        self._execute("; ".join(f"DROP TABLE temp.main.{name}" for name in self._held))
        for name in self._shown:
            self._connection.unregister(name)
        self._held, self._shown, self._made, self._picked = [], [], Counter(), {}


@lru_cache(_KEPT_STATEMENTS)
def _table(name: str, schema: sch.Schema, namespace: ops.Namespace) -> ir.Table:
    # Ibis compares schemas with what may be null.
    nullable = ibis.schema({column: kind.copy(nullable=True) for column, kind in schema.items()})
    return ops.DatabaseTable(name, schema=nullable, source=_SOURCE, namespace=namespace).to_expr()


@lru_cache
def _kind(words: str) -> dt.DataType:
    """Return the type that DuckDB calls so; to read its name takes longer than to look it up."""
    return DuckDBType.from_string(words)


def _is_held(expression: ir.Table) -> bool:
    """Tell whether an expression is a temporary table, which nobody changes."""
    node = expression.op()
    return isinstance(node, ops.DatabaseTable) and node.namespace == _SCRATCH


def _is_wide(kind: dt.DataType) -> bool:
    """Tell whether values are decimals that have no room in 64 bits."""
    return bool(kind.is_decimal() and kind.precision > _DIGITS_OF_64_BITS)


def _compiled(expression: ir.Table) -> str:
    return _compiled_node(expression.op())


@lru_cache(_KEPT_STATEMENTS)
def _compiled_node(node: ops.Relation) -> str:
    return str(_SOURCE.compile(node.to_expr()))


@built.once
def _number_of(expression: ir.Table) -> ir.IntegerScalar:
    return expression.count()


@built.once
def _in_order(links: ir.Table) -> ir.Table:
    return links.order_by([links.rule, links.score.desc(), links.left, links.right])


def _connect(path: str, settings: DuckDBSettings) -> duckdb.DuckDBPyConnection:
    options: dict[str, str | bool | int | float | list[str]] = {
        # Nothing depends on the order in which rows are kept, and keeping it takes both time and memory.
        "preserve_insertion_order": False,
    }
    if settings.threads:
        options["threads"] = settings.threads
    if settings.memory:
        options["memory_limit"] = settings.memory
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return _open(path, options)
        except errors.BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _open(path: str, options: dict[str, str | bool | int | float | list[str]]) -> duckdb.DuckDBPyConnection:
    try:
        return held.opened(path, options)
    except duckdb.IOException as error:
        if any(words in str(error) for words in _HELD):
            message = f"The warehouse {path} is open in another process, a run or `backstamp serve`:"
            raise errors.BusyError(f"{message} wait for its end, or ask there.") from error
        message = f"The warehouse {path} cannot be opened: is it a DuckDB file, and may you write it?"
        raise errors.ConfigurationError(message) from error
    except duckdb.ConnectionException as error:
        message = "The settings of `engine` changed while a run goes on with those of before: wait for its end."
        raise errors.BusyError(message) from error


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
