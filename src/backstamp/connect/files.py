"""Files in a folder: CSV, whose values are all text, and Parquet, which has types of its own.

A file has no feed: as long as nothing in it changed there is nothing to tell, and then it is read in full.
"""

from __future__ import annotations

import csv
import difflib
import glob
import hashlib
import itertools
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from backstamp import errors
from backstamp.connect import ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    _Page: TypeAlias = tuple[pa.RecordBatch, tuple[ports.Unreadable, ...]]

POSITION = "_position"
"""The last column of each batch: where the row stands, counted over all files of the table in order of their names."""

csv.field_size_limit(2**31 - 1)  # as Arrow, which sets no limit, reads the same files
_PARQUET = frozenset({".parquet", ".pq"})
_CSV = frozenset({".csv", ".tsv", ".txt"})
_NO_UTF8 = "The value is not in UTF-8: check the encoding of its file."
_BLOCK_BYTES = 8 << 20
_ROWS_OF_A_BATCH = 65_536


ColumnType = Literal["text", "integer", "decimal", "date", "time", "boolean"]
_ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "decimal": pa.decimal128(38, 10),
    "date": pa.date32(),
    "time": pa.timestamp("us"),
    "boolean": pa.bool_(),
}


@dataclass(frozen=True)
class FileTable:
    """A table kept in files.

    Attributes:
        path: of a file, of a folder, or a pattern (`purchases/*.parquet`), from the project's folder.
        key: the primary key; "" where the project names none.
        types: what the text of a CSV column stands for: `integer`, `decimal`, `date`, `time` or `boolean`; what does
            not fit is for the reader of the rows to set apart.
        delimiter: between the values of a CSV file.
        encoding: of a CSV file, as Python names it; a byte order mark is skipped.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    path: str
    key: str = ""
    types: dict[str, ColumnType] = field(default_factory=dict)
    delimiter: str = ","
    encoding: str = "utf-8"


class Files:
    """Tables kept in files, as a `ports.Source`.

    Args:
        folder: where relative paths start.
        tables: each table's files, by its name.
    """

    def __init__(self, folder: Path, tables: Mapping[str, FileTable]) -> None:
        self._folder = folder
        self._tables = tables

    def define(self, table: str) -> ports.TableDefinition:
        """Return the table's columns, those of CSV files as they are declared; only headers are read.

        Raises:
            SourceError: there is no file, one cannot be read, or two of them differ in their columns.
        """
        schema = self._schema(table, self._files(table))
        settings = self._tables[table]
        _wanted(schema, list(settings.types), table)
        types = {name: _ARROW_TYPES[kind] for name, kind in settings.types.items()}
        columns = tuple(ports.Column(field.name, types.get(field.name, field.type)) for field in schema)
        return ports.TableDefinition(name=table, key=settings.key, columns=columns)

    def read(self, table: str, columns: Sequence[str], token: str | None = None) -> Iterator[ports.Change]:
        """Read the key, these columns and `POSITION`; with the token of unchanged files one page without rows.

        The token is made before the rows are read: what is written to a file meanwhile shows at the next read.

        Raises:
            FeedEndedError: the files, or what is wanted of them, are not as the token knew them.
            SourceError: a file or a column is not there, or a file cannot be read.
        """
        settings = self._tables[table]
        files = self._files(table)
        wanted = _wanted(self._schema(table, files), [settings.key, *columns], table)
        types = [settings.types.get(name, "") for name in wanted.names]
        digest = _digest(files, [settings.delimiter, settings.encoding, *wanted.names, *types])
        if token is not None and token != digest:
            raise errors.FeedEndedError(f"The files of {table}, or the columns wanted of them, changed: read in full.")
        position = 0
        for file in files if token is None else ():
            for rows, unreadable in _rows(file, settings, wanted, position):
                yield ports.Change(_numbered(rows, position), unreadable=unreadable)
                position += rows.num_rows
        yield ports.Change(_numbered(_no_rows(wanted), position), token=digest)

    def _files(self, table: str) -> list[_File]:
        """Return the table's files in order of their names."""
        path = self._tables[table].path
        if (self._folder / path).is_dir():
            path = str(Path(path) / "*")
        names = glob.glob(path, root_dir=self._folder, recursive=True)  # noqa: PTH207 - the path may be absolute
        found = (_File(name, self._folder / name) for name in sorted(names))
        files = [file for file in found if file.path.is_file()]
        if not files:
            raise errors.SourceError(
                f"There is no file {self._folder / path} for the table {table}: correct its path in the project file."
            )
        return files

    def _schema(self, table: str, files: Sequence[_File]) -> pa.Schema:
        """Return the columns of the first file, after all others proved to have the same."""
        first, *others = ((file, _file_schema(file, self._tables[table])) for file in files)
        for file, schema in others:
            if different := set(schema) ^ set(first[1]):
                names = ", ".join(sorted({field.name for field in different}))
                raise errors.SourceError(
                    f"{first[0].name} and {file.name} are both files of the table {table} but differ in: {names}."
                    " Give all its files the same columns, or make them two tables."
                )
        return first[1]


