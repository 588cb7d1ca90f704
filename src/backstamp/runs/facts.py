"""The nouns of the ledger: what is told about runs, tasks and requests, as values that do not change.

Times are UTC and aware. Everything here can be given to `dataclasses.asdict` or `orjson.dumps` as it is. The HTTP API
answers it, so its annotations are read while the program runs.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from backstamp.runs.owner import Owner


class TaskStatus(StrEnum):
    """How a task, or a whole run, stands."""

    NOT_STARTED = "Not started"  # declared; nothing has happened yet
    QUEUED = "Queued"  # its turn has come, it waits for a free worker
    PROCESSING = "Processing"  # under way
    REFRESHING = "Refreshing"  # a data source is being read; what was read before stays usable meanwhile
    SUCCESSFUL = "Successful"  # done, perhaps with warnings
    SKIPPED = "Skipped"  # there was nothing it could do; the details say why
    FAILED = "Failed"  # it met an error; trying again can help
    FAILED_PERMANENTLY = "Failed (permanent)"  # its retries are used up: somebody has to look at it
    CANCELED = "Canceled"  # somebody asked the run to stop
    WAITING_FOR_APPROVAL = "Waiting for approval"  # what it would do was shown; it goes on when somebody approves


UNDER_WAY = frozenset({TaskStatus.QUEUED, TaskStatus.PROCESSING, TaskStatus.REFRESHING})
FAILURES = frozenset({TaskStatus.FAILED, TaskStatus.FAILED_PERMANENTLY})
ENDS = FAILURES | {TaskStatus.SUCCESSFUL, TaskStatus.SKIPPED, TaskStatus.CANCELED}
# The ends that no task can do without: a crash ends tasks as Failed, a failed predecessor as Skipped.
ESSENTIAL_ENDS = frozenset({TaskStatus.SUCCESSFUL, TaskStatus.FAILED, TaskStatus.SKIPPED})


@dataclass(frozen=True)
class PlannedTask:
    """A task as it is declared at the start of a run; unique in its run by group and name.

    Attributes:
        group: the heading it stands under, such as "Dataverse Hydration".
        name: such as "CustomerId Backstamping Hydration".
        ends_in: the only statuses it may end in (linking.md 4 restricts the linking task to `ESSENTIAL_ENDS`).
        runs_as: its status while it works; a data source is `REFRESHING`.
    """

    group: str
    name: str
    ends_in: frozenset[TaskStatus] = ENDS
    runs_as: TaskStatus = TaskStatus.PROCESSING

    def __post_init__(self) -> None:
        if not ESSENTIAL_ENDS <= self.ends_in <= ENDS:
            raise ValueError(
                f"{self.name} must be able to end {sorted(ESSENTIAL_ENDS)}, and may only in {sorted(ENDS)}"
            )
        if self.runs_as not in UNDER_WAY:
            raise ValueError(f"{self.name} cannot work as {self.runs_as}")


@dataclass(frozen=True)
class Progress:
    """How far a task is, as seen when it was read.

    Attributes:
        done: rows done so far.
        total: rows to do, or None where that is not known.
        rows_per_second: since the start of the task; None before the first row.
        seconds_left: at that speed; None where it cannot be told or the task is not under way.
    """

    done: int
    total: int | None
    rows_per_second: float | None
    seconds_left: float | None


@dataclass(frozen=True)
class Task:
    """A step of a run, as seen when it was read.

    Attributes:
        run: the number of its run.
        position: its place in the order of the run, from 1.
        details: what to know about it, in words without personal data; the reason where it failed or was skipped.
        rows: how many rows it was about, or None.
        progress: None while it has told nothing.
        attempts: how often it was started.
        canceled: it was stopped by a cancel, even where its `ends_in` calls that Skipped.
        seconds: how long it took, or has taken so far; None before the start.
        heartbeat: the last sign of life of the process that works on it.
    """

    run: int
    position: int
    group: str
    name: str
    status: TaskStatus
    details: str
    warnings: tuple[str, ...]
    rows: int | None
    progress: Progress | None
    attempts: int
    canceled: bool
    started: datetime | None
    ended: datetime | None
    heartbeat: datetime | None
    seconds: float | None


class Until(StrEnum):
    """Where a run ends that is for looking only: nothing is published, sent or put aside."""

    MATCH = "match"
    MERGE = "merge"
    MEASURES = "measures"


@dataclass(frozen=True)
class Line:
    """What a task said at a time, in words without personal data."""

    at: datetime
    text: str


@dataclass(frozen=True)
class Arguments:
    """What a run was asked to do.

    Attributes:
        full: read and compute everything instead of what changed.
        draft: stop before anything is published or sent, and wait for approval.
        until: where it ends, for looking only, or None; such a run is a draft.
        new_ids: where the warehouse is lost, give new CustomerIds instead of taking those of the environment.
        undoes: the run whose writes it takes back, or None.
        requested_by: who asked, as text for people: a login, "schedule".
        scheduled: it was due, and nobody looks at it.
        accept_loss: sources, or `source.table`, that are believed however much they lack.
    """

    full: bool = False
    draft: bool = False
    until: Until | None = None
    new_ids: bool = False
    undoes: int | None = None
    requested_by: str = ""
    scheduled: bool = False
    accept_loss: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """One refresh: what was asked, who works on it, how it stands, and its tasks in order.

    Attributes:
        number: 1 for the first run of this ledger, then 2, …
        published: when what it computed became the warehouse, or None.
        canceled_by: who asked it to stop, or None.
        warnings: how many warnings its tasks have.
        seconds: how long it took, or has taken so far.
    """

    number: int
    status: TaskStatus
    arguments: Arguments
    owner: Owner
    started: datetime
    published: datetime | None
    ended: datetime | None
    heartbeat: datetime
    details: str
    canceled_by: str | None
    warnings: int
    seconds: float
    tasks: tuple[Task, ...]


class EntryState(StrEnum):
    """What is known about a request that changes rows of the environment."""

    SENT = "sent"  # it may have arrived or not: its rows are unknown until they are read back
    ACKNOWLEDGED = "acknowledged"  # the answer came: its rows are written, except those with an outcome of their own
    REJECTED = "rejected"  # refused as a whole: none of its rows is written by this request
    LOST = "lost"  # the answer will never come: its rows are unknown until they are read back or sent again


class RowState(StrEnum):
    """What became of a row that an acknowledged request did not write."""

    REFUSED = "refused"  # the environment does not take it; tried again in the next run
    GONE = "gone"  # it was deleted meanwhile; never brought back
    LEFT_OUT = "left out"  # its link is not the one that the plan saw any more


@dataclass(frozen=True)
class Exceptional:
    """A row that was not written by an acknowledged request.

    Attributes:
        position: of the row in the work list, from 0 (not in the request).
        code: the service's error code.
        message: the server's own words. They can quote personal data: for those who may see the row, never for a log.
    """

    position: int
    state: RowState
    code: str = ""
    message: str = field(default="", repr=False)


@dataclass(frozen=True)
class Entry:
    """One request: the rows `first` … `first + count - 1` (from 0) of the run's work list.

    Attributes:
        id: grows with each request of the ledger.
        sent: when it was made durable, just before the request left.
        answered: when the answer came, or None.
        exceptions: the rows that were not written; for an acknowledged request only.
    """

    id: int
    run: int
    work_list: str
    first: int
    count: int
    state: EntryState
    sent: datetime
    answered: datetime | None
    exceptions: tuple[Exceptional, ...] = ()


class Role(StrEnum):
    """What somebody is to the console; each may do what those before it may."""

    VIEWER = "viewer"  # sees how it goes and how it is set up, and nothing of any person
    CONTRIBUTOR = "contributor"  # sees customers and rows, starts and cancels runs, corrects who is who
    ADMINISTRATOR = "administrator"  # approves, takes back, and says who may do what

    def includes(self, other: "Role") -> bool:
        """Tell whether who has this role may do what those of the other may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True)
class User:
    """Somebody who may sign in.

    Attributes:
        signs_in_by: `password`, or `provider` for single sign-on.
        disabled: may not sign in any more.
    """

    name: str
    role: Role
    signs_in_by: str
    disabled: bool
    made: datetime


@dataclass(frozen=True)
class ApiToken:
    """A token by which a program acts as a user, in some scopes of what that user may do."""

    id: int
    user: str
    label: str
    scopes: tuple[str, ...]
    made: datetime
    expires: datetime


@dataclass(frozen=True)
class Deed:
    """What somebody did in the console, or was refused: `what`, of which thing."""

    at: datetime
    by: str
    what: str
    of: str
