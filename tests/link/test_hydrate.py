"""What a run writes to the CRM, and what it leaves alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pyarrow as pa
import pytest
from tests.link import meddling
from tests.link.conftest import LOOKUP, PROFILE, guid

from backstamp import errors, odata, runs
from backstamp.connect import ports

if TYPE_CHECKING:
    from tests.link.conftest import Done, House

THREE = {1: 101, 2: 101, 3: 102, 4: 103}
MOVED = {**THREE, 3: 103}


def linked(customers: dict[int, int], contacts: range = range(1, 7)) -> dict[str, str | None]:
    """The links that these customers ask for."""
    return {guid(row): guid(customers[row]) if row in customers else None for row in contacts}


def rows(house: House, table: str, *names: str) -> list[dict[str, Any]]:
    """The rows of a table as the CRM has them."""
    return [row for page in house.crm.read(table, names) for row in page.rows.to_pylist()]


def link_rows(done: Done) -> list[tuple[str, str | None, str | None]]:
    """The work list of links: key, before, after."""
    found = [row for batch in done.plan.rows(done.plan.links[0].list) for row in batch.to_pylist()]
    return [(row["key"], row["before"], row["customer_id"]) for row in found]


def test_first_run(house: House) -> None:
    """The first run links every row that belongs to a profile, and no other."""
    done = house.run(THREE)
    assert house.links() == linked(THREE)
    assert house.keys(PROFILE) == {guid(101), guid(102), guid(103)}
    assert (done.links.status, done.links.details) == (
        runs.TaskStatus.SUCCESSFUL,
        "4 links set, 0 changed, 0 cleared; 1 request",
    )


def test_second_run(house: House) -> None:
    """A second run with nothing changed sends no write at all, whether it reads in full or what changed."""
    house.run(THREE)
    done = house.run(THREE)
    assert (done.plan.count, done.writes) == (0, 0)
    assert house.run(THREE).writes == 0


def test_changed_customer(house: House) -> None:
    """A row that moves to another profile is written, one that leaves all is emptied, and nothing else is touched."""
    house.run(THREE)
    done = house.run({1: 101, 2: 102, 3: 102, 5: 101})
    assert link_rows(done) == [
        (guid(2), guid(101), guid(102)),
        (guid(4), guid(103), None),
        (guid(5), None, guid(101)),
    ]
    assert done.links.details == "1 link set, 1 changed, 1 cleared; 1 request"
    assert house.links() == linked({1: 101, 2: 102, 3: 102, 5: 101})


def test_repaired(house: House) -> None:
    """A link that somebody emptied or changed by hand is put right when the row is read, and only that one."""
    house.run(THREE)
    house.run(THREE)
    house.crm.stamp("contact", LOOKUP, [ports.Stamp(guid(1), None), ports.Stamp(guid(6), guid(103))])
    done = house.run(THREE)
    assert link_rows(done) == [(guid(1), None, guid(101)), (guid(6), guid(103), None)]
    assert house.links() == linked(THREE)


def test_deleted_meanwhile(house: House) -> None:
    """A row that is deleted while the run goes on is counted, never brought back, and not sent again."""
    house.sink = meddling.DoesBeforeStamp(house.crm, lambda: house.crm.delete("contact", [guid(1)]))
    done = house.run(THREE)
    assert done.links.status is runs.TaskStatus.SUCCESSFUL
    assert done.links.warnings == ("crm.contact: 1 row not there any more.",)
    assert house.links() == linked(THREE, range(2, 7))
    assert house.run({row: one for row, one in THREE.items() if row != 1}).plan.links[0].count == 0


def test_refused_profile(house: House) -> None:
    """Links and keys of a profile that is refused wait; the warnings count them in words without personal data."""
    house.sink = meddling.Refuses(house.crm, PROFILE, guid(101))
    done = house.run(THREE)
    assert house.links() == linked({3: 102, 4: 103})
    assert done.links.warnings == ("crm.contact: 2 rows not sent, because of refused profiles.",)
    (warning,) = done.tasks["Customer Profiles"].warnings
    assert warning == f"{PROFILE}: 1 row refused (0x80040216: 1); the next run tries again."
    house.sink = house.crm
    done = house.run(THREE)
    assert (house.links(), done.plan.profiles.new, done.plan.links[0].set) == (linked(THREE), 1, 2)
    assert house.run(THREE).writes == 0


def test_profiles_failed(house: House) -> None:
    """Where the profiles could not be written no link is sent; the next run sends everything that is missing."""
    house.sink = meddling.Fails(house.crm, at=0, late=True)
    done = house.run(THREE)
    assert done.tasks["Customer Profiles"].status is runs.TaskStatus.FAILED
    assert done.links.status is runs.TaskStatus.SKIPPED
    house.sink = house.crm
    house.run(THREE)
    assert house.links() == linked(THREE)
    assert house.run(THREE).writes == 0


@pytest.mark.parametrize(("at", "late"), [(0, True), (1, True), (2, True), (3, True), (3, False)])
def test_killed(house: House, at: int, *, late: bool) -> None:
    """A run that dies at any request, before it arrives or after, leads to the same state in the end."""
    house.sink = meddling.Fails(house.crm, at, ZeroDivisionError, late=late)
    with pytest.raises(ZeroDivisionError):
        house.run(THREE)
    house.sink = house.crm
    house.run(MOVED)
    assert house.links() == linked(MOVED)
    assert house.keys(PROFILE) == {guid(101), guid(103)}
    assert house.run(MOVED).writes == 0


def test_canceled(house: House) -> None:
    """A run that is canceled stops between batches, and the next one goes on where it stopped."""
    house.sink = meddling.DoesBeforeStamp(house.crm, lambda: house.ledger.request_cancel(1, "Ada"))
    house.add_contacts(*range(7, 80))
    everyone = dict.fromkeys(range(1, 80), 101)
    done = house.run(everyone)
    assert (done.links.status, done.links.details) == (
        runs.TaskStatus.SKIPPED,
        "canceled by Ada; the next run goes on",
    )
    sent = sum(one is not None for one in house.links().values())
    assert 0 < sent < 79
    assert house.run(everyone).plan.links[0].set == 79 - sent
    assert house.links() == linked(everyone, range(1, 80))


def test_retired(house: House) -> None:
    """A profile that is gone is deleted after its links have moved, with its measures and keys."""
    house.run(THREE)
    done = house.run(MOVED)
    assert house.links() == linked(MOVED)
    assert house.keys(PROFILE) == house.keys("msdynci_customermeasure") == {guid(101), guid(103)}
    retired = done.tasks["Retired Profiles"]
    assert retired.details == "1 profile deleted, 1 row of keys and measures; 2 requests"
    house.run({1: 101})
    assert len(house.keys("msdynci_alternatekey")) == 1


def test_retired_later(house: House) -> None:
    """A profile that is gone stays as long as any row in the CRM points to it."""
    house.run(THREE)
    by_hand = [ports.Stamp(guid(6), guid(102))]
    house.sink = meddling.DoesBeforeStamp(house.crm, lambda: house.crm.stamp("contact", LOOKUP, by_hand))
    done = house.run(MOVED)
    assert done.tasks["Retired Profiles"].details.endswith(
        "; 1 profile kept for now, because rows still point there; 2 requests"
    )
    house.run(MOVED)
    assert house.keys(PROFILE) == {guid(101), guid(103)}
    assert house.links() == linked(MOVED)


def test_retired_while_rows_point_there(house: House) -> None:
    """A profile that a row of any table still points to is emptied, once, and names the profile in its place."""
    lookup = ports.Column("new_customer", pa.string(), lookup_to=PROFILE)
    house.run(THREE)
    house.crm.create_column("lead", lookup)
    house.crm.upsert("lead", pa.RecordBatch.from_pylist([{"leadid": guid(9)}]))
    house.crm.stamp("lead", lookup.name, [ports.Stamp(guid(9), guid(102))])
    done = house.run(MOVED, values={"previous_customer_id": guid(102)})
    assert "1 profile kept for now, because rows still point there" in done.tasks["Retired Profiles"].details
    kept = next(row for row in _profiles(house) if row[f"{PROFILE}id"] == guid(102))
    survivors = ";".join((guid(101), guid(103)))
    assert kept == {**dict.fromkeys(kept), f"{PROFILE}id": guid(102), "msdynci_survivingcustomerid": survivors}
    assert house.run(MOVED, values={"previous_customer_id": guid(102)}).writes == 0
    house.crm.stamp("lead", lookup.name, [ports.Stamp(guid(9), None)])
    house.run(MOVED, values={"previous_customer_id": guid(102)})
    assert house.keys(PROFILE) == {guid(101), guid(103)}


def _profiles(house: House) -> list[dict[str, Any]]:
    names = ("customerid", "previouscustomerid", "survivingcustomerid", "madeinrun", "city", "fullname")
    return rows(house, PROFILE, *(f"msdynci_{name}" for name in names))


def test_many_retired(house: House) -> None:
    """However many profiles are gone, a hundred of them take one question for each lookup and one request to delete."""
    house.add_contacts(*range(7, 160))
    house.run({contact: contact + 1000 for contact in range(1, 160)})
    reads = house.crm.traffic.reads
    done = house.run(dict.fromkeys(range(1, 160), 1001))
    assert done.tasks["Retired Profiles"].details == ("158 profiles deleted, 158 rows of keys and measures; 4 requests")
    assert house.crm.traffic.reads - reads < 40
    assert house.keys(PROFILE) == {guid(1001)}


def test_columns(house: House) -> None:
    """A new profile column is added as it comes, a removed one emptied; both write only profiles with a value in it."""
    house.run(THREE)
    first = house.profiles_schema
    house.profiles_schema = first.append(pa.field("Score", pa.int64()))
    assert house.run(THREE).plan.count == 0
    assert house.crm.define(PROFILE).column("msdynci_score")
    done = house.run(THREE, values={"Score": 7})
    assert (done.plan.profiles.changed, done.plan.links[0].count) == (3, 0)
    house.profiles_schema = first
    assert house.run(THREE).plan.profiles.changed == 3
    assert {row["msdynci_score"] for row in rows(house, PROFILE, "msdynci_score")} == {None}
    assert house.run(THREE).writes == 0


def test_column_of_a_changed_type(house: House) -> None:
    """A profile column whose type changed gets another name; the old one is emptied, and used again when it fits."""
    first, score = house.profiles_schema, "msdynci_score"
    house.profiles_schema = first.append(pa.field("Score", pa.int32()))
    house.run(THREE, values={"Score": 7})
    house.profiles_schema = first.append(pa.field("Score", pa.string()))
    assert house.run(THREE, values={"Score": "high"}).tasks["Customer Profiles"].status is runs.TaskStatus.SUCCESSFUL
    assert {(row[score], row[f"{score}_2"]) for row in rows(house, PROFILE, score, f"{score}_2")} == {(None, "high")}
    assert house.run(THREE, values={"Score": "high"}).writes == 0
    house.profiles_schema = first.append(pa.field("Score", pa.int32()))
    house.run(THREE, values={"Score": 8})
    assert {(row[score], row[f"{score}_2"]) for row in rows(house, PROFILE, score, f"{score}_2")} == {(8, None)}


def test_column_called_like_a_key(house: House) -> None:
    """A profile column whose name would be that of the table's own key gets another one."""
    house.profiles_schema = house.profiles_schema.append(pa.field("CustomerProfileId", pa.string()))
    done = house.run(THREE, values={"CustomerProfileId": "x"})
    assert done.tasks["Customer Profiles"].status is runs.TaskStatus.SUCCESSFUL
    assert house.links() == linked(THREE)