@dataclass(frozen=True)
class _File:
    """A file: its name as messages and the order of files know it, and where it is."""

    name: str
    path: Path

    @property
    def is_parquet(self) -> bool:
        return self.path.suffix.lower() in _PARQUET


@contextmanager
def _readable(file: _File) -> Iterator[None]:
    """Say of what goes wrong inside which file it is."""
    try:
        yield
    except (pa.ArrowException, OSError, csv.Error, UnicodeError, LookupError) as error:
        remedy = "is it a Parquet file, and its text UTF-8?" if file.is_parquet else "check its encoding and delimiter."
        raise errors.SourceError(f"{file.name} cannot be read ({error}): {remedy}") from error


def _file_schema(file: _File, settings: FileTable) -> pa.Schema:
    with _readable(file):
        if file.is_parquet:
            return pyarrow.parquet.read_schema(file.path).remove_metadata()
        if file.path.suffix.lower() not in _CSV:
            raise errors.SourceError(f"{file.name} is neither CSV (.csv, .tsv, .txt) nor Parquet (.parquet).")
        header = next((row for _, row in _lines(file, settings)), None)
        "".join(header or ()).encode()  # a name that is no text ends here
    if header is None:
        raise errors.SourceError(f"{file.name} is empty: its first line must name the columns.")
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise errors.SourceError(f"{file.name} has several columns of the name {', '.join(repeated)}: rename them.")
    return pa.schema([(name, pa.string()) for name in header])


def _rows(file: _File, settings: FileTable, wanted: pa.Schema, position: int) -> Iterator[_Page]:
    """Yield the rows of a file, the first of which stands at this position; what is no text is no value, and told."""
    with _readable(file):
        for batch, unreadable in _parquet_rows(file, wanted) if file.is_parquet else _csv_rows(file, settings, wanted):
            decoded = {field.name: _decoded(batch[field.name], field.type) for field in wanted}
            rows = pa.RecordBatch.from_arrays([column for column, _ in decoded.values()], schema=wanted)
            keys = rows[settings.key] if settings.key else pa.nulls(rows.num_rows)
            invalid = [
                ports.Unreadable(str(keys[row].as_py() or position + row + 1), _NO_UTF8, name)
                for name, (_, places) in decoded.items()
                if name != settings.key  # a row without its key is told as such
                for row in places
            ]
            yield rows, (*unreadable, *invalid)
            position += rows.num_rows


def _decoded(column: pa.Array[Any], kind: pa.DataType) -> tuple[pa.Array[Any], Sequence[int]]:
    """Return bytes as text, or what is no text as it is; and the places of values that are no UTF-8, which are null."""
    try:
        text = column.cast(kind)
        text.validate(full=True)  # Parquet files may hold any bytes as text
    except pa.ArrowInvalid:
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise
        written = column.cast(pa.large_binary()).to_pylist()
        texts = [_text(value) for value in written]
        return pa.array(texts, kind), [place for place, value in enumerate(written) if value and texts[place] is None]
    return text, ()


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _parquet_rows(file: _File, wanted: pa.Schema) -> Iterator[_Page]:
    with pyarrow.parquet.ParquetFile(file.path) as parquet:
        for batch in parquet.iter_batches(_ROWS_OF_A_BATCH, columns=wanted.names):
            yield batch, ()


