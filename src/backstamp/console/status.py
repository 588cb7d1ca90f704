"""Settings › System › Status: the tasks of a run by group, as they go on; the runs before; run now, cancel."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, TypedDict

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from backstamp import errors, runs, schedule
from backstamp.console import charts, pages
from backstamp.console.permissions import Action, Visitor, may
from backstamp.console.site import Site, SiteOf
from backstamp.console.worker import Order

router = APIRouter()
STATUS = "/settings/system/status"
_HISTORY = 20
_LOOK_EVERY_SECONDS = 0.7
_Seeing = Annotated[Visitor, may(Action.SEE_STATUS)]
_Running = Annotated[Visitor, may(Action.RUN)]


class _OfRun(TypedDict):
    """What the part of the page about a run shows besides it."""

    groups: list[tuple[str, list[runs.Task]]]
    gantt: charts.Gantt | None


@router.get(STATUS)
def status(request: Request, site: SiteOf, visitor: _Seeing, run: int | None = None) -> Response:
    """Show a run, the last one where none is named, and the runs before."""
    found = _find(site, run)
    history = site.status.history(_HISTORY)
    return pages.page(
        "status.html",
        request,
        site,
        visitor,
        run=found,
        history=history,
        durations=charts.durations(history),
        outlook=_outlook(site),
        **_of_run(found),
    )


@router.get(STATUS + "/tasks/{run}/{position}")
def task(request: Request, site: SiteOf, visitor: _Seeing, run: int, position: int) -> Response:
    """Show a task of a run, and how it went in the runs before."""
    found, of = find_task(site, run, position)
    earlier = [
        (before, one)
        for before in site.status.history(_HISTORY)
        for one in before.tasks
        if (one.group, one.name) == (of.group, of.name)
    ]
    lines = site.status.lines(run, position)
    return pages.page("task.html", request, site, visitor, run=found, task=of, earlier=earlier, lines=lines)


@router.post(STATUS + "/run")
def run_now(site: SiteOf, visitor: _Running, *, full: Annotated[bool, Form()] = False) -> Response:
    """Begin a run."""
    number = site.worker.begin(Order(runs.Arguments(full=full, requested_by=visitor.name)))
    site.users.note(visitor.name, "started a run", str(number))
    return pages.go(f"{STATUS}?run={number}", f"Run {number} has begun.")


@router.post(STATUS + "/cancel")
def cancel(site: SiteOf, visitor: _Running, run: Annotated[int, Form()]) -> Response:
    """Ask a run to stop."""
    site.worker.cancel(run, visitor.name)
    site.users.note(visitor.name, "canceled a run", str(run))
    return pages.go(f"{STATUS}?run={run}", f"Run {run} is asked to stop; it ends between two batches.")


@router.post(STATUS + "/schedule")
def turn(
    site: SiteOf, visitor: Annotated[Visitor, may(Action.SCHEDULE)], *, on: Annotated[bool, Form()] = False
) -> Response:
    """Turn the schedule on or off."""
    with runs.Ledger(site.project.ledger_location) as ledger:
        ledger.schedule.turn(on=on, by=visitor.name)
    site.users.note(visitor.name, f"turned the schedule {'on' if on else 'off'}")
    return pages.go(STATUS, f"The schedule is {'on' if on else 'off'}.")


@router.get(STATUS + "/events/{run}")
async def events(site: SiteOf, visitor: _Seeing, run: int) -> Response:
    """Send the part of the page about a run whenever it has changed, until the run has ended."""

    def look(found: runs.Run) -> str:
        return pages.fragment("status_run.html", run=found, visitor=visitor, **_of_run(found))

    return StreamingResponse(_told(site, run, look), media_type="text/event-stream")


@router.get(STATUS + "/tasks/{run}/{position}/events")
async def task_events(site: SiteOf, visitor: _Seeing, run: int, position: int) -> Response:  # noqa: ARG001
    """Send the part of the page about a task whenever it has changed, until the run has ended."""

    def look(found: runs.Run) -> str:
        lines = site.status.lines(run, position)
        return pages.fragment("task_live.html", run=found, task=found.tasks[position - 1], lines=lines)

    await run_in_threadpool(find_task, site, run, position)
    return StreamingResponse(_told(site, run, look), media_type="text/event-stream")


async def _told(site: Site, number: int, look: Callable[[runs.Run], str]) -> AsyncIterator[str]:
    """Yield, as events, what a part of a page is whenever it is another, until the run has ended."""
    before = ""
    while (run := await run_in_threadpool(site.status.run, number)) is not None:
        text = await run_in_threadpool(look, run)
        if text != before:
            yield "".join(f"data: {line}\n" for line in text.splitlines()) + "\n"
            before = text
        if run.status not in runs.UNDER_WAY:
            yield "event: ended\ndata:\n\n"
            return
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


def find_task(site: Site, number: int, position: int) -> tuple[runs.Run, runs.Task]:
    """Return a run and one of its tasks.

    Raises:
        HTTPException: there is none.
    """
    found = site.status.run(number)
    task = next((one for one in found.tasks if one.position == position), None) if found else None
    if found is None or task is None:
        raise HTTPException(404, f"Run {number} has no task {position}.")
    return found, task


def _outlook(site: Site) -> schedule.Outlook | None:
    """Return when the next run begins by itself; None for a project without a schedule, or with a mistake."""
    with suppress(errors.ConfigurationError):
        settings = site.project
        if settings.schedule is not None:
            return schedule.outlook(settings, site.status, datetime.now(UTC))
    return None


def _of_run(run: runs.Run | None) -> _OfRun:
    return {"groups": charts.grouped(run.tasks if run else ()), "gantt": charts.gantt(run) if run else None}


def _find(site: Site, number: int | None) -> runs.Run | None:
    if number is None:
        return site.status.last()
    found = site.status.run(number)
    if found is None:
        raise HTTPException(404, f"There is no run {number}.")
    return found
