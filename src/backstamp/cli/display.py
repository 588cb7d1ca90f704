"""Facts as text, tables and JSON."""

from __future__ import annotations

import math
import os
import sys
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backstamp import runs
from backstamp.runs import words
from backstamp.runs.words import count as count
from backstamp.runs.words import duration as duration
from backstamp.runs.words import has_died as has_died
from backstamp.runs.words import outlook as outlook
from backstamp.runs.words import rows_of, speed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from backstamp import errors

_LOG_WIDTH = 160
"""Characters of a line where no terminal says how many it has."""

_ROOM = 110
"""Characters from which on a table of tasks has room for details."""
_EXPLAINED = runs.FAILURES | {runs.TaskStatus.SKIPPED}
"""The statuses whose details are sentences to be read, not looked at in a table."""

_STYLES = {
    runs.TaskStatus.SUCCESSFUL: "green",
    runs.TaskStatus.SKIPPED: "yellow",
    runs.TaskStatus.CANCELED: "yellow",
    runs.TaskStatus.WAITING_FOR_APPROVAL: "yellow",
    **dict.fromkeys(runs.UNDER_WAY, "cyan"),
    **dict.fromkeys(runs.FAILURES, "red"),
}
_DEAD = "red"


def console(*, quiet: bool = False) -> Console:
    """Return what prints for people: colours on a terminal, plain lines elsewhere, nothing where JSON is wanted."""
    plain = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(quiet=quiet, highlight=False, markup=False, emoji=False, width=_LOG_WIDTH if plain else None)


