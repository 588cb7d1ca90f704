"""The operational store: runs, their tasks, the journal of requests, the leases of environments, and users.

`Ledger` writes, `Status` reads, `Users` signs in; all can be open in several processes while a run goes on. They give
facts as frozen values. Where the data of a run are is not known here.
"""

from backstamp.runs.database import exists
from backstamp.runs.facts import (
    ENDS,
    ESSENTIAL_ENDS,
    FAILURES,
    UNDER_WAY,
    ApiToken,
    Arguments,
    Deed,
    Entry,
    EntryState,
    Exceptional,
    Line,
    PlannedTask,
    Progress,
    Role,
    RowState,
    Run,
    Task,
    TaskStatus,
    Until,
    User,
)
from backstamp.runs.journal import Journal
from backstamp.runs.leases import Lease
from backstamp.runs.ledger import Ledger, unheard
from backstamp.runs.owner import Owner
from backstamp.runs.schedule import Schedule, Switch
from backstamp.runs.status import Status
from backstamp.runs.tasks import RunningTask
from backstamp.runs.users import Users

__all__ = [
    "ENDS",
    "ESSENTIAL_ENDS",
    "FAILURES",
    "UNDER_WAY",
    "ApiToken",
    "Arguments",
    "Deed",
    "Entry",
    "EntryState",
    "Exceptional",
    "Journal",
    "Lease",
    "Ledger",
    "Line",
    "Owner",
    "PlannedTask",
    "Progress",
    "Role",
    "RowState",
    "Run",
    "RunningTask",
    "Schedule",
    "Status",
    "Switch",
    "Task",
    "TaskStatus",
    "Until",
    "User",
    "Users",
    "exists",
    "unheard",
]
