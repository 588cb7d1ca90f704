"""The plan: what a run writes to the environment, as a value. What is shown is what is done.

Beside `plan.json` lie the work lists that it names: Parquet, in the order of keys, one row for each row to write.
A row's place in its list is what the journal calls its position.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow.parquet

from backstamp.connect import ports
from backstamp.link import columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from backstamp.link.settings import ApproveAbove

DIGEST = "_digest"
"""In a list of our own rows: the digest of the row's values (`shapes.KNOWN`)."""
KIND = "_kind"
"""In every list of rows to write: `new` or `changed`; for links `set`, `changed` or `cleared`."""

REASON = "_reason"
"""In a list of links: why it is written, a `Reason`."""

_FILE = "plan.json"


class Reason(StrEnum):
    """Why a link is written."""

    JOINED = "joined a profile"  # its row had no link that we know of
    MERGED = "profiles merged"  # the profile it led to was merged into another one
    SPLIT = "profile split"  # the profile it led to was split, and its row is in another part
    MOVED = "moved"  # its row is in another profile than before
    LEFT = "in no profile"  # its row is in none any more: filtered out, corrupt, not to be included
    REPAIRED = "changed in the environment"  # somebody else wrote it since
    UNDONE = "put back"  # the run that wrote it is undone


@dataclass(frozen=True)
class Customers:
    """What becomes of profiles: how many are new, merged into others, split off, changed and gone."""

    new: int = 0
    merged: int = 0
    split: int = 0
    changed: int = 0
    gone: int = 0


@dataclass(frozen=True)
class Writing:
    """Rows of one of our own tables to create or to overwrite.

    Attributes:
        definition: the table, to be created where it, or a column, is not there.
        list: the work list: the table's columns, `DIGEST`, `KIND` and how many values were cut.
        new: rows that the environment is not known to hold.
        changed: rows that it holds with other values.
        cut: values that did not fit.
        emptied: columns that we wrote once and do no more: emptied in every row that is written.
    """

    definition: ports.TableDefinition
    list: str
    new: int
    changed: int
    cut: int
    emptied: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Rows in the list."""
        return self.new + self.changed


@dataclass(frozen=True)
class Linking:
    """Links of one table to write.

    Attributes:
        table: as the project names it.
        outer: as the environment does.
        list: the work list: `key`, `before` (the CustomerId that is known), `customer_id` (the one to write), `KIND`,
            `REASON`.
        set: rows that had no link; `changed`: that had another; `cleared`: that are to have none.
        rows: how many rows the table has.
        reasons: how many links are written for which `Reason`.
    """

    table: str
    outer: str
    list: str
    set: int
    changed: int
    cleared: int
    rows: int
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Rows in the list."""
        return self.set + self.changed + self.cleared

    def asks(self, above: ApproveAbove) -> bool:
        """Tell whether so many links are changed or cleared that somebody has to approve it."""
        return self.changed + self.cleared > max(above.links, self.rows * above.percent / 100)


@dataclass(frozen=True)
class Removal:
    """Rows of one of our own tables to delete: the column `key` of a work list."""

    table: str
    list: str
    count: int


@dataclass(frozen=True)
class Replaced:
    """Rows of one of our own tables that are changed or deleted, as they were before, where that is known.

    Attributes:
        definition: the table as it was.
        list: a list of them, as a work list but without `KIND`.
        count: rows in it.
    """

    definition: ports.TableDefinition
    list: str
    count: int


