"""When runs begin by themselves, and who sees to it.

What is due is a function of values; `keep` looks at the clock, and begins one run after the other.
"""

from __future__ import annotations

import threading
from concurrent import futures
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from backstamp import errors, pipeline, runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from backstamp import project
    from backstamp.connect import ports

REQUESTED_BY = "schedule"
"""Who asked for a run that was due."""
STOPPED_BY = "the schedule, which was told to stop"
"""By whom a run is canceled that goes on when the schedule is kept no longer."""
_LOOK_EVERY_SECONDS = 1.0
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
_TRIES_BEFORE_TELLING = 4
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_A_MOMENT = timedelta(microseconds=1)
_Found = TypeVar("_Found")


def next_due(settings: project.Project, last_started: datetime | None, now: datetime) -> datetime | None:
    """Return when the next run is due, or was: however many were missed, they are one.

    A time of day that a day lacks, because clocks go forward, is meant as if they had not; one that a day has twice is
    the first of the two.

    Args:
        settings: the project.
        last_started: when the last run began, or the schedule was turned on if that was later; None for never.
        now: the time.

    Returns:
        The time, in UTC, before `now` where it is overdue; None where the clock alone never brings a run.
    """
    if settings.schedule is None:
        return None
    interval = settings.schedule.interval
    due = [_next(trigger, last_started or now) for trigger in _triggers(settings.schedule, zone(settings))]
    if interval is not None:
        due.append(last_started + interval if last_started else now)
    if settings.schedule.on_change and last_started is None:
        due.append(now)  # nothing has changed since nothing
    return min(due, default=None)


def zone(settings: project.Project) -> ZoneInfo:
    """Return the zone of the schedule's times."""
    own = settings.schedule.time_zone if settings.schedule else None
    return ZoneInfo(own or settings.time_zone)


def _triggers(wanted: project.Schedule, zone: ZoneInfo) -> Iterator[CronTrigger]:
    """Yield a trigger for each time of day."""
    days = {"*": wanted.daily} | {day[:3]: times for day, times in wanted.weekly.items()}
    for day, times in days.items():
        for time in times:
            hour, minute = time.split(":")
            yield CronTrigger(day_of_week=day, hour=int(hour), minute=int(minute), timezone=zone)


def _next(trigger: CronTrigger, after: datetime) -> datetime:
    """Return the first time of a trigger after another, in UTC."""
    found: datetime = trigger.get_next_fire_time(None, after + _A_MOMENT)
    while found.fold:  # the second of two
        found = trigger.get_next_fire_time(None, found.astimezone(UTC) + _A_MOMENT)
    return found.astimezone(UTC)


def arguments(by: str) -> runs.Arguments:
    """Return what is asked of a run that the schedule begins: because it was due, or because somebody wanted one."""
    return runs.Arguments(requested_by=by, scheduled=by == REQUESTED_BY)


@dataclass(frozen=True)
class Outlook:
    """What is to come.

    Attributes:
        switch: how the schedule stands.
        due: when the next run is due, or was; None where it is off, waits, or only a change brings one.
        waits_for: the number of a run that somebody has to approve first, or None.
    """

    switch: runs.Switch
    due: datetime | None
    waits_for: int | None


def outlook(settings: project.Project, status: runs.Status, now: datetime) -> Outlook:
    """Return what is to come, as the ledger tells it."""
    switch, waits_for = status.schedule(), status.waits_for_approval()
    if not switch.is_on or waits_for is not None:
        return Outlook(switch, None, waits_for)
    began = max(filter(None, (status.last_refresh(), switch.turned)), default=None)
    return Outlook(switch, next_due(settings, began, now), None)


def keep(
    settings: project.Project,
    do_run: Callable[[str], runs.Run],
    connect: Callable[[], AbstractContextManager[ports.Sink]],
    stop: threading.Event,
) -> None:
    """Begin runs when they are due or somebody asked for one, one after the other, until told to stop.

    A run that is going on then is asked to end, as by `backstamp cancel`; the next one goes on with what it left.
    A run that cannot begin is tried again with growing waits.

    Args:
        settings: the project.
        do_run: does a whole run, asked for by somebody of this name, and returns how it ended.
        connect: opens a connection to the environment, where `on_change` wants to look at it.
        stop: is set to stop; this returns then as soon as it can.

    Raises:
        BusyError: another living process keeps the schedule.
        ConfigurationError: the ledger cannot be opened.
        TransientError: its server does not answer at the start.
    """
    location = settings.ledger_location
    with runs.Ledger(location) as ledger, runs.Status(location) as status, ledger.schedule.kept():
        keeper = _Keeper(settings, do_run, connect, stop, ledger, status)
        while not stop.is_set():
            with suppress(errors.BusyError, errors.TransientError):  # of the ledger, which is asked again
                keeper.look(datetime.now(UTC))
            stop.wait(_LOOK_EVERY_SECONDS)


