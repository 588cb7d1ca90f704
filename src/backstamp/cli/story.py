"""What the demo says, for somebody who reads about backstamp for the first time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backstamp.cli import display, show
from backstamp.demo import TRUTH

if TYPE_CHECKING:
    from rich.console import Console

    from backstamp import demo, link, pipeline, project, runs
    from backstamp.unify import evaluate


@dataclass(frozen=True)
class Traffic:
    """The requests of one run, and the rows that they carried."""

    reads: int
    writes: int
    rows_read: int
    rows_written: int


@dataclass(frozen=True)
class Done:
    """One run of the demo: its tasks, what it found, how right that is, and what it took."""

    run: runs.Run
    findings: pipeline.Findings
    accuracy: evaluate.Accuracy
    links: tuple[link.Linking, ...]
    traffic: Traffic


def company(to: Console, settings: project.Project, made: demo.Company, people: int) -> None:
    """Tell what the company knows of its customers."""
    _chapter(to, f"A made-up company with {people:,} customers")
    _say(to, "What it knows of them is spread over several systems:")
    rows = (
        ("crm.contact", made.contact, f"customers in its CRM ({settings.state / 'crm.sqlite'})"),
        ("crm.lead", made.lead, "people who asked for something, in its CRM"),
        ("loyalty.member", made.member, f"its loyalty programme ({settings.folder / 'data/members.csv'})"),
        ("shop.purchase", made.purchase, f"what contacts bought ({settings.folder / 'data/purchases'})"),
        ("service.case", made.case, f"what contacts complained about ({settings.folder / 'data/cases.parquet'})"),
        ("analytics.score", made.score, f"how likely they are to leave ({settings.folder / 'data/scores.parquet'})"),
    )
    found = [(f"   {table}", f"{found.num_rows:,}", what) for table, found, what in rows]
    to.print(display.table(("   Table", ">Rows", ""), found))
    _say(to, "The same person is often there several times, misspelt, with an old address, under a nickname.")
    _say(to, f"Who is who in truth stands in {settings.folder / 'truth.parquet'}, which no run ever reads.")


def first(to: Console) -> None:
    """Announce the first run."""
    _chapter(to, "First run: who is who?")
    _say(to, "It reads the tables, finds rows that are one customer, makes a profile for each with an id that stays,")
    _say(to, "adds up what each bought, and writes profiles, measures and a link on every row into the CRM.")
    to.print()


def found(to: Console, settings: project.Project, done: Done) -> None:
    """Tell what the first run found, how right it is, and what it wrote."""
    findings, accuracy = done.findings, done.accuracy
    rows = sum(table.rows for table in findings.tables)
    to.print()
    _say(to, f"{rows:,} rows of people turned out to be {findings.profiles:,} customers, each with a profile now.")
    to.print()
    _say(to, "Rows that say again what another row of their table says (duplicates):")
    duplicates = [(f"   {one.table}", f"{one.duplicates:,}", f"of {one.rows:,}") for one in findings.tables]
    to.print(display.table(("", ">", ""), duplicates))
    to.print()
    _say(to, "Customers that were known to a table above already, and the rule that found them there:")
    matches = [(f"   {one.table} in {one.upper}", f"{one.groups:,}", one.rule) for one in findings.matches]
    to.print(display.table(("", ">", ""), matches))
    to.print()
    _say(to, "Compared with the truth, pair of rows by pair of rows:")
    _say(to, f"{accuracy.precision:7.1%}  of the pairs that it joined are one person (precision)")
    _say(to, f"{accuracy.recall:7.1%}  of the pairs that are one person it joined (recall)")
    _say(to, f"{accuracy.f1:7.3f}  is both in one figure (F1); the rules stand in {settings.file}")
    to.print()
    links = ", ".join(f"{one.count:,} on {one.table}" for one in done.links)
    _say(to, f"Links from a row to its profile written into the CRM: {links}.")


def lead(to: Console, settings: project.Project, card: link.Card) -> None:
    """Show a lead as a seller sees it."""
    _chapter(to, "A lead, as a seller sees it")
    _say(to, "All of this is read from the CRM, beginning at the lead: its link leads to the rest.")
    show.show_card(to, settings, "crm.lead", card)


def second(to: Console) -> None:
    """Announce the second run."""
    _chapter(to, "Second run: nothing has changed")
    _say(to, "Contact and lead are read in full once more, because each has a new column now, the link to its profile:")
    _say(
        to, "a CRM tells what changed only to those who ask for the same columns as before. Nothing should be written."
    )
    to.print()


def nothing_new(to: Console, done: Done) -> None:
    """Tell what the second run took."""
    to.print()
    written = display.count(done.traffic.rows_written, "row")
    _say(to, f"Written: {written}, because the CRM holds everything already. It took {_requests(done)}.")


def third(to: Console, changes: demo.Changes) -> None:
    """Tell what happened in the CRM, and announce the third run."""
    _chapter(to, "A day passes in the CRM, then the third run")
    _say(to, f"Somebody made a new lead:     {changes.new_lead['leadid'][0]} (a customer known as a contact so far)")
    _say(to, f"corrected a contact's e-mail: {changes.corrected_contact['contactid'][0]}")
    _say(to, f"and deleted a contact:        {changes.deleted_contact}")
    to.print()


def little_new(to: Console, done: Done) -> None:
    """Tell what the third run took."""
    to.print()
    read = sum(task.rows or 0 for task in done.run.tasks if task.name in {"crm.contact", "crm.lead"})
    _say(to, f"Read from the CRM: {display.count(read, 'row')}, those that changed or went.")
    written = display.count(done.traffic.rows_written, "row")
    _say(to, f"Written to the CRM: {written}, deleted ones among them. It took {_requests(done)}.")


def next_steps(to: Console, settings: project.Project, card: link.Card) -> None:
    """Say what to try next."""
    option = f"--project {settings.file}"
    _chapter(to, "What to try next")
    for command, what in (
        (f"backstamp status {option}", "how the last run went, task by task"),
        (f"backstamp show crm.lead {card.key} {option}", "the lead again"),
        (
            f"backstamp explain crm.lead {card.key} {option}",
            "why its customer is who it is; name a second row to compare",
        ),
        (f"backstamp evaluate {settings.folder / TRUTH} {option}", "how right each rule is, beside the truth"),
        (f"backstamp check {option}", "the rules; change them in the file, then: backstamp run"),
    ):
        to.print(f"   {command}", style="cyan", soft_wrap=True)
        to.print(f"      {what}", soft_wrap=True)


def _requests(done: Done) -> str:
    return f"{display.count(done.traffic.reads, 'request')} that read and {done.traffic.writes:,} that write"


def _chapter(to: Console, title: str) -> None:
    to.print()
    to.rule(title, align="left", style="dim")


def _say(to: Console, text: str) -> None:
    to.print(f"   {text}", soft_wrap=True)
