"""Service protection: how much one user may ask of this server (dataverse-webapi.md 6.3)."""

from __future__ import annotations

import math
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from backstamp import odata
from backstamp.embedded import faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from backstamp.embedded.request import Headers

_PAUSE_WHEN_CROWDED = 1


class Limits(BaseModel):
    """What one user may ask of this server in a sliding window.

    Attributes:
        requests: how many requests.
        execution_seconds: how much time they may take together.
        at_once: how many may be under way at one moment.
        window_seconds: how long the window is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: int = Field(default=6_000, ge=1)
    execution_seconds: float = Field(default=1_200, gt=0)
    at_once: int = Field(default=52, ge=1)
    window_seconds: float = Field(default=300, gt=0)


class Refused(faults.Fault):
    """A user who asks too much; `headers` say for how long to ask nothing."""

    def __init__(self, code: str, message: str, seconds: float) -> None:
        super().__init__(429, code, message)
        self.headers: Headers = ((odata.RETRY_AFTER, str(max(1, math.ceil(seconds)))),)


@dataclass
class _Account:
    """What one user has asked in the window."""

    arrivals: deque[float]
    executions: deque[tuple[float, float]] = field(default_factory=deque)
    execution_seconds: float = 0.0
    at_once: int = 0


class Protection:
    """Counts what users ask, and refuses who asks too much; used by the event loop alone.

    A request that is refused counts as one: who does not wait has to wait longer.
    """

    def __init__(self, limits: Limits | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    @contextmanager
    def admitted(self, user: str) -> Iterator[Headers]:
        """Let one request in; give the headers that tell what the user has left.

        Raises:
            Refused: the user asks too much.
        """
        if self._limits is None:
            yield ()
            return
        account = self._accounts.setdefault(user, _Account(deque(maxlen=2 * self._limits.requests)))
        began = self._clock()
        left = self._admit(self._limits, account, began)
        account.at_once += 1
        try:
            yield left
        finally:
            account.at_once -= 1
            ended = self._clock()
            account.executions.append((ended, ended - began))
            account.execution_seconds += ended - began

    def _admit(self, limits: Limits, account: _Account, now: float) -> Headers:
        self._forget(limits, account, now)
        account.arrivals.append(now)
        if len(account.arrivals) > limits.requests:
            until = account.arrivals[len(account.arrivals) - limits.requests - 1] + limits.window_seconds
            message = (
                f"Number of requests exceeded the limit of {limits.requests} over time window of"
                f" {limits.window_seconds:g} seconds."
            )
            raise Refused(odata.TOO_MANY_REQUESTS, message, until - now)
        if account.execution_seconds > limits.execution_seconds:
            message = (
                f"Combined execution time of incoming requests exceeded limit of {limits.execution_seconds * 1000:,.0f}"
                f" milliseconds over time window of {limits.window_seconds:g} seconds. Decrease number of concurrent"
                " requests or reduce the duration of requests and try again later."
            )
            raise Refused(odata.TOO_MUCH_TIME, message, _until_rested(limits, account) - now)
        if account.at_once >= limits.at_once:
            message = f"Number of concurrent requests exceeded the limit of {limits.at_once}."
            raise Refused(odata.TOO_MANY_AT_ONCE, message, _PAUSE_WHEN_CROWDED)
        seconds_left = limits.execution_seconds - account.execution_seconds
        return (
            (odata.REQUESTS_LEFT, str(limits.requests - len(account.arrivals))),
            (odata.TIME_LEFT, f"{seconds_left:,.2f}"),
        )

    @staticmethod
    def _forget(limits: Limits, account: _Account, now: float) -> None:
        """Forget what is older than the window."""
        start = now - limits.window_seconds
        while account.arrivals and account.arrivals[0] <= start:
            account.arrivals.popleft()
        while account.executions and account.executions[0][0] <= start:
            account.execution_seconds -= account.executions.popleft()[1]
        if not account.executions:
            account.execution_seconds = 0.0  # what rounding has left


def _until_rested(limits: Limits, account: _Account) -> float:
    """Return when so many requests will have left the window that the others are within the limit."""
    remaining = account.execution_seconds
    until = 0.0
    for ended, seconds in account.executions:
        if remaining <= limits.execution_seconds:
            break
        remaining -= seconds
        until = ended + limits.window_seconds
    return until
