"""How fast a system outside wants to be asked: as many requests at once as it bears, and all wait when it says so."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Tempo:
    """How many requests may be under way together, and from when on; a value, without a clock of its own.

    It begins slowly. When all of a round have been answered the next has one more, up to `most`; when the system has
    asked us to wait, the next has half as many. Where it tells how many more it takes, no more than these leave until
    it tells anew: one alone finds out whether it takes any again.

    Attributes:
        most: how many the system hinted.
        at_once: how many there may be now; between 1 and `most`.
        answered: how many of this round were answered.
        not_before: the moment before which none may leave.
        left: how many more the system takes before it asks us to wait, None where it does not tell.
    """

    most: int
    at_once: int
    answered: int = 0
    not_before: float = 0.0
    left: int | None = None

    def admits(self, under_way: int) -> bool:
        """Tell whether one more may leave while so many are under way."""
        return not under_way or (under_way < self.at_once and self.left != 0)

    def entered(self) -> Tempo:
        """Return the tempo after one more left."""
        return replace(self, left=max(0, self.left - 1)) if self.left else self

    def told(self, left: int | None, under_way: int) -> Tempo:
        """Return the tempo after an answer told how many more are taken; those under way may not be counted yet."""
        return replace(self, left=None if left is None else max(0, left - under_way))

    def hinted(self, most: int) -> Tempo:
        """Return the tempo after the system hinted how many it wants at once."""
        most = max(1, most)
        return self if most == self.most else replace(self, most=most, at_once=min(self.at_once, most))

    def done(self) -> Tempo:
        """Return the tempo after one more answer."""
        if self.answered + 1 < self.at_once:
            return replace(self, answered=self.answered + 1)
        return replace(self, at_once=min(self.at_once + 1, self.most), answered=0)

    def held(self, now: float, seconds: float) -> Tempo:
        """Return the tempo after the system asked us to wait; a longer wait told before stays.

        What is told while all wait already, by the requests that were under way, slows down no further.
        """
        at_once = self.at_once if now < self.not_before else max(1, self.at_once // 2)
        left, not_before = None if self.left is None else 0, max(self.not_before, now + seconds)
        return replace(self, at_once=at_once, answered=0, not_before=not_before, left=left)


class Pace:
    """One pace for all threads that talk to one system as one user.

    Args:
        at_once: how many requests may be under way together at first, and until the system hints another number.
        waited: is told the seconds that a thread stood still because the system asked us to wait.
    """

    def __init__(self, at_once: int, waited: Callable[[float], None]) -> None:
        self._tempo = Tempo(most=at_once, at_once=at_once)
        self._waited = waited
        self._under_way = 0
        self._changed = threading.Condition()

    @property
    def most(self) -> int:
        """How many requests at once the system hinted."""
        return self._tempo.most

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a turn, and keep it while inside."""
        self._waited(self._enter())
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._tempo = self._tempo.done()
                self._changed.notify_all()

    def hold(self, seconds: float) -> None:
        """Let nobody enter for so many seconds from now."""
        with self._changed:
            self._tempo = self._tempo.held(time.monotonic(), seconds)

    def allow(self, at_once: int) -> None:
        """Take over how many requests the system wants at once; they come to that by and by."""
        with self._changed:
            self._tempo = self._tempo.hinted(at_once)
            self._changed.notify_all()

    def leave(self, left: int | None) -> None:
        """Take over how many more requests the last answer said that the system takes, None where it said nothing."""
        with self._changed:
            self._tempo = self._tempo.told(left, self._under_way)
            self._changed.notify_all()

    def _enter(self) -> float:
        waited = 0.0
        with self._changed:
            while True:
                pause = self._tempo.not_before - time.monotonic()
                if pause > 0:
                    started = time.monotonic()
                    self._changed.wait(pause)
                    waited += time.monotonic() - started
                elif not self._tempo.admits(self._under_way):
                    self._changed.wait()
                else:
                    self._under_way += 1
                    self._tempo = self._tempo.entered()
                    return waited
