"""What the values of columns are like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from backstamp import shapes
from backstamp.unify.profiling import ColumnProfile, Frequent, profile

if TYPE_CHECKING:
    from backstamp.engine import Engine


def test_a_profile(warehouse: Engine) -> None:
    """White space is empty; what one row has is not frequent; equally frequent values stand in their order."""
    columns: dict[str, list[Any]] = {
        "city": ["Rome", "Bern", " ", None, "Bern", "Rome", "Oslo"],
        "size": [1, None, 1, 1, 2, 2, 3],
    }
    schema = shapes.shape(city=pa.string(), size=pa.int64())
    rows = warehouse.load(schema, [pa.RecordBatch.from_pydict(columns, schema)])
    assert profile(warehouse, rows, ["city", "size"]) == (
        7,
        (
            ColumnProfile("city", empty=2, distinct=3, most_frequent=(Frequent("Bern", 2), Frequent("Rome", 2))),
            ColumnProfile("size", empty=1, distinct=3, most_frequent=(Frequent("1", 3), Frequent("2", 2))),
        ),
    )


def test_no_rows(warehouse: Engine) -> None:
    """A table without rows has a profile."""
    rows = warehouse.load(shapes.shape(city=pa.string()), [])
    assert profile(warehouse, rows, ["city"]) == (0, (ColumnProfile("city", 0, 0, ()),))
