"""When runs begin by themselves: projects whose runs are nothing but lines in the ledger."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backstamp import errors, project, runs, schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class House:
    """A project with a schedule, whose runs only begin and end, as they are told to.

    Attributes:
        settings: the project.
        asked_by: who asked for each run that began.
        work: what a run does besides.
        before: is called when a run is about to begin.
        refusal: what keeps a run from beginning.
        changed: whether the environment has changed.
    """

    settings: project.Project
    asked_by: list[str] = field(default_factory=list)
    work: Callable[[runs.Ledger, runs.Run], None] = lambda _ledger, _run: None
    before: Callable[[], None] = lambda: None
    refusal: errors.BackstampError | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def do_run(self, by: str) -> runs.Run:
        """Do a run that is nothing but a line in the ledger."""
        self.before()
        if self.refusal is not None:
            raise self.refusal
        with runs.Ledger(self.settings.ledger_location) as ledger:
            run = ledger.begin_run(runs.Arguments(requested_by=by))
            self.asked_by.append(by)
            try:
                self.work(ledger, run)
            except errors.BackstampError as error:
                return ledger.end_run(run, error)
            return ledger.end_run(run)

    @contextmanager
    def kept(self, connect: Callable[[], Any] | None = None) -> Iterator[None]:
        """Keep the schedule as long as the block lasts, and let nothing be wrong with that."""
        raised: list[BaseException] = []

        def keep() -> None:
            try:
                schedule.keep(self.settings, self.do_run, connect or _nowhere, self.stop)
            except BaseException as error:  # noqa: BLE001 - raised again where the test sees it
                raised.append(error)

        thread = threading.Thread(target=keep)
        thread.start()
        try:
            yield
        finally:
            self.stop.set()
            thread.join(20)
        assert not thread.is_alive()
        for error in raised:
            raise error

    def run_before(self) -> runs.Run:
        """Have a run that began and ended just now."""
        run = self.do_run("somebody")
        self.asked_by.clear()
        return run

    @contextmanager
    def ledger(self) -> Iterator[runs.Ledger]:
        """The ledger, opened once more."""
        with runs.Ledger(self.settings.ledger_location) as opened:
            yield opened


def _nowhere() -> Any:
    raise AssertionError("nobody asked to look at the environment")


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)
