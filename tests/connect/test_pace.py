"""One pace for all threads."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

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


def test_no_more_leave_than_are_taken() -> None:
    """Of what is still taken no more leave, those under way counted; then one alone asks, also after a wait."""
    tempo, under_way = pace.Tempo(most=8, at_once=8).told(3, under_way=1), 1
    while tempo.admits(under_way):
        tempo, under_way = tempo.entered(), under_way + 1
    assert under_way == 3
    assert tempo.admits(0)
    after = tempo.told(6, under_way=0).held(now=10, seconds=1)
    assert (after.admits(0), after.admits(1)) == (True, False)
    assert after.told(None, under_way=0).admits(1)


@given(st.lists(st.sampled_from(["done", "held", "hinted"]), max_size=60), st.integers(1, 60))
def test_tempo_stays_within_limits(told: list[str], most: int) -> None:
    """Whatever a system tells, at least one request and at most as many as it hinted may be under way."""
    tempo = pace.Tempo(most=4, at_once=4)
    for moment, news in enumerate(told):
        before = tempo
        match news:
            case "done":
                tempo = tempo.done()
            case "held":
                tempo = tempo.held(moment, 2.5)
            case _:
                tempo = tempo.hinted(most)
        assert 1 <= tempo.at_once <= max(tempo.most, 1)
        assert tempo.not_before >= before.not_before


def test_tempo_rises_slowly_and_falls_at_once() -> None:
    """A round of answers adds one request at a time, up to the hint; a wait halves them, however many are told so."""
    tempo = pace.Tempo(most=4, at_once=4).hinted(6)
    for _ in range(4):
        assert tempo.at_once == 4
        tempo = tempo.done()
    assert tempo.at_once == 5
    for _ in range(100):
        tempo = tempo.done()
    assert tempo.at_once == 6
    tempo = tempo.held(now=10, seconds=5).held(now=10.1, seconds=1).held(now=10.2, seconds=9)
    assert (tempo.at_once, tempo.not_before) == (3, 19.2)
