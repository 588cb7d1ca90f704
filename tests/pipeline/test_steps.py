"""Transform steps: what a project does with rows as they are read."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from tests import pipeline
from tests.pipeline import LINKS, Place, guid, statuses, task

from backstamp import errors
from backstamp import pipeline as describing
from backstamp.connect import dataverse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = "select contactid, lower(emailaddress1) as emailaddress1 from contact where lastname is null"
JOINED = (
    "select c.contactid, coalesce(a.emailaddress1, c.emailaddress1) as emailaddress1"
    " from contact c left join account a on a.name = c.lastname"
)


@pytest.fixture
def place(untouched: Path, tmp_path: Path) -> Iterator[Place]:
    """A project that has never run, its CRM being served."""
    with pipeline.serving(shutil.copytree(untouched, tmp_path / "copy")) as served:
        yield served


def use(place: Place, select: str, *others: str) -> None:
    """Let contacts pass through a select."""
    tables = ", ".join([f"{{contact: {{select: {json.dumps(select)}}}}}", *others])
    place.edit("backstamp.yaml", lambda lines: [line.replace("[contact]", f"[{tables}]") for line in lines])


def change(place: Place, table: str, **values: object) -> None:
    """Let a person change a row."""
    with dataverse.Dataverse(place.url, lambda: "theirs") as person:
        person.upsert(table, pa.RecordBatch.from_pylist([values]))


def emails(place: Place) -> dict[str, str]:
    """The e-mail of each contact as it is unified."""
    return {row["key"]: row["emailaddress1"] for row in place.published("source_crm_contact")}


def test_single_rows(place: Place) -> None:
    """A select over single rows is applied to what changed; a row that it leaves out loses its link."""
    use(place, ROWS)
    for _ in range(2):
        assert set(statuses(place.run()).values()) == {"Successful"}
    assert len(set(place.links().values())) == pipeline.CONTACTS - 1
    change(place, "contact", contactid=guid(2), emailaddress1="P3@X")
    change(place, "contact", contactid=guid(4), lastname="hidden")
    run = place.run()
    assert (task(run, "crm.contact").rows, task(run, LINKS).rows) == (2, 2)
    assert guid(4) not in emails(place)
    links = place.links()
    assert (links[guid(2)], links[guid(4)]) == (links[guid(3)], None)


def test_join(place: Place) -> None:
    """A select that joins another table is computed anew when that one changes, and only differences are written."""
    use(place, JOINED, "account")
    for _ in range(2):
        assert set(statuses(place.run()).values()) == {"Successful"}
    writes = place.environment.traffic.writes
    place.run()
    assert place.environment.traffic.writes == writes
    change(place, "contact", contactid=guid(2), lastname="Ada & Co")
    assert str(place.run().status) == "Successful"
    change(place, "account", accountid=guid(900), name="Ada & Co", emailaddress1="p3@x")
    run = place.run()
    assert (task(run, "crm.contact").rows, task(run, LINKS).rows) == (0, 1)
    assert emails(place)[guid(2)] == "p3@x"
    assert place.links()[guid(2)] == place.links()[guid(3)]


def test_another_select(place: Place) -> None:
    """A select that was changed makes all rows anew, whatever changed in the CRM."""
    use(place, "select contactid, lower(emailaddress1) as emailaddress1 from contact")
    place.run()
    place.edit("backstamp.yaml", lambda lines: [line.replace("lower(", "upper(") for line in lines])
    run = place.run()
    assert task(run, "crm.contact").details.endswith("all of them: its select changed")
    assert emails(place)[guid(1)] == "P1@X"


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("select contactid,, from contact where", "This is no SQL: see character"),
        ("select contactid, emial from contact", r"`emial` is no column.*See character 19, `emial from contact`"),
        ("select contactid from lead", r"`lead` is no table of this source.*See character 23"),
        ("select emailaddress1 from contact", "leaves out the key: let it give `contactid`"),
        ("select md5(contactid) as contactid, emailaddress1 from contact", "calls something else `contactid`"),
        ("select contactid, emailaddress1 + birthdate as emailaddress1 from contact", "does not fit its tables"),
        ("delete from contact", "A transform step is one select"),
    ],
)
def test_wrong_select(place: Place, select: str, message: str) -> None:
    """A select that is wrong is told with its line and column in the file and its position in the SQL."""
    use(place, select)
    with pytest.raises(errors.ConfigurationError, match=message) as raised:
        place.run()
    assert raised.value.location is not None
    assert (raised.value.location.line, raised.value.location.column) == (4, 48)


def test_another_organization(place: Place) -> None:
    """Tables of another organization are unified, and never linked; the failed check says which and why."""
    other = "  other: {from: {dataverse: https://b.crm.dynamics.com, credential: {sign_in: cli}}, tables: [contact]}\n"
    unified = "    - {table: other.contact, key: contactid, include_all: true}\n"
    place.edit("backstamp.yaml", lambda lines: [*lines[:6], other, *lines[6:10], unified, *lines[10:]])
    described = describing.describe(place.settings, place.environment, {"other": place.environment})
    assert [one.table for one in described.eligibility.linked] == ["crm.contact"]
    assert [(one.table, one.check) for one in described.eligibility.failed] == [
        ("loyalty.member", "connector"),
        ("other.contact", "environment"),
    ]
