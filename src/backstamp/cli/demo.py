"""`demo`: the main job on a made-up company, from its rows to a lead that carries its customer's profile."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from backstamp import demo as companies
from backstamp import embedded, errors, link, pipeline, project, runs, shapes
from backstamp import engine as engines
from backstamp.cli import display, environment, options, server, show, story, tasks
from backstamp.unify import evaluate

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.console import Console

    from backstamp.connect import ports

_OUTSIDE = ("Data Sources", "Dataverse Hydration")
"""The tasks that read and write systems outside."""


def demo(
    folder: options.Folder = Path("demo"),
    *,
    people: options.People = 20_000,
    seed: options.Seed = 1,
    as_json: options.Json = False,
) -> None:
    """Make a company with known customers, link the rows of its CRM to their profiles, and tell the story.

    FOLDER becomes a project of its own, to try the other commands on; an earlier demo in it is replaced, any other
    file refused.
    """
    console = display.console(quiet=as_json)
    company = companies.make_company(people, seed=seed)
    changes = companies.choose_changes(company)
    _clear(folder)
    settings = _write(folder, company)
    story.company(console, settings, company, people)
    with environment.served(settings) as url:
        with environment.signed_in(settings, url, embedded.ADMINISTRATOR) as administrator:
            _fill(administrator, company, console)
            story.first(console)
            first = _run(settings, url, company.truth, console)
            story.found(console, settings, first)
            with environment.signed_in(settings, url, embedded.APPLICATION_USER) as sink:
                card = show.read(settings, sink, "crm.lead", _lead_to_show(settings)).card
            story.lead(console, settings, card)
            story.second(console)
            second = _run(settings, url, company.truth, console, _OUTSIDE)
            story.nothing_new(console, second)
            companies.make_changes(administrator, changes)
        companies.write_truth(changes.truth, folder)
        story.third(console, changes)
        third = _run(settings, url, changes.truth, console, _OUTSIDE)
        story.little_new(console, third)
    story.next_steps(console, settings, card)
    if as_json:
        display.write_json(
            {
                "folder": str(folder),
                "people": people,
                "runs": [_facts(done) for done in (first, second, third)],
                "lead": show.facts("crm.lead", card),
            }
        )


def _clear(folder: Path) -> None:
    """Remove an earlier demo from its folder, if there is one, and nothing else.

    Raises:
        ConfigurationError: the folder holds anything that no demo has written.
        BusyError: the CRM of the earlier demo is being served.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    file = folder / options.FILE
    state = project.state_folder(file)
    if not _is_of_a_demo(file):
        message = "Something else than an earlier demo is here: choose another folder."
        raise errors.ConfigurationError(message, errors.Location(str(folder)))
    if others := _others(folder, state):
        message = "No demo has written this: move it away, or choose another folder."
        raise errors.ConfigurationError(message, errors.Location(str(others[0])))
    if url := environment.served_elsewhere(state):
        raise errors.BusyError(f"The CRM of the demo in {folder} is served at {url}: stop `backstamp crm` first.")
    if running := server.of_project(state):
        raise errors.BusyError(f"The demo in {folder} is served at {running.url}: stop `backstamp serve` first.")
    if state.exists():
        shutil.rmtree(state)
    # The project file goes last: as long as anything is left, it is an earlier demo.
    for name in (*companies.FILES, options.FILE):
        (folder / name).unlink(missing_ok=True)


def _is_of_a_demo(file: Path) -> bool:
    """Tell whether a project file begins as the demo's does."""
    return file.is_file() and file.read_bytes().startswith(companies.PROJECT.partition("\n")[0].encode())


def _others(folder: Path, state: Path) -> list[Path]:
    """Return what is in the folder, at any depth, though no demo has written it; the folder of state is all ours."""
    ours = {folder / options.FILE, state, folder}
    for name in companies.FILES:
        ours |= {folder / name, *(folder / name).parents}
    found = (entry for entry in folder.rglob("*") if state not in entry.parents)
    return sorted(entry for entry in found if entry not in ours or entry.is_symlink())


def _write(folder: Path, company: companies.Company) -> project.Project:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / options.FILE).write_text(companies.PROJECT, encoding="utf-8")
    companies.write_files(company, folder)
    return project.load(folder / options.FILE)


def _fill(administrator: ports.Sink, company: companies.Company, console: Console) -> None:
    columns = (TextColumn("   filling the CRM: {task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("")

        def report(table: str, done: int, rows: int) -> None:
            bars.update(bar, description=table, completed=done, total=rows)

        companies.load(administrator, company, report)


def _run(
    settings: project.Project, url: str, truth: pa.Table, console: Console, groups: Collection[str] = ()
) -> story.Done:
    """Do one run as `backstamp run` does, show its tasks, or those of some groups, and measure it.

    Raises:
        typer.Exit: it was not successful.
    """
    with environment.signed_in(settings, url, embedded.APPLICATION_USER) as sink:
        # In a log the table at the end says the same as lines would.
        shown = console if console.is_terminal else display.console(quiet=True)
        run = tasks.do_run(settings, sink, shown, runs.Arguments(requested_by=tasks.login()))
        sent = sink.traffic
        traffic = story.Traffic(sent.reads, sent.writes, sent.rows_read, sent.rows_written)
    display.show_run(console, run, groups)
    if run.status is not runs.TaskStatus.SUCCESSFUL:
        raise typer.Exit(1)
    accuracy = evaluate.measure_clusters(_members(settings), truth).pairs
    plan = link.load(settings.state, run.number)
    return story.Done(run, pipeline.findings(settings.state), accuracy, plan.links if plan else (), traffic)


def _members(settings: project.Project) -> pa.Table:
    with engines.open_warehouse(settings.state, settings.engine) as engine:
        return pa.Table.from_batches(engine.batches(engine.table("members")), shapes.MEMBERS)


def _lead_to_show(settings: project.Project) -> str:
    """Return the key of a lead whose customer has bought, and has an open case; the same one each time."""
    with engines.open_warehouse(settings.state, settings.engine) as engine:
        members, measures = engine.table("members"), engine.table("measures")
        leads = members.filter(members.table == "crm.lead").inner_join(measures, "customer_id")
        richest = [(leads[name].fill_null(0) > 0).ifelse(0, 1) for name in ("OpenCases", "LifetimePurchases")]
        [lead] = engine.rows(leads.order_by([*richest, leads.key]).limit(1))
        return str(lead["key"])


def _facts(done: story.Done) -> dict[str, object]:
    accuracy = {"precision": done.accuracy.precision, "recall": done.accuracy.recall, "f1": done.accuracy.f1}
    return {
        "run": done.run,
        "findings": done.findings,
        "accuracy": accuracy,
        "links": {one.table: {"set": one.set, "changed": one.changed, "cleared": one.cleared} for one in done.links},
        "traffic": asdict(done.traffic),
    }
