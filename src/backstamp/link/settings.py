"""What a project file says about linking (linking.md 2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal


@dataclass(frozen=True)
class ApproveAbove:
    """How many links of a table may be changed or cleared unasked; those set for the first time do not count.

    Attributes:
        links: so many,
        percent: or this share of its rows, whichever is more.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    links: int = 10_000
    percent: float = 5.0


@dataclass(frozen=True)
class Link:
    """How our tables and columns in the environment are named, and how much a run may do unasked.

    Attributes:
        prefix: of every table and column that we make: a publisher's, in small letters, with its underscore.
        display_name: of the lookup column, as users of the environment read it.
        approve_above: from how many changed links on a run waits for approval; `off` for none.
        activities: how many of each customer, the newest, are written where they are.
        undo_days: for how many days a run can be undone: so long its work lists are kept.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    prefix: str = "msdynci_"
    display_name: str = "CustomerProfile"
    approve_above: ApproveAbove | Literal["off"] = field(default_factory=ApproveAbove)
    activities: int = 100
    undo_days: int = 30
