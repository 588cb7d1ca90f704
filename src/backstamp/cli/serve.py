"""`serve` and `user`: the console with its API, and who may sign in to it."""

from __future__ import annotations

import secrets
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from getpass import getpass
from typing import TYPE_CHECKING

from backstamp import embedded, engine, errors, project, runs, schedule, serving
from backstamp.cli import display, environment, notes, options, server, tasks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from backstamp import console


_IN_THE_CLEAR = (
    "Other machines can reach it, and without TLS: passwords would go over the network in the clear. Put a proxy with"
    " TLS before it, and name its address in the project file: `console: {url: https://…}`."
)


def serve(
    *,
    host: options.Host = "127.0.0.1",
    port: options.Port = 8600,
    crm: options.WithCrm = False,
    crm_port: options.CrmPort = 8700,
    file: options.Project = options.FILE,
    as_json: options.Json = False,
) -> None:
    """Serve the console and its API until stopped, and do runs; the other commands of the project find it.

    A run that goes on when it is stopped ends cleanly, and the next start goes on with it.
    """
    from backstamp import console  # noqa: PLC0415 - the web framework takes a while, and only this command needs it

    settings = project.load(file)
    if running := server.of_project(settings.state):
        raise errors.BusyError(f"This project is served already, at {running.url}: stop that process first.")
    settings.state.mkdir(mode=0o700, exist_ok=True)
    ledger = settings.ledger_location
    with ExitStack() as stack:
        users, status = stack.enter_context(runs.Users(ledger)), stack.enter_context(runs.Status(ledger))
        crm_url = stack.enter_context(_crm(settings, host, crm_port)) if crm else None
        connections = console.Connections(environment.connected, environment.organizations)
        worker = console.Worker(file, ledger, connections)
        stack.callback(worker.stop)
        site = console.Site(
            file,
            connections,
            users,
            status,
            worker,
            login=tasks.login(),
            local_token=secrets.token_urlsafe(32),
            first_word=secrets.token_urlsafe(16),
        )

        stack.enter_context(engine.lingering())
        stack.enter_context(_keeping(settings, worker))

        def ready(url: str) -> None:
            note = notes.Note(url, site.local_token)
            stack.enter_context(notes.announced(server.note_file(settings.state), note))
            _tell(site, url, crm_url, as_json=as_json)
            if not serving.is_loopback(host):
                display.console(quiet=as_json).print(_IN_THE_CLEAR, soft_wrap=True)
            _resume(worker, as_json=as_json)

        address = serving.Address("The console", host, port)
        serving.forever(console.application(site), address, ready)


@contextmanager
def _keeping(settings: project.Project, worker: console.Worker) -> Iterator[None]:
    """Begin runs when they are due, where the project has a schedule, as long as the block lasts.

    Where another process keeps the schedule already, it goes on to.
    """
    if settings.schedule is None:
        yield
        return
    stop = threading.Event()

    def keep() -> None:
        with suppress(errors.BusyError):
            schedule.keep(settings, worker.do_scheduled, partial(environment.connected, settings), stop)

    thread = threading.Thread(target=keep, name="schedule")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _crm(settings: project.Project, host: str, port: int) -> Iterator[str]:
    """Serve the embedded CRM beside the console, for other commands too."""
    if url := environment.served_elsewhere(settings.state):
        raise errors.BusyError(f"The CRM of this project is served already, at {url}: leave out `--crm`.")
    crm, tokens = environment.crm_settings(settings), environment.tokens(settings)
    with embedded.serving(crm, tokens, host=host, port=port) as url, environment.announced(settings, url):
        yield url


def _tell(site: console.Site, url: str, crm_url: str | None, *, as_json: bool) -> None:
    first = None if site.users.exist() else f"{url}/first?word={site.first_word}"
    if as_json:
        display.write_json({"url": url, "crm": crm_url, "first": first})
    to = display.console(quiet=as_json)
    to.print(f"The console answers at {url} until you stop it with Ctrl-C.")
    if first:
        to.print(f"Nobody may sign in yet. Make the first administrator at {first}", soft_wrap=True)
    if crm_url:
        to.print(f"The embedded CRM answers at {crm_url}.")


def _resume(worker: console.Worker, *, as_json: bool) -> None:
    """Go on with what the server before was at; what is in the way keeps nobody from the pages."""
    to = display.console(quiet=as_json)
    try:
        if resumed := worker.resume():
            to.print(f"Run {resumed} goes on with what the server was at when it was stopped.")
    except errors.BackstampError as error:
        to.print(f"What the server was at when it was stopped cannot go on now: {error}", soft_wrap=True)


def add(
    name: options.UserName,
    *,
    role: options.UserRole = runs.Role.VIEWER,
    file: options.Project = options.FILE,
    as_json: options.Json = False,
) -> None:
    """Make a user of the console; the password is asked for, or read from standard input."""
    with _users(file) as users:
        made = users.add(name, role, _password(), by=tasks.login())
    if as_json:
        display.write_json({"user": made})
    display.console(quiet=as_json).print(f"{made.name} may sign in, as {made.role}.")


def change(
    name: options.UserName,
    *,
    role: options.NewRole = None,
    password: options.NewPassword = False,
    disabled: options.Disabled = None,
    file: options.Project = options.FILE,
    as_json: options.Json = False,
) -> None:
    """Give a user of the console another role or password, or shut the user out; all their sessions end."""
    with _users(file) as users:
        said = _password() if password else None
        changed = users.change(name, by=tasks.login(), role=role, password=said, disabled=disabled)
    if as_json:
        display.write_json({"user": changed})
    state = "may not sign in any more" if changed.disabled else f"may sign in, as {changed.role}"
    display.console(quiet=as_json).print(f"{changed.name} {state}.")


def listed(*, file: options.Project = options.FILE, as_json: options.Json = False) -> None:
    """List the users of the console."""
    with _users(file) as users:
        found = users.listed()
    if as_json:
        display.write_json({"users": found})
    rows = [(one.name, str(one.role), one.signs_in_by, "shut out" if one.disabled else "") for one in found]
    display.console(quiet=as_json).print(display.table(("Name", "Role", "Signs in by", ""), rows))


def _users(file: Path) -> runs.Users:
    settings = project.load(file)
    settings.state.mkdir(mode=0o700, exist_ok=True)
    return runs.Users(settings.ledger_location)


def _password() -> str:
    return getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
