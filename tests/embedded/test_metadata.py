"""Definitions: what a client reads of tables and columns, and how it makes its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from tests.embedded.conftest import Crm, fault

from backstamp import embedded, odata

if TYPE_CHECKING:
    from pathlib import Path


def attribute(kind: str, name: str, **details: object) -> dict[str, Any]:
    """Return the definition of a column as a client sends it."""
    return {odata.TYPE: odata.type_name(f"{kind}AttributeMetadata"), "SchemaName": name, **details}


def label(text: str) -> dict[str, Any]:
    """Return a label as a client sends it."""
    return {"LocalizedLabels": [{"Label": text, "LanguageCode": 1033}]}


def table(schema_name: str, *columns: dict[str, Any], **details: object) -> dict[str, Any]:
    """Return the definition of a table as a client sends it."""
    name = attribute("String", "new_Name", IsPrimaryName=True, MaxLength=100)
    return {"SchemaName": schema_name, "Attributes": [name, *columns], "DisplayName": label(schema_name), **details}


def lookup(schema_name: str, referenced: str, referencing: str, column: str, delete: str = "") -> dict[str, Any]:
    """Return the definition of a one-to-many relationship as a client sends it."""
    return {
        odata.TYPE: odata.type_name("OneToManyRelationshipMetadata"),
        "SchemaName": schema_name,
        "ReferencedEntity": referenced,
        "ReferencingEntity": referencing,
        "CascadeConfiguration": {"Delete": delete} if delete else None,
        "Lookup": attribute("Lookup", column, DisplayName=label("A link")),
    }


def _made(crm: Crm, path: str, body: dict[str, Any]) -> str:
    response = crm.http.post(path, json=body)
    assert response.status_code == 204, response.text
    return str(response.headers[odata.ENTITY_ID]).rpartition("(")[2].removesuffix(")")


EVERY_TYPE = (
    attribute("String", "new_Text", MaxLength=20),
    attribute("Memo", "new_Memo"),
    attribute("Integer", "new_Whole"),
    attribute("Decimal", "new_Decimal", Precision=3),
    attribute("Money", "new_Money"),
    attribute("Double", "new_Double"),
    attribute("DateTime", "new_Moment", Format="DateAndTime"),
    attribute("DateTime", "new_Day", DateTimeBehavior={"Value": "DateOnly"}),
    attribute("Boolean", "new_Flag"),
    attribute("Picklist", "new_Choice", OptionSet={"Options": [{"Value": 7, "Label": label("Seven")}]}),
)
VALUES = {
    "new_text": "text",
    "new_memo": "memo",
    "new_whole": -5,
    "new_decimal": 1.125,
    "new_money": 0.1,
    "new_double": 2.5,
    "new_moment": "2026-01-02T03:04:05Z",
    "new_day": "2026-01-02",
    "new_flag": True,
    "new_choice": 7,
}


def test_a_table_is_found_by_its_logical_name(crm: Crm) -> None:
    """The list with a filter gives the one table, cut down to the select; an unknown name gives an empty list."""
    path = "EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute&$filter=LogicalName eq '{}'"
    [found] = crm.get(path.format("task"))["value"]
    assert found.pop("MetadataId")
    assert found == {"LogicalName": "task", "EntitySetName": "tasks", "PrimaryIdAttribute": "activityid"}
    assert crm.get(path.format("nothing"))["value"] == []


def test_tables_are_found_by_enumeration_and_path(crm: Crm) -> None:
    """Filters on definitions know enumeration literals and complex paths."""
    owned = "OwnershipType eq Microsoft.Dynamics.CRM.OwnershipTypes'OrganizationOwned'"
    names = [
        item["LogicalName"] for item in crm.get(f"EntityDefinitions?$filter=IsPrivate eq false and ({owned})")["value"]
    ]
    assert names == [
        "asyncoperation",
        "callbackregistration",
        "fieldpermission",
        "fieldsecurityprofile",
        "organization",
        "role",
        "sdkmessage",
        "sdkmessagefilter",
        "sdkmessageprocessingstep",
        "systemuser",
        "systemuserprofiles",
        "workflow",
    ]
    assert len(crm.get("EntityDefinitions?$filter=CanChangeTrackingBeEnabled/Value eq true")["value"]) >= 6


def test_a_definition_brings_its_columns_when_expanded(crm: Crm) -> None:
    """The expanded columns tell type, length, targets and which one is the key."""
    columns = crm.get("EntityDefinitions(LogicalName='contact')?$select=LogicalName&$expand=Attributes")["Attributes"]
    by_name = {column["LogicalName"]: column for column in columns}
    assert by_name["firstname"][odata.TYPE] == "#Microsoft.Dynamics.CRM.StringAttributeMetadata"
    assert by_name["firstname"]["MaxLength"] == 50
    assert by_name["parentcustomerid"]["Targets"] == ["account", "contact"]
    assert by_name["birthdate"]["DateTimeBehavior"] == {"Value": "DateOnly"}
    assert [name for name, column in by_name.items() if column["IsPrimaryId"]] == ["contactid"]
    assert by_name["gendercode"]["OptionSet"]["Options"][0]["Label"]["UserLocalizedLabel"]["Label"] == "Male"


def test_relationships_are_listed_from_both_ends(crm: Crm) -> None:
    """The same relationship stands under its two tables, with the names of its navigation properties."""
    lead = crm.get("EntityDefinitions(LogicalName='lead')/ManyToOneRelationships")["value"]
    contact = crm.get("EntityDefinitions(LogicalName='contact')/OneToManyRelationships")["value"]
    [one] = [item for item in lead if item["SchemaName"] == "lead_parent_contact"]
    assert one in contact
    assert one["ReferencingEntityNavigationPropertyName"] == one["ReferencingAttribute"] == "parentcontactid"


def test_choices_are_read_by_their_type(crm: Crm) -> None:
    """A path that ends in a column type gives the columns of that type, with their options when expanded."""
    path = "EntityDefinitions(LogicalName='{}')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"
    query = "?$select=LogicalName&$expand=OptionSet($select=Options)"
    names = {
        item["LogicalName"]: len(item["OptionSet"]["Options"])
        for item in crm.get(path.format("contact") + query)["value"]
    }
    assert names == {"gendercode": 2, "familystatuscode": 4}
    assert crm.get(path.format("organization") + query)["value"] == []


@pytest.mark.parametrize("by_action", [True, False])
def test_a_made_table_keeps_every_type(crm: Crm, *, by_action: bool) -> None:
    """A table made by either request is there at once, with the columns of every table and values of every type."""
    name = f"new_Every{by_action}"
    definition = table(name, *map(dict, EVERY_TYPE))
    if by_action:
        for column in definition["Attributes"]:
            column[odata.TYPE] = column[odata.TYPE].replace("CRM.", "CRM.Complex")
        assert crm.http.post("CreateEntities", json={"Entities": [definition]}).status_code == 204
    else:
        _made(crm, "EntityDefinitions", definition)
    found = crm.get(f"EntityDefinitions(LogicalName='{name.lower()}')")
    row = crm.get(f"{found['EntitySetName']}({crm.create(found['EntitySetName'], **VALUES)})")
    assert {column: row[column] for column in VALUES} == VALUES
    assert {"statecode", "_ownerid_value", "createdon", "versionnumber", found["PrimaryIdAttribute"]} <= set(row)


def test_what_exists_is_not_made_twice(crm: Crm) -> None:
    """A table, column or relationship of a name that is taken is refused with a text that says so."""
    _made(crm, "EntityDefinitions", table("new_Twice"))
    _made(crm, "RelationshipDefinitions", lookup("new_twice_lead", "new_twice", "lead", "new_twiceid"))
    again = [
        crm.http.post("EntityDefinitions", json=table("new_twice")),
        crm.http.post("EntityDefinitions(LogicalName='new_twice')/Attributes", json=attribute("String", "new_name")),
        crm.http.post("RelationshipDefinitions", json=lookup("new_twice_lead", "new_twice", "lead", "new_other")),
    ]
    for response in again:
        assert fault(response)[0] == 400
        assert "already exists" in response.json()["error"]["message"]


def test_a_column_comes_and_goes(crm: Crm) -> None:
    """An added column can be written at once; a dropped one is unknown at once."""
    key = crm.create("contacts", lastname="Before")
    identity = _made(crm, "EntityDefinitions(LogicalName='contact')/Attributes", attribute("Decimal", "new_Score"))
    crm.http.patch(f"contacts({key})", json={"new_score": 0.25})
    assert crm.get(f"contacts({key})?$select=new_score")["new_score"] == 0.25
    assert crm.http.delete(f"EntityDefinitions(LogicalName='contact')/Attributes({identity})").status_code == 204
    assert fault(crm.http.get("contacts?$select=new_score")) == (400, odata.BAD_QUERY)


def test_a_lookup_column_is_written_by_its_navigation_property(crm: Crm) -> None:
    """A new relationship gives a lookup whose navigation property is its schema name, case included."""
    _made(crm, "EntityDefinitions", table("msdynci_customerprofile"))
    name = "msdynci_customerprofile_contact_msdynci_Link"
    identity = _made(crm, "RelationshipDefinitions", lookup(name, "msdynci_customerprofile", "contact", "msdynci_Link"))
    profile = crm.create("msdynci_customerprofiles", new_name="Ada")
    bind = {"msdynci_Link@odata.bind": f"/msdynci_customerprofiles({profile})"}
    contact = crm.create("contacts", lastname="Linked", **bind)
    row = crm.get(f"contacts({contact})?$select=_msdynci_link_value&$expand=msdynci_Link($select=new_name)")
    assert row["_msdynci_link_value"] == row["msdynci_Link"]["msdynci_customerprofileid"] == profile
    [found] = crm.get(f"RelationshipDefinitions?$filter=SchemaName eq '{name}'")["value"]
    assert (found["MetadataId"], found["CascadeConfiguration"]["Delete"]) == (identity, "RemoveLink")
    assert fault(crm.http.delete("EntityDefinitions(LogicalName='msdynci_customerprofile')"))[0] == 400
    assert crm.http.delete(f"RelationshipDefinitions({identity})").status_code == 204
    assert crm.http.delete("EntityDefinitions(LogicalName='msdynci_customerprofile')").status_code == 204
    assert crm.http.get("msdynci_customerprofiles").status_code == 404


def test_delete_rules_are_the_servers(crm: Crm) -> None:
    """Restrict refuses and leaves both rows; Cascade deletes the children of children too."""
    for name in ("Parent", "Child", "Grandchild"):
        _made(crm, "EntityDefinitions", table(f"new_{name}"))
    _made(crm, "RelationshipDefinitions", lookup("new_pc", "new_parent", "new_child", "new_Up", "Cascade"))
    _made(crm, "RelationshipDefinitions", lookup("new_cg", "new_child", "new_grandchild", "new_Up", "Restrict"))
    parent = crm.create("new_parents", new_name="P")
    child = crm.create("new_childs", **{"new_Up@odata.bind": f"/new_parents({parent})"})
    grandchild = crm.create("new_grandchilds", **{"new_Up@odata.bind": f"/new_childs({child})"})
    assert fault(crm.http.delete(f"new_parents({parent})")) == (405, odata.DELETE_RESTRICTED)
    assert crm.http.get(f"new_childs({child})").status_code == 200
    crm.http.delete(f"new_grandchilds({grandchild})")
    assert crm.http.delete(f"new_parents({parent})").status_code == 204
    assert crm.http.get(f"new_childs({child})").status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("EntityDefinitions", table("contact")),
        ("EntityDefinitions", table("sqlite_master")),
        ("EntityDefinitions", table('new_a"; drop table contact')),
        ("EntityDefinitions", {"SchemaName": "new_nothing"}),
        ("EntityDefinitions", {"SchemaName": "new_nothing", "Attributes": ["x"]}),
        ("EntityDefinitions", {"SchemaName": "new_nothing", "Attributes": 5}),
        ("EntityDefinitions", table("new_nothing", EntitySetName="EntityDefinitions")),
        ("EntityDefinitions", table("new_bad", attribute("Nonsense", "new_x"))),
        ("EntityDefinitions", table("new_bad", attribute("Picklist", "new_x", OptionSet={"Options": [{}]}))),
        ("EntityDefinitions", table("new_bad", attribute("Decimal", "new_x", Precision=99))),
        ("EntityDefinitions(LogicalName='contact')/Attributes", attribute("Lookup", "new_x")),
        ("EntityDefinitions(LogicalName='contact')/Attributes", attribute("String", "new_x", MaxLength="long")),
        ("RelationshipDefinitions", {"SchemaName": "new_x"}),
        ("RelationshipDefinitions", {**lookup("new_x", "lead", "lead", "new_y"), "CascadeConfiguration": 5}),
        ("RelationshipDefinitions", lookup("new_x", "lead", "lead", "new_y", "Perhaps")),
        ("CreateEntities", {"Entities": "x"}),
    ],
)
def test_wrong_definitions_are_refused(crm: Crm, path: str, body: dict[str, Any]) -> None:
    """A definition that is incomplete, malformed or has a forbidden name is a 400."""
    assert crm.http.post(path, json=body).status_code == 400


def test_the_longest_names(crm: Crm) -> None:
    """Names that PostgreSQL would cut off are refused with their length on both databases; shorter ones are kept."""
    path, longest = "EntityDefinitions(LogicalName='lead')/Attributes", f"new_{'x' * 58}"
    assert crm.http.post(path, json=attribute("String", f"{longest}1")).status_code == 204
    crm.create("leads", **{f"{longest}1": "kept"})
    assert [row[f"{longest}1"] for row in crm.rows(f"leads?$select={longest}1")][-1] == "kept"
    linking = lookup("new_short", "contact", "lead", f"{longest}34")
    both = {"Entity1LogicalName": "lead", "Entity2LogicalName": "contact", "SchemaName": longest}
    many = {odata.TYPE: odata.type_name("ManyToManyRelationshipMetadata"), **both}
    for address, body in (
        (path, attribute("String", f"{longest}12")),
        ("EntityDefinitions", table(longest)),
        ("RelationshipDefinitions", linking),
        ("RelationshipDefinitions", many),
    ):
        refused = crm.http.post(address, json=body)
        assert fault(refused)[0] == 400
        assert "64 characters" in refused.json()["error"]["message"]


def test_standard_tables_and_columns_stay(crm: Crm) -> None:
    """What the product brings cannot be dropped."""
    for path in (
        "EntityDefinitions(LogicalName='lead')",
        "EntityDefinitions(LogicalName='lead')/Attributes(LogicalName='fax')",
    ):
        assert fault(crm.http.delete(path)) == (400, odata.HAS_DEPENDENCIES)


def test_tables_are_tables_of_the_database(tmp_path: Path) -> None:
    """The DDL follows the definitions: real columns, a primary key, and foreign keys with an index."""
    url = f"sqlite:///{tmp_path / 'crm.sqlite'}"
    with embedded.serving(embedded.Settings(database_url=url), {"t": embedded.ADMINISTRATOR}) as address:
        crm = Crm(address, "t")
        with crm.http:
            _made(crm, "EntityDefinitions", table("new_Thing", *EVERY_TYPE))
            _made(crm, "RelationshipDefinitions", lookup("new_thing_lead", "new_thing", "lead", "new_thingid"))
    engine = sa.create_engine(url)
    inspector = sa.inspect(engine)
    assert set(VALUES) <= {column["name"] for column in inspector.get_columns("new_thing")}
    assert inspector.get_pk_constraint("lead")["constrained_columns"] == ["leadid"]
    targets = {key["constrained_columns"][0]: key["referred_table"] for key in inspector.get_foreign_keys("lead")}
    assert targets == {"parentcontactid": "contact", "parentaccountid": "account", "new_thingid": "new_thing"}
    assert {"new_thingid"} in [set(index["column_names"]) for index in inspector.get_indexes("lead")]
    engine.dispose()
