"""Paths below a row: one column, the row that a lookup points to, the rows that point here, references."""

from __future__ import annotations

from typing import NamedTuple
from uuid import uuid4

import pytest
from tests.embedded.conftest import Crm, fault

from backstamp import odata


class Family(NamedTuple):
    """The ids of an account and of two contacts in it."""

    account: str
    contacts: tuple[str, str]


@pytest.fixture
def family(crm: Crm) -> Family:
    """An account with two contacts."""
    account = crm.create("accounts", name="Contoso")
    link = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
    first, second = (crm.create("contacts", lastname=name, **link) for name in ("Adams", "Bell"))
    return Family(account, (first, second))


def test_a_column_is_read_alone(crm: Crm, family: Family) -> None:
    """The value of one column comes with its context, as raw text, or as 204 where it is empty."""
    path = f"contacts({family.contacts[0]})"
    assert crm.get(f"{path}/lastname")["value"] == "Adams"
    assert crm.get(f"{path}/_parentcustomerid_value")["value"] == family.account
    assert crm.http.get(f"{path}/lastname/$value").text == "Adams"
    assert crm.http.get(f"{path}/donotemail/$value").text == "false"
    assert crm.http.get(f"{path}/jobtitle").status_code == 204


def test_a_column_is_written_and_emptied_alone(crm: Crm, family: Family) -> None:
    """PUT writes the value of one column, DELETE empties it, and both obey If-Match."""
    path = f"contacts({family.contacts[0]})"
    old = {odata.IF_MATCH: crm.get(path)[odata.ROW_ETAG]}
    assert crm.http.put(f"{path}/jobtitle", json={"value": "Poet"}).status_code == 204
    assert crm.get(path)["jobtitle"] == "Poet"
    assert fault(crm.http.put(f"{path}/jobtitle", json={"value": "X"}, headers=old)) == (412, odata.VERSION_MISMATCH)
    assert crm.http.delete(f"{path}/jobtitle").status_code == 204
    assert crm.get(path)["jobtitle"] is None


def test_navigation_leads_to_rows_and_on(crm: Crm, family: Family) -> None:
    """A lookup leads to its row and to whatever is below that; an empty one, or one to another table, to nothing."""
    path = f"contacts({family.contacts[0]})"
    assert crm.get(f"{path}/parentcustomerid_account?$select=name")["name"] == "Contoso"
    assert crm.get(f"{path}/parentcustomerid_account/name")["value"] == "Contoso"
    assert len(crm.rows(f"{path}/parentcustomerid_account/contact_customer_accounts")) == 2
    assert crm.http.get(f"{path}/parentcustomerid_contact").status_code == 204


def test_a_collection_is_read_like_a_table(crm: Crm, family: Family) -> None:
    """The rows that point here can be filtered, ordered, counted and paged."""
    path = f"accounts({family.account})/contact_customer_accounts"
    pages = crm.rows(f"{path}?$orderby=lastname desc", prefer=f"{odata.MAX_PAGE_SIZE_PREFERENCE}=1")
    assert [row["lastname"] for row in pages] == ["Bell", "Adams"]
    assert [row["lastname"] for row in crm.rows(f"{path}?$filter=startswith(lastname,'a')")] == ["Adams"]
    assert crm.http.get(f"{path}/$count").text == "2"
    assert crm.get(f"{path}({family.contacts[1]})?$select=lastname")["lastname"] == "Bell"


def test_references_are_read_set_and_removed(crm: Crm, family: Family) -> None:
    """`$ref` gives addresses; PUT and DELETE on it set and empty a lookup, POST and DELETE those of a collection."""
    first, second = (f"contacts({key})" for key in family.contacts)
    account = f"accounts({family.account})"
    reference = crm.get(f"{first}/parentcustomerid_account/$ref")[odata.ROW_ID]
    assert reference.endswith(account)
    assert crm.http.delete(f"{first}/parentcustomerid_account/$ref").status_code == 204
    assert crm.http.delete(f"{account}/contact_customer_accounts({family.contacts[1]})/$ref").status_code == 204
    assert crm.get(f"{account}/contact_customer_accounts/$ref")["value"] == []
    assert crm.http.put(f"{first}/parentcustomerid_account/$ref", json={odata.ROW_ID: reference}).status_code == 204
    added = crm.http.post(f"{account}/contact_customer_accounts/$ref", json={odata.ROW_ID: f"{crm.url}/{second}"})
    assert added.status_code == 204
    assert len(crm.get(f"{account}/contact_customer_accounts/$ref")["value"]) == 2


def test_a_row_can_be_created_in_a_collection(crm: Crm, family: Family) -> None:
    """POST to a collection creates a row that points here."""
    path = f"accounts({family.account})/contact_customer_accounts"
    response = crm.http.post(path, json={"lastname": "Çelik"})
    key = odata.record_id(response.headers[odata.ENTITY_ID])
    assert crm.get(f"contacts({key})")["_parentcustomerid_value"] == family.account


def test_paths_that_lead_nowhere_are_refused(crm: Crm, family: Family) -> None:
    """An unknown column is a 400, a missing row or an unknown path a 404, a body without a value a 400."""
    path = f"contacts({family.contacts[0]})"
    assert fault(crm.http.get(f"{path}/nonsense"))[0] == 400
    assert fault(crm.http.get(f"{path}/lastname/nonsense"))[0] == 404
    assert fault(crm.http.get(f"contacts({uuid4()})/lastname")) == (404, odata.NOT_FOUND)
    assert fault(crm.http.get(f"accounts({uuid4()})/contact_customer_accounts")) == (404, odata.NOT_FOUND)
    assert fault(crm.http.get(f"accounts({family.account})/contact_customer_accounts({uuid4()})"))[0] == 404
    assert fault(crm.http.put(f"{path}/jobtitle", json={"values": 1}))[0] == 400
    assert fault(crm.http.put(f"{path}/parentcustomerid_account/$ref", json={}))[0] == 400


def test_a_known_version_is_not_sent_again(crm: Crm, family: Family) -> None:
    """If-None-Match with the row's etag is a 304, but not with $expand or annotations, nor for `null`."""
    path = f"contacts({family.contacts[0]})"
    known = {odata.IF_NONE_MATCH: crm.get(path)[odata.ROW_ETAG]}
    assert crm.http.get(path, headers=known).status_code == 304
    assert crm.http.get(f"{path}?$expand=ownerid", headers=known).status_code == 200
    assert crm.http.get(path, headers=known | {odata.PREFER: f'{odata.INCLUDE_ANNOTATIONS}="*"'}).status_code == 200
    assert crm.http.get(path, headers={odata.IF_NONE_MATCH: "null"}).status_code == 200
    crm.http.patch(path, json={"jobtitle": "Poet"})
    assert crm.http.get(path, headers=known).status_code == 200
