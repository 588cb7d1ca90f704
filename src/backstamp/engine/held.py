"""How files are opened and closed; those that were asked stay open for a moment, for the next question.

To open a DuckDB file, and to read again what it had in memory, takes several times as long as a small question.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SECONDS = 2.0
"""How long, counted from the first question: shorter than another process waits for the file."""
_DOOR = threading.Lock()
"""For one thread at a time: DuckDB fails to open a file that another thread of the process is just closing."""


def opened(path: str, options: Mapping[str, str | bool | int | float | list[str]]) -> duckdb.DuckDBPyConnection:
    """Return a connection to a file, to be given to `close`; errors are those of `duckdb.connect`."""
    with _DOOR:
        return duckdb.connect(path, config=dict(options))


def close(connection: duckdb.DuckDBPyConnection) -> None:
    """Close a connection; the last one to a file closes that."""
    with _DOOR:
        connection.close()


class Lingering:
    """Holds files of this process open, each for so many seconds after it was first looked at."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._held: dict[str, duckdb.DuckDBPyConnection] = {}

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """Let files linger as long as the block lasts: a server asks often, a command once."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    for path in list(self._held):
                        close(self._held.pop(path))

    def hold(self, path: str, connect: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        """Keep a file that is open open for a while, if that is wanted, by a connection of its own."""
        with self._lock:
            if self._users and path not in self._held:
                self._held[path] = connect()
                timer = threading.Timer(SECONDS, self._let_go, [path])
                timer.daemon = True
                timer.start()

    def _let_go(self, path: str) -> None:
        with self._lock:
            if path in self._held:
                close(self._held.pop(path))


FILES = Lingering()
"""Those of this process: DuckDB, too, knows the files of its process."""
