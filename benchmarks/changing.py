"""What a run costs that finds some rows changed; in a process of its own, as `incremental.py` starts it.

python benchmarks/changing.py FOLDER ROWS,ROWS... MEMORY     after `ours.py read`: a full run, then runs of so many rows
"""

from __future__ import annotations

import itertools
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

import company
from backstamp import engine, pipeline, shapes
from backstamp.pipeline import incremental, reading, stages
from backstamp.unify import transform
from measured import peak_memory, tell, versions
from ours import THREADS, Silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow.dataset import Dataset

    from backstamp.pipeline.stages import Told

TURNS, FEWER_TURNS = 12, 3
"""So many runs of each size. Which steps a run takes, and so which statements it needs, depends on where its rows lead:
few rows take many runs until a process has met them all."""
_FEW_ROWS = 1_000
CHANGED = "crm.contact"
KEY = "contactid"
EMAIL = ("emailaddress1", company.normal("email"))
"""The columns that are changed: every other row gets the e-mail of another row, and so joins its customer; the rest get
one that nobody has, and perhaps leave theirs."""


def main() -> None:
    """Measure a full run, then runs of so many changed rows."""
    folder, sizes = Path(sys.argv[1]), [int(size) for size in sys.argv[2].split(",")]
    settings = engine.DuckDBSettings(threads=THREADS, memory=sys.argv[3])
    rows = pyarrow.dataset.dataset(company.file_of(folder, CHANGED))
    numbers = itertools.count(1)
    with engine.DuckDB(folder / "warehouse.duckdb", settings) as warehouse:
        sources = {table.table: reading.stored(warehouse, table.table) for table in company.SETTINGS.tables}
        begun = time.perf_counter()
        pipeline.unify(
            warehouse,
            company.SETTINGS,
            pipeline.Given(sources),
            None,
            run=next(numbers),
            seed=UUID(int=1),
            stage=_stage,
        )
        warehouse.publish()
        full, full_peak = time.perf_counter() - begun, peak_memory()
        told = [
            _changed(warehouse, rows, size, next(numbers), folder) | {"turn": turn}
            for size in sizes
            for turn in range(TURNS if size <= _FEW_ROWS else FEWER_TURNS)
        ]
        known = warehouse.count(warehouse.table("records"))
    tell(
        rows=known,
        full={"wall": full, "peak": full_peak},
        changed=told,
        versions=versions("duckdb", "ibis-framework", "pyarrow"),
    )


def _changed(
    warehouse: engine.DuckDB, rows: pyarrow.dataset.Dataset, size: int, run: int, folder: Path
) -> dict[str, float]:
    """Change so many rows, spread over the table, and unify what that can touch."""
    landed = _landed(warehouse, rows, size, run)
    written, begun = _written(), time.perf_counter()
    phases = {}
    types = dict(zip(rows.schema.names, rows.schema.types, strict=True))
    changes = transform.store(warehouse, landed, warehouse.published(reading.stored_name(CHANGED)), KEY, types)
    assert isinstance(changes, transform.Changes)  # noqa: S101 - it is known
    phases["store"] = time.perf_counter() - begun
    change = incremental.Change({CHANGED: changes}, None, {}, ())
    part = incremental.find(warehouse, company.SETTINGS, change)
    touched = warehouse.count(warehouse.table("records") if part is None else part.records)
    phases["find"] = time.perf_counter() - begun
    if part is None:
        _unify_all(warehouse, changes, run)
    else:
        incremental.unify(warehouse, company.SETTINGS, change, part, stages.Running(run, UUID(int=run), _stage))
    phases["unify"] = time.perf_counter() - begun
    warehouse.publish()
    wall = time.perf_counter() - begun
    return {
        "size": size,
        "wall": wall,
        **phases,
        "touched": touched,
        "written": _written() - written,
        "file": (folder / "warehouse.duckdb").stat().st_size,
        "peak": peak_memory(),
    }


def _unify_all(warehouse: engine.DuckDB, changes: transform.Changes, run: int) -> None:
    """Unify all rows, as a run does where a change touches so many that this is quicker."""
    before, sources = stages.published(warehouse), {}
    for table in company.SETTINGS.tables:
        own = changes if table.table == CHANGED else None
        incremental.store_whole(warehouse, table.table, own, by_number=False)
        sources[table.table] = reading.stored(warehouse, table.table)
    given = pipeline.Given(sources)
    pipeline.unify(warehouse, company.SETTINGS, given, before, run=run, seed=UUID(int=run), stage=_stage)


def _landed(warehouse: engine.DuckDB, rows: Dataset, size: int, run: int) -> transform.Landed:
    """Return rows as a change feed brings them, each with another e-mail."""
    draw = np.random.default_rng(run)
    known = rows.count_rows()
    chosen, others = draw.choice(known, size, replace=False), draw.integers(0, known, size)
    changed, taken = rows.take(chosen), rows.take(others)
    own: Any = pa.array([f"{run}.{number}@new.example" if number % 2 else None for number in range(size)], pa.string())
    for name in EMAIL:
        changed = changed.set_column(changed.schema.get_field_index(name), name, _either(own, taken[name]))
    numbered = changed.append_column(transform.POSITION, pa.array(np.arange(size)))
    keys = shapes.shape(key=pa.string())
    return transform.Landed(
        rows=warehouse.load(numbered.schema, numbered.combine_chunks().to_batches()),
        deleted=warehouse.load(keys, []),
        unreadable=warehouse.load(shapes.CORRUPT, []),
        latest_wins=True,
    )


def _either(values: Any, others: Any) -> Any:  # noqa: ANN401 - columns of any kind
    return pc.coalesce(values, others)


def _written() -> int:
    """Return how many bytes this process has sent to the disk."""
    counters = Path("/proc/self/io")
    lines = counters.read_text(encoding="ascii").splitlines() if counters.exists() else []
    return sum(int(line.partition(":")[2]) for line in lines if line.startswith("write_bytes"))


@contextmanager
def _stage(_name: str) -> Iterator[Told]:
    yield Silent()


if __name__ == "__main__":
    main()
