"""Tables as folders of Parquet files under one path, and the manifest that says which of them are published.

manifest.json   name -> folder, of the published tables, and of those of the draft that was put aside
tables/         a folder for each table that is published or in a draft
scratch/        what only the process that has the path open needs
lock            held by that process
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet

from backstamp import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TABLES, SCRATCH = "tables", "scratch"
BATCH_ROWS, ROWS_PER_FILE = 131_072, 500_000
_MANIFEST, _NEXT_MANIFEST, _LOCK = "manifest.json", "manifest.json.next", "lock"


@dataclass(frozen=True)
class Aside:
    """A draft that was put aside: its number, and name -> folder of its tables, None for those that are to go."""

    number: int
    tables: dict[str, str | None]


class Folder:
    """The path of a warehouse, on this machine or in a store that pyarrow knows; open in one process at a time.

    The manifest is replaced by a rename, which on this machine is one moment. Object stores have no rename: there the
    new manifest is copied over the old one, which readers see whole, either as it was or as it is. Nor have they locks:
    that only one run writes is seen to by the ledger alone.

    Raises:
        BusyError: another process has it open.
        ConfigurationError: it cannot be opened for another reason.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock: int | None = None
        try:
            self._files, self._root = _file_system(path)
            self._files.create_dir(self._root)
            if isinstance(self._files, pyarrow.fs.LocalFileSystem):
                self._lock = os.open(f"{self._root}/{_LOCK}", os.O_CREAT | os.O_RDWR, 0o600)
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.manifest, self.aside = self._read_manifest()
        except BlockingIOError as error:
            self.close()
            message = f"The warehouse {path} is open in another process. See `backstamp status`, or wait for its end."
            raise errors.BusyError(message) from error
        except (OSError, ValueError, pa.ArrowInvalid) as error:
            self.close()
            message = f"The warehouse {path} cannot be opened: is it a folder of backstamp's, and may you write it?"
            raise errors.ConfigurationError(message) from error

    def close(self) -> None:
        """Let it go."""
        if self._lock is not None:
            os.close(self._lock)

    @property
    def kept(self) -> set[str]:
        """The folders of all tables that the manifest names."""
        aside = self.aside.tables.values() if self.aside else ()
        return {*self.manifest.values(), *filter(None, aside)}

    def replace_manifest(self, manifest: dict[str, str], aside: Aside | None = None) -> None:
        """Say which tables are published, and which draft is put aside, all in one moment."""
        following = self._at(_NEXT_MANIFEST)
        told = {"tables": manifest, "aside": asdict(aside) if aside else None}
        with self._files.open_output_stream(following) as stream:
            stream.write(json.dumps(told, indent=1).encode())
        self._files.move(following, self._at(_MANIFEST))
        self.manifest, self.aside = manifest, aside

    def drop_unpublished(self) -> None:
        """Drop all tables that the manifest does not name."""
        kept = self.kept
        for found in self._files.get_file_info(self._selector(TABLES)):
            if found.base_name not in kept:
                self._files.delete_dir(found.path)

    def drop_scratch(self) -> None:
        """Drop what only this process needed, or one that was killed."""
        self._files.create_dir(self._at(SCRATCH))
        self._files.delete_dir_contents(self._at(SCRATCH))

    def url(self, kind: str, name: str) -> str:
        """Return how Spark names the folder of a table."""
        path = self._at(kind, name)
        return f"file://{path}" if self._lock is not None else f"{self.path.rstrip('/')}/{kind}/{name}"

    def write(self, kind: str, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        """Write a stream of batches as a table, in as many files as it takes, at least one."""
        self._files.create_dir(self._at(kind, name))
        for number, rows in enumerate(_in_parts(schema, batches)):
            path = self._at(kind, name, f"part-{number:06}.parquet")
            pyarrow.parquet.write_table(rows, path, filesystem=self._files)

    def read(self, kind: str, name: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a table, in the order in which Spark wrote them."""
        for path in self._parts(kind, name):
            with pyarrow.parquet.ParquetFile(path, filesystem=self._files) as file:
                yield from file.iter_batches(BATCH_ROWS)

    def schema(self, kind: str, name: str) -> pa.Schema:
        """Return the columns of a table."""
        return pyarrow.parquet.read_schema(self._parts(kind, name)[0], filesystem=self._files).remove_metadata()

    def count(self, kind: str, name: str) -> int:
        """Return the number of rows of a table."""
        paths = self._parts(kind, name)
        return sum(pyarrow.parquet.read_metadata(path, filesystem=self._files).num_rows for path in paths)

    def _parts(self, kind: str, name: str) -> list[str]:
        found = self._files.get_file_info(self._selector(kind, name))
        return sorted(info.path for info in found if info.base_name.endswith(".parquet"))

    def _selector(self, *parts: str) -> pyarrow.fs.FileSelector:
        return pyarrow.fs.FileSelector(self._at(*parts), allow_not_found=True)

    def _at(self, *parts: str) -> str:
        return "/".join((self._root, *parts))

    def _read_manifest(self) -> tuple[dict[str, str], Aside | None]:
        if self._files.get_file_info(self._at(_MANIFEST)).type == pyarrow.fs.FileType.NotFound:
            return {}, None
        with self._files.open_input_stream(self._at(_MANIFEST)) as stream:
            told = json.loads(stream.read())
        aside = told.get("aside")
        return told["tables"], Aside(**aside) if aside else None


def _file_system(path: str) -> tuple[Any, str]:
    if re.match("[a-z0-9]+://", path):
        files, root = pyarrow.fs.FileSystem.from_uri(path)
        return files, root
    return pyarrow.fs.LocalFileSystem(), os.path.abspath(path)  # noqa: PTH100 - it makes no link of Windows' drives


def _in_parts(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the batches as tables of about so many rows as a file gets; at least one table."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        if count >= ROWS_PER_FILE:
            yield pa.Table.from_batches(waiting, schema)
            waiting, count = [], 0
    yield pa.Table.from_batches(waiting, schema)