@dataclass(frozen=True)
class Plan:
    """What one run writes, in this order.

    Attributes:
        folder: where the work lists are.
        run: its number.
        profiles: the profile table.
        keys: the alternate keys.
        measures: the tables of measures.
        lookup: the column that each linked table gets.
        links: the linked tables.
        skip: why there are none, or "".
        removals: rows of alternate keys and measures that go before their profiles.
        retired: profiles that are gone.
        emptied: what these hold as long as rows point to them: no values, and the ids of the profiles in their place.
        held: profiles that are gone but stay, because rows of tables that are linked no more point to them.
        customers: what becomes of profiles.
        replaced: what it writes over or deletes, to be put back if it is undone.
        left: links that an undo leaves, because somebody else wrote them since.
    """

    folder: Path
    run: int
    profiles: Writing
    keys: Writing
    measures: tuple[Writing, ...]
    lookup: ports.Column
    links: tuple[Linking, ...]
    skip: str
    removals: tuple[Removal, ...]
    retired: Removal
    emptied: Writing
    held: int
    customers: Customers
    replaced: tuple[Replaced, ...] = ()
    left: int = 0

    @property
    def writings(self) -> tuple[Writing, ...]:
        """All of our own tables, the profile table first."""
        return (self.profiles, self.keys, *self.measures)

    @property
    def works(self) -> tuple[Writing | Linking | Removal, ...]:
        """All that is to be done, in its order."""
        return (*self.writings, *self.links, *self.removals, self.retired)

    @property
    def count(self) -> int:
        """How many rows are to be written or deleted."""
        return sum(work.count for work in self.works)

    def rows(self, work_list: str, names: Sequence[str] | None = None, size: int = 65_536) -> Iterator[pa.RecordBatch]:
        """Read a work list, or some of its columns, in its order, at most so many rows at once."""
        return batches(list_path(self.folder, work_list), names, size)

    def schema(self, work_list: str) -> pa.Schema:
        """Return the columns of a list."""
        return pyarrow.parquet.read_schema(list_path(self.folder, work_list)).remove_metadata()

    def save(self) -> None:
        """Write `plan.json` beside the work lists."""
        told = {name: value for name, value in asdict(self).items() if name != "folder"}
        # Whole or not at all: a power cut must not leave half of it.
        draft = self.folder / f"{_FILE}.draft"
        with draft.open("wb") as file:
            file.write(orjson.dumps(told, default=str, option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.folder / _FILE)


def folder_of(state: Path, run: int) -> Path:
    """Return where plan and work lists of a run are."""
    return state / "runs" / str(run)


def list_path(folder: Path, work_list: str) -> Path:
    """Return the file of a work list."""
    return folder / f"{work_list}.parquet"


def batches(path: Path, names: Sequence[str] | None = None, size: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Read a work list's file in its order, at most so many rows at once."""
    with pyarrow.parquet.ParquetFile(path) as parquet:
        yield from parquet.iter_batches(size, columns=list(names) if names else None)


def load(state: Path, run: int) -> Plan | None:
    """Read the plan of a run, or return None where it has none (any more)."""
    folder = folder_of(state, run)
    if not (folder / _FILE).exists():
        return None
    told = orjson.loads((folder / _FILE).read_bytes())
    return Plan(
        folder=folder,
        run=told["run"],
        profiles=_writing(told["profiles"]),
        keys=_writing(told["keys"]),
        measures=tuple(_writing(measure) for measure in told["measures"]),
        lookup=_column(told["lookup"]),
        links=tuple(Linking(**linking) for linking in told["links"]),
        skip=told["skip"],
        removals=tuple(Removal(**removal) for removal in told["removals"]),
        retired=Removal(**told["retired"]),
        emptied=_writing(told["emptied"]),
        held=told["held"],
        customers=Customers(**told["customers"]),
        replaced=tuple(
            Replaced(**{**replaced, "definition": _definition(replaced["definition"])}) for replaced in told["replaced"]
        ),
        left=told["left"],
    )


def _writing(told: Mapping[str, Any]) -> Writing:
    definition = _definition(told["definition"])
    return Writing(**{**told, "definition": definition, "emptied": tuple(told["emptied"])})


def _definition(told: Mapping[str, Any]) -> ports.TableDefinition:
    return ports.TableDefinition(**{**told, "columns": tuple(_column(column) for column in told["columns"])})


def _column(told: Mapping[str, Any]) -> ports.Column:
    return ports.Column(**{**told, "type": columns.TYPES[told["type"]]})
