"""Alternate keys: made, held to, and rows addressed by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.embedded.conftest import fault
from tests.embedded.test_metadata import attribute, lookup, table

from backstamp import odata

if TYPE_CHECKING:
    import httpx2
    from tests.embedded.conftest import Crm

PART = "EntityDefinitions(LogicalName='new_part')"


def made(response: httpx2.Response) -> str:
    """Return the id of what was created."""
    assert response.status_code == 204, response.text
    return str(response.headers[odata.ENTITY_ID]).rpartition("(")[2].removesuffix(")")


@pytest.fixture(scope="module", autouse=True)
def parts(crm: Crm) -> None:
    """A table with two alternate keys: by code, and by maker and number."""
    columns = (attribute("String", "new_Code", MaxLength=50), attribute("Integer", "new_Number"))
    made(crm.http.post("EntityDefinitions", json=table("new_Part", *columns)))
    made(crm.http.post("RelationshipDefinitions", json=lookup("new_maker", "account", "new_part", "new_Maker")))
    key(crm, "new_ByCode", "new_code")
    key(crm, "new_ByNumber", "new_Maker", "new_Number")


def key(crm: Crm, name: str, *columns: str) -> str:
    """Create an alternate key and return its id."""
    return made(crm.http.post(f"{PART}/Keys", json={"SchemaName": name, "KeyAttributes": list(columns)}))


def test_keys_are_listed_with_their_status(crm: Crm) -> None:
    """A key that is made stands in the list, active, with its columns, until it is deleted."""
    identity = key(crm, "new_Third", "new_number")
    found = {each["SchemaName"]: each for each in crm.get(f"{PART}/Keys")["value"]}
    assert found["new_Third"]["MetadataId"] == identity
    assert found["new_ByNumber"]["KeyAttributes"] == ["new_maker", "new_number"]
    assert {each["EntityKeyIndexStatus"] for each in found.values()} == {"Active"}
    assert crm.http.delete(f"{PART}/Keys({identity})").status_code == 204
    assert "new_Third" not in {each["SchemaName"] for each in crm.get(f"{PART}?$expand=Keys")["Keys"]}


def test_a_key_over_rows_that_repeat_fails(crm: Crm) -> None:
    """Where two rows have the same values already the key is there, but failed, and nothing is addressed by it."""
    for _ in range(2):
        crm.create("new_parts", new_name="Twin")
    identity = key(crm, "new_ByName", "new_name")
    assert crm.get(f"{PART}/Keys({identity})")["EntityKeyIndexStatus"] == "Failed"
    assert fault(crm.http.get("new_parts(new_name='Twin')")) == (400, odata.BAD_QUERY)
    assert crm.http.delete(f"{PART}/Keys({identity})").status_code == 204


def test_a_row_is_read_updated_and_deleted_by_its_key(crm: Crm) -> None:
    """The key's values stand for the id, text in any case and with quotes doubled."""
    identity = crm.create("new_parts", new_code="O'Neil 1", new_number=1)
    assert crm.get("new_parts(new_code='o''neil 1')?$select=new_number")["new_partid"] == identity
    headers = {odata.IF_MATCH: "*"}
    assert crm.http.patch("new_parts(new_code='O''Neil 1')", json={"new_number": 2}, headers=headers).status_code == 204
    assert crm.get(f"new_parts({identity})")["new_number"] == 2
    assert crm.http.delete("new_parts(new_code='O''Neil 1')").status_code == 204
    assert fault(crm.http.get("new_parts(new_code='O''Neil 1')")) == (404, odata.KEY_NOT_FOUND)
    missing = crm.http.patch("new_parts(new_code='O''Neil 1')", json={"new_number": 2}, headers=headers)
    assert fault(missing) == (404, odata.KEY_NOT_FOUND)


def test_a_key_may_have_several_columns_and_a_lookup(crm: Crm) -> None:
    """A lookup is named as it is read; links in bodies may name their row by values as well."""
    account = crm.create("accounts", name="Maker")
    address = f"new_parts(_new_maker_value={account},new_number=7)"
    assert crm.http.patch(address, json={"new_code": "seven"}).status_code == 204
    row = crm.get(address)
    assert (row["_new_maker_value"], row["new_number"], row["new_code"]) == (account, 7, "seven")
    assert fault(crm.http.get("new_parts(new_number=7)")) == (400, odata.BAD_QUERY)


