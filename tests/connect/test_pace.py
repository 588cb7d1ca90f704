"""One pace for all threads."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from backstamp.connect import pace


def test_no_more_at_once_than_allowed() -> None:
    """No more threads are inside than the system hinted last, and all get in."""
    together = pace.Pace(8, lambda _: None)
    together.allow(2)
    inside = most = entered = 0
    counting = threading.Lock()

    def work(_: int) -> None:
        nonlocal inside, most, entered
        with together.slot():
            with counting:
                inside, entered = inside + 1, entered + 1
                most = max(most, inside)
            time.sleep(0.002)
            with counting:
                inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(24)))
    assert (most, entered) == (2, 24)


def test_all_wait_when_one_is_told_to() -> None:
    """After one thread was told to wait nobody enters before that time, and the waiting is told."""
    waits: list[float] = []
    together = pace.Pace(8, waits.append)
    started = time.monotonic()
    together.hold(0.15)
    together.hold(0.01)

    def enter(_: int) -> float:
        with together.slot():
            return time.monotonic() - started

    with ThreadPoolExecutor(3) as pool:
        assert min(pool.map(enter, range(3))) >= 0.15
    assert len(waits) == 3
    assert min(waits) > 0.1
