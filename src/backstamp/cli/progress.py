"""A run while it goes on: a live table on a terminal, a line for each task in a log, and what Ctrl-C does to it."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live

from backstamp import errors, runs
from backstamp.cli import display

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType

    from rich.console import Console

_EVERY_SECONDS = 0.25
_RUNS_AT_ONCE = 8
"""More runs than can be under way together."""


@contextmanager
def following(ledger: str | Path, console: Console, number: int | None = None) -> Iterator[None]:
    """Show the run that begins in this block, or that of a number, as long as the block lasts."""
    if console.quiet:
        yield
        return
    with runs.Status(ledger) as status:
        last = status.last()
        watch = _Watch(console, status, last.number if last else 0, number)
        list(watch.lines())  # what ended before is no news
        if console.is_terminal:
            with Live(
                console=console, get_renderable=watch.picture, refresh_per_second=1 / _EVERY_SECONDS, transient=True
            ):
                yield
        else:
            with _told_line_by_line(watch, console):
                yield


@contextmanager
def stoppable(ledger: str | Path, by: str, run: int | None = None) -> Iterator[None]:
    """Let the first Ctrl-C, or SIGTERM, ask the run of this block to stop as `cancel` does; a second one is at once.

    Interrupting at once can hit anything, a query or a request under way; asking lets them end.

    Args:
        ledger: where runs are told.
        by: who is at work.
        run: the number of a run in another process; by default it is that of this one.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, _frame: FrameType | None) -> None:
        restore()
        # In a thread of its own, because this one may be in the middle of a transaction of the ledger.
        threading.Thread(target=_ask_to_stop, args=(ledger, by, number, run), name="stop").start()

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()


def _ask_to_stop(ledger: str | Path, by: str, number: int, run: int | None) -> None:
    asked = _own_run(ledger) if run is None else run
    if asked is None:
        signal.raise_signal(number)  # our run has not begun: there is nothing that needs a clean end
        return
    with runs.Ledger(ledger) as opened, suppress(errors.ConfigurationError):  # it has just ended by itself
        opened.request_cancel(asked, by)


def _own_run(ledger: str | Path) -> int | None:
    """Return the run of this process that goes on, None before it has begun."""
    with runs.Status(ledger) as status:
        own = (run for run in status.history(_RUNS_AT_ONCE) if run.owner == runs.Owner.this_process())
        return next((run.number for run in own if not run.ended), None)


@dataclass
class _Watch:
    """A look at the run of a number, or that began after another, as often as wanted."""

    console: Console
    status: runs.Status
    after: int
    number: int | None
    told: set[int] = field(default_factory=set)

    def run(self) -> runs.Run | None:
        """Return the run, as soon as there is one."""
        with suppress(errors.BusyError):  # one look missed is no harm
            if self.number is not None:
                return self.status.run(self.number)
            found = self.status.last()
            if found and found.number > self.after:
                return found
        return None

    def picture(self) -> Group:
        """Return the run as it stands now."""
        found = self.run()
        return Group(display.task_table(self.console, found), "", display.sentence(found)) if found else Group()

    def lines(self) -> Iterator[str]:
        """Yield a line for each task that has ended since the last call."""
        found = self.run()
        for task in found.tasks if found else ():
            if task.ended and task.position not in self.told:
                self.told.add(task.position)
                yield "  ".join(part for part in _said(task) if part)


def _said(task: runs.Task) -> tuple[str, ...]:
    rows = "" if task.rows is None else display.count(task.rows, "row")
    return task.name, task.status.value, display.duration(task.seconds), rows


@contextmanager
def _told_line_by_line(watch: _Watch, console: Console) -> Iterator[None]:
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(_EVERY_SECONDS):
            tell()

    def tell() -> None:
        for line in watch.lines():
            console.print(line, soft_wrap=True)

    thread = threading.Thread(target=work, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        tell()
