"""Pages of several tables fetched side by side, while those who want them take one table after the other.

What is fetched before its turn waits in files, so that memory holds a page of each table at most. How fast, and how
many at once, is the source's own business: all tables of one organization share its pace.
"""

from __future__ import annotations

import queue
import shutil
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self, TypeAlias

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from backstamp.connect import ports

_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


@dataclass(frozen=True)
class _Kept:
    """A page whose rows wait in a file."""

    page: ports.Change
    rows: Path

    def taken(self) -> ports.Change:
        """Return the page with its rows, and remove the file."""
        with pa.ipc.open_stream(self.rows.read_bytes()) as stream:
            rows = stream.read_next_batch()
        self.rows.unlink()
        return replace(self.page, rows=rows)


_Told: TypeAlias = "_Kept | BaseException | None"
"""A page; what reading them ended in; None after the last."""


class Ahead:
    """Fetches ahead, on a thread for each table, until it is left.

    Args:
        folder: where pages wait; it is emptied at first, and gone in the end.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tables = 0
        self._is_left = False
        self._leaving = threading.Lock()

    def fetch(self, pages: Iterator[ports.Change]) -> Iterator[ports.Change]:
        """Begin to fetch these pages at once; give them in their order, and raise what fetching them raised."""
        told: queue.SimpleQueue[_Told] = queue.SimpleQueue()
        self._tables += 1
        # A daemon: an answer that does not come must not keep a program from ending that was told to end.
        threading.Thread(target=self._follow, args=(pages, self._tables, told), daemon=True).start()
        return _taken(told)

    def _follow(self, pages: Iterator[ports.Change], table: int, told: queue.SimpleQueue[_Told]) -> None:
        try:
            for number, page in enumerate(pages):
                kept = self._keep(page, self._folder / f"{table}-{number}.arrow")
                if kept is None:
                    return
                told.put(kept)
            told.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where the pages are wanted
            told.put(error)

    def _keep(self, page: ports.Change, file: Path) -> _Kept | None:
        """Put the rows of a page into a file, or return None where nobody wants them any more."""
        with self._leaving:
            if self._is_left:
                return None
            with pa.ipc.new_stream(str(file), page.rows.schema, options=_COMPRESSED) as stream:
                stream.write_batch(page.rows)
        return _Kept(replace(page, rows=page.rows.slice(0, 0)), file)

    def __enter__(self) -> Self:
        shutil.rmtree(self._folder, ignore_errors=True)  # of a process that was killed
        self._folder.mkdir(mode=0o700)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._leaving:
            self._is_left = True
            shutil.rmtree(self._folder)


def _taken(told: queue.SimpleQueue[_Told]) -> Iterator[ports.Change]:
    while (next_told := told.get()) is not None:
        if isinstance(next_told, BaseException):
            raise next_told
        yield next_told.taken()
