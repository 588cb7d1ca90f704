"""Python functions on columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable


def each_distinct(column: pa.Array[Any], function: Callable[[Any], str | None]) -> pa.Array[Any]:
    """Return the column with a function applied, once to each distinct value; null stays null."""
    encoded = column.dictionary_encode()
    results = pa.array([function(value) for value in encoded.dictionary.to_pylist()], pa.string())
    return results.take(encoded.indices)
