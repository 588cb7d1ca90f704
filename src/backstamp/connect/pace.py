"""How fast a system outside wants to be asked: as many requests at once as it hints, and all wait when it says so."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Pace:
    """One pace for all threads that talk to one system as one user.

    Args:
        at_once: how many requests may be under way together, until the system hints another number.
        waited: is told the seconds that a thread stood still because the system asked us to wait.
    """

    def __init__(self, at_once: int, waited: Callable[[float], None]) -> None:
        self._at_once = at_once
        self._waited = waited
        self._under_way = 0
        self._not_before = 0.0
        self._changed = threading.Condition()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a turn, and keep it while inside."""
        self._waited(self._enter())
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify()

    def hold(self, seconds: float) -> None:
        """Let nobody enter for so many seconds from now; a longer wait told before stays."""
        with self._changed:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def allow(self, at_once: int) -> None:
        """Take over how many requests the system wants at once; at least one."""
        with self._changed:
            self._at_once = max(1, at_once)
            self._changed.notify_all()

    def _enter(self) -> float:
        waited = 0.0
        with self._changed:
            while True:
                pause = self._not_before - time.monotonic()
                if pause > 0:
                    started = time.monotonic()
                    self._changed.wait(pause)
                    waited += time.monotonic() - started
                elif self._under_way >= self._at_once:
                    self._changed.wait()
                else:
                    self._under_way += 1
                    return waited
