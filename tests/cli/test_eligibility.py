"""Which tables are linked, and why others are not: project files as users write them (linking.md 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from tests.cli import backstamp

from backstamp import embedded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli import Said

PROJECT = """\
version: 1
environment: {kind: embedded}
sources:
  crm: {from: environment, tables: [contact, lead]}
  export: {from: files, tables: {contact: {path: contact.csv}}}
unify:
  tables:
    - {table: crm.contact, key: contactid, types: {emailaddress1: Identity.Service.Email}}
    - {table: crm.lead, key: leadid, include_all: true, types: {emailaddress1: Identity.Service.Email}}
  match:
    - between: [crm.lead, crm.contact]
      rules: [{name: Email, match: [{columns: [emailaddress1, emailaddress1]}]}]
"""
LEADS = PROJECT.splitlines(keepends=True)[8:9]
MATCH = PROJECT.splitlines(keepends=True)[9:]
LINKS = "CustomerId Backstamping Hydration"
LINKED = ["crm.contact", "crm.lead"]
ONLY_CONTACTS = tuple(("".join(lines), "") for lines in (LEADS, MATCH))
RENAMED = (("[contact, lead]", "[{contact: {as: person}}, lead]"), ("crm.contact", "crm.person"))
OUTPUT = (("environment: {kind: embedded}\n", "environment: {kind: embedded}\noutput: {data_lake: lake}\n"),)
BUSINESSES = (("{kind: embedded}", "{kind: embedded, audience: businesses}"),)
EXPORT = (("crm.contact", "export.contact"),)
STEP = (("[contact,", "[{contact: {select: 'select contactid, lower(emailaddress1) as emailaddress1 from contact'}},"),)

EXPORTED = {"export.contact": ("connector", "read it from the environment")}

CASES: list[tuple[str, tuple[tuple[str, str], ...], list[str], dict[str, tuple[str, str]]]] = [
    ("passes", (), LINKED, {}),
    ("a transform step", STEP, LINKED, {}),
    ("connector", EXPORT, ["crm.lead"], {**EXPORTED, "crm.contact": ("in unification", "add it to unify.tables")}),
    ("name", RENAMED, ["crm.lead"], {"crm.person": ("name", "call it contact, as the environment does")}),
    (
        "primary key",
        (("key: leadid", "key: emailaddress2"),),
        ["crm.contact"],
        {"crm.lead": ("primary key", "Its key in unification is emailaddress2, its primary key leadid")},
    ),
    ("audience", BUSINESSES, [], dict.fromkeys(LINKED, ("audience", "(environment.audience)"))),
    ("output", OUTPUT, [], dict.fromkeys(LINKED, ("output", "leave output.data_lake out"))),
    (
        "in unification",
        ONLY_CONTACTS,
        ["crm.contact"],
        {"crm.lead": ("in unification", "add it to unify.tables")},
    ),
]


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    """Write a project file, and the file export that it may read."""
    text = PROJECT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "contact.csv").write_text("contactid,emailaddress1\n1,ada@x\n")
    (folder / "backstamp.yaml").write_text(text)
    return folder / "backstamp.yaml"


def links(said: Said) -> Any:
    """The task that writes links."""
    return next(task for task in said.document["run"]["tasks"] if task["name"] == LINKS)


@pytest.mark.parametrize(("changes", "linked", "failed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_check(
    tmp_path: Path, changes: tuple[tuple[str, str], ...], linked: list[str], failed: dict[str, tuple[str, str]]
) -> None:
    """`check` names the tables that are linked, and of each other one the check that failed, with its remedy."""
    told = backstamp("check", "--project", write(tmp_path, *changes), "--json").document
    assert told["linked"] == linked
    assert {one["table"]: one["check"] for one in told["not_linked"]} == {
        table: one for table, (one, _) in failed.items()
    }
    assert all(failed[one["table"]][1] in one["words"] for one in told["not_linked"])


def test_another_environment(tmp_path: Path) -> None:
    """A table of another organization is unified and not linked; the project's own tables are."""
    database = embedded.Settings(database_url=f"sqlite:///{tmp_path}/other.sqlite")
    with embedded.serving(database, {"token": embedded.ADMINISTRATOR}) as url:
        other = f"  other: {{from: {{dataverse: '{url}', credential: {{token: '${{OTHER}}'}}}}, tables: [contact]}}\n"
        file = write(tmp_path, ("  export:", f"{other}  export:"), ("crm.contact", "other.contact"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OTHER", "token")
            told = backstamp("check", "--project", file, "--json").document
    assert told["linked"] == ["crm.lead"]
    (failed,) = (one for one in told["not_linked"] if one["table"] == "other.contact")
    assert failed["check"] == "environment"


def test_partial(tmp_path: Path) -> None:
    """What passes is linked though another table does not."""
    said = backstamp("run", "--project", write(tmp_path, *RENAMED), "--json")
    assert said.code == 0, said
    assert links(said)["status"] == "Successful"


def test_none_linked(tmp_path: Path) -> None:
    """Where no table passes, the task is skipped, to the letter, and then tells every failed check."""
    said = backstamp("run", "--project", write(tmp_path, *BUSINESSES, *RENAMED), "--json")
    assert said.code == 0, said
    assert links(said)["status"] == "Skipped"
    first, *others = links(said)["details"].splitlines()
    assert first == "Error: Linking of Dataverse tables to the CustomerProfile table is skipped."
    assert [line.partition(":")[0] for line in others] == ["crm.person", "crm.person", "crm.lead"]


def test_none_from_the_environment(tmp_path: Path) -> None:
    """Where no unified table is the environment's own, the task is skipped with the other message, to the letter."""
    said = backstamp("run", "--project", write(tmp_path, *ONLY_CONTACTS, *EXPORT), "--json")
    assert said.code == 0, said
    assert links(said)["status"] == "Skipped"
    assert links(said)["details"].splitlines()[0] == (
        "Error: The backstamping job is skipped. It only runs when unification setup contains tables that are ingested"
        " to Customer Insights from the same Dataverse organization that was configured or selected during instance"
        " creation."
    )


def test_output(tmp_path: Path) -> None:
    """Profiles go to the data lake, in whole files, and the task of links is skipped."""
    said = backstamp("run", "--project", write(tmp_path, *ONLY_CONTACTS, *EXPORT, *OUTPUT), "--json")
    assert said.code == 0, said
    assert links(said)["status"] == "Skipped"
    profiles = pq.read_table(tmp_path / "lake" / "profiles.parquet")
    assert profiles["Email"].to_pylist() == ["ada@x"]
    assert [file.name for file in (tmp_path / "lake").iterdir()] == ["profiles.parquet"]


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    """A data lake that is a file fails its own task, with the setting to correct, and nothing else."""
    (tmp_path / "lake").write_text("")
    said = backstamp("run", "--project", write(tmp_path, *ONLY_CONTACTS, *EXPORT, *OUTPUT), "--json")
    failed = [task for task in said.document["run"]["tasks"] if task["status"] == "Failed"]
    assert [task["name"] for task in failed] == ["Data Lake"]
    assert "correct output.data_lake" in failed[0]["details"]
