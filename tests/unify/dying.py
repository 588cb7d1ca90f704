"""A process that unifies what changed, and copies of it that are killed: `python -m tests.unify.dying FOLDER`.

For each line `RUN AT` of its input it does what `STEP` says. Unless AT is 0, a copy does, and is killed when it is to
execute the statement of this number, if it comes to it. So Python starts, and statements are compiled, only once.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.unify import harness

from backstamp.engine import DuckDB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import duckdb
    from tests.oracle.strategies import Step

ROOT = Path(__file__).parents[2]
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


def unify(folder: Path, run: int, at: int) -> int:
    """Unify and publish what changed, and return how many statements that took."""
    step = pickle.loads((folder / STEP).read_bytes())  # noqa: S301 - the test has written it
    with Dying(folder / WAREHOUSE, at) as warehouse:
        harness.unified_again(warehouse, step.project, step.rows, run)
        warehouse.publish()
        return warehouse.executed


def main(folder: Path) -> None:
    """Do what the input says, and print for each line how many statements that took, or minus the signal of its end."""
    for line in sys.stdin:
        run, at = map(int, line.split())
        child = os.fork() if at else 0
        if child:
            _, status = os.waitpid(child, 0)
            if code := os.waitstatus_to_exitcode(status):
                print(code, flush=True)  # noqa: T201 - `process` reads it
        else:
            print(unify(folder, run, at), flush=True)  # noqa: T201
            if at:
                os._exit(0)


@contextmanager
def process(folder: Path) -> Iterator[Callable[[Step, int, int], int | None]]:
    """Start it; what is given unifies a step, and returns how many statements that took, None if it was killed."""
    command = [sys.executable, "-m", "tests.unify.dying", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:

        def unified_again(step: Step, run: int, at: int) -> int | None:
            assert started.stdin is not None
            assert started.stdout is not None
            (folder / STEP).write_bytes(pickle.dumps(step))
            print(run, at, file=started.stdin, flush=True)
            answer = int(started.stdout.readline())
            assert answer > 1 or answer == -signal.SIGKILL
            return answer if answer > 1 else None

        yield unified_again


if __name__ == "__main__":
    main(Path(sys.argv[1]))
