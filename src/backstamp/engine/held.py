"""Files that stay open for a moment after a question, for the next one.

To open a DuckDB file, and to read again what it had in memory, takes several times as long as a small question.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import duckdb

SECONDS = 2.0
"""How long, counted from the first question: shorter than another process waits for the file."""


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
                        self._held.pop(path).close()

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
                self._held.pop(path).close()


FILES = Lingering()
"""Those of this process: DuckDB, too, knows the files of its process."""
