"""Our part of the benchmark, each step in a process of its own.

python benchmarks/ours.py read FOLDER        rows into a warehouse
python benchmarks/ours.py unify FOLDER       from there to merged profiles
python benchmarks/ours.py accuracy FOLDER    ours and Splink's clusters beside the truth
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import pyarrow as pa
from pyarrow import parquet

import company
from backstamp import engine, pipeline, shapes
from backstamp.pipeline import reading
from backstamp.unify import evaluate, transform
from measured import Stopwatch, peak_memory, tell, versions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp.pipeline.stages import Told

THREADS = 2
MEMORY = "4GB"  # what DuckDB may take; Arrow and Python come on top
CLUSTERS = "ours.parquet"


def main() -> None:
    """Do the step that the command line names."""
    step, folder = sys.argv[1], Path(sys.argv[2])
    {"read": read, "unify": unify, "accuracy": accuracy}[step](folder)


def read(folder: Path) -> None:
    """Store the rows of every table, as a full read does."""
    (folder / "warehouse.duckdb").unlink(missing_ok=True)
    watch = Stopwatch()
    with watch.phase("read in"), _warehouse(folder) as warehouse:
        for table in company.SETTINGS.tables:
            rows = parquet.read_table(company.file_of(folder, table.table))
            types = dict(zip(rows.schema.names, rows.schema.types, strict=True))
            numbered = rows.append_column(transform.POSITION, pa.array(np.arange(len(rows))))
            landed = transform.Landed(
                rows=warehouse.load(numbered.schema, numbered.to_batches()),
                deleted=None,
                unreadable=warehouse.load(shapes.CORRUPT, []),
                latest_wins=False,
            )
            stored = transform.store(warehouse, landed, None, table.key, types)
            assert isinstance(stored, transform.Stored)  # noqa: S101 - nothing was known before
            warehouse.keep(reading.stored_name(table.table), stored.rows)
        warehouse.publish()
    tell(phases=watch.phases, peak=peak_memory())


def unify(folder: Path) -> None:
    """Unify the stored rows; the profiles stay in the warehouse."""
    watch = Stopwatch()

    @contextmanager
    def stage(name: str) -> Iterator[Told]:
        with watch.phase(name):
            yield Silent()

    with _warehouse(folder) as warehouse:
        settings = company.SETTINGS
        sources = {table.table: reading.stored(warehouse, table.table) for table in settings.tables}
        with watch.phase("all"):
            pipeline.unify(warehouse, settings, pipeline.Given(sources), None, run=1, seed=UUID(int=1), stage=stage)
        peak = peak_memory()
        with watch.phase("publish"):
            warehouse.publish()
        warehouse.write_parquet(warehouse.table("members"), folder / CLUSTERS)
        tell(
            phases=watch.phases,
            peak=peak,
            rows=warehouse.count(warehouse.table("records")),
            clusters=warehouse.count(warehouse.table("profiles")),
            versions=versions("duckdb", "ibis-framework", "pyarrow"),
        )


def accuracy(folder: Path) -> None:
    """Compare both clusterings with the truth."""
    truth = parquet.read_table(folder / company.TRUTH)
    found = {}
    for who, file in {"ours": CLUSTERS, "splink": "splink.parquet"}.items():
        made = evaluate.measure_clusters(parquet.read_table(folder / file), truth).pairs
        found[who] = {"precision": made.precision, "recall": made.recall, "f1": made.f1}
    tell(**found)


@dataclass
class Silent:
    """Is told about a stage, and keeps it to itself."""

    rows: int | None = None

    def detail(self, text: str) -> None:
        """Keep a sentence to itself."""

    def warn(self, text: str) -> None:
        """Keep a warning to itself."""


def _warehouse(folder: Path) -> engine.DuckDB:
    return engine.DuckDB(folder / "warehouse.duckdb", engine.DuckDBSettings(threads=THREADS, memory=MEMORY))


if __name__ == "__main__":
    main()
