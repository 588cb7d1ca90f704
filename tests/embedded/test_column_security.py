"""Column security: who is not let in reads null in secured columns, on every way to them, and may not write there."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from tests.embedded.conftest import APPLICATION_TOKEN, Crm, fault

from backstamp import odata

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = "new_secretword"
LINK = "new_secretlink"
NUMBER = "new_secretnumber"
READ, UPDATE = "canread", "canupdate"
COLUMNS = "EntityDefinitions(LogicalName='contact')/Attributes"


@pytest.fixture(scope="module")
def ours(url: str, crm: Crm) -> Iterator[Crm]:
    """The service account, in a CRM whose contacts have secured columns: a text, a number and a lookup."""
    for kind, name in (("String", "new_SecretWord"), ("Integer", "new_SecretNumber")):
        body = {odata.TYPE: odata.type_name(f"{kind}AttributeMetadata"), "SchemaName": name, "IsSecured": True}
        assert crm.http.post(COLUMNS, json=body).status_code == 204
    relationship = {
        odata.TYPE: odata.type_name("OneToManyRelationshipMetadata"),
        "SchemaName": "new_account_contact_secretlink",
        "ReferencedEntity": "account",
        "ReferencingEntity": "contact",
        "Lookup": {"SchemaName": "new_SecretLink", "IsSecured": True},
    }
    assert crm.http.post("RelationshipDefinitions", json=relationship).status_code == 204
    text = {odata.TYPE: odata.type_name("StringAttributeMetadata")}
    columns = [{"SchemaName": "new_Name", "IsPrimaryName": True}, {"SchemaName": "new_Code", "IsSecured": True}]
    vault = {"SchemaName": "new_Vault", "Attributes": [{**text, **column} for column in columns]}
    assert crm.http.post("EntityDefinitions", json=vault).status_code == 204
    client = Crm(url, APPLICATION_TOKEN)
    with client.http:
        yield client


def permit(crm: Crm, ours: Crm, column: str, *grants: str) -> str:
    """Let our account do this with a column; return the id of its profile."""
    profile = crm.create("fieldsecurityprofiles", name=f"Profile {uuid.uuid4()}")
    crm.create(
        "fieldpermissions",
        **{f"fieldsecurityprofileid{odata.BIND}": f"fieldsecurityprofiles({profile})"},
        entityname="contact",
        attributelogicalname=column,
        **dict.fromkeys(grants, 4),
    )
    user = ours.get("WhoAmI")["UserId"]
    tie = {odata.ROW_ID: f"systemusers({user})"}
    address = f"fieldsecurityprofiles({profile})/systemuserprofiles_association/$ref"
    assert crm.http.post(address, json=tie).status_code == 204
    return profile


def contact(crm: Crm, **more: Any) -> str:
    """Make a contact with a secret in each secured column."""
    account = crm.create("accounts", name="Contoso")
    bind = {f"new_SecretLink{odata.BIND}": f"accounts({account})"}
    return crm.create("contacts", lastname="Malik", **{WORDS: "sesame", NUMBER: 7}, **bind, **more)


def test_definitions_tell_what_is_secured(crm: Crm, ours: Crm) -> None:
    """A definition says whether its column is secured, and whether it can be."""
    found = {item["LogicalName"]: item for item in ours.get(COLUMNS)["value"]}
    assert {name for name, item in found.items() if item["IsSecured"]} == {WORDS, LINK, NUMBER}
    can = {name: found[name]["CanBeSecuredForRead"] for name in (WORDS, "emailaddress1", "contactid", "fullname")}
    assert can == {WORDS: True, "emailaddress1": True, "contactid": False, "fullname": False}
    assert fault(crm.http.put(f"{COLUMNS}(LogicalName='fullname')", json={"IsSecured": True}))[0] == 400


@pytest.mark.parametrize(
    "query",
    [
        f"?$select={WORDS},{NUMBER},_{LINK}_value&$filter=contactid eq {{key}}",
        "({key})",
        "?fetchXml=" + quote('<fetch><entity name="contact"><all-attributes/></entity></fetch>'),
        "?sql=" + quote(f"SELECT {WORDS}, {NUMBER}, {LINK} FROM contact"),
    ],
)
def test_secrets_are_null(crm: Crm, ours: Crm, query: str) -> None:
    """However the row is read, an account without permission finds no secret in it, and an administrator does."""
    key = contact(crm)
    read = f"contacts{query.format(key=key)}"
    assert "sesame" in crm.http.get(read).text
    told = ours.http.get(read)
    assert (told.status_code, "sesame" in told.text) == (200, False)
    rows = told.json().get("value", [told.json()])
    assert not [row for row in rows if any(row.get(name) for name in (WORDS, NUMBER, LINK, f"_{LINK}_value"))]


def test_what_is_hidden_cannot_be_guessed(crm: Crm, ours: Crm) -> None:
    """Conditions, sorting, groups, expansions and single values see null in place of a secret."""
    key = contact(crm)
    this = f"contactid eq {key}"
    for condition in (
        f"{WORDS} eq 'sesame'",
        f"startswith({WORDS},'ses')",
        f"{NUMBER} gt 1",
        f"{LINK}/name eq 'Contoso'",
    ):
        address = f"contacts?$select=lastname&$filter={this} and {condition.replace(LINK, 'new_SecretLink')}"
        assert len(crm.get(address)["value"]) == 1
        assert ours.get(address)["value"] == []
    assert len(ours.get(f"contacts?$filter={this} and {WORDS} eq null")["value"]) == 1
    assert (
        ours.get(f"contacts?$filter={this}&$expand=new_SecretLink($select=name)")["value"][0]["new_SecretLink"] is None
    )
    assert ours.http.get(f"contacts({key})/{WORDS}").status_code == 204
    grouped = f"contacts?$apply=filter({this})/groupby(({WORDS}),aggregate($count as n))"
    assert ours.get(grouped)["value"][0][WORDS] is None
    assert ours.get(f"contacts?$orderby={WORDS} desc,{NUMBER}&$select=lastname&$top=1")["value"]


def test_a_feed_shows_no_secret(crm: Crm, ours: Crm) -> None:
    """Neither a full read with change tracking nor what changed since shows hidden values."""
    contact(crm)
    page = ours.get(f"contacts?$select={WORDS}", prefer=odata.TRACK_CHANGES)
    contact(crm)
    changes = ours.get(page[odata.DELTA_LINK])
    assert not [row for row in (*page["value"], *changes["value"]) if row[WORDS]]
    assert changes["value"]


def test_secrets_are_not_written(crm: Crm, ours: Crm) -> None:
    """Values of secured columns are refused with their codes, whatever writes them, and nothing is kept."""
    key = contact(crm)
    account = crm.create("accounts", name="Fabrikam")
    bind = {f"new_SecretLink{odata.BIND}": f"accounts({account})"}
    update, create = (403, odata.COLUMN_UPDATE_DENIED), (403, odata.COLUMN_CREATE_DENIED)
    for body in ({WORDS: "open"}, {NUMBER: None}, bind):
        assert fault(ours.http.patch(f"contacts({key})", json=body, headers={"If-Match": "*"})) == update
    assert fault(ours.act("contact", odata.UPDATE_MULTIPLE, [{"contactid": key, **bind}])) == update
    assert fault(ours.http.put(f"contacts({key})/{WORDS}", json={"value": "open"})) == update
    assert fault(ours.http.post("new_vaults", json={"new_name": "New", "new_code": "open"})) == create
    assert ours.http.post("new_vaults", json={"new_name": "New"}).status_code == 204
    assert ours.http.patch(f"contacts({key})", json={"lastname": "Free"}).status_code == 204
    row = crm.get(f"contacts({key})?$select={WORDS},lastname")
    assert (row[WORDS], row["lastname"]) == ("sesame", "Free")


def test_a_permission_opens_a_column(crm: Crm, ours: Crm) -> None:
    """What a profile allows its members may do, that and no more; with the profile it goes."""
    key = contact(crm)
    reads = permit(crm, ours, WORDS, READ)
    assert ours.get(f"contacts({key})?$select={WORDS},{NUMBER}")[WORDS] == "sesame"
    assert ours.get(f"contacts({key})?$select={WORDS},{NUMBER}")[NUMBER] is None
    assert fault(ours.http.patch(f"contacts({key})", json={WORDS: "open"}))[0] == 403
    writes = permit(crm, ours, WORDS, UPDATE)
    assert ours.http.patch(f"contacts({key})", json={WORDS: "open"}).status_code == 204
    for profile in (reads, writes):
        assert crm.http.delete(f"fieldsecurityprofiles({profile})").status_code == 204
    assert ours.get(f"contacts({key})?$select={WORDS}")[WORDS] is None
    assert crm.get(f"contacts({key})?$select={WORDS}")[WORDS] == "open"


def test_an_account_is_told_its_permissions(crm: Crm, ours: Crm) -> None:
    """`RetrievePrincipalAttributePrivileges` tells, by the ids of columns, what a user may do with each."""
    profile = permit(crm, ours, LINK, READ)
    ids = {item["LogicalName"]: item["MetadataId"] for item in ours.get(COLUMNS)["value"] if item["IsSecured"]}

    def told(client: Crm) -> dict[str, tuple[int, ...]]:
        address = f"systemusers({client.get('WhoAmI')['UserId']})/{odata.type_name(odata.RETRIEVE_COLUMN_PRIVILEGES)}"
        found = {item["AttributeId"]: item for item in client.get(address)["AttributePrivileges"]}
        rights = ("CanRead", "CanCreate", "CanUpdate")
        return {name: tuple(found[one][right] for right in rights) for name, one in ids.items()}

    assert told(ours) == {WORDS: (0, 0, 0), NUMBER: (0, 0, 0), LINK: (4, 0, 0)}
    assert set(told(crm).values()) == {(4, 4, 4)}
    crm.http.delete(f"fieldsecurityprofiles({profile})")


def test_only_secured_columns_take_permissions(crm: Crm, ours: Crm) -> None:
    """A column that is not secured takes no permission; with the security its permissions go."""
    assert ours
    profile = crm.create("fieldsecurityprofiles", name="All")
    bind = {f"fieldsecurityprofileid{odata.BIND}": f"fieldsecurityprofiles({profile})"}
    wrong = {**bind, "entityname": "contact", "attributelogicalname": "emailaddress1", READ: 4}
    assert fault(crm.http.post("fieldpermissions", json=wrong)) == (400, odata.COLUMN_NOT_SECURED)
    body = {odata.TYPE: odata.type_name("StringAttributeMetadata"), "SchemaName": "new_Briefly", "IsSecured": True}
    assert crm.http.post(COLUMNS, json=body).status_code == 204
    about = {"entityname": "contact", "attributelogicalname": "new_briefly"}
    crm.create("fieldpermissions", **bind, **about)
    refused = ours.http.put(f"{COLUMNS}(LogicalName='new_briefly')", json={"IsSecured": False})
    assert fault(refused) == (403, odata.COLUMN_SECURITY_DENIED)
    assert crm.http.put(f"{COLUMNS}(LogicalName='new_briefly')", json={"IsSecured": False}).status_code == 204
    assert crm.get("fieldpermissions?$filter=attributelogicalname eq 'new_briefly'")["value"] == []
