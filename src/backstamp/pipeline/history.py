"""The id history beside the ledger: what became of every CustomerId, readable whoever has the warehouse open.

`ids/N.parquet` in the project's folder of state holds `shapes.ID_CHANGES` of run N. The warehouse publishes the same
together with the ids; a run that died before it could write its file is caught up with by the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from backstamp import errors, shapes
from backstamp.pipeline import exporting
from backstamp.unify import history

if TYPE_CHECKING:
    from pathlib import Path

    import ibis.expr.types as ir

    from backstamp.engine import Engine

ID_CHANGES = "id_changes"


@dataclass(frozen=True)
class Resolved:
    """What an id stands for today.

    Attributes:
        customer_id: the id that was asked for.
        state: `current` (a profile has it), `replaced`, or `gone`.
        customer_ids: the profiles of today that it stands for: itself, those that hold its last rows, or none.
        run: in which run that came to be.
        reason: why, a word of `unify.history`.
    """

    customer_id: str
    state: Literal["current", "replaced", "gone"]
    customer_ids: tuple[str, ...]
    run: int
    reason: str


@dataclass(frozen=True)
class Change:
    """What became of an id in a run: `old_id` and `new_id`, one of them or both, and why, a word of `unify.history`."""

    run: int
    old_id: str | None
    new_id: str | None
    reason: str


def write(engine: Engine, state: Path) -> None:
    """Write the file of the last published run, unless it is there."""
    if not engine.has(ID_CHANGES):
        return
    changes = engine.table(ID_CHANGES)
    told = engine.rows(changes.agg(run=changes["run"].max()))[0]["run"]
    if told is None or _file(state, told).exists():
        return
    _folder(state).mkdir(mode=0o700, exist_ok=True)
    draft = _folder(state) / "draft"
    engine.write_parquet(changes, draft)
    draft.replace(_file(state, told))


def note_new_ids(engine: Engine, run: int) -> None:
    """Note that every id that a run before this one gave is gone."""
    told = {"run": run, "old_id": None, "new_id": None, "reason": history.ANEW}
    _note(engine, engine.load(shapes.ID_CHANGES, [pa.RecordBatch.from_pylist([told], schema=shapes.ID_CHANGES)]))


def note_restored(engine: Engine, before: history.Before, run: int) -> None:
    """Note the ids that the environment told, of which nothing is on record here."""
    _note(engine, history.restored(before, run))


def last_run(state: Path) -> int:
    """Return the number of the last run that changed an id, 0 before the first."""
    return max(_runs(state), default=0)


def resolve(state: Path, customer_id: str) -> Resolved:
    """Say what a CustomerId that was ever given out stands for today.

    Args:
        state: the project's folder of state.
        customer_id: the id, in small or capital letters.

    Raises:
        ConfigurationError: no run ever gave it.
    """
    wanted = customer_id.strip().strip("{}").lower()
    known = _read(state, sorted(_runs(state)))
    own = (pc.field("old_id") == wanted) | (pc.field("new_id") == wanted) | (pc.field("reason") == history.ANEW)
    changes: list[dict[str, Any]] = known.to_table(filter=own).to_pylist() if known is not None else []
    made = [one for one in changes if one["new_id"] == wanted and (not one["old_id"] or one["reason"] == history.SPLIT)]
    ends = [one for one in changes if one["old_id"] == wanted and one["reason"] != history.SPLIT]
    last_made = max((one["run"] for one in made), default=0)
    ends = [one for one in ends if one["run"] >= last_made]  # a derived id may have come back since
    if not made and not ends:
        message = f"No run that is on record here gave the CustomerId {wanted}: see `backstamp status --history`."
        raise errors.ConfigurationError(message)
    anew = [change["run"] for change in changes if change["reason"] == history.ANEW]
    began = max(change["run"] for change in (*made, *ends))
    if after := [run for run in anew if run > began]:
        return Resolved(wanted, "gone", (), min(after), history.ANEW)
    if not ends:
        return Resolved(wanted, "current", (wanted,), made[-1]["run"], made[-1]["reason"])
    last = [change for change in ends if change["run"] == max(change["run"] for change in ends)]
    now = tuple(sorted(change["new_id"] for change in last if change["new_id"] is not None))
    return Resolved(wanted, "replaced" if now else "gone", now, last[0]["run"], last[0]["reason"])


def changes_of(state: Path, customer_id: str) -> tuple[Change, ...]:
    """Return all that is on record of a CustomerId, the newest first: what it came from, and what came from it."""
    known = _read(state, sorted(_runs(state)))
    if known is None:
        return ()
    own = (pc.field("old_id") == customer_id) | (pc.field("new_id") == customer_id)
    found = known.to_table(filter=own).sort_by([("run", "descending"), ("old_id", "ascending")])
    return tuple(Change(**row) for row in found.to_pylist())


def export(state: Path, file: Path, *, run: int | None = None, since: int = 0) -> int:
    """Write changes of ids to a CSV or Parquet file, in the order of runs, and return how many.

    Args:
        state: the project's folder of state.
        file: ends in `.csv` or `.parquet`.
        run: only those of this run.
        since: only those of later runs than this.

    Raises:
        ConfigurationError: the file has another ending, or no run is on record.
    """
    exporting.refuse_unknown(file)
    wanted = [number for number in sorted(_runs(state)) if number > since and run in {None, number}]
    if run is not None and not wanted:
        raise errors.ConfigurationError(f"No changes of run {run} are on record: see `backstamp status --history`.")
    found = _read(state, wanted)
    changes = found.to_table() if found is not None else shapes.ID_CHANGES.empty_table()
    exporting.write(changes, file)
    return changes.num_rows


def _note(engine: Engine, changes: ir.Table) -> None:
    """Put changes before those that unification found."""
    engine.keep(ID_CHANGES, changes.union(engine.table(ID_CHANGES)))


def _read(state: Path, wanted: list[int]) -> pyarrow.dataset.Dataset | None:
    files = [str(_file(state, run)) for run in wanted]
    return pyarrow.dataset.dataset(files, schema=shapes.ID_CHANGES, format="parquet") if files else None


def _runs(state: Path) -> list[int]:
    return [int(file.stem) for file in _folder(state).glob("*.parquet")]


def _file(state: Path, run: int) -> Path:
    return _folder(state) / f"{run}.parquet"


def _folder(state: Path) -> Path:
    return state / "ids"
