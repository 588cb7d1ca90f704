"""Two rows merged: one goes on, the other stays and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from tests.embedded.conftest import APPLICATION_TOKEN, Crm, fault

from backstamp import odata

if TYPE_CHECKING:
    import httpx2


def row(table: str, key: str, **values: object) -> dict[str, Any]:
    """Name a row as an action's parameter."""
    return {odata.TYPE: odata.type_name(table), f"{table}id": key, **values}


def merge(crm: Crm, table: str, target: str, subordinate: str, **more: object) -> httpx2.Response:
    """Merge a row into another one."""
    rows = {"Target": row(table, target), "Subordinate": row(table, subordinate)}
    return crm.http.post(odata.MERGE, json={**rows, "PerformParentingChecks": False, **more})


@pytest.mark.parametrize(("table", "state"), [("account", 1), ("contact", 1), ("lead", 2)])
def test_one_goes_on(crm: Crm, table: str, state: int) -> None:
    """The other row stays, inactive, merged, with the id of the one that goes on, which is as it was."""
    one, other = (crm.create(f"{table}s", emailaddress1=f"{name}@x") for name in ("one", "other"))
    assert merge(crm, table, one, other).status_code == 204
    ended, left = crm.get(f"{table}s({other})"), crm.get(f"{table}s({one})")
    assert (ended["merged"], ended["_masterid_value"], ended["statecode"]) == (True, one, state)
    assert (left["merged"], left["_masterid_value"], left["statecode"], left["emailaddress1"]) == (
        False,
        None,
        0,
        "one@x",
    )


def test_content_and_related_rows(crm: Crm) -> None:
    """The row that goes on takes over the content that is given, and the rows that pointed to the other one."""
    one, other, third = (crm.create("contacts", lastname=name) for name in ("One", "Other", "Third"))
    task = crm.create("tasks", subject="Call", **{f"regardingobjectid_contact_task{odata.BIND}": f"/contacts({other})"})
    merge(crm, "contact", other, third)
    content = {odata.TYPE: odata.type_name("contact"), "nickname": "Both"}
    assert merge(crm, "contact", one, other, UpdateContent=content).status_code == 204
    assert crm.get(f"contacts({one})")["nickname"] == "Both"
    assert crm.get(f"tasks({task})")["_regardingobjectid_value"] == one
    assert crm.get(f"contacts({third})")["_masterid_value"] == one


def test_what_is_refused(crm: Crm) -> None:
    """Two tables, one row, a row that is not there or was merged, other parents where that counts: nothing is done."""
    one, other = (crm.create("contacts", lastname=name) for name in ("One", "Other"))
    account = crm.create("accounts", name="Parent")
    child = crm.create("contacts", **{f"parentcustomerid_account{odata.BIND}": f"/accounts({account})"})
    assert fault(merge(crm, "contact", one, one))[0] == 400
    assert fault(merge(crm, "contact", one, other, Target=row("account", account)))[0] == 400
    assert fault(merge(crm, "contact", one, other, Target=row("task", one)))[0] == 400
    assert fault(merge(crm, "contact", one, str(uuid4()))) == (404, odata.NOT_FOUND)
    assert fault(merge(crm, "contact", one, child, PerformParentingChecks=True))[0] == 400
    assert fault(merge(crm, "contact", one, other, PerformParentingChecks=None))[0] == 400
    assert fault(merge(crm, "contact", one, other, UpdateContent={"nickname": "Both"}))[0] == 400
    assert merge(crm, "contact", one, child).status_code == 204
    assert fault(merge(crm, "contact", other, child))[0] == 400
    assert not crm.get(f"contacts({other})")["merged"]


def test_the_right_to_merge(crm: Crm) -> None:
    """Who has not the privilege may not."""
    one, other = (crm.create("contacts", lastname=name) for name in ("One", "Other"))
    account = Crm(crm.url, APPLICATION_TOKEN)
    with account.http:
        assert fault(merge(account, "contact", one, other)) == (403, odata.PRIVILEGE_DENIED)


def test_no_client_says_that_a_row_was_merged(crm: Crm) -> None:
    """What a body says of it is ignored, as of every column that clients do not write."""
    key = crm.create("contacts", lastname="One", merged=True)
    assert crm.get(f"contacts({key})")["merged"] is False
