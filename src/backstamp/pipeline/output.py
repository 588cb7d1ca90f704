"""What a run published, in the user's own data lake: profiles and measures, a Parquet file each."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from backstamp import errors, runs

if TYPE_CHECKING:
    from pathlib import Path

    from backstamp import project
    from backstamp.engine import Engine

TASK = runs.PlannedTask("Output", "Data Lake")
_TABLES = ("profiles", "measures")


def write_published(settings: project.Project, engine: Engine, ledger: runs.Ledger, run: runs.Run) -> None:
    """Write what was published, where the project has a data lake; the task says what went wrong, and nobody waits."""
    if settings.output is None:
        return
    with suppress(errors.SourceError), ledger.task(run, TASK) as task:
        task.rows = _write(engine, settings.folder / settings.output.data_lake)


def _write(engine: Engine, folder: Path) -> int:
    """Write profiles and measures to `profiles.parquet` and `measures.parquet`; return how many profiles there are.

    A reader finds each file whole, as it was or as it is now.

    Raises:
        SourceError: the folder cannot be written to.
    """
    rows = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in _TABLES:
            if engine.has(name):
                draft = folder / f"{name}.parquet.draft"
                rows[name] = engine.write_parquet(engine.table(name).order_by("customer_id"), draft)
                draft.replace(folder / f"{name}.parquet")
    except OSError as error:
        message = f"The data lake {folder} cannot be written to ({error.strerror}): correct output.data_lake."
        raise errors.SourceError(message) from error
    return rows["profiles"]
