"""Runs, done in the server's process: each in a thread, and ended cleanly when the server stops."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from backstamp import errors, pipeline, project, runs, schedule
from backstamp.connect import ports
from backstamp.runs import words

_RUNS_AT_ONCE = 8
"""More runs than can be under way together."""
_PATIENCE_SECONDS = 3.0
"""How long whoever asks for a check waits for it, before it goes on alone."""
STOPPED = "the server, which stops"
"""By whom runs are canceled that the next start of the server goes on with."""


@dataclass(frozen=True)
class Connections:
    """How the systems of a project are reached; who starts the server says.

    Attributes:
        environment: gives a connection to the environment.
        organizations: gives those to the other organizations that are read, by the names of their sources.
    """

    environment: Callable[[project.Project], AbstractContextManager[ports.Sink]]
    organizations: Callable[[project.Project], AbstractContextManager[Mapping[str, ports.Sink]]]


@dataclass(frozen=True)
class Order:
    """What is to be done.

    Attributes:
        arguments: of the run; one that undoes another is made as a draft.
        approves: the waiting run that is to be sent, instead of a new run.
    """

    arguments: runs.Arguments
    approves: int | None = None


@dataclass(frozen=True)
class Check:
    """A check of all links.

    Attributes:
        by: who asked for it.
        began: when.
        progress: how far it is.
        found: what it found, None as long as it goes on or where it could not be done:
        problem: says why.
    """

    by: str
    began: datetime
    progress: str = ""
    found: pipeline.Verified | None = None
    problem: str = ""

    @property
    def is_going_on(self) -> bool:
        """Whether it has not ended."""
        return self.found is None and not self.problem


class Worker:
    """Does runs of one project in this process.

    Args:
        file: the project file, read again for each run.
        ledger: where it is.
        connections: how its systems are reached.
    """

    def __init__(self, file: Path, ledger: str | Path, connections: Connections) -> None:
        self._file = file
        self._ledger = ledger
        self._connections = connections
        self._threads: set[threading.Thread] = set()
        self._stopping = threading.Event()
        self._check: Check | None = None
        self._lock = threading.Lock()

    def begin(self, order: Order) -> int:
        """Begin a run; return its number as soon as it is under way.

        Raises:
            BusyError: another run is going on, or the server stops.
            ConfigurationError: the project file is wrong.
            BackstampError: the environment cannot be reached.
        """
        begun: Future[int] = Future()
        thread = threading.Thread(target=self._work, args=(order, begun), name="run")
        with self._lock:
            if self._stopping.is_set():
                raise errors.BusyError("The server is about to stop, and begins no run any more.")
            self._threads = {one for one in self._threads if one.is_alive()} | {thread}
            thread.start()
        return begun.result()

    def do_scheduled(self, by: str) -> runs.Run:
        """Do a run that was due, to its end; return how it ended.

        Raises:
            BackstampError: as by `begin`.
        """
        return self._do(Order(schedule.arguments(by)), runs.unheard)

    def cancel(self, number: int, by: str) -> None:
        """Ask a run to stop.

        Raises:
            ConfigurationError: there is no such run, or it has ended.
        """
        with runs.Ledger(self._ledger) as ledger:
            ledger.request_cancel(number, by)

    @property
    def check(self) -> Check | None:
        """The last check of the links in this process, also while it goes on."""
        return self._check

    def verify(self, by: str) -> None:
        """Begin to check the links, unless that goes on; return when it has ended, or soon.

        Raises:
            BusyError: the server stops.
        """
        with self._lock:
            if self._stopping.is_set():
                raise errors.BusyError("The server is about to stop, and begins no check any more.")
            if self._check and self._check.is_going_on:
                return
            self._check = Check(by, datetime.now(UTC))
            thread = threading.Thread(target=self._verify, args=(self._check,), name="verify")
            self._threads = {one for one in self._threads if one.is_alive()} | {thread}
            thread.start()
        thread.join(_PATIENCE_SECONDS)

    def resume(self) -> int | None:
        """Go on with what the server before was at when it was stopped or died; return the run that does, if any."""
        with runs.Status(self._ledger) as status:
            last = status.last()
        if (
            last is None
            or last.arguments.undoes
            or not (last.canceled_by in {STOPPED, schedule.STOPPED_BY} or words.has_died(last))
        ):
            return None
        # What was published already is only to be sent: that is what any run does first.
        is_draft = last.arguments.draft and not last.published
        return self.begin(
            Order(replace(last.arguments, full=last.arguments.full and not last.published, draft=is_draft))
        )

    def stop(self) -> None:
        """Ask all runs of this process to stop, and wait until they have."""
        with self._lock:
            self._stopping.set()
        for thread in self._threads:
            while thread.is_alive():
                # Again and again: a run may be about to begin.
                self._cancel_own()
                thread.join(timeout=0.5)

    def _cancel_own(self) -> None:
        with runs.Ledger(self._ledger) as ledger, runs.Status(self._ledger) as status:
            for run in status.history(_RUNS_AT_ONCE):
                if run.owner == runs.Owner.this_process() and run.status in runs.UNDER_WAY and not run.canceled_by:
                    with suppress(errors.ConfigurationError):  # it has just ended by itself
                        ledger.request_cancel(run.number, STOPPED)

    def _work(self, order: Order, begun: "Future[int]") -> None:
        try:
            ended = self._do(order, lambda run: begun.set_result(run.number))
            if not begun.done():
                begun.set_result(ended.number)
        except BaseException as error:  # noqa: BLE001 - whoever waits for the run is told; what came later is in the ledger
            if not begun.done():
                begun.set_exception(error)

    def _verify(self, check: Check) -> None:
        def tell(table: str, rows: int) -> None:
            if self._stopping.is_set():
                raise errors.CanceledError("The server stopped in the middle of it.")
            self._check = replace(check, progress=f"{table}: {words.count(rows, 'row')} read")

        try:
            settings = project.load(self._file)
            with self._connections.environment(settings) as environment:
                with self._connections.organizations(settings) as others:
                    described = pipeline.describe(settings, environment, others)
                self._check = replace(check, found=pipeline.verify(settings, environment, described, progress=tell))
        except errors.BackstampError as error:
            self._check = replace(check, problem=str(error))
        except BaseException:
            self._check = replace(check, problem="It broke: the server's log says where.")
            raise

    def _do(self, order: Order, began: Callable[[runs.Run], None]) -> runs.Run:
        settings = project.load(self._file)
        arguments = order.arguments
        with self._connections.environment(settings) as environment:
            if order.approves is not None:
                return pipeline.approve(settings, environment, order.approves, began=began)
            with self._connections.organizations(settings) as others:
                described = pipeline.describe(settings, environment, others)
                if arguments.undoes is not None:
                    by = arguments.requested_by
                    return pipeline.undo(settings, environment, described, arguments.undoes, by)
                return pipeline.run(settings, environment, described, arguments, began=began)
