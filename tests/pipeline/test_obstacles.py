"""What the CRM has against links: found out before anything is written, and told with what to do about it."""

from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING

import httpx2
import pyarrow as pa
import pytest
from tests.link import meddling
from tests.pipeline import CONTACTS, LINKS, LOOKUP, PROFILE, guid, serving, statuses, task

from backstamp import odata, pipeline
from backstamp.connect import dataverse, ports

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pipeline import Place

LEADS = """\
    - {table: crm.lead, key: leadid, include_all: true, deduplicate: off}
  match:
    - between: [crm.lead, crm.contact]
      rules: [{name: Mail, match: [{columns: [emailaddress1, emailaddress1]}]}]
"""


@pytest.fixture
def folder(untouched: Path, tmp_path: Path) -> Path:
    """A copy of the project that has never run."""
    return shutil.copytree(untouched, tmp_path / "hindered")


def take_away(folder: Path, *privileges: str) -> None:
    """Take privileges from the role of the account that links."""
    with sqlite3.connect(folder / "crm.sqlite") as database:
        for privilege in privileges:
            taken = database.execute("DELETE FROM _role_privilege WHERE privilege = ?", [privilege])
            assert taken.rowcount


def why_not(place: Place) -> list[tuple[str, str]]:
    """The checks that contacts failed, with words."""
    described = pipeline.describe(place.settings, place.environment)
    return [(one.check, one.words) for one in described.eligibility.failed if one.table == "crm.contact"]


def test_no_right_to_make_a_column(folder: Path) -> None:
    """The privilege is named, and the column that an administrator can make; once it is there the next run links."""
    take_away(folder, "prvCreateAttribute")
    with serving(folder) as place:
        ((check, words),) = why_not(place)
        assert check == "column"
        for told in ("prvCreateAttribute", f"contact.{LOOKUP}", f"{PROFILE}_contact_{LOOKUP}", "Remove Link"):
            assert told in words
        first = place.run()
        assert (statuses(first)["Customer Profiles"], statuses(first)[LINKS]) == ("Successful", "Skipped")
        with dataverse.Dataverse(place.url, lambda: "theirs") as administrator:
            lookup = ports.Column(LOOKUP, pa.string(), lookup_to=PROFILE, display_name="CustomerProfile")
            administrator.create_column("contact", lookup)
    with serving(folder) as place:
        assert why_not(place) == []
        assert statuses(place.run())[LINKS] == "Successful"
        assert all(place.links().values())


def test_another_column_of_that_name(folder: Path) -> None:
    """A column of that name with another type, or another target, is told before anything is written."""
    with serving(folder) as place, dataverse.Dataverse(place.url, lambda: "theirs") as administrator:
        administrator.create_column("contact", ports.Column(LOOKUP, pa.string(), lookup_to="account"))
    with serving(folder) as place:
        ((check, words),) = why_not(place)
        assert (check, "as a lookup to account where a lookup to msdynci_customerprofile is wanted" in words) == (
            "column",
            True,
        )
        run = place.run()
        assert task(run, LINKS).details.splitlines()[0] == (
            "Error: Linking of Dataverse tables to the CustomerProfile table is skipped."
        )
        assert "remove or rename it there" in task(run, LINKS).details
        assert any("remove or rename it there" in warning for warning in task(run, "Plan").warnings)


def test_rows_that_cannot_be_written(folder: Path) -> None:
    """Without the right to write contacts they are not linked, and the right is named; all else is done."""
    take_away(folder, "prvWriteContact")
    with serving(folder) as place:
        ((check, words),) = why_not(place)
        assert check == "rights"
        assert words.startswith("Our account may not write every row of contact: give its role that right")
        assert statuses(place.run())[LINKS] == "Skipped"
        assert len(place.rows(PROFILE, "msdynci_customerid")) > CONTACTS


def secure(place: Place, column: str, *, secured: bool) -> None:
    """Turn column security of a column of contacts on or off, as an administrator."""
    address = f"{place.url}{odata.API_PATH}EntityDefinitions(LogicalName='contact')/Attributes(LogicalName='{column}')"
    headers = {odata.AUTHORIZATION: "Bearer theirs"}
    assert httpx2.put(address, json={"IsSecured": secured}, headers=headers).status_code == 204


