"""`run`, `plan`, `status` and `cancel`: the tasks of a run, done, shown and stopped."""

from __future__ import annotations

import getpass
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from backstamp import errors, pipeline, project, runs
from backstamp.cli import display, environment, options, plans, progress, server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from backstamp.connect import ports


WAITING = 3
"""The exit code of a run that waits for approval."""
_NO_RUN = "There has been no run yet: start one with `backstamp run`."


def run(
    *,
    file: options.Project = options.FILE,
    full: options.Full = False,
    new_ids: options.NewIds = False,
    accept_loss: options.AcceptLoss = None,
    until: options.Until = None,
    approve: options.Approve = None,
    as_json: options.Json = False,
) -> None:
    """Read what changed, unify it, and write profiles, measures and links to the environment.

    Or do, with --approve, what a run would do that waits for approval: that, and nothing else.

    Ends with 0, with 1 if a task failed or the run was canceled, with 2 if the project file is wrong, with 3 if the run
    waits for approval.
    """
    settings = project.load(file)
    console = display.console(quiet=as_json)
    if approve is not None and (full or new_ids or accept_loss or until):
        raise errors.ConfigurationError("--approve sends what was shown: it goes with no other option.")
    with environment.connected(settings) as sink:
        if approve is not None:
            ended = _do_approve(settings, sink, console, approve)
        else:
            arguments = _arguments(full=full, new_ids=new_ids, accept_loss=accept_loss)
            ended = do_run(settings, sink, console, replace(arguments, draft=until is not None, until=until))
        waits = ended.status is runs.TaskStatus.WAITING_FOR_APPROVAL
        shown = pipeline.forecast(settings, sink, ended.number) if waits else None
    if as_json:
        display.write_json({"run": ended} | ({"forecast": shown} if shown else {}))
    display.show_run(console, ended)
    if shown:
        plans.show(console, shown)
        raise typer.Exit(WAITING)
    if ended.status is not runs.TaskStatus.SUCCESSFUL:
        raise typer.Exit(1)


def plan(
    *,
    file: options.Project = options.FILE,
    full: options.Full = False,
    new_ids: options.NewIds = False,
    accept_loss: options.AcceptLoss = None,
    as_json: options.Json = False,
) -> None:
    """Show what a run would do, and send nothing: profiles, links and why they change, requests and time.

    The draft waits: `backstamp run --approve N` does exactly what was shown.

    Ends with 0, with 1 if a task failed or the run was canceled, with 2 if the project file is wrong.
    """
    settings = project.load(file)
    console = display.console(quiet=as_json)
    with environment.connected(settings) as sink:
        arguments = replace(_arguments(full=full, new_ids=new_ids, accept_loss=accept_loss), draft=True)
        ended = do_run(settings, sink, console, arguments)
        is_made = ended.status in {runs.TaskStatus.WAITING_FOR_APPROVAL, runs.TaskStatus.SUCCESSFUL}
        shown = pipeline.forecast(settings, sink, ended.number) if is_made else None
    if as_json:
        display.write_json({"run": ended, "forecast": shown})
    if shown is None:
        display.show_run(console, ended)
        raise typer.Exit(1)
    plans.show(console, shown)


def undo(
    number: options.Undone,
    *,
    file: options.Project = options.FILE,
    yes: options.Yes = False,
    drop_columns: options.DropColumns = False,
    as_json: options.Json = False,
) -> None:
    """Put back what a run wrote: links, alternate keys and profiles, and their CustomerIds.

    Shows what that comes to, and asks. Then nothing more is sent until `backstamp run --approve N` ends the hold. After
    the first run that wrote is undone, --drop-columns removes the columns of links too.

    Ends with 0, with 1 if a task failed, with 2 if the run cannot be undone, with 3 if it waits for your approval.
    """
    settings = project.load(file)
    console = display.console(quiet=as_json)
    with environment.connected(settings) as sink:
        if drop_columns:
            pipeline.require_first(settings, number)
        ended = _do_undo(settings, sink, number)
        waits = ended.status is runs.TaskStatus.WAITING_FOR_APPROVAL
        shown = pipeline.forecast(settings, sink, ended.number) if waits else None
        if shown:
            plans.show(console, shown)
            if yes or (console.is_terminal and typer.confirm(f"Put back what run {number} wrote?")):
                ended = _do_approve(settings, sink, console, ended.number)
        if drop_columns and ended.status is runs.TaskStatus.SUCCESSFUL:
            pipeline.drop_columns(settings, sink, number)
    if as_json:
        display.write_json({"run": ended, "forecast": shown})
    if ended.status is runs.TaskStatus.WAITING_FOR_APPROVAL:
        raise typer.Exit(WAITING)
    display.show_run(console, ended)
    if ended.status is not runs.TaskStatus.SUCCESSFUL:
        raise typer.Exit(1)


def status(
    number: options.Count = None,
    *,
    file: options.Project = options.FILE,
    run: options.Run = None,
    task: options.Task = None,
    history: options.History = False,
    as_json: options.Json = False,
) -> None:
    """Show the tasks of the last run, or of another one; also while it goes on. Or one of them, or the last runs."""
    if (number and not history) or ((run or task) and history):
        raise errors.ConfigurationError("One run is shown with `--run N`, the last N runs with `--history N`.")
    ledger = project.find_ledger(file)
    if history:
        _show_history(ledger, number or 10, as_json=as_json)
        return
    found = _find(ledger, run)
    if found and task:
        _show_task(ledger, found, task, as_json=as_json)
    elif as_json:
        display.write_json({"run": found, "died": found is not None and display.has_died(found)})
    elif found:
        display.show_run(display.console(), found)
    else:
        display.console().print(_NO_RUN)