def write_json(document: Mapping[str, object]) -> None:
    """Print the one document of a command."""
    text = orjson.dumps(document, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    sys.stdout.write(text.decode() + "\n")
    sys.stdout.flush()


def _plain(value: object) -> object:
    """Say as JSON what orjson does not know."""
    return float(value) if isinstance(value, Decimal) else str(value)


def write_text(text: str) -> None:
    """Print text as it is, to be read by people or kept in a file."""
    sys.stdout.write(text)


def write_error(message: str, *, as_json: bool, kind: str, location: errors.Location | None = None) -> None:
    """Print an error: for people on stderr, as JSON on stdout."""
    if as_json:
        write_json({"error": {"kind": kind, "message": message, "location": location}})
        return
    place = f"{location}: " if location else ""
    sys.stderr.write(f"{place}{message}\n")


def task_table(to: Console, run: runs.Run, groups: Collection[str] = ()) -> Table:
    """Return the tasks of a run, or of some groups of it, as far as there is room; `notes` says the rest."""
    headings = ("Task", "Status", ">Rows", ">Rows/s", ">Time", "Details")
    table = _plain_table(*(headings if _has_room(to) else headings[:-1]))
    for group, tasks in groupby(_of_groups(run, groups), lambda task: task.group):
        table.add_row(Text(group, "bold"))
        for task in tasks:
            cells = (f"  {task.name}", status(task.status), rows_of(task), speed(task), duration(task.seconds))
            table.add_row(*cells, *([] if not _has_room(to) else [""] if task.status in _EXPLAINED else [task.details]))
    return table


def notes(to: Console, run: runs.Run, groups: Collection[str] = ()) -> Iterator[Text]:
    """Yield why tasks failed or were skipped, each reason once, all warnings, and details that found no room."""
    names: dict[tuple[runs.TaskStatus, str], list[str]] = {}
    for task in run.tasks:
        if task.status in _EXPLAINED:
            names.setdefault((task.status, task.details), []).append(task.name)
    for (found, details), tasks in names.items():
        yield Text.assemble(status(found), f" {', '.join(tasks)}\n  ", details.replace("\n", "\n  "))
    for task in run.tasks:
        if task.warnings:
            yield Text.assemble(("Warning", "yellow"), f" {task.name}", *(f"\n  {one}" for one in task.warnings))
    for task in () if _has_room(to) else _of_groups(run, groups):
        if task.details and task.status not in _EXPLAINED:
            yield Text(f"{task.name}: {task.details}", "dim")


def show_run(to: Console, run: runs.Run, groups: Collection[str] = ()) -> None:
    """Print a run: its tasks, or those of some groups, what went wrong, and how it stands in a sentence."""
    if run.tasks:
        to.print(task_table(to, run, groups))
    for note in notes(to, run, groups):
        to.print(note, soft_wrap=True)
    to.print()
    to.print(sentence(run), soft_wrap=True)


def show_task(to: Console, task: runs.Task, lines: Sequence[runs.Line]) -> None:
    """Print a task: how it stands, and what it said with the time of day."""
    facts = (rows_of(task) and f"{rows_of(task)} rows", duration(task.seconds))
    to.print(Text.assemble(f"{task.group} › {task.name}: ", status(task.status), *(f", {one}" for one in facts if one)))
    for line in lines:
        to.print(Text.assemble((f"  {line.at.astimezone(UTC):%H:%M:%S}  ", "dim"), line.text), soft_wrap=True)


def show_history(to: Console, found: Sequence[runs.Run]) -> None:
    """Print runs, a line for each."""
    rows = []
    for run in found:
        ending = (Text("Died", _DEAD), "") if has_died(run) else (status(run.status), duration(run.seconds))
        rows.append((str(run.number), value(run.started), *ending, f"{run.warnings:,}", run.arguments.requested_by))
    to.print(table((">Run", "Started", "Status", ">Time", ">Warnings", "Requested by"), rows))


def sentence(run: runs.Run) -> Text:
    """Return how a run stands, and what can be done about it."""
    if has_died(run):
        return Text(f"{words.standing(run)} The next `backstamp run` goes on.", _DEAD)
    return Text(" ".join([words.standing(run), *_advice(run)]), _STYLES.get(run.status, ""))


def _advice(run: runs.Run) -> Iterator[str]:
    if run.status is runs.TaskStatus.WAITING_FOR_APPROVAL:
        yield (
            f"`backstamp run --approve {run.number}` does what it has planned, "
            f"`backstamp cancel --run {run.number}` forgets it."
        )
    elif run.status in runs.UNDER_WAY and not run.canceled_by:
        yield "Stop it with `backstamp cancel`."


def status(of: runs.TaskStatus) -> Text:
    """Return a status in its colour."""
    return Text(of.value, _STYLES.get(of, "dim"))


def _of_groups(run: runs.Run, groups: Collection[str]) -> list[runs.Task]:
    return [task for task in run.tasks if not groups or task.group in groups]


def _has_room(to: Console) -> bool:
    """Tell whether details fit into a table beside everything else."""
    return to.width >= _ROOM


def listed(words: Sequence[str]) -> str:
    """Return words, at least one, as they stand in a sentence."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def value(of: object) -> str:
    """Return a value of a row as people read it."""
    match of:
        case bool():
            return "yes" if of else "no"
        case datetime():
            return f"{of.astimezone(UTC) if of.tzinfo else of:%Y-%m-%d %H:%M} UTC"
        case Decimal():
            exact = of.normalize()
            return f"{exact:,.0f}" if exact == exact.to_integral_value() else f"{exact:,.2f}"
        case int() | float():
            return f"{of:,}"
        case _:
            return str(of)


def per_cent(share: float) -> str:
    """Return a share in per cent; what is not all, or not nothing, never looks so."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{math.floor(share * 1000 + 1e-6) / 10:g} %"


def shortened(text: str, characters: int = 24) -> str:
    """Return a value of a row, of any length and content, as it fits into a line; what does not print is a mark."""
    begun = text[: characters + 1]
    printed = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in begun)
    return printed if len(printed) <= characters else printed[: characters - 1] + "…"


def table(headings: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> Table:
    """Return a table; columns whose heading begins with > stand to the right, and `Details` go on over lines."""
    made = _plain_table(*headings)
    for row in rows:
        made.add_row(*row)
    return made


def listing(rows: Sequence[Sequence[str]]) -> Table:
    """Return names and what is said of each, over as many lines as it takes; without headings."""
    made = table(("", "Details"), rows)
    made.show_header = False
    return made


def _plain_table(*headings: str) -> Table:
    made = Table(show_header=any(headings), box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        right = heading.startswith(">")
        made.add_column(heading.lstrip(">"), justify="right" if right else "left", no_wrap=heading != "Details")
    return made
