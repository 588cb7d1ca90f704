"""What a run does while it goes on: a live table on a terminal, a line for each task in a log."""

from __future__ import annotations

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

    from rich.console import Console

_EVERY_SECONDS = 0.25


@contextmanager
def following(ledger: Path, console: Console) -> Iterator[None]:
    """Show the run that begins in this block, as long as the block lasts."""
    if console.quiet:
        yield
        return
    ledger.parent.mkdir(mode=0o700, exist_ok=True)
    with runs.Status(ledger) as status:
        last = status.last()
        watch = _Watch(status, last.number if last else 0)
        if console.is_terminal:
            with Live(
                console=console, get_renderable=watch.picture, refresh_per_second=1 / _EVERY_SECONDS, transient=True
            ):
                yield
        else:
            with _told_line_by_line(watch, console):
                yield


@dataclass
class _Watch:
    """A look at the run that began after another, as often as wanted."""

    status: runs.Status
    after: int
    told: set[int] = field(default_factory=set)

    def run(self) -> runs.Run | None:
        """Return the run, as soon as there is one."""
        with suppress(errors.BusyError):  # one look missed is no harm
            found = self.status.last()
            if found and found.number > self.after:
                return found
        return None

    def picture(self) -> Group:
        """Return the run as it stands now."""
        found = self.run()
        return Group(display.task_table(found), "", display.sentence(found)) if found else Group()

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
