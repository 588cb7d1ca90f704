"""What goes wrong by setting, so that whoever talks to the CRM can be tested: time-outs, cut connections, errors."""

from __future__ import annotations

import asyncio
import random
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from backstamp import odata
from backstamp.embedded import faults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backstamp.embedded.request import Request


class Kind(StrEnum):
    """What can go wrong with a request."""

    TIMEOUT_BEFORE = "timeout before"
    TIMEOUT_AFTER = "timeout after"
    ERROR_AFTER = "error after"
    CUT = "cut"
    DEADLOCK = "deadlock"
    UNAVAILABLE = "unavailable"
    EXPIRED_DELTA = "expired delta"


class Mishap(BaseModel):
    """Something that goes wrong with some of the requests that it is about.

    Attributes:
        kind: what goes wrong. *before* and *after* mean the work of the request: after it, rows are written though the
            client is told otherwise, or nothing. *cut* is a connection cut after the work. An *expired delta* is about
            delta links only.
        methods: the methods of the requests that it is about; all where it names none.
        path: what their paths have to contain.
        at: which of them, counted from 1.
        rate: how many of the others, by chance.
        seconds: how long a time-out keeps the client waiting before the connection is cut.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    methods: frozenset[str] = frozenset()
    path: str = ""
    at: frozenset[int] = frozenset()
    rate: float = Field(default=0.0, ge=0.0, le=1.0)
    seconds: float = Field(default=150.0, ge=0.0)

    def is_about(self, request: Request) -> bool:
        """Tell whether it can happen to this request."""
        if self.kind is Kind.EXPIRED_DELTA and odata.DELTA_TOKEN not in request.query.replace("%24", "$"):
            return False
        return (not self.methods or request.method in self.methods) and self.path in request.path


class NoAnswerError(Exception):
    """The client is to get no answer."""


class Fate:
    """Decides what goes wrong; equal seeds decide equally over equal requests. Used by the event loop alone."""

    def __init__(self, mishaps: Sequence[Mishap], seed: int) -> None:
        self._mishaps = mishaps
        self._chance = random.Random(seed)  # noqa: S311 - nothing secret
        self._seen = [0] * len(mishaps)

    def of(self, request: Request) -> Mishap | None:
        """Return what goes wrong with this request, the first of several; None where nothing does."""
        struck = None
        for place, mishap in enumerate(self._mishaps):
            if mishap.is_about(request):
                self._seen[place] += 1
                by_chance = mishap.rate > 0 and self._chance.random() < mishap.rate
                if struck is None and (by_chance or self._seen[place] in mishap.at):
                    struck = mishap
        return struck


async def before(mishap: Mishap | None) -> None:
    """Let happen what happens before the work of a request.

    Raises:
        Fault: the request is refused.
        NoAnswerError: it gets no answer.
    """
    match mishap:
        case Mishap(kind=Kind.TIMEOUT_BEFORE):
            await asyncio.sleep(mishap.seconds)
            raise NoAnswerError
        case Mishap(kind=Kind.DEADLOCK):
            raise faults.Fault(500, odata.DEADLOCK, "Generic SQL error. Sql Number: 1205. The transaction was undone.")
        case Mishap(kind=Kind.UNAVAILABLE):
            raise faults.Fault(503, "", "The service is unavailable.")
        case Mishap(kind=Kind.EXPIRED_DELTA):
            raise faults.expired_delta()


async def after(mishap: Mishap | None) -> None:
    """Let happen what happens after the work of a request.

    Raises:
        Fault: the client is told that the request failed.
        NoAnswerError: it gets no answer.
    """
    match mishap:
        case Mishap(kind=Kind.TIMEOUT_AFTER):
            await asyncio.sleep(mishap.seconds)
            raise NoAnswerError
        case Mishap(kind=Kind.CUT):
            raise NoAnswerError
        case Mishap(kind=Kind.ERROR_AFTER):
            raise faults.Fault(500, odata.UNEXPECTED, "An unexpected error occurred.")
