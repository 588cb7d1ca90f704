"""The operational store: runs, their tasks, the journal of requests and the leases of environments.

`Ledger` writes, `Status` reads; both can be open in several processes while a run goes on. They give facts as
frozen values. Where the data of a run are is not known here.
"""

from backstamp.runs.facts import (
    ENDS,
    ESSENTIAL_ENDS,
    FAILURES,
    UNDER_WAY,
    Arguments,
    Entry,
    EntryState,
    Exceptional,
    PlannedTask,
    Progress,
    RowState,
    Run,
    Task,
    TaskStatus,
)
from backstamp.runs.journal import Journal
from backstamp.runs.leases import Lease
from backstamp.runs.ledger import Ledger
from backstamp.runs.owner import Owner
from backstamp.runs.status import Status
from backstamp.runs.tasks import RunningTask

__all__ = [
    "ENDS",
    "ESSENTIAL_ENDS",
    "FAILURES",
    "UNDER_WAY",
    "Arguments",
    "Entry",
    "EntryState",
    "Exceptional",
    "Journal",
    "Lease",
    "Ledger",
    "Owner",
    "PlannedTask",
    "Progress",
    "RowState",
    "Run",
    "RunningTask",
    "Status",
    "Task",
    "TaskStatus",
]