def _csv_rows(file: _File, settings: FileTable, wanted: pa.Schema) -> Iterator[_Page]:
    """Read the wanted columns as bytes; nothing between two delimiters is no value."""
    if sum(1 for _ in itertools.islice(_lines(file, settings), 2)) < 2:
        return  # Arrow takes a header alone for a broken file.
    bad = _BadRows(file, settings)
    with _open_csv(file, settings, wanted, bad) as reader:
        for batch in reader:
            yield batch, bad.told()
    yield _no_rows(wanted), bad.told()


def _open_csv(file: _File, settings: FileTable, wanted: pa.Schema, bad: _BadRows) -> pyarrow.csv.CSVStreamingReader:
    return pyarrow.csv.open_csv(
        file.path,
        # Arrow numbers the rows only where it reads them one after the other.
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, encoding=settings.encoding),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=settings.delimiter, newlines_in_values=True, invalid_row_handler=bad.skip
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(wanted.names, pa.binary()),
            include_columns=wanted.names,
            strings_can_be_null=True,
            null_values=[""],
        ),
    )


class _BadRows:
    """Rows with a wrong number of values: skipped while a file is read, told with their lines afterwards."""

    def __init__(self, file: _File, settings: FileTable) -> None:
        self._name = file.name
        self._found: deque[tuple[int, str]] = deque()
        self._lines = enumerate((line for line, _ in _lines(file, settings)), start=1)

    def skip(self, row: pyarrow.csv.InvalidRow) -> Literal["skip"]:
        """Take note of a row that Arrow could not split into values."""
        reason = f"It has {row.actual_columns} values where the header names {row.expected_columns}."
        if lines := (row.text or "").count("\n"):
            reason += f" It goes on over {lines + 1} lines: perhaps a quote was not closed."
        self._found.append((row.number or 0, reason))
        return "skip"

    def told(self) -> tuple[ports.Unreadable, ...]:
        """Return the rows found since the last call."""
        found = [self._found.popleft() for _ in range(len(self._found))]
        return tuple(ports.Unreadable(f"{self._name}:{self._line_of(row)}", reason) for row, reason in found)

    def _line_of(self, row: int) -> int:
        """Return the line of a row by its number, going on where the search for the row before it ended."""
        return next((line for number, line in self._lines if number == row), row)


def _lines(file: _File, settings: FileTable) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank with the number of its first line; slow, so only for headers and bad rows."""
    is_utf8 = settings.encoding.lower() in {"utf-8", "utf8"}
    encoding, invalid = ("utf-8-sig", "surrogateescape") if is_utf8 else (settings.encoding, "strict")
    with file.path.open(encoding=encoding, errors=invalid, newline="") as text:
        rows = csv.reader(text, delimiter=settings.delimiter)
        before = 0
        for row in rows:
            if row:
                yield before + 1, row
            before = rows.line_num


def _wanted(schema: pa.Schema, names: Sequence[str], table: str) -> pa.Schema:
    missing = [name for name in names if name and name not in schema.names]
    if missing:
        near = difflib.get_close_matches(missing[0], schema.names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise errors.SourceError(
            f"The files of {table} have no column {missing[0]!r}; they have: {', '.join(schema.names)}.{hint}"
        )
    return pa.schema([schema.field(name) for name in dict.fromkeys(names) if name])


def _numbered(rows: pa.RecordBatch, start: int) -> pa.RecordBatch:
    positions = pa.array(range(start, start + rows.num_rows), pa.int64())
    return rows.append_column(POSITION, positions)


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema)


def _digest(files: Sequence[_File], settings: Sequence[str]) -> str:
    """Return what changes when a byte or the name of a file does, or what is wanted of it."""
    whole = hashlib.sha256(repr(settings).encode())
    for file in files:
        with _readable(file), file.path.open("rb") as content:
            whole.update(repr((file.name, hashlib.file_digest(content, "sha256").hexdigest())).encode())
    return whole.hexdigest()
