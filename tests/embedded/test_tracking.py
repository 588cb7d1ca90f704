"""Change tracking: full read, deltas, deletions, pages, expiry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.embedded.conftest import ADMINISTRATOR_TOKEN, TOKENS, Crm, fault
from tests.embedded.test_metadata import attribute, table

from backstamp import embedded, odata

if TYPE_CHECKING:
    from pathlib import Path

TRACKED = odata.TRACK_CHANGES


def follow(crm: Crm, link: str, *, size: int = 5000) -> tuple[list[dict[str, Any]], set[str], str]:
    """Read all pages; return rows, ids of deleted rows, and the next delta link."""
    prefer = f"{TRACKED},{odata.MAX_PAGE_SIZE_PREFERENCE}={size}"
    rows: list[dict[str, Any]] = []
    deleted: set[str] = set()
    while True:
        page = crm.get(link, prefer=prefer)
        assert len(page["value"]) <= size
        deleted |= {item["id"] for item in page["value"] if item.get("reason") == odata.DELETED_REASON}
        rows += [item for item in page["value"] if "reason" not in item]
        if odata.DELTA_LINK in page:
            assert odata.NEXT_LINK not in page
            return rows, deleted, str(page[odata.DELTA_LINK])
        link = page[odata.NEXT_LINK]


@pytest.mark.parametrize("size", [1, 3, 5000])
def test_a_delta_tells_what_changed_since(crm: Crm, size: int) -> None:
    """New, changed and deleted rows come once, whatever the pages; then nothing until something changes."""
    kept, changed, gone = (crm.create("leads", lastname=name) for name in ("kept", "changed", "gone"))
    rows, deleted, link = follow(crm, "leads?$select=lastname", size=size)
    assert {kept, changed, gone} <= {row["leadid"] for row in rows}
    assert deleted == set()
    new = crm.create("leads", lastname="new")
    crm.http.patch(f"leads({changed})", json={"lastname": "again"})
    crm.http.patch(f"leads({changed})", json={"lastname": "once more"})
    crm.http.delete(f"leads({gone})")
    rows, deleted, link = follow(crm, link, size=size)
    assert [(row["leadid"], row["lastname"]) for row in rows] == [(new, "new"), (changed, "once more")]
    assert deleted == {gone}
    assert follow(crm, link, size=size)[:2] == ([], set())


def test_changes_can_be_counted(crm: Crm) -> None:
    """`$count` with a delta token tells how many rows a delta would bring, deletions too."""
    gone = crm.create("leads", lastname="gone")
    link = follow(crm, "leads?$select=lastname")[2].replace("leads?$select=lastname&", "leads/$count?")
    crm.create("leads", lastname="new")
    crm.http.delete(f"leads({gone})")
    assert crm.http.get(link).text == "2"


def test_the_reply_says_that_it_tracks(crm: Crm) -> None:
    """The preference is confirmed, and the contexts tell a delta and its deletions."""
    response = crm.http.get("leads?$select=lastname", headers={odata.PREFER: TRACKED})
    assert TRACKED in response.headers[odata.PREFERENCE_APPLIED]
    crm.http.delete(f"leads({crm.create('leads', lastname='short-lived')})")
    delta = crm.get(response.json()[odata.DELTA_LINK])
    assert delta[odata.CONTEXT].endswith("/$delta")
    assert delta["value"][0][odata.CONTEXT].endswith(f"$metadata#leads{odata.DELETED_ENTITY}")


def test_a_row_made_again_is_no_deletion(crm: Crm) -> None:
    """A row deleted and made again with its key is told as a row."""
    key = crm.create("leads", lastname="first life")
    link = follow(crm, "leads")[2]
    crm.http.delete(f"leads({key})")
    crm.create("leads", leadid=key, lastname="second life")
    rows, deleted, _ = follow(crm, link)
    assert ([row["lastname"] for row in rows], deleted) == (["second life"], set())


def test_links_that_the_server_empties_are_changes(crm: Crm) -> None:
    """The rows whose link was removed with its target come in the delta."""
    contact = crm.create("contacts", lastname="target")
    lead = crm.create("leads", **{"lastname": "source", "parentcontactid@odata.bind": f"/contacts({contact})"})
    link = follow(crm, "leads?$select=_parentcontactid_value")[2]
    crm.http.delete(f"contacts({contact})")
    [row] = follow(crm, link)[0]
    assert (row["leadid"], row["_parentcontactid_value"]) == (lead, None)


def test_rows_written_between_pages_are_not_missed(crm: Crm) -> None:
    """What changes while a client turns pages is in the next delta."""
    crm.create("tasks", subject="one")
    late = crm.create("tasks", subject="two")
    first = crm.get("tasks", prefer=f"{TRACKED},{odata.MAX_PAGE_SIZE_PREFERENCE}=1")
    crm.http.patch(f"tasks({first['value'][0]['activityid']})", json={"subject": "changed"})
    crm.http.delete(f"tasks({late})")
    _, _, link = follow(crm, first[odata.NEXT_LINK])
    rows, deleted, _ = follow(crm, link)
    assert ([row["subject"] for row in rows], deleted) == (["changed"], {late})


@pytest.mark.parametrize("option", ["filter=lastname eq 'x'", "orderby=lastname", "expand=ownerid", "top=1"])
def test_some_options_do_not_go_with_tracking(crm: Crm, option: str) -> None:
    """Filter, order, expand and top are refused by name."""
    response = crm.http.get(f"leads?${option}", headers={odata.PREFER: TRACKED})
    assert response.status_code == 400
    name = option.partition("=")[0]
    assert f'"${name}" query parameter isn\'t supported' in response.json()["error"]["message"]


def test_tracking_is_switched_on_once(crm: Crm) -> None:
    """A new table is not tracked until its definition says so, and then for good."""
    crm.http.post("EntityDefinitions", json=table("new_Plain"))
    path = "EntityDefinitions(LogicalName='new_plain')"
    assert crm.http.get("new_plains", headers={odata.PREFER: TRACKED}).status_code == 400
    definition = crm.get(path)
    assert crm.http.put(path, json={**definition, "ChangeTrackingEnabled": True}).status_code == 204
    assert crm.get(f"{path}?$select=ChangeTrackingEnabled")["ChangeTrackingEnabled"] is True
    assert follow(crm, "new_plains")[0] == []
    assert crm.http.put(path, json={**definition, "ChangeTrackingEnabled": False}).status_code == 400


def test_an_old_token_expires(crm: Crm) -> None:
    """A token older than the setting, or from another database, is refused; the client has to read in full."""
    link = follow(crm, "leads")[2]
    old = re.sub(r"%2F\d{4}%20", "%2F2020%20", link)
    future = re.sub(r"deltatoken=\d+", "deltatoken=999999999", link)
    for broken in (old, future):
        assert fault(crm.http.get(broken)) == (400, odata.DELTA_EXPIRED)
    assert fault(crm.http.get("leads?$deltatoken=nonsense")) == (400, odata.BAD_QUERY)


def test_a_metadata_change_ends_the_links_of_its_table_only(crm: Crm) -> None:
    """A new column expires the delta links of its table; those of other tables go on."""
    leads, tasks = follow(crm, "leads")[2], follow(crm, "tasks")[2]
    crm.http.post("EntityDefinitions(LogicalName='lead')/Attributes", json=attribute("String", "new_Expiring"))
    assert fault(crm.http.get(leads)) == (400, odata.DELTA_EXPIRED)
    assert follow(crm, tasks)[0] == []
    assert follow(crm, follow(crm, "leads")[2])[0] == []


def test_expiry_on_metadata_changes_can_be_switched_off(tmp_path: Path) -> None:
    """With the setting off a delta link outlives a new column."""
    url = f"sqlite:///{tmp_path / 'crm.sqlite'}"
    settings = embedded.Settings(database_url=url, expire_on_metadata_change=False)
    with embedded.serving(settings, TOKENS) as address:
        crm = Crm(address, ADMINISTRATOR_TOKEN)
        with crm.http:
            link = follow(crm, "leads")[2]
            crm.http.post("EntityDefinitions(LogicalName='lead')/Attributes", json=attribute("String", "new_Kept"))
            assert follow(crm, link)[0] == []
