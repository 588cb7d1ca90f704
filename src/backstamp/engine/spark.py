"""The engine for more than one machine: Spark, over tables in Parquet files.

What an expression gives is always written as Parquet files first: so plans stay short, nothing passes through the
driver but what is asked for, and what is asked for streams from the files.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any, Self

import ibis
import ibis.expr.operations as ops
import pyarrow as pa
import pyarrow.parquet
import sqlglot
from ibis.backends.pyspark.datatypes import PySparkSchema
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import functions as F  # noqa: N812 - as Spark's own documentation calls it
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import NumericType

from backstamp import errors, shapes
from backstamp.engine import parquet, session, stars
from backstamp.engine.functions import CONSTANTS
from backstamp.engine.settings import SparkSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import ibis.expr.types as ir
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType


class Spark:
    """An `Engine` on Spark.

    The manifest says which tables are published, and which put aside; `publish` replaces it. Tables that it does not
    name are drafts of runs that ended in the middle, and are dropped when the path is opened.

    Raises:
        BusyError: another process has the path open.
        ConfigurationError: it cannot be opened for another reason, or Spark does not start.
    """

    patches_in_place = False

    def __init__(self, path: Path | str, settings: SparkSettings | None = None) -> None:
        self._folder = parquet.Folder(str(path))
        try:
            self._session = session.start(settings or SparkSettings())
            self._ibis = ibis.pyspark.connect(self._session)
            self._folder.drop_scratch()
            self._folder.drop_unpublished()
        except BaseException:
            self._folder.close()
            raise
        self._draft: dict[str, str | None] = {}  # None for tables that are to go
        self._numbers = itertools.count(1)
        self._shown: dict[str, str] = {}  # which of the tables that expressions name lie where
        self._forests: set[str] = set()  # which of them `stars.forest` gave

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def has(self, name: str) -> bool:
        """See `Engine.has`."""
        return (self._draft[name] if name in self._draft else self._folder.manifest.get(name)) is not None

    def table(self, name: str) -> ir.Table:
        """See `Engine.table`."""
        return self._show(parquet.TABLES, self._draft.get(name) or self._folder.manifest[name])

    def published(self, name: str) -> ir.Table | None:
        """See `Engine.published`."""
        physical = self._folder.manifest.get(name)
        return None if physical is None else self._show(parquet.TABLES, physical)

    def keep(self, name: str, expression: ir.Table) -> ir.Table:
        """See `Engine.keep`."""
        physical = self._name(name)
        self._write(self._frame(expression), parquet.TABLES, physical)
        self._draft[name] = physical
        return self.table(name)

    def view(self, name: str, expression: ir.Table) -> ir.Table:
        """See `Engine.view`; it is computed now, so that whoever reads the files finds it."""
        return self.keep(name, expression)

    def discard(self, name: str) -> None:
        """See `Engine.discard`."""
        del self._draft[name]

    def names(self) -> Collection[str]:
        """See `Engine.names`."""
        return self._folder.manifest.keys()

    def retire(self, name: str) -> None:
        """See `Engine.retire`."""
        self._draft[name] = None

    def patch(self, name: str, by: Sequence[str], removed: ir.Table, added: ir.Table) -> None:
        """See `Engine.patch`; the table is written anew."""
        table = self.table(name)
        self.keep(name, table.anti_join(removed.select(*by).distinct(), list(by)).union(added.select(table.columns)))

    def land(self, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> ir.Table:
        """See `Engine.land`."""
        physical = self._name(name)
        self._folder.write(parquet.TABLES, physical, schema, batches)
        self._draft[name] = physical
        return self.table(name)

    def cache(self, expression: ir.Table) -> ir.Table:
        """See `Engine.cache`."""
        return self._hold(self._frame(expression))

    def pick(self, table: ir.Table, by: Sequence[str], keys: ir.Table) -> ir.Table:
        """See `Engine.pick`."""
        return self.cache(table.semi_join(keys, list(by)))

    def constant(self, value: int | str | datetime) -> ir.Scalar:
        """See `Engine.constant`."""
        return ibis.literal(value).cast(CONSTANTS[type(value)])

    def load(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> ir.Table:
        """See `Engine.load`."""
        physical = self._name("loaded")
        self._folder.write(parquet.SCRATCH, physical, schema, batches)
        return self._show(parquet.SCRATCH, physical)

    def map(
        self,
        expression: ir.Table,
        function: Callable[[pa.RecordBatch], pa.RecordBatch],
        schema: pa.Schema,
        rows: int = parquet.BATCH_ROWS,
    ) -> ir.Table:
        """See `Engine.map`; the workers of Spark need backstamp too."""

        def each(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                yield from (function(batch.slice(first, rows)) for first in range(0, batch.num_rows, rows))

        return self._hold(self._frame(expression).mapInArrow(each, _spark_schema(schema)))

    def select(self, statement: str, tables: Mapping[str, ir.Table]) -> ir.Table:
        """See `Engine.select`."""
        named = ", ".join(f"`{name}` AS ({self._ibis.compile(table)})" for name, table in tables.items())
        [translated] = sqlglot.transpile(statement, read="duckdb", write="spark")
        try:
            return self._hold(self._session.sql(f"WITH {named} SELECT * FROM ({translated})"))
        except AnalysisException as error:
            message = f"The select does not fit its tables, in Spark's SQL: {error.getCondition()}."
            raise errors.ConfigurationError(message) from None
        except PySparkException:
            # The engine's own words quote the value.
            raise errors.SourceError("A value does not fit what the select does with it: use try_cast.") from None

    def spanning_forest(self, links: ir.Table) -> tuple[ir.Table, ir.Table]:
        """See `Engine.spanning_forest`."""
        members, forest, _ = self._solved(stars.forest(self._frame(links), None, self._save))
        return members, forest

    def separated_forest(self, links: ir.Table, apart: ir.Table) -> tuple[ir.Table, ir.Table, ir.Table]:
        """See `Engine.separated_forest`."""
        return self._solved(stars.forest(self._frame(links), self._frame(apart), self._save))

    def toward(self, forest: ir.Table, roots: ir.Table) -> ir.Table:
        """See `Engine.toward`."""
        groups = self._groups_of(forest)
        known = None if groups is None else self._frame(groups)
        return self._hold(stars.toward(self._frame(forest), self._frame(roots), known, self._save))

    def rows(self, expression: ir.Table) -> list[dict[str, Any]]:
        """See `Engine.rows`."""
        return [row for batch in self.batches(expression) for row in batch.to_pylist()]

    def count(self, expression: ir.Table) -> int:
        """See `Engine.count`."""
        stored = self._stored(expression)
        return self._folder.count(*stored) if stored else self._frame(expression).count()

    def counts(self, expressions: Sequence[ir.Table]) -> list[int]:
        """See `Engine.counts`."""
        return [self.count(expression) for expression in expressions]

    def batches(self, expression: ir.Table) -> Iterator[pa.RecordBatch]:
        """See `Engine.batches`."""
        yield from self._folder.read(*self._computed(expression))

    def write_parquet(self, expression: ir.Table, path: Path) -> int:
        """See `Engine.write_parquet`."""
        computed = self._computed(expression)
        with pyarrow.parquet.ParquetWriter(path, self._folder.schema(*computed)) as writer:
            for batch in self._folder.read(*computed):
                writer.write_batch(batch)
        return self._folder.count(*computed)

    def publish(self) -> None:
        """See `Engine.publish`."""
        published = self._folder.manifest | self._draft
        self._folder.replace_manifest({name: one for name, one in published.items() if one is not None})
        self._draft = {}
        self._folder.drop_unpublished()

    @property
    def can_put_aside(self) -> bool:
        """See `Engine.can_put_aside`."""
        return True

    def put_aside(self, number: int) -> None:
        """See `Engine.put_aside`."""
        self._folder.replace_manifest(self._folder.manifest, parquet.Aside(number, self._draft))

    def aside(self) -> int | None:
        """See `Engine.aside`."""
        return self._folder.aside.number if self._folder.aside else None

    def take_up(self) -> None:
        """See `Engine.take_up`."""
        self._draft = dict(self._folder.aside.tables) if self._folder.aside else {}

    def forget_aside(self) -> None:
        """See `Engine.forget_aside`."""
        self._folder.replace_manifest(self._folder.manifest)
        self._folder.drop_unpublished()

    def close(self) -> None:
        """See `Engine.close`; Java goes on, for the next session of this process."""
        self._folder.drop_scratch()
        self._folder.close()

    def _name(self, name: str) -> str:
        """Return a name for a folder that none has yet, which tells what it is for."""
        plain = re.sub("[^A-Za-z0-9_]", "_", name)
        physical = f"{plain}__{next(self._numbers)}"
        return self._name(name) if physical in self._folder.kept else physical

    def _frame(self, expression: ir.Table) -> DataFrame:
        """Return what Spark makes of an expression, numbers of the types that Ibis expects.

        Spark numbers rows in 32 bits, and sums up in other decimals.
        """
        frame = self._session.sql(self._ibis.compile(expression))
        wanted = PySparkSchema.from_ibis(expression.schema())
        casts = {
            here.name: F.col(f"`{here.name.replace('`', '``')}`").cast(there.dataType)
            for here, there in zip(frame.schema, wanted, strict=True)
            if here.dataType != there.dataType
            and isinstance(here.dataType, NumericType)
            and isinstance(there.dataType, NumericType)
        }
        return frame.withColumns(casts) if casts else frame

    def _hold(self, frame: DataFrame) -> ir.Table:
        return self._show(parquet.SCRATCH, self._write(frame, parquet.SCRATCH, self._name("made")))

    def _solved(self, frame: DataFrame) -> tuple[ir.Table, ir.Table, ir.Table]:
        """Compute groups, forest and refused links."""
        rows = self._hold(frame)
        self._forests.add(rows.op().name)
        forest, refused = (
            rows.filter(rows.kind == kind).select(*shapes.LINKS.names) for kind in (stars.FOREST, stars.REFUSED)
        )
        return _members(rows), forest, refused

    def _groups_of(self, forest: ir.Table) -> ir.Table | None:
        """Return the groups of a forest that this engine made, so that they need not be found again."""
        read = {node.name for node in forest.op().find(ops.DatabaseTable)}
        return _members(self._ibis.table(read.pop())) if len(read) == 1 and read <= self._forests else None

    def _save(self, frame: DataFrame) -> DataFrame:
        """Compute a frame; what is returned reads the result."""
        return self._read(parquet.SCRATCH, self._write(frame, parquet.SCRATCH, self._name("step")))

    def _write(self, frame: DataFrame, kind: str, physical: str) -> str:
        frame.write.parquet(self._folder.url(kind, physical))
        return physical

    def _read(self, kind: str, physical: str) -> DataFrame:
        schema = _spark_schema(self._folder.schema(kind, physical))
        # What Spark takes for patterns in a path are mere characters.
        path = re.sub(r"([\[\]{}*?\\])", r"\\\1", self._folder.url(kind, physical))
        return self._session.read.schema(schema).parquet(path)

    def _show(self, kind: str, physical: str) -> ir.Table:
        if physical not in self._shown:
            self._read(kind, physical).createOrReplaceTempView(physical)
            self._shown[physical] = kind
        return self._ibis.table(physical)

    def _stored(self, expression: ir.Table) -> tuple[str, str] | None:
        """Return where a table lies that has been computed already."""
        node = expression.op()
        kind = self._shown.get(node.name) if isinstance(node, ops.DatabaseTable) else None
        return None if kind is None else (kind, node.name)

    def _computed(self, expression: ir.Table) -> tuple[str, str]:
        """Return where the rows of an expression lie, in its order."""
        stored = self._stored(expression)
        return stored or (parquet.SCRATCH, self._write(self._frame(expression), parquet.SCRATCH, self._name("result")))


def _members(solved: ir.Table) -> ir.Table:
    return solved.filter(solved.kind == stars.MEMBER).select(record="left", group="right")


def _spark_schema(schema: pa.Schema) -> StructType:
    return from_arrow_schema(schema, prefer_timestamp_ntz=True)