def test_too_long(house: House) -> None:
    """Text that does not fit is cut at its end and counted as a warning."""
    done = house.run({1: 101}, values={"City": "x" * 4001})
    assert done.tasks["Customer Profiles"].warnings == (f"{PROFILE}: 1 value did not fit: cut.",)
    assert rows(house, PROFILE, "msdynci_city")[0]["msdynci_city"] == "x" * 4000
    assert house.run({1: 101}, values={"City": "x" * 4001}).writes == 0


def test_alternate_keys(house: House) -> None:
    """Every row has an alternate key, whose key ring tells all rows of its profile."""
    house.run(THREE)
    names = [f"msdynci_{name}" for name in ("identifier", "customerid", "keyring", "customerprofile")]
    found = {row["msdynci_identifier"]: row for row in rows(house, "msdynci_alternatekey", *names)}
    assert set(found) == {f"crm|contact|{guid(number)}" for number in THREE}
    second = found[f"crm|contact|{guid(2)}"]
    assert (second["msdynci_customerid"], second["msdynci_customerprofile"]) == (guid(101), guid(101))
    assert json.loads(second["msdynci_keyring"]) == [
        {"dataSourceName": "crm", "tableName": "contact", "preferredKey": guid(101), "keys": [guid(1), guid(2)]}
    ]


