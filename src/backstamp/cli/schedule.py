"""`schedule`: when the next run is due; on, off; and kept, where no server does it."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from backstamp import errors, pipeline, project, runs, schedule
from backstamp.cli import display, environment, options, tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console


def show(
    *,
    file: options.Project = options.FILE,
    on: options.On = None,
    keep: options.Keep = False,
    as_json: options.Json = False,
) -> None:
    """Show when the next run begins by itself, and who sees to it; or turn that on or off.

    --keep begins runs when they are due, until Ctrl-C: for a machine without a server.
    """
    settings = project.load(file)
    if settings.schedule is None:
        message = "The project has no schedule: add one, such as `schedule: {every: 15 minutes}`."
        raise errors.ConfigurationError(message, errors.Location(str(file)))
    settings.state.mkdir(mode=0o700, exist_ok=True)
    if on is not None:
        with runs.Ledger(settings.ledger_location) as ledger:
            ledger.schedule.turn(on=on, by=tasks.login())
    console = display.console(quiet=as_json)
    if keep:
        console.print("Runs begin when they are due, until you stop this with Ctrl-C.")
        with _told_to_stop() as stop:
            schedule.keep(settings, partial(_do_run, settings, console), partial(environment.connected, settings), stop)
        return
    with runs.Status(settings.ledger_location) as status:
        found = schedule.outlook(settings, status, datetime.now(UTC))
    if as_json:
        display.write_json({"due": found.due, "waits_for": found.waits_for, "switch": found.switch})
    console.print("\n".join(_words(settings, found)), soft_wrap=True)


def _words(settings: project.Project, found: schedule.Outlook) -> Iterator[str]:
    """Yield what is to come, a sentence a line."""
    switch = found.switch
    if not switch.is_on:
        yield f"The schedule was turned off by {switch.turned_by} at {_time(settings, switch.turned)}."
    elif found.waits_for is not None:
        yield f"Run {found.waits_for} waits for approval; until then none begins by itself."
    elif found.due is None:
        yield "A run begins when something changes in the CRM."
    else:
        yield f"The next run is due at {_time(settings, found.due)}."
    if switch.wanted_by is not None:
        yield f"{switch.wanted_by} asked for a run, which has not begun yet."
    if switch.problem:
        yield f"The last run that was due could not begin: {switch.problem}"
    if switch.keeper is None:
        yield "Nobody sees to it now: `backstamp serve` does, or `backstamp schedule --keep`."
    else:
        yield f"It is kept by {switch.keeper}."


def _time(settings: project.Project, moment: datetime | None) -> str:
    """Say a time as the clocks of the schedule show it."""
    return "" if moment is None else f"{moment.astimezone(schedule.zone(settings)):%Y-%m-%d %H:%M %Z}"


def _do_run(settings: project.Project, console: Console, requested_by: str) -> runs.Run:
    """Do a run, and tell how it ended."""
    with environment.connected(settings) as sink, environment.organizations(settings) as others:
        described = pipeline.describe(settings, sink, others)
        ended = pipeline.run(settings, sink, described, schedule.arguments(requested_by))
    console.print(display.sentence(ended), soft_wrap=True)
    return ended


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Give what is set by Ctrl-C, or SIGTERM; a second one is at once."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def tell(_number: int, _frame: object) -> None:
        restore()
        stop.set()

    for number in before:
        signal.signal(number, tell)
    try:
        yield stop
    finally:
        restore()