def test_an_upsert_creates_and_then_updates(crm: Crm) -> None:
    """Without If-Match a PATCH by key creates the row with the values of its address, and the next one updates it."""
    wanted = {odata.PREFER: odata.RETURN_REPRESENTATION}
    first = crm.http.patch("new_parts(new_code='up 1')", json={"new_number": 1}, headers=wanted)
    second = crm.http.patch("new_parts(new_code='UP 1')", json={"new_number": 2, "new_code": "other"}, headers=wanted)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["new_partid"] == second.json()["new_partid"]
    assert (second.json()["new_code"], second.json()["new_number"]) == ("up 1", 2)


def test_upsert_multiple_goes_by_key(crm: Crm) -> None:
    """UpsertMultiple mixes new and known rows named by their values."""
    crm.create("new_parts", new_code="m 1", new_number=0)
    targets: list[dict[str, Any]] = [
        {odata.ROW_ID: f"new_parts(new_code='m {number}')", "new_number": number} for number in range(300)
    ]
    assert crm.act("new_part", odata.UPSERT_MULTIPLE, targets).status_code == 204
    rows = crm.rows("new_parts?$filter=startswith(new_code,'m ')&$select=new_code,new_number")
    assert {row["new_code"]: row["new_number"] for row in rows} == {f"m {number}": number for number in range(300)}
    twice = crm.act("new_part", odata.UPSERT_MULTIPLE, [targets[0], targets[0]])
    assert fault(twice) == (400, odata.BAD_QUERY)


def test_values_are_not_repeated(crm: Crm) -> None:
    """Creating and updating to the values of another row is a 412; rows without values are free."""
    crm.create("new_parts", new_code="One")
    other = crm.create("new_parts", new_code="Two")
    assert fault(crm.http.post("new_parts", json={"new_code": "ONE"})) == (412, odata.DUPLICATE_KEY)
    assert fault(crm.http.patch(f"new_parts({other})", json={"new_code": "one"})) == (412, odata.DUPLICATE_KEY)
    for _ in range(2):
        crm.create("new_parts", new_code=None)


def test_links_may_name_rows_by_values(crm: Crm) -> None:
    """`@odata.bind` takes the values of an alternate key; where no row has them it is a 404."""
    made(crm.http.post("RelationshipDefinitions", json=lookup("new_lead_part", "new_part", "lead", "new_PartId")))
    part = crm.create("new_parts", new_code="bound")
    lead = crm.create("leads", lastname="L", **{"new_PartId@odata.bind": "/new_parts(new_code='Bound')"})
    assert crm.get(f"leads({lead})")["_new_partid_value"] == part
    missing = crm.http.post("leads", json={"new_PartId@odata.bind": "new_parts(new_code='nobody')"})
    assert fault(missing) == (404, odata.KEY_NOT_FOUND)


@pytest.mark.parametrize(
    "address",
    [
        "new_parts(new_number=x)",
        "new_parts(new_code='a',new_code='b')",
        "new_parts(nothing='a')",
        "new_parts(new_code='a',new_number=1)",
        "new_parts(_new_maker_value=5,new_number=1)",
        "new_parts(new_code='" + "x" * 51 + "')",
        "new_parts(new_code=')",
        "accounts(name='x')",
    ],
)
def test_keys_that_are_none_are_refused(crm: Crm, address: str) -> None:
    """What is no key of the table, or no value of its columns, is a 400, whether it is read or written."""
    assert crm.http.patch(address, json={}).status_code == 400
    assert crm.http.get(address).status_code in {400, 404}


@pytest.mark.parametrize(
    "columns", [[], ["new_code", "new_code"], ["nothing"], ["statecode"], ["createdon"], "new_code", [5]]
)
def test_columns_that_cannot_be_keys_are_refused(crm: Crm, columns: object) -> None:
    """A key needs columns of the table that can be in one."""
    response = crm.http.post(f"{PART}/Keys", json={"SchemaName": "new_Wrong", "KeyAttributes": columns})
    assert fault(response) == (400, odata.BAD_QUERY)


def test_a_column_of_a_key_stays(crm: Crm) -> None:
    """A column cannot be dropped while a key needs it."""
    assert fault(crm.http.delete(f"{PART}/Attributes(LogicalName='new_code')")) == (400, odata.HAS_DEPENDENCIES)
