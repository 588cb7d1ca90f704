"""Options that several commands share.

Typer reads the annotations while the program runs, so they are no mere text here.
"""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from backstamp import __version__, runs
from backstamp.cli import display


def _say_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it
    if wanted:
        display.write_text(f"backstamp {__version__}\n")
        raise typer.Exit


FILE = Path("backstamp.yaml")
"""The project file where none is named; looked for in this folder only."""

Context: TypeAlias = typer.Context
Project = Annotated[Path, typer.Option("--project", metavar="FILE", help="The project file.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")]
Version = Annotated[
    bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is.")
]
Run = Annotated[int | None, typer.Option("--run", metavar="N", min=1, help="The run; the last one if left out.")]
Task = Annotated[
    str | None, typer.Option("--task", metavar="NAME", help="Show this task of the run, with what it said.")
]
History = Annotated[bool, typer.Option("--history", help="List the last N runs instead of the tasks of one.")]
Count = Annotated[int | None, typer.Argument(metavar="N", min=1, help="How many runs --history lists; 10 if left out.")]
Full = Annotated[bool, typer.Option("--full", help="Read every table in full instead of what changed.")]
NewIds = Annotated[
    bool,
    typer.Option(
        "--new-ids", help="Where the warehouse is lost: give new CustomerIds instead of taking those of the CRM."
    ),
]
Until = Annotated[
    runs.Until | None,
    typer.Option("--until", help="End there, to be looked at only: nothing is kept, sent or put up for approval."),
]
Approve = Annotated[
    int | None,
    typer.Option("--approve", metavar="N", min=1, help="Send what run N would do, which waits for approval."),
]
Undone = Annotated[int, typer.Argument(metavar="RUN", min=1, help="The run whose writes are put back.")]
DropColumns = Annotated[
    bool, typer.Option("--drop-columns", help="Undoing the first run: remove the columns of links from their tables.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
AcceptLoss = Annotated[
    list[str] | None,
    typer.Option(
        "--accept-loss",
        metavar="SOURCE[.TABLE]",
        help="Believe this source or table however many rows it lacks, or that it is gone from the project file;"
        " may be given several times.",
    ),
]
On = Annotated[bool | None, typer.Option("--on/--off", help="Let runs begin by themselves, or not any more.")]
Keep = Annotated[bool, typer.Option("--keep", help="Begin runs when they are due, until stopped.")]
Table = Annotated[str, typer.Argument(metavar="TABLE", help="The table, such as crm.lead.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="The row's key: its GUID.")]
LeftTable = Annotated[str, typer.Argument(metavar="TABLE", help="A table that is unified no more, such as crm.lead.")]
UnifiedTable = Annotated[str, typer.Argument(metavar="TABLE", help="A table of unification, such as crm.lead.")]
UnifiedKey = Annotated[str, typer.Argument(metavar="KEY", help="The key of its row.")]
OtherTable = Annotated[str | None, typer.Argument(metavar="OTHER_TABLE", help="The table of a second row.")]
OtherKey = Annotated[str | None, typer.Argument(metavar="OTHER_KEY", help="The key of the second row.")]
CustomerId = Annotated[str, typer.Argument(metavar="ID", help="A CustomerId of today or of before.")]
What = Annotated[str, typer.Argument(metavar="WHAT", help="What to export: id-changes.")]
Target = Annotated[Path, typer.Argument(metavar="FILE", help="The file to write: .csv or .parquet.")]
BadRows = Annotated[
    Path | None,
    typer.Option(
        "--list",
        metavar="FILE",
        help="Write the rows that are not right, with keys, to a .csv or .parquet file: for those who may see them.",
    ),
]
OfRun = Annotated[int | None, typer.Option("--run", metavar="N", min=1, help="Only what run N changed.")]
Since = Annotated[int, typer.Option("--since", metavar="N", min=0, help="Only what runs after run N changed.")]
Labels = Annotated[Path, typer.Argument(metavar="LABELS", help="A CSV or Parquet file: pairs of rows, or clusters.")]
Show = Annotated[bool, typer.Option("--show", help="Print the project with every default, as YAML, and ask nobody.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder; made where there is none.")]
Host = Annotated[str, typer.Option("--host", help="The address to listen on; everybody can reach 0.0.0.0.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")]
Tls = Annotated[
    bool, typer.Option("--tls", help="Speak HTTPS, with a certificate of a local authority that is made for it.")
]
WithCrm = Annotated[bool, typer.Option("--crm", help="Serve the project's embedded CRM too.")]
CrmPort = Annotated[int, typer.Option("--crm-port", min=0, max=65535, help="The port of the embedded CRM.")]
UserRole = Annotated[runs.Role, typer.Option("--role", help="What the user may do.")]
NewRole = Annotated[runs.Role | None, typer.Option("--role", help="What the user may do from now on.")]
NewPassword = Annotated[bool, typer.Option("--password", help="Ask for a new password.")]
Disabled = Annotated[bool | None, typer.Option("--shut-out/--let-in", help="Whether the user may sign in.")]
Limits = Annotated[bool, typer.Option("--limits", help="Refuse who asks too much in five minutes, as Dataverse does.")]
UserName = Annotated[str, typer.Argument(metavar="NAME", help="What the user is called.")]
ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The user's client id; `crm users` lists them.")]
Roles = Annotated[
    list[str] | None,
    typer.Option("--role", metavar="ROLE", help="A role of the CRM, by name; may be given several times."),
]
Privileges = Annotated[
    list[str] | None,
    typer.Option("--privilege", metavar="PRIVILEGE", help="A single privilege; may be given several times."),
]
People = Annotated[int, typer.Option("--people", min=1, help="How many people the company knows.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Equal seeds give equal companies.")]
