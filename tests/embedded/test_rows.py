"""Single rows: create, read, update, upsert, delete, lookups, and what the server fills in itself."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from tests.embedded.conftest import Crm, fault

from backstamp import odata


def test_values_come_back_as_they_were_written(crm: Crm) -> None:
    """Every type of column keeps its value, and times are told in UTC with whole seconds."""
    values: dict[str, Any] = {
        "lastname": "Ångström",
        "creditlimit": 1234.56,
        "birthdate": "1980-02-29",
        "gendercode": 2,
        "donotemail": True,
        "numberofchildren": 3,
        "description": "two\nlines",
    }
    key = crm.create("contacts", **values, lastusedincampaign="2026-03-04T05:06:07.89+02:00")
    row = crm.get(f"contacts({key})")
    assert {name: row[name] for name in values} == values
    assert row["lastusedincampaign"] == "2026-03-04T03:06:07Z"


def test_the_server_fills_in_what_every_row_has(crm: Crm) -> None:
    """A new row gets an id, a version, an etag, times, an owner, a state and the full name."""
    row = crm.get(f"contacts({crm.create('contacts', contactid=None, firstname='Ada', lastname='Byron')})")
    assert row["fullname"] == "Ada Byron"
    assert (row["statecode"], row["statuscode"], row["donotemail"]) == (0, 1, False)
    assert row["createdon"] == row["modifiedon"]
    assert row[odata.ROW_ETAG] == odata.etag(row["versionnumber"])
    assert row["_ownerid_value"] == row["_owninguser_value"]


def test_a_full_name_follows_its_parts(crm: Crm) -> None:
    """A changed first or last name changes the full name, unless the client writes it itself."""
    key = crm.create("leads", firstname="Ada", lastname="Byron")
    crm.http.patch(f"leads({key})", json={"lastname": "Lovelace"})
    assert crm.get(f"leads({key})")["fullname"] == "Ada Lovelace"
    crm.http.patch(f"leads({key})", json={"firstname": None, "fullname": "Countess"})
    assert crm.get(f"leads({key})")["fullname"] == "Countess"


def test_state_and_reason_belong_together(crm: Crm) -> None:
    """A new state brings its first reason, a reason brings its state, and two that do not fit are refused."""
    key = crm.create("leads", lastname="State", statuscode=5)
    assert crm.get(f"leads({key})")["statecode"] == 2
    crm.http.patch(f"leads({key})", json={"statecode": 1})
    assert crm.get(f"leads({key})")["statuscode"] == 3
    assert fault(crm.http.patch(f"leads({key})", json={"statecode": 0, "statuscode": 3}))[0] == 400


def test_a_creation_can_return_its_row(crm: Crm) -> None:
    """With return=representation the reply is the row, cut down to the select, and says so."""
    headers = {odata.PREFER: odata.RETURN_REPRESENTATION}
    response = crm.http.post("contacts?$select=fullname", json={"lastname": "Back"}, headers=headers)
    assert response.status_code == 201
    assert response.headers[odata.PREFERENCE_APPLIED] == odata.RETURN_REPRESENTATION
    assert set(response.json()) == {odata.CONTEXT, odata.ROW_ETAG, "contactid", "fullname"}


def test_an_imported_row_can_bring_its_time_of_creation(crm: Crm) -> None:
    """Overridden created on becomes created on; modified on stays the server's."""
    key = crm.create("contacts", lastname="Old", overriddencreatedon="2001-02-03T04:05:06Z", modifiedon="2001-01-01")
    row = crm.get(f"contacts({key})")
    assert row["createdon"] == "2001-02-03T04:05:06Z"
    assert row["modifiedon"] > "2026"


def test_update_never_creates(crm: Crm) -> None:
    """PATCH with If-Match: * of a row that is not there is a 404 that names the row."""
    key = str(uuid4())
    response = crm.http.patch(f"contacts({key})", json={"lastname": "Ghost"}, headers={odata.IF_MATCH: "*"})
    assert fault(response) == (404, odata.NOT_FOUND)
    assert response.json()["error"]["message"] == f"contact With Id = {key} Does Not Exist"
    assert crm.http.get(f"contacts({key})").status_code == 404


def test_patch_without_a_condition_is_an_upsert(crm: Crm) -> None:
    """PATCH creates the row under the id in the address, and then updates it."""
    key = str(uuid4())
    headers = {odata.PREFER: odata.RETURN_REPRESENTATION}
    statuses = [
        crm.http.patch(f"contacts({key})", json={"lastname": name}, headers=headers).status_code for name in "AB"
    ]
    assert statuses == [201, 200]
    assert crm.get(f"contacts({key})")["lastname"] == "B"


def test_writes_can_be_bound_to_a_version(crm: Crm) -> None:
    """An etag that is no longer the row's is refused with 412, for updates and deletions."""
    key = crm.create("contacts", lastname="Versioned")
    old = {odata.IF_MATCH: crm.get(f"contacts({key})")[odata.ROW_ETAG]}
    assert crm.http.patch(f"contacts({key})", json={"lastname": "New"}, headers=old).status_code == 204
    assert fault(crm.http.patch(f"contacts({key})", json={"lastname": "X"}, headers=old)) == (
        412,
        odata.VERSION_MISMATCH,
    )
    assert crm.http.delete(f"contacts({key})", headers=old).status_code == 412


