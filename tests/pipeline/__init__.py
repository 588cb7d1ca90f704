"""Whole runs: a project file, files and an embedded CRM over HTTP."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from backstamp import embedded, engine, link, pipeline, project, runs
from backstamp.connect import dataverse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from backstamp.connect import ports

PROFILE, KEYS, MEASURE = "msdynci_customerprofile", "msdynci_alternatekey", "msdynci_customermeasure"
LOOKUP = "msdynci_lookupfield_customerprofile"
LINKS = "CustomerId Backstamping Hydration"
HYDRATION = "Dataverse Hydration"
PEOPLE = 220
CONTACTS = 6

PROJECT = """\
version: 1
environment: {kind: embedded}
sources:
  crm: {from: environment, tables: [contact]}
  loyalty: {from: files, tables: {member: {path: members.csv, types: {points: integer}}}}
  shop: {from: files, tables: {purchase: {path: purchases.csv, key: id, types: {amount: decimal}}}}
unify:
  tables:
    - {table: crm.contact, key: contactid, types: {emailaddress1: Identity.Service.Email}}
    - {table: loyalty.member, key: memberid, include_all: true, types: {email: Identity.Service.Email}}
  match:
    - between: [loyalty.member, crm.contact]
      rules: [{name: Email, match: [{columns: [email, emailaddress1], normalize: [lowercase]}]}]
  profile:
    columns: {Points: {from: [loyalty.member.points]}}
relationships: [{from: shop.purchase.memberid, to: loyalty.member.memberid}]
measures: {Spent: {kind: attribute, of: shop.purchase, value: sum(amount)}}
hydrate: [attributes]
engine: {threads: 2}
"""


def guid(number: int) -> str:
    """The key of a contact."""
    return f"{number:08d}-0000-4000-8000-000000000000"


@dataclass
class Place:
    """A folder with a project, and its CRM.

    Attributes:
        folder: of the project file, the files that it reads, and `crm.sqlite`.
        url: where the CRM is served.
        environment: the CRM, as the account that links.
    """

    folder: Path
    url: str
    environment: ports.Sink

    @property
    def settings(self) -> project.Project:
        """The project, read from its file."""
        return project.load(self.folder / "backstamp.yaml")

    def run(
        self,
        meddle: Callable[[ports.Sink], Any] = lambda sink: sink,
        *,
        accept_loss: Collection[str] = (),
        full: bool = False,
        draft: bool = False,
        until: runs.Until | None = None,
        new_ids: bool = False,
        scheduled: bool = False,
    ) -> runs.Run:
        """Do a run, perhaps with something in front of the CRM."""
        sink, settings = meddle(self.environment), self.settings
        described = pipeline.describe(settings, sink)
        arguments = runs.Arguments(
            full=full,
            draft=draft,
            until=until,
            new_ids=new_ids,
            scheduled=scheduled,
            accept_loss=tuple(accept_loss),
        )
        return pipeline.run(settings, sink, described, arguments)

    def approve(self, number: int) -> runs.Run:
        """Let a run go on that waits for approval."""
        return pipeline.approve(self.settings, self.environment, number)

    def undo(self, number: int) -> runs.Run:
        """Make the draft that undoes a run."""
        settings = self.settings
        described = pipeline.describe(settings, self.environment)
        return pipeline.undo(settings, self.environment, described, number, "tester")

    def plan(self, number: int) -> link.Plan:
        """The plan of a run."""
        plan = link.load(self.folder / ".backstamp", number)
        assert plan is not None
        return plan

    def is_whole(self) -> bool:
        """Whether every link of a contact leads to a profile, and each profile has its measures and keys."""
        profiles = set(self.rows(PROFILE, "msdynci_customerid"))
        keys = set(self.rows(KEYS, "msdynci_customerid").values())
        return set(self.links().values()) <= profiles == keys == set(self.rows(MEASURE, "msdynci_customerid"))

    def rows(self, table: str, column: str) -> dict[str, Any]:
        """One column of all rows of a table of the CRM, by their keys."""
        pages = self.environment.read(table, [column])
        return {row.pop(next(iter(row))): row[column] for page in pages for row in page.rows.to_pylist()}

    def links(self) -> dict[str, str | None]:
        """The link of each contact."""
        return self.rows("contact", LOOKUP)

    def published(self, name: str) -> list[dict[str, Any]]:
        """The rows of a published table of the warehouse, in any order but always the same."""
        with engine.open_warehouse(self.folder / ".backstamp") as warehouse:
            return sorted(warehouse.rows(warehouse.table(name)), key=repr)

    def edit(self, file: str, change: Callable[[list[str]], list[str]]) -> None:
        """Change the lines of a file."""
        path = self.folder / file
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))


@contextmanager
def serving(folder: Path, *, delta_days: int = 7) -> Iterator[Place]:
    """Serve the CRM of a folder, and connect to it."""
    crm = embedded.Settings(database_url=f"sqlite:///{folder}/crm.sqlite", delta_days=delta_days)
    tokens = {"ours": embedded.APPLICATION_USER, "theirs": embedded.ADMINISTRATOR}
    with embedded.serving(crm, tokens) as url, connected(folder, url) as place:
        yield place


@contextmanager
def connected(folder: Path, url: str) -> Iterator[Place]:
    """Connect to a CRM that is being served, as the account that links; requests are small, so that there are many."""
    with dataverse.Dataverse(url, lambda: "ours", batch_size=50) as environment:
        yield Place(folder, url, environment)


def begin(folder: Path) -> None:
    """Make a project that has never run: six contacts, of which two are the same, members and their purchases."""
    (folder / "backstamp.yaml").write_text(PROJECT)
    people = range(1, PEOPLE + 1)
    members = "".join(f"m{number},P{number}@x,{number}\n" for number in people)
    purchases = "".join(f"{number},m{number % 10 + 1},1.50\n" for number in people)
    (folder / "members.csv").write_text(f"memberid,email,points\n{members}")
    (folder / "purchases.csv").write_text(f"id,memberid,amount\n{purchases}")
    contacts = [{"contactid": guid(number), "emailaddress1": f"p{number}@x"} for number in range(1, CONTACTS)]
    contacts.append({"contactid": guid(CONTACTS), "emailaddress1": "p1@x"})
    with serving(folder) as place, dataverse.Dataverse(place.url, lambda: "theirs") as person:
        person.upsert("contact", pa.RecordBatch.from_pylist(contacts))


def statuses(run: runs.Run) -> dict[str, str]:
    """How each task of a run ended, by its name."""
    return {task.name: str(task.status) for task in run.tasks}


def task(run: runs.Run, name: str) -> runs.Task:
    """The task of that name."""
    return next(one for one in run.tasks if one.name == name)
