"""`verify`: whether the links of the environment are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from backstamp import link, pipeline, project
from backstamp.cli import display, environment, options

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from backstamp.pipeline import Verified, VerifiedTable

_HEADINGS = ("Table", ">Rows", ">With a link", *(f">{one.capitalize()}" for one in link.Finding), ">Known")


def verify(
    *, list_to: options.BadRows = None, file: options.Project = options.FILE, as_json: options.Json = False
) -> None:
    """Check the links: read every row of every linked table from the CRM, and hold it against the alternate keys there.

    Nothing is written. Ends with 0, with 1 if a link is not right and the last run has not told why, with 2 if the
    project file is wrong.
    """
    settings = project.load(file)
    to = display.console(quiet=as_json)
    with environment.connected(settings) as sink, environment.organizations(settings) as others:
        described = pipeline.describe(settings, sink, others)
        with to.status("Reading profiles and alternate keys …") as status:
            found = pipeline.verify(settings, sink, described, list_to=list_to, progress=_teller(status.update))
    if as_json:
        display.write_json(_facts(found))
    _show(to, found)
    if list_to is not None and any(table.not_right for table in found.tables):
        to.print(f"The rows that are not right are listed in {list_to}.", soft_wrap=True)
    if not found.is_right:
        raise typer.Exit(1)


def _teller(update: Callable[[str], None]) -> Callable[[str, int], None]:
    return lambda table, rows: update(f"Reading {table}: {rows:,} rows …")


def _facts(found: Verified) -> dict[str, object]:
    tables = [
        {
            "table": table.table,
            "has_column": table.has_column,
            "rows": table.rows,
            "linked": table.linked,
            **{finding.value: table.findings[finding] for finding in link.Finding},
            "known": dict(table.excused),
        }
        for table in found.tables
    ]
    return {"right": found.is_right, "tables": tables, "not_linked": found.failed} | {
        "going_on": found.going_on,
        "held_since": found.held_since,
    }


def _show(to: Console, found: Verified) -> None:
    if found.tables:
        to.print(display.table(_HEADINGS, [_line(table) for table in found.tables]))
    for table in found.tables:
        if not table.has_column:
            to.print(f"{table.table} has no column of links yet: the next run makes it.", soft_wrap=True)
        for finding, meaning in link.MEANINGS.items():
            if count := table.findings[finding]:
                to.print(f"{table.table}: {display.count(count, 'link')} {finding}: {meaning}.", soft_wrap=True)
        for excuse, count in table.excused.items():
            to.print(f"{table.table}: {display.count(count, 'row')} known: {excuse} in the last run.", soft_wrap=True)
    for check in found.failed:
        to.print(f"{check.table} is not linked. {check.words}", soft_wrap=True)
    if found.going_on is not None:
        to.print(f"Run {found.going_on} is going on: what it has not written yet counts as not right.", soft_wrap=True)
    if found.held_since is not None:
        to.print(
            f"The environment is held since run {found.held_since}: links are as they were before it.", soft_wrap=True
        )
    to.print()
    to.print(found.sentence, style="green" if found.is_right else "red", soft_wrap=True)


def _line(table: VerifiedTable) -> list[str]:
    counts = (table.rows, table.linked, *(table.findings[finding] for finding in link.Finding), table.excused.total())
    return [table.table, *(f"{count:,}" for count in counts)]