def test_one_query(house: House) -> None:
    """From a contact one query reaches the attributes of its profile and its measures."""
    house.run(THREE)
    relationship = f"{PROFILE}_msdynci_customermeasure_{PROFILE}"
    measures = f"{relationship}($select=msdynci_purchases,msdynci_spent)"
    query = f"{LOOKUP}($select=msdynci_fullname,msdynci_city;$expand={measures})"
    address = f"{house.url}{odata.API_PATH}contacts({guid(1)})"
    with httpx2.Client(headers={"Authorization": "Bearer token"}, timeout=300) as client:
        answer = client.get(address, params={"$select": "contactid", "$expand": query})
    profile = answer.raise_for_status().json()[LOOKUP]
    assert profile["msdynci_fullname"] == f"Name of {guid(101)}"
    assert (profile[relationship][0]["msdynci_purchases"], profile[relationship][0]["msdynci_spent"]) == (3, 12.5)


def test_not_eligible(house: House) -> None:
    """Where no table may be linked the task is skipped and says why; profiles are written all the same."""
    house.audience = "businesses"
    done = house.run(THREE)
    assert done.links.status is runs.TaskStatus.SKIPPED
    assert done.links.details.startswith(
        "Error: Linking of Dataverse tables to the CustomerProfile table is skipped.\ncrm.contact: "
    )
    assert house.keys(PROFILE) == {guid(101), guid(102), guid(103)}


def test_column_of_another_type(house: House) -> None:
    """A lookup that is in the CRM already as something else fails the task with words that say what to do."""
    house.crm.create_column("contact", ports.Column(LOOKUP, pa.string(), max_length=10))
    done = house.run(THREE)
    assert done.links.status is runs.TaskStatus.FAILED
    assert "remove or rename it there" in done.links.details
    assert errors.RefusedError.__name__ not in done.links.details