def cancel(*, file: options.Project = options.FILE, run: options.Run = None, as_json: options.Json = False) -> None:
    """Ask a run to stop; it does so between two steps or batches, and the next run goes on. Or discard a plan.

    Ends with 0, with 1 if the run's process has died, with 2 if there is no such run or it has ended.
    """
    ledger = project.find_ledger(file)
    found = _find(ledger, run)
    if found is None:
        raise errors.ConfigurationError("There has been no run yet: there is nothing to cancel.")
    if display.has_died(found):
        raise errors.BackstampError(str(display.sentence(found)))
    with runs.Ledger(ledger) as opened:
        opened.request_cancel(found.number, login())
    if as_json:
        display.write_json({"canceled": found.number})
    waits = found.status is runs.TaskStatus.WAITING_FOR_APPROVAL
    done = "'s plan is discarded." if waits else " is asked to stop. `backstamp status` shows when it has."
    display.console(quiet=as_json).print(f"Run {found.number}{done}")


def do_run(
    settings: project.Project,
    sink: ports.Sink,
    console: Console,
    arguments: runs.Arguments,
) -> runs.Run:
    """Do a run that the console shows while it goes on, and that Ctrl-C stops; return how it ended.

    Where a server owns the warehouse, it does the run.
    """
    if running := server.of_project(settings.state):
        return _follow(settings, console, running.begin(arguments))
    with environment.organizations(settings) as others:
        described = pipeline.describe(settings, sink, others)
        settings.state.mkdir(mode=0o700, exist_ok=True)
        ledger = settings.ledger_location
        with progress.stoppable(ledger, arguments.requested_by), progress.following(ledger, console):
            return pipeline.run(settings, sink, described, arguments)


def _arguments(*, full: bool, new_ids: bool, accept_loss: Sequence[str] | None) -> runs.Arguments:
    return runs.Arguments(full=full, new_ids=new_ids, requested_by=login(), accept_loss=tuple(accept_loss or ()))


def _follow(settings: project.Project, console: Console, number: int) -> runs.Run:
    """Show a run that the server does while it goes on; Ctrl-C stops it."""
    ledger = settings.ledger_location
    with progress.stoppable(ledger, login(), number), progress.following(ledger, console, number):
        return server.wait_for(ledger, number)


def _do_approve(settings: project.Project, sink: ports.Sink, console: Console, number: int) -> runs.Run:
    """Send what a waiting run would do, shown and stoppable as a run."""
    ledger = settings.ledger_location
    if not runs.exists(ledger):
        raise errors.ConfigurationError(_NO_RUN)
    if running := server.of_project(settings.state):
        return _follow(settings, console, running.approve(number))
    with progress.stoppable(ledger, login()), progress.following(ledger, console, number):
        return pipeline.approve(settings, sink, number)


def _do_undo(settings: project.Project, sink: ports.Sink, number: int) -> runs.Run:
    """Make the draft that undoes a run."""
    if not runs.exists(settings.ledger_location):
        raise errors.ConfigurationError(_NO_RUN)
    if running := server.of_project(settings.state):
        made = running.begin(runs.Arguments(undoes=number, requested_by=login()))
        return server.wait_for(settings.ledger_location, made)
    with environment.organizations(settings) as others:
        return pipeline.undo(settings, sink, pipeline.describe(settings, sink, others), number, login())


def login() -> str:
    """Return the name of who is at work, as the system knows it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "somebody"


def _find(ledger: str | Path, number: int | None) -> runs.Run | None:
    """Return the run of that number, or the last one; None before the first."""
    if not runs.exists(ledger):
        return None
    with runs.Status(ledger) as status:
        found = status.last() if number is None else status.run(number)
    if found is None and number is not None:
        raise errors.ConfigurationError(f"There is no run {number}: `backstamp status` shows the last one.")
    return found


def _show_history(ledger: str | Path, number: int, *, as_json: bool) -> None:
    """List the newest runs, newest first."""
    found: Sequence[runs.Run] = ()
    if runs.exists(ledger):
        with runs.Status(ledger) as status:
            found = status.history(number)
    if as_json:
        display.write_json({"runs": [_facts(run) for run in found]})
    elif found:
        display.show_history(display.console(), found)
    else:
        display.console().print(_NO_RUN)


def _show_task(ledger: str | Path, run: runs.Run, name: str, *, as_json: bool) -> None:
    """Show a task of a run, and what it said."""
    names = [task.name for task in run.tasks]
    task = next((one for one in run.tasks if one.name.casefold() == name.casefold()), None)
    if task is None:
        hint = errors.did_you_mean(name, names)
        raise errors.ConfigurationError(f"Run {run.number} has no task `{name}`.{hint} It has: {', '.join(names)}.")
    with runs.Status(ledger) as status:
        lines = status.lines(run.number, task.position)
    if as_json:
        display.write_json({"task": task, "lines": lines})
    else:
        display.show_task(display.console(), task, lines)


def _facts(run: runs.Run) -> dict[str, object]:
    """Return a run without its tasks for JSON."""
    facts = {name: getattr(run, name) for name in ("number", "started", "status", "seconds", "warnings")}
    return facts | {"requested_by": run.arguments.requested_by, "died": display.has_died(run)}