def test_a_hidden_lookup(folder: Path) -> None:
    """If column security hides the lookup its links stay as they are, and all is right once it is open."""
    with serving(folder) as place:
        place.run()
        links = place.links()
        secure(place, LOOKUP, secured=True)
    with serving(folder) as place:
        ((check, words),) = why_not(place)
        assert check == "column"
        assert f"does not let our account read or write contact.{LOOKUP}" in words
        assert "*Read* and *Update*" in words
        place.edit("members.csv", lambda lines: lines[:-1])
        assert statuses(place.run(accept_loss=["loyalty.member"]))[LINKS] == "Skipped"
        with dataverse.Dataverse(place.url, lambda: "theirs") as administrator:
            pages = administrator.read("contact", [LOOKUP])
            assert {row["contactid"]: row[LOOKUP] for page in pages for row in page.rows.to_pylist()} == links
        secure(place, LOOKUP, secured=False)
    with serving(folder) as place:
        assert statuses(place.run())[LINKS] == "Successful"
        assert place.is_whole()


def test_hidden_values_are_not_empty(folder: Path) -> None:
    """A table with a column that is hidden from us is not read: nobody loses an address or an id by it."""
    with serving(folder) as place:
        place.run()
        before = place.published("members")
        secure(place, "emailaddress1", secured=True)
    with serving(folder) as place:
        read = task(place.run(), "crm.contact")
        assert read.status == "Failed"
        assert "hides emailaddress1 of contact from our account" in read.details
        assert place.published("members") == before


def test_refused_in_the_middle(folder: Path) -> None:
    """If the lookup is closed while links are written the task fails at once, with the code and what to do."""
    with serving(folder) as place:
        run = place.run(lambda sink: meddling.DoesBeforeStamp(sink, lambda: secure(place, LOOKUP, secured=True)))
        links = task(run, LINKS)
        assert links.status == "Failed"
        assert odata.COLUMN_UPDATE_DENIED in links.details
        assert "column security keeps our account from a column of it" in links.details
        secure(place, LOOKUP, secured=False)
    with serving(folder) as place:
        assert statuses(place.run())[LINKS] == "Successful"
        assert place.is_whole()


def test_a_right_that_is_taken_away_meanwhile(folder: Path) -> None:
    """Links that may not be written any more fail their task at once, with code and remedy; no row is refused."""
    with serving(folder) as place:
        run = place.run(lambda sink: meddling.DoesBeforeStamp(sink, lambda: take_away(folder, "prvWriteContact")))
        links = task(run, LINKS)
        assert (str(links.status), links.warnings) == ("Failed", ())
        told = f"does not let us write contact (403 {odata.PRIVILEGE_DENIED}): give our account that right"
        assert told in links.details
        assert set(place.links().values()) == {None}


def test_the_other_tables_go_on(folder: Path) -> None:
    """A table with an obstacle keeps no other one from being linked, and is linked once it is out of the way."""
    with serving(folder) as place:
        with dataverse.Dataverse(place.url, lambda: "theirs") as administrator:
            administrator.create_column("lead", ports.Column(LOOKUP, pa.string(), lookup_to="account"))
            administrator.upsert("lead", pa.RecordBatch.from_pylist([{"leadid": guid(9), "emailaddress1": "p1@x"}]))
        place.edit("backstamp.yaml", _with_leads)
        run = place.run()
        assert statuses(run)[LINKS] == "Successful"
        assert task(run, "Plan").warnings[0].startswith("crm.lead is not linked. The column lead.")
        assert place.links()[guid(2)]
        with dataverse.Dataverse(place.url, lambda: "theirs") as administrator:
            administrator.drop_column("lead", LOOKUP)
    with serving(folder) as place:
        assert statuses(place.run())[LINKS] == "Successful"
        assert place.rows("lead", LOOKUP)[guid(9)]


def _with_leads(lines: list[str]) -> list[str]:
    return [line.replace("tables: [contact]", "tables: [contact, lead]").replace("  match:\n", LEADS) for line in lines]
