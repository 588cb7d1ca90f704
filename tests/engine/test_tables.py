"""Tables go in and come out of every engine as they are: every type, every value, any number of batches."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from backstamp import shapes
from backstamp.engine.duckdb import BATCH_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from backstamp.engine import Engine

SCHEMA = shapes.shape(
    text=pa.string(),
    whole=pa.int64(),
    small=pa.int32(),
    real=pa.float64(),
    price=pa.decimal128(38, 10),
    money=pa.decimal128(19, 4),
    yes=pa.bool_(),
    day=pa.date32(),
    time=shapes.TIME,
)
FULL = {
    "text": "Zoë 😀\0",
    "whole": 2**62 + 1,
    "small": -7,
    "real": 0.1,
    "price": Decimal("1234567890123456789012345678.0123456789"),
    "money": Decimal("922337203685477.5807"),
    "yes": True,
    "day": dt.date(1066, 10, 14),
    "time": dt.datetime(2024, 2, 29, 23, 59, 59, 999_999),  # noqa: DTZ001 - UTC without a zone, as times are kept
}
ROWS: list[dict[str, Any]] = [FULL, dict.fromkeys(FULL), {**FULL, "text": "", "whole": -1}]
BATCHES = [pa.RecordBatch.from_pylist(rows, schema=SCHEMA) for rows in (ROWS[:2], [], ROWS[2:])]

WAYS: dict[str, Callable[[Engine], Any]] = {
    "land": lambda warehouse: warehouse.land("landed", SCHEMA, BATCHES),
    "load": lambda warehouse: warehouse.load(SCHEMA, BATCHES),
    "keep": lambda warehouse: warehouse.keep("kept", warehouse.load(SCHEMA, BATCHES)),
    "cache": lambda warehouse: warehouse.cache(warehouse.load(SCHEMA, BATCHES)),
    "map": lambda warehouse: warehouse.map(warehouse.load(SCHEMA, BATCHES), lambda batch: batch, SCHEMA),
}


@pytest.mark.parametrize("way", WAYS)
def test_types_and_values(warehouse: Engine, way: str) -> None:
    """Whichever way a table takes, it comes out with the types and values that went in."""
    table = WAYS[way](warehouse)
    made = pa.Table.from_batches(warehouse.batches(table))
    assert made.schema == SCHEMA
    assert sorted(made.to_pylist(), key=repr) == sorted(ROWS, key=repr)
    assert sorted(warehouse.rows(table), key=repr) == sorted(ROWS, key=repr)
    assert warehouse.count(table) == len(ROWS)


@pytest.mark.parametrize("way", ["land", "load"])
def test_tables_without_rows_have_their_types(warehouse: Engine, way: str) -> None:
    """A stream without a batch makes an empty table, from which work can go on."""
    table = warehouse.land("empty", SCHEMA, []) if way == "land" else warehouse.load(SCHEMA, [])
    assert table.schema() == warehouse.load(SCHEMA, BATCHES).schema()
    again = warehouse.map(table, lambda batch: batch, SCHEMA)
    assert warehouse.count(again) == 0
    assert warehouse.rows(again.whole.sum().name("total").as_table()) == [{"total": None}]


def test_map_changes_what_there_is(warehouse: Engine) -> None:
    """The function is given every batch once, and may return other columns and fewer rows."""
    count = 2 * BATCH_ROWS + 5
    numbers = shapes.shape(n=pa.int64())
    table = warehouse.load(numbers, [pa.RecordBatch.from_pydict({"n": list(range(count))}, schema=numbers)])
    texts = shapes.shape(t=pa.string())

    def even(batch: pa.RecordBatch) -> pa.RecordBatch:
        chosen = [str(row["n"]) for row in batch.to_pylist() if row["n"] % 2 == 0]
        return pa.RecordBatch.from_pydict({"t": chosen}, schema=texts)

    made = warehouse.map(table, even, texts)
    assert warehouse.count(made) == warehouse.count(made.distinct()) == -(-count // 2)
    assert warehouse.count(made.filter(made.t == str(count - 1))) == 1


def test_what_fails_in_map_is_told(warehouse: Engine) -> None:
    """What the function says went wrong reaches the caller, and the engine works on."""

    def broken(_batch: pa.RecordBatch) -> pa.RecordBatch:
        raise ValueError("broken")

    table = warehouse.load(SCHEMA, BATCHES)
    with pytest.raises(Exception, match=r"ValueError: broken|^broken$"):
        warehouse.map(table, broken, SCHEMA)
    assert warehouse.count(table) == len(ROWS)


def test_what_fails_while_it_streams_in_is_told(warehouse: Engine) -> None:
    """An error of the source in the middle of its batches reaches the caller as it is; nothing is kept."""

    def source() -> Any:
        yield BATCHES[0]
        raise ConnectionError("the source is gone")

    with pytest.raises(ConnectionError, match="the source is gone"):
        warehouse.land("broken", SCHEMA, source())
    assert not warehouse.has("broken")
    assert warehouse.count(warehouse.load(SCHEMA, BATCHES)) == len(ROWS)


def test_parquet(warehouse: Engine, tmp_path: Path) -> None:
    """A file has the types and the order of the expression; the number of its rows is returned."""
    table = warehouse.load(SCHEMA, BATCHES)
    count = warehouse.write_parquet(table.order_by(table.whole.desc()), tmp_path / "rows.parquet")
    written = pyarrow.parquet.read_table(tmp_path / "rows.parquet")
    assert count == written.num_rows == len(ROWS)
    assert written.schema == SCHEMA
    assert written.to_pylist() == [ROWS[0], ROWS[2], ROWS[1]]


def test_parquet_without_rows(warehouse: Engine, tmp_path: Path) -> None:
    """A result without rows makes a file with its columns."""
    assert warehouse.write_parquet(warehouse.load(SCHEMA, []), tmp_path / "none.parquet") == 0
    assert pyarrow.parquet.read_schema(tmp_path / "none.parquet") == SCHEMA


def test_order_of_many_rows_in_parquet(warehouse: Engine, tmp_path: Path) -> None:
    """A file of many groups of rows is in the order of the expression too."""
    numbers = np.random.default_rng(1).permutation(300_000)
    shuffled = pa.record_batch([numbers], names=["number"])
    rows = warehouse.load(shuffled.schema, [shuffled])
    assert warehouse.write_parquet(rows.order_by("number"), tmp_path / "rows.parquet") == len(numbers)
    written = pyarrow.parquet.read_table(tmp_path / "rows.parquet")["number"].to_numpy()
    assert (written == np.arange(len(numbers))).all()


def test_parquet_where_nothing_can_be_written(warehouse: Engine, tmp_path: Path) -> None:
    """A file in a folder that is not there is an error of the operating system's kind."""
    with pytest.raises(OSError, match="No such file or directory"):
        warehouse.write_parquet(warehouse.load(SCHEMA, BATCHES), tmp_path / "none" / "rows.parquet")