@dataclass
class _Keeper:
    """Who keeps the schedule, and what happened to it lately.

    Attributes:
        failed: how many runs in a row failed, or could not begin.
        not_before: when the next run may begin.
        looked: when it was last looked for changes.
    """

    settings: project.Project
    do_run: Callable[[str], runs.Run]
    connect: Callable[[], AbstractContextManager[ports.Sink]]
    stop: threading.Event
    ledger: runs.Ledger
    status: runs.Status
    failed: int = 0
    not_before: datetime = _LONG_AGO
    looked: datetime = _LONG_AGO

    def look(self, now: datetime) -> None:
        """Do a run if one is to begin now."""
        if now < self.not_before:
            return
        wish = self.ledger.schedule.take_wish()
        if wish is not None:
            self._run(wish)
        elif self._is_due(now):
            self._run(REQUESTED_BY)

    def _is_due(self, now: datetime) -> bool:
        found = outlook(self.settings, self.status, now)
        if found.due is not None and found.due <= now:
            return True
        return found.switch.is_on and found.waits_for is None and self._has_changed(now)

    def _run(self, by: str) -> None:
        """Do a run to its end; note why where it could not even begin."""
        try:
            ended = self._in_background(partial(self.do_run, by), self._cancel)
        except errors.BusyError as error:
            self._put_off(str(error), _FIRST_WAIT)
            if by != REQUESTED_BY:
                self.ledger.schedule.ask_for_run(by)
        except errors.BackstampError as error:
            self._put_off(str(error), self._pause)
            self.failed += 1
            if not isinstance(error, errors.TransientError) or self.failed >= _TRIES_BEFORE_TELLING:
                pipeline.tell_of_beginning(self.settings, self.ledger, str(error))
        else:
            self.ledger.schedule.note_problem("")
            self.failed = self.failed + 1 if ended and ended.status is runs.TaskStatus.FAILED else 0

    def _put_off(self, problem: str, pause: timedelta) -> None:
        self.not_before = datetime.now(UTC) + pause
        self.ledger.schedule.note_problem(problem)

    @property
    def _pause(self) -> timedelta:
        """How long what failed is left alone: longer each time."""
        return min(_FIRST_WAIT * (1 << min(self.failed, 10)), _LONGEST_WAIT)

    def _has_changed(self, now: datetime) -> bool:
        """Look, if it is time, whether the environment has changed since the last run."""
        wanted = self.settings.schedule
        if wanted is None or not wanted.on_change:
            return False
        if now < self.looked + (max(wanted.looks, self._pause) if self.failed else wanted.looks):
            return False
        self.looked = now
        try:
            return bool(self._in_background(self._look_for_changes, lambda: True))
        except errors.BackstampError as error:
            self.ledger.schedule.note_problem(str(error))
            self.failed += 1
            return False

    def _look_for_changes(self) -> bool:
        with self.connect() as environment:
            return pipeline.has_changed(self.settings, environment, self.status.feeds())

    def _in_background(self, work: Callable[[], _Found], let_go: Callable[[], bool]) -> _Found | None:
        """Do work on a thread of its own; when told to stop, `let_go` says whether to leave it alone, with nothing."""
        doing: futures.Future[_Found] = futures.Future()
        threading.Thread(target=_fulfill, args=(doing, work), name="schedule", daemon=True).start()
        while not futures.wait([doing], timeout=_LOOK_EVERY_SECONDS / 5).done:
            if self.stop.is_set() and let_go():
                return None
        return doing.result()

    def _cancel(self) -> bool:
        """Ask the run of this process to stop; its end has to be waited for."""
        last, ours = self.status.last(), runs.Owner.this_process()
        if last and last.status in runs.UNDER_WAY and last.owner == ours and last.canceled_by is None:
            with suppress(errors.ConfigurationError):  # it has just ended by itself
                self.ledger.request_cancel(last.number, STOPPED_BY)
        return False


def _fulfill(doing: futures.Future[_Found], work: Callable[[], _Found]) -> None:
    try:
        doing.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised again where the result is wanted
        doing.set_exception(error)
