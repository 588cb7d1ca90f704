"""The tables in a folder that no project knows yet: their files, keys, and what their columns could mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from backstamp.connect import files
from backstamp.unify import suggest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PATTERNS = ("*.csv", "*.parquet", "data/*.csv", "data/*.parquet")
_KEY = re.compile(r"(?:.*[^a-z])?(?:key|no|number|code)|.*(?:id|ID)|.*_(?:id|key)", re.IGNORECASE)
_LOOKED_AT_ROWS = 1_000


@dataclass(frozen=True)
class FoundTable:
    """A table in a file.

    Attributes:
        name: what a project could call it.
        path: of its file, from the folder.
        key: the column that is called like a key and has another value in each row, None without one.
        types: semantic types that columns could have.
    """

    name: str
    path: str
    key: str | None
    types: tuple[suggest.Suggestion, ...]


def discover(folder: Path) -> tuple[FoundTable, ...]:
    """Return the tables in the CSV and Parquet files of a folder and of its folder `data`, from their first rows.

    Raises:
        SourceError: a file cannot be read.
    """
    paths = {path.relative_to(folder).as_posix() for pattern in _PATTERNS for path in folder.glob(pattern)}
    kinds: dict[str, bool] = {}
    return tuple(_found(folder, path, kinds) for path in sorted(paths))


def _found(folder: Path, path: str, kinds: dict[str, bool]) -> FoundTable:
    """Look into a file; `kinds` tells of each semantic type suggested so far whether its values are text.

    What is a date in one table and text in another cannot be one column of the profile.
    """
    name = re.sub(r"\W", "_", path.rpartition("/")[2].rpartition(".")[0])
    source = files.Files(folder, {name: files.FileTable(path)})
    columns = {column.name: column.type for column in source.define(name).columns}
    rows = next(source.read(name, list(columns))).rows
    values = {column: rows[column].slice(0, _LOOKED_AT_ROWS).to_pylist() for column in columns}
    key = next(_keys(rows, list(columns)), None)
    others = {column: kind for column, kind in columns.items() if column != key}
    suggested = suggest.suggest(others, values)
    are_text = {one: pa.types.is_string(columns[one.column]) for one in suggested}
    fitting = tuple(one for one, is_text in are_text.items() if kinds.setdefault(one.type, is_text) == is_text)
    return FoundTable(name, path, key, fitting)


def _keys(rows: pa.RecordBatch, columns: list[str]) -> Iterator[str]:
    for column in columns:
        if rows.num_rows and _KEY.fullmatch(column) and _is_unique(rows[column]):
            yield column


def _is_unique(column: pa.Array[Any]) -> bool:
    return column.null_count == 0 and pc.count_distinct(column).as_py() == len(column)