def test_a_taken_key_is_refused(crm: Crm) -> None:
    """A second row with the same id is a 412, and the first stays."""
    key = crm.create("contacts", lastname="First")
    assert fault(crm.http.post("contacts", json={"contactid": key})) == (412, odata.DUPLICATE_ID)
    response = crm.http.patch(f"contacts({key})", json={}, headers={odata.IF_NONE_MATCH: "*"})
    assert fault(response) == (412, odata.DUPLICATE_ID)


def test_lookups_are_written_by_reference_and_emptied_by_null(crm: Crm) -> None:
    """`nav@odata.bind` takes a reference with or without slash, or an address; null empties the link."""
    contact = crm.create("contacts", lastname="Parent")
    whole = f"{crm.url}{odata.API_PATH}contacts({contact})"
    for reference in (f"/contacts({contact})", f"contacts({contact.upper()})", whole):
        lead = crm.create("leads", **{"lastname": "Child", "parentcontactid@odata.bind": reference})
        assert crm.get(f"leads({lead})")["_parentcontactid_value"] == contact
        crm.http.patch(f"leads({lead})", json={"parentcontactid@odata.bind": None})
        assert crm.get(f"leads({lead})")["_parentcontactid_value"] is None


def test_a_lookup_to_several_tables_knows_its_target(crm: Crm) -> None:
    """The company of a contact is an account or a contact, and the annotation tells which."""
    account = crm.create("accounts", name="Contoso")
    key = crm.create("contacts", **{"lastname": "X", "parentcustomerid_account@odata.bind": f"/accounts({account})"})
    row = crm.get(f"contacts({key})?$select=_parentcustomerid_value", prefer='odata.include-annotations="*"')
    assert row["_parentcustomerid_value"] == account
    assert row["_parentcustomerid_value" + odata.LOOKUP_TABLE] == "account"
    assert row["_parentcustomerid_value" + odata.LOOKUP_NAVIGATION] == "parentcustomerid_account"
    assert row["_parentcustomerid_value" + odata.FORMATTED_VALUE] == "Contoso"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"nonsense": 1}, (400, odata.BAD_QUERY)),
        ({"nonsense@odata.bind": "/contacts(1)"}, (400, odata.BAD_QUERY)),
        ({"_parentcustomerid_value": str(uuid4())}, (400, odata.BAD_QUERY)),
        ({"firstname": "x" * 51}, (400, odata.STRING_TOO_LONG)),
        ({"firstname": 5}, (400, odata.BAD_QUERY)),
        ({"gendercode": 9}, (400, odata.CHOICE_OUT_OF_RANGE)),
        ({"numberofchildren": -1}, (400, odata.VALUE_OUT_OF_RANGE)),
        ({"numberofchildren": True}, (400, odata.BAD_QUERY)),
        ({"birthdate": "30.02.1980"}, (400, odata.BAD_QUERY)),
        ({"donotemail": "yes"}, (400, odata.BAD_QUERY)),
        ({"creditlimit": "12"}, (400, odata.BAD_QUERY)),
        ({"contactid": "12"}, (400, odata.BAD_QUERY)),
        ({"ownerid@odata.bind": "/contacts(12)"}, (400, odata.BAD_QUERY)),
        ({"ownerid@odata.bind": None}, (400, odata.BAD_QUERY)),
        ({"parentcustomerid_contact@odata.bind": f"/contacts({uuid4()})"}, (404, odata.NOT_FOUND)),
    ],
)
def test_wrong_values_are_refused(crm: Crm, values: dict[str, Any], expected: tuple[int, str]) -> None:
    """A body with an unknown name, a wrong type, or a value out of range is refused with the code of its kind."""
    assert fault(crm.http.post("contacts", json=values)) == expected


def test_delete_empties_the_links_to_the_row(crm: Crm) -> None:
    """The rows that pointed to a deleted row stay, with an empty link, a new version and a new author."""
    contact = crm.create("contacts", lastname="Gone")
    lead = crm.create("leads", **{"lastname": "Left", "parentcontactid@odata.bind": f"/contacts({contact})"})
    before = crm.get(f"leads({lead})")["versionnumber"]
    assert crm.http.delete(f"contacts({contact})").status_code == 204
    assert crm.http.get(f"contacts({contact})").status_code == 404
    after = crm.get(f"leads({lead})")
    assert after["_parentcontactid_value"] is None
    assert after["versionnumber"] > before


def test_delete_of_a_missing_row_is_a_404(crm: Crm) -> None:
    """Deleting twice tells the second time that nothing was there."""
    key = crm.create("contacts", lastname="Once")
    statuses = [crm.http.delete(f"contacts({key})", headers={odata.IF_MATCH: "*"}).status_code for _ in range(2)]
    assert statuses == [204, 404]
