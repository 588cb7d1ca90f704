"""A process that unifies what changed and is killed in the middle: `python -m tests.unify.dying FOLDER AT`."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.unify import harness

from backstamp.engine import DuckDB

if TYPE_CHECKING:
    import duckdb

STEP, WAREHOUSE = "step.pickle", "warehouse.duckdb"


class Dying(DuckDB):
    """An engine that kills its process when it is about to execute its n-th statement, if it ever comes to it."""

    def __init__(self, path: Path, at: int) -> None:
        super().__init__(path)
        self.at, self.executed = at, 0

    def _execute(self, *arguments: Any) -> duckdb.DuckDBPyConnection:
        if hasattr(self, "at"):
            self.executed += 1
            if self.executed == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
        return super()._execute(*arguments)


def main(folder: Path, at: int) -> int:
    """Unify and publish what changed, and return how many statements that took."""
    step = pickle.loads((folder / STEP).read_bytes())  # noqa: S301 - the test has written it
    with Dying(folder / WAREHOUSE, at) as warehouse:
        harness.unified_again(warehouse, step.project, step.rows, 2)
        warehouse.publish()
        return warehouse.executed


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
