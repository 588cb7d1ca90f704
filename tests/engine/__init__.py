"""Engines: what they keep, what they publish, how they compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from backstamp import shapes

if TYPE_CHECKING:
    from backstamp import engine

NUMBERS = shapes.shape(n=pa.int64())


def land(warehouse: engine.Engine, name: str, *numbers: int) -> None:
    """Keep a table of one column in the draft."""
    batch = pa.RecordBatch.from_pydict({"n": list(numbers)}, schema=NUMBERS)
    warehouse.land(name, NUMBERS, [batch])


def numbers(table: Any, warehouse: engine.Engine) -> list[int]:
    """Return what is in it, in ascending order."""
    return sorted(row["n"] for row in warehouse.rows(table))
