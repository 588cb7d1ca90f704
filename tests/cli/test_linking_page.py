"""The walk-through of docs/linking.md, from real commands on a small CRM."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from tests.cli import backstamp

from backstamp import embedded, project
from backstamp.cli import environment
from backstamp.connect import ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cli import Said

PAGE = Path(__file__).parents[2] / "docs" / "linking.md"
HEADING = "## A walk-through"
INTRODUCTION = """
This part of the page is made by `tests/cli/test_linking_page.py` from real commands (`make pages`), and a test fails
where it is not what they do. Six contacts are in the CRM; two of them have the same e-mail address, so they are one
customer.
"""
PROJECT = """\
version: 1
environment: {kind: embedded}
sources: {crm: {from: environment, tables: [contact]}}
unify:
  tables:
    - table: crm.contact
      key: contactid
      types: {emailaddress1: Identity.Service.Email}
      deduplicate: {rules: [{name: E-mail, match: [{column: emailaddress1}]}]}
"""
LOOKUP = "msdynci_lookupfield_customerprofile"
PEOPLE = ("ann", "bob", "cid", "dan", "eve", "ann")
GROUP = "Dataverse Hydration"


def guid(number: int) -> str:
    """The key of a contact."""
    return f"{number:08d}-0000-4000-8000-000000000000"


def someone(file: Path, act: Callable[[ports.Sink], object]) -> None:
    """Somebody does something in the CRM."""
    settings = project.load(file)
    with (
        environment.served(settings) as url,
        environment.signed_in(settings, url, embedded.ADMINISTRATOR) as person,
    ):
        act(person)


def write(file: Path, *contacts: tuple[int, str]) -> None:
    """Somebody writes e-mail addresses of contacts."""
    rows = [{"contactid": guid(number), "emailaddress1": f"{name}@x.example"} for number, name in contacts]
    someone(file, lambda person: person.upsert("contact", pa.RecordBatch.from_pylist(rows)))


def empty_link(file: Path, number: int) -> None:
    """Somebody empties the link of a contact."""
    someone(file, lambda person: person.stamp("contact", LOOKUP, [ports.Stamp(guid(number), None)]))


def greet(file: Path) -> None:
    """Somebody turns on a flow for every change of a contact, and a workflow for a change of its link."""
    flow = {"callbackregistrationid": guid(1), "name": "Greet", "entityname": "contact", "message": 3}
    workflow = {
        "workflowid": guid(2),
        "name": "Count",
        "primaryentity": "contact",
        "triggeronupdateattributelist": LOOKUP,
        "statecode": 1,
        "statuscode": 2,
    }

    def turn_on(person: ports.Sink) -> None:
        person.upsert("callbackregistration", pa.RecordBatch.from_pylist([flow]))
        person.upsert("workflow", pa.RecordBatch.from_pylist([workflow]))

    someone(file, turn_on)


def test_walk_through(tmp_path: Path) -> None:
    """What the page says of each command is what it does; with WRITE_PAGES it is written there."""
    file = tmp_path / "backstamp.yaml"
    file.write_text(PROJECT)
    page = PAGE.read_text(encoding="utf-8")
    begun = page[: page.index(HEADING)]
    told = begun + HEADING + "\n" + INTRODUCTION + "".join(_told(file))
    if os.environ.get("WRITE_PAGES"):
        PAGE.write_text(told, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == told


def _told(file: Path) -> Iterator[str]:
    """Do the steps, and yield what to say of each."""
    write(file, *enumerate(PEOPLE, start=1))
    yield _step("Plan", "Before anything is written, the plan. It waits.", _shown("plan", file))
    yield _step(
        "Approve: the first run", "Exactly that is done, profiles before links.", _tasks("run --approve 1", file)
    )
    yield _step("Nothing to do", "The next run reads the links that it wrote; nothing differs.", _tasks("run", file))
    write(file, (2, "cid"))
    greet(file)
    yield _step(
        "Merge",
        "Bob's row has Cid's address now: two customers are one. Somebody has turned on a flow for contacts, and a\n"
        "workflow for their links.",
        _shown("plan", file),
    )
    yield _tasks("run --approve 3", file)
    write(file, (2, "bob"))
    yield _step("Split", "Bob has an address of his own again, and gets a profile of his own.", _shown("plan", file))
    yield _tasks("run --approve 4", file)
    empty_link(file, 5)
    yield _step("A link changed by hand", "Somebody emptied Eve's link.", _shown("verify", file, code=1))
    yield _shown("plan", file)
    yield _tasks("run --approve 5", file)
    yield _step("Verify", "Every link is read from the CRM and checked.", _shown("verify", file))
    yield _step("Undo", "The split (run 4) is not the last run that wrote.", _shown("undo 4", file, code=2))
    yield _shown("undo 5", file, code=3) + _tasks("run --approve 6", file)
    yield _shown("undo 4", file, code=3) + _tasks("run --approve 7", file)
    yield _step(
        "Held",
        "The CRM is as before the split. Runs go on up to the plan, and send nothing until one is approved.\n"
        "Bob gets a new profile: the id that run 4 gave is gone.",
        _shown("run", file, code=3),
    )
    yield _tasks("run --approve 8", file) + _shown("verify", file)


def _step(title: str, words: str, said: str) -> str:
    return f"\n### {title}\n\n{words}\n\n{said}"


def _shown(command: str, file: Path, *, code: int = 0) -> str:
    """Return what a command prints, without the lines of tasks and what differs from time to time."""
    said = _said(command, file, code)
    text = said.out or said.err
    if command in {"plan", "run"} or command.startswith("undo"):
        text = text[text.index("Profiles:") :] if "Profiles:" in text else text
    lines = re.sub(r", about [\d.]+ s", ", less than a second", text).strip().splitlines()
    note = f"    (exit code {code})\n" if code else ""
    return (
        f"    $ backstamp {command}\n" + "".join(f"    {line.rstrip()}".rstrip() + "\n" for line in lines) + note + "\n"
    )


def _tasks(command: str, file: Path) -> str:
    """Do a run, and return what its tasks of hydration did."""
    run: Any = _said(f"{command} --json", file, 0).document["run"]
    tasks = [task for task in run["tasks"] if task["group"] == GROUP and task["name"] != "Plan"]
    rows = "".join(f"    {task['name']:<34}  {task['details']}\n" for task in tasks)
    return f"    $ backstamp {command}\n{rows}\n"


def _said(command: str, file: Path, code: int) -> Said:
    said = backstamp(*command.split(), "--project", file)
    assert said.code == code, said
    return said
