"""Relationships: many-to-many with their pairs, cascade configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from tests.embedded.conftest import fault
from tests.embedded.test_alternate import made
from tests.embedded.test_metadata import lookup, table

from backstamp import odata

if TYPE_CHECKING:
    from tests.embedded.conftest import Crm


def several(name: str, first: str, second: str, **details: str) -> dict[str, str]:
    """Return the definition of a many-to-many relationship as a client sends it."""
    kind = odata.type_name("ManyToManyRelationshipMetadata")
    sides = {"Entity1LogicalName": first, "Entity2LogicalName": second}
    return {odata.TYPE: kind, "SchemaName": name, **sides, "IntersectEntityName": name, **details}


def names(crm: Crm, path: str) -> set[str]:
    """Return the last names of the rows at a path."""
    return {row["lastname"] for row in crm.get(f"{path}?$select=lastname")["value"]}


def test_a_many_to_many_relationship_comes_and_goes(crm: Crm) -> None:
    """It is listed with its type under both tables and among all, found by its name, and gone when it is deleted."""
    identity = made(crm.http.post("RelationshipDefinitions", json=several("new_Lead_Account", "lead", "account")))
    [found] = crm.get("RelationshipDefinitions?$filter=SchemaName eq 'new_Lead_Account'")["value"]
    assert found["MetadataId"] == identity
    assert found[odata.TYPE] == "#Microsoft.Dynamics.CRM.ManyToManyRelationshipMetadata"
    assert found["Entity1NavigationPropertyName"] == found["Entity2NavigationPropertyName"] == "new_Lead_Account"
    for name in ("lead", "account"):
        listed = crm.get(f"EntityDefinitions(LogicalName='{name}')/ManyToManyRelationships")["value"]
        assert [each["SchemaName"] for each in listed] == ["new_Lead_Account"]
    again = crm.http.post("RelationshipDefinitions", json=several("new_lead_account", "lead", "account"))
    assert "already exists" in again.json()["error"]["message"]
    assert crm.http.delete(f"RelationshipDefinitions({identity})").status_code == 204
    assert crm.get("RelationshipDefinitions?$filter=SchemaName eq 'new_Lead_Account'")["value"] == []
    assert crm.get("EntityDefinitions?$filter=IsIntersect eq true and IsCustomEntity eq true")["value"] == []


def test_rows_are_tied_and_parted(crm: Crm) -> None:
    """`$ref` ties and parts from either side, by id in the path or as `$id`; tying twice changes nothing."""
    made(crm.http.post("RelationshipDefinitions", json=several("new_fans", "contact", "account")))
    account = crm.create("accounts", name="Band")
    ada, ben = (crm.create("contacts", lastname=name) for name in ("Ada", "Ben"))
    for key in (ada, ben, ada):
        body = {odata.ROW_ID: f"{crm.url}{odata.API_PATH}contacts({key})"}
        assert crm.http.post(f"accounts({account})/new_fans/$ref", json=body).status_code == 204
    assert names(crm, f"accounts({account})/new_fans") == {"Ada", "Ben"}
    assert [row["name"] for row in crm.get(f"contacts({ada})/new_fans?$filter=name eq 'band'")["value"]] == ["Band"]
    assert crm.http.delete(f"accounts({account})/new_fans({ada})/$ref").status_code == 204
    assert names(crm, f"accounts({account})/new_fans") == {"Ben"}
    away = crm.http.delete(f"contacts({ben})/new_fans/$ref?$id=accounts({account})")
    assert away.status_code == 204
    assert names(crm, f"accounts({account})/new_fans") == set()
    assert fault(crm.http.delete(f"accounts({account})/new_fans({ada})/$ref"))[0] == 404


def test_tied_rows_are_expanded(crm: Crm) -> None:
    """`$expand` puts the tied rows into each row, an empty list where there are none."""
    made(crm.http.post("RelationshipDefinitions", json=several("new_team", "account", "contact")))
    full, bare = (crm.create("accounts", name=name) for name in ("Full", "Bare"))
    for name in ("Ada", "Ben"):
        body = {odata.ROW_ID: f"contacts({crm.create('contacts', lastname=name)})"}
        crm.http.post(f"accounts({full})/new_team/$ref", json=body)
    rows = crm.rows("accounts?$select=name&$expand=new_team($select=lastname)")
    found = {row["accountid"]: {each["lastname"] for each in row["new_team"]} for row in rows}
    assert (found[full], found[bare]) == ({"Ada", "Ben"}, set())
    assert fault(crm.http.get("accounts?$expand=new_team($top=1)")) == (400, odata.BAD_QUERY)


def test_pairs_go_with_their_rows(crm: Crm) -> None:
    """A deleted row leaves no pair behind, and a dropped table takes its many-to-many relationships along."""
    made(crm.http.post("EntityDefinitions", json=table("new_Club")))
    made(crm.http.post("RelationshipDefinitions", json=several("new_members", "new_club", "contact")))
    club, contact = crm.create("new_clubs", new_name="C"), crm.create("contacts", lastname="Member")
    crm.http.post(f"new_clubs({club})/new_members/$ref", json={odata.ROW_ID: f"contacts({contact})"})
    assert crm.http.delete(f"contacts({contact})").status_code == 204
    assert names(crm, f"new_clubs({club})/new_members") == set()
    assert crm.http.delete("EntityDefinitions(LogicalName='new_club')").status_code == 204
    assert crm.get("RelationshipDefinitions?$filter=SchemaName eq 'new_members'")["value"] == []


def test_a_table_can_be_tied_to_itself(crm: Crm) -> None:
    """Each side has a navigation property of its own where both are of one table."""
    sides = {"Entity1NavigationPropertyName": "new_mentors", "Entity2NavigationPropertyName": "new_pupils"}
    made(crm.http.post("RelationshipDefinitions", json=several("new_teaching", "contact", "contact", **sides)))
    pupil, mentor = (crm.create("contacts", lastname=name) for name in ("Pupil", "Mentor"))
    crm.http.post(f"contacts({pupil})/new_mentors/$ref", json={odata.ROW_ID: f"contacts({mentor})"})
    assert names(crm, f"contacts({pupil})/new_mentors") == {"Mentor"}
    assert names(crm, f"contacts({mentor})/new_pupils") == {"Pupil"}
    assert names(crm, f"contacts({mentor})/new_mentors") == set()


@pytest.mark.parametrize("reference", ["", "leads(x)", "contacts", f"contacts({UUID(int=1)})", "contacts(", 5])
def test_wrong_references_are_refused(crm: Crm, reference: object) -> None:
    """What names no row of the other side cannot be tied."""
    crm.http.post("RelationshipDefinitions", json=several("new_wrong", "account", "contact"))
    account = crm.create("accounts", name="A")
    response = crm.http.post(f"accounts({account})/new_wrong/$ref", json={odata.ROW_ID: reference})
    assert response.status_code in {400, 404}


def test_cascades_are_kept_and_can_change(crm: Crm) -> None:
    """What a definition says of other events comes back; a changed deletion rule holds at once."""
    wanted = lookup("new_boss", "contact", "lead", "new_BossId") | {
        "CascadeConfiguration": {"Assign": "Cascade", "Delete": "Restrict"}
    }
    identity = made(crm.http.post("RelationshipDefinitions", json=wanted))
    found = crm.get(f"RelationshipDefinitions({identity})")["CascadeConfiguration"]
    assert (found["Assign"], found["Merge"], found["Delete"]) == ("Cascade", "NoCascade", "Restrict")
    boss = crm.create("contacts", lastname="Boss")
    lead = crm.create("leads", lastname="L", **{"new_BossId@odata.bind": f"contacts({boss})"})
    assert fault(crm.http.delete(f"contacts({boss})")) == (405, odata.DELETE_RESTRICTED)
    changed = crm.http.put(f"RelationshipDefinitions({identity})", json={"CascadeConfiguration": {"Delete": "Cascade"}})
    assert changed.status_code == 204
    assert crm.http.delete(f"contacts({boss})").status_code == 204
    assert crm.http.get(f"leads({lead})").status_code == 404
    wrong = crm.http.put(f"RelationshipDefinitions({identity})", json={"CascadeConfiguration": {"Assign": "Maybe"}})
    assert fault(wrong) == (400, odata.BAD_QUERY)
