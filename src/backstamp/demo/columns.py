"""Arrow columns and numpy in one hand: what the other pages do with whole columns of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Column: TypeAlias = "pa.Array[Any]"
Columns: TypeAlias = dict[str, Column]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Times: TypeAlias = NDArray[np.datetime64]


def of(values: NDArray[Any]) -> Column:
    """Return the column with these values."""
    column: Column = pa.array(values)
    return column


def by_name(batch: pa.RecordBatch) -> Columns:
    """Return the columns of a batch by name."""
    return dict(zip(batch.schema.names, batch.columns, strict=True))


def take(values: Column, places: Integers) -> Column:
    """Return the values at these places."""
    return _in_one_piece(values.take(of(places)))


def _in_one_piece(column: Column | pa.ChunkedArray[Any]) -> Column:
    """Return a column as one array; Arrow makes some of millions of texts of several pieces."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def pick(chosen: Flags, yes: Column | str | None, no: Column | str) -> Column:
    """Return a column with `yes` where chosen and `no` elsewhere."""
    picked: Column = pc.if_else(of(chosen), yes, no)
    return picked


def replace(values: Column, chosen: Flags, others: Column) -> Column:
    """Return the column with the chosen values replaced, in order, by the others: one for each chosen."""
    replaced: Column = pc.replace_with_mask(values, of(chosen), others)
    return _in_one_piece(replaced)


def change(values: Column, chosen: Flags, edit: Callable[..., Column], *arguments: object) -> Column:
    """Return the column with the chosen values edited; the edit gets them and the arguments."""
    return replace(values, chosen, edit(values.filter(of(chosen)), *arguments))


def join(*parts: Column | str) -> Column:
    """Return the parts put together, row by row; null where one is null."""
    joined: Column = pc.binary_join_element_wise(*parts, "")  # type: ignore[call-overload] # the stubs know no text here
    return joined


def substitute(values: Column, pattern: str, replacement: str) -> Column:
    r"""Return the column with each match of the regular expression (RE2) replaced; `\1` stands for its first group."""
    substituted: Column = pc.replace_substring_regex(values, pattern, replacement)
    return substituted


def decompose(values: Column) -> Column:
    """Return the column with accents as characters of their own (Unicode NFD)."""
    decomposed: Column = pc.utf8_normalize(values, "NFD")  # type: ignore[attr-defined] # the stubs lack it
    return decomposed


def matches(values: Column, pattern: str) -> Flags:
    """Return a flag for each value: the regular expression (RE2) is found in it."""
    found: Flags = pc.match_substring_regex(values, pattern).to_numpy(zero_copy_only=False)
    return found


def is_filled(values: Column) -> Flags:
    """Return a flag for each value: it is not null."""
    filled: Flags = values.is_valid().to_numpy(zero_copy_only=False)
    return filled
