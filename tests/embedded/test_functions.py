"""What is asked of the CRM as a whole: `$metadata`, metadata by query, counts, messages, and bulk deletion."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from defusedxml import ElementTree
from tests.embedded.conftest import fault
from tests.embedded.test_alternate import made
from tests.embedded.test_metadata import label, lookup, table
from tests.embedded.test_relationships import several

from backstamp import odata

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from tests.embedded.conftest import Crm

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


def document(crm: Crm, path: str = "$metadata") -> Element:
    """Return the schema language's document."""
    response = crm.http.get(path)
    assert (response.status_code, response.headers["Content-Type"]) == (200, odata.XML)
    return ElementTree.fromstring(response.content)


def named(parent: Element, kind: str, name: str) -> Element:
    """Return the element of a kind and name."""
    [found] = [each for each in parent.iter(f"{EDM}{kind}") if each.get("Name") == name]
    return found


def test_metadata_describes_tables_columns_and_relationships(crm: Crm) -> None:
    """The document has types, keys, properties as they are read, navigation properties of all kinds, and sets."""
    crm.http.post("RelationshipDefinitions", json=several("new_csdl", "lead", "account"))
    root = document(crm)
    contact = named(root, "EntityType", "contact")
    assert [each.get("Name") for each in contact.findall(f"{EDM}Key/{EDM}PropertyRef")] == ["contactid"]
    types = {each.get("Name"): each.get("Type") for each in contact.findall(f"{EDM}Property")}
    assert types["contactid"] == types["_parentcustomerid_value"] == "Edm.Guid"
    assert (types["lastname"], types["birthdate"], types["creditlimit"]) == ("Edm.String", "Edm.Date", "Edm.Decimal")
    single = named(contact, "NavigationProperty", "parentcustomerid_account")
    assert (single.get("Type"), single.get("Partner")) == (odata.type_name("account"), "contact_customer_accounts")
    assert [each.get("Property") for each in single] == ["_parentcustomerid_value"]
    tied = named(named(root, "EntityType", "account"), "NavigationProperty", "new_csdl")
    assert tied.get("Type") == f"Collection({odata.type_name('lead')})"
    assert named(root, "EntitySet", "tasks").get("EntityType") == odata.type_name("task")
    assert root.findall(f".//{EDM}Annotation") == []


def test_metadata_is_annotated_on_request(crm: Crm) -> None:
    """With annotations the document has labels, and tells what is only read."""
    contact = named(document(crm, "$metadata?annotations=true"), "EntityType", "contact")
    annotations = {each.get("Term"): each.attrib for each in named(contact, "Property", "createdon")}
    assert annotations["Org.OData.Core.V1.Computed"]["Bool"] == "true"
    assert annotations["Microsoft.Dynamics.CRM.DisplayName"]["String"] == "Created On"


def test_metadata_follows_the_definitions(crm: Crm) -> None:
    """A new table stands in the document at once, whatever its label holds."""
    made(crm.http.post("EntityDefinitions", json=table("new_Described", Description=label("a <b> & c"))))
    described = named(document(crm, "$metadata?annotations=true"), "EntityType", "new_described")
    assert "a <b> & c" in [each.get("String") for each in described.findall(f"{EDM}Annotation")]


def changes(crm: Crm, query: dict[str, Any], stamp: str = "") -> dict[str, Any]:
    """Return the answer of RetrieveMetadataChanges."""
    arguments = "Query=@p1" + (f",ClientVersionStamp='{stamp}'" if stamp else "")
    response = crm.http.get(f"RetrieveMetadataChanges({arguments})", params={"@p1": json.dumps(query)})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def equals(name: str, value: str) -> dict[str, Any]:
    """Return criteria with one condition."""
    wanted = {"Type": "System.String", "Value": value}
    return {"Conditions": [{"PropertyName": name, "ConditionOperator": "Equals", "Value": wanted}]}


def test_definitions_come_by_query(crm: Crm) -> None:
    """The one table and column asked for, with the properties named and the type; an unknown table is no error."""
    query = {
        "Properties": {"PropertyNames": ["LogicalName", "Attributes"]},
        "Criteria": equals("LogicalName", "contact"),
        "AttributeQuery": {
            "Properties": {"PropertyNames": ["MaxLength", "AttributeType"]},
            "Criteria": equals("LogicalName", "lastname"),
        },
    }
    [found] = changes(crm, query)["EntityMetadata"]
    [column] = found["Attributes"]
    assert (found["LogicalName"], column["LogicalName"], column["MaxLength"]) == ("contact", "lastname", 50)
    assert column[odata.TYPE].endswith("StringAttributeMetadata")
    assert "DisplayName" not in column
    assert changes(crm, {"Criteria": equals("LogicalName", "nothing")})["EntityMetadata"] == []


def test_conditions_may_be_nested(crm: Crm) -> None:
    """Filters below criteria hold any or all of their conditions."""
    either = {"FilterOperator": "Or", "Filters": [equals("LogicalName", "lead"), equals("SchemaName", "Task")]}
    query = {"Properties": {"PropertyNames": ["SchemaName"]}, "Criteria": either}
    assert {each["LogicalName"] for each in changes(crm, query)["EntityMetadata"]} == {"lead", "task"}


def test_definitions_have_a_version_stamp(crm: Crm) -> None:
    """With the stamp of an answer nothing comes until a definition changes; then the stamp has expired."""
    stamp = changes(crm, {})["ServerVersionStamp"]
    assert changes(crm, {}, stamp)["EntityMetadata"] == []
    made(crm.http.post("EntityDefinitions", json=table("new_Stamped")))
    response = crm.http.get(f"RetrieveMetadataChanges(Query=@p1,ClientVersionStamp='{stamp}')?@p1={{}}")
    assert fault(response) == (400, odata.DELTA_EXPIRED)


@pytest.mark.parametrize(
    "query",
    ["x", "[]", '{"Criteria": 5}', '{"Criteria": {"Conditions": [5]}}', '{"Properties": {"PropertyNames": "x"}}'],
)
def test_wrong_metadata_queries_are_refused(crm: Crm, query: str) -> None:
    """A query that is no object of the known form is a 400."""
    response = crm.http.get("RetrieveMetadataChanges(Query=@p1)", params={"@p1": query})
    assert fault(response) == (400, odata.BAD_QUERY)


def test_rows_are_counted_by_table(crm: Crm) -> None:
    """RetrieveTotalRecordCount tells how many rows each named table has; an unknown one is a 400."""
    crm.create("leads", lastname="Counted")
    found = crm.get("RetrieveTotalRecordCount(EntityNames=['lead','organization'])")["EntityRecordCountCollection"]
    assert dict(zip(found["Keys"], found["Values"], strict=True)) == {"lead": len(crm.rows("leads")), "organization": 1}
    for wrong in ("(EntityNames=['nothing'])", "(EntityNames=[])", ""):
        assert fault(crm.http.get(f"RetrieveTotalRecordCount{wrong}")) == (400, odata.BAD_QUERY)


def test_a_client_can_probe_for_bulk_actions(crm: Crm) -> None:
    """The filters of messages tell which table knows UpdateMultiple; UpsertMultiple is never listed."""
    condition = "sdkmessageid/name eq '{}' and primaryobjecttypecode eq '{}'"
    probe = f"sdkmessagefilters?$select=sdkmessagefilterid&$filter={condition}"
    assert len(crm.get(probe.format("UpdateMultiple", "contact"))["value"]) == 1
    assert crm.get(probe.format("UpsertMultiple", "contact"))["value"] == []


def test_filters_follow_the_tables(crm: Crm) -> None:
    """A table that is made takes all messages, and none when it is gone, with the steps that were registered for it."""
    made(crm.http.post("EntityDefinitions", json=table("new_Brief")))
    found = crm.rows(
        "sdkmessagefilters?$filter=primaryobjecttypecode eq 'new_brief'&$expand=sdkmessageid($select=name)"
    )
    by_name = {each["sdkmessageid"]["name"]: each["sdkmessagefilterid"] for each in found}
    assert {"Create", "Update", "Delete", "CreateMultiple", "UpdateMultiple"} < by_name.keys()
    filtered = {"sdkmessagefilterid@odata.bind": f"sdkmessagefilters({by_name['Update']})"}
    step = crm.create("sdkmessageprocessingsteps", name="Step", **filtered)
    assert crm.http.delete("EntityDefinitions(LogicalName='new_brief')").status_code == 204
    assert crm.rows("sdkmessagefilters?$filter=primaryobjecttypecode eq 'new_brief'") == []
    assert crm.http.get(f"sdkmessageprocessingsteps({step})").status_code == 404


def bulk_delete(crm: Crm, name: str, *conditions: dict[str, Any], **criteria: str) -> dict[str, Any]:
    """Delete rows by a job and return the row that tells of it."""
    query = {"EntityName": name, "Criteria": {"Conditions": list(conditions), **criteria}}
    response = crm.http.post(odata.BULK_DELETE, json={"JobName": "Clean up", "QuerySet": [query]})
    assert response.status_code == 200, response.text
    return crm.get(f"asyncoperations({response.json()['JobId']})", prefer='odata.include-annotations="*"')


def test_a_job_deletes_the_rows_of_a_list(crm: Crm) -> None:
    """BulkDelete with a list of ids, as Microsoft's client sends it, deletes them, and its job can be read."""
    keys = [crm.create("contacts", lastname="Gone") for _ in range(3)]
    values = [{"Value": key, "Type": "System.Guid"} for key in [*keys, str(uuid4())]]
    job = bulk_delete(crm, "contact", {"AttributeName": "contactid", "Operator": "In", "Values": values})
    assert (job["name"], job[f"statuscode{odata.FORMATTED_VALUE}"]) == ("Clean up", "Succeeded")
    assert [crm.http.get(f"contacts({key})").status_code for key in keys] == [404] * 3


def test_a_job_takes_conditions(crm: Crm) -> None:
    """Conditions on other columns hold together, or any of them."""
    mark = str(uuid4())
    crm.create("contacts", lastname="A", nickname=mark)
    kept = crm.create("contacts", lastname="B", nickname=mark)
    bulk_delete(
        crm,
        "contact",
        {"AttributeName": "nickname", "Operator": "Equal", "Values": [{"Value": mark, "Type": "System.String"}]},
        {"AttributeName": "lastname", "Operator": "NotEqual", "Values": ["b"]},
        {"AttributeName": "department", "Operator": "Null"},
    )
    assert [row["contactid"] for row in crm.rows(f"contacts?$filter=nickname eq '{mark}'")] == [kept]


def test_a_job_leaves_what_it_cannot_delete(crm: Crm) -> None:
    """A row that a relationship protects stays; the others go, and the job has failed."""
    made(crm.http.post("EntityDefinitions", json=table("new_Guard")))
    made(crm.http.post("RelationshipDefinitions", json=lookup("new_g", "contact", "new_guard", "new_Of", "Restrict")))
    guarded, free = (crm.create("contacts", lastname=name) for name in ("Guarded", "Free"))
    crm.create("new_guards", **{"new_Of@odata.bind": f"contacts({guarded})"})
    job = bulk_delete(crm, "contact", {"AttributeName": "contactid", "Operator": "In", "Values": [guarded, free]})
    assert job[f"statuscode{odata.FORMATTED_VALUE}"] == "Failed"
    assert [crm.http.get(f"contacts({key})").status_code for key in (guarded, free)] == [200, 404]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"QuerySet": [5]},
        {"QuerySet": [{"EntityName": "nothing"}]},
        {"QuerySet": [{"EntityName": "contact", "Criteria": {"Conditions": [{"AttributeName": "lastname"}]}}]},
        {"QuerySet": [{"EntityName": "contact", "Criteria": {"Filters": [{}]}}]},
        {"QuerySet": [{"EntityName": "contact", "Criteria": 5}]},
    ],
)
def test_wrong_jobs_are_refused(crm: Crm, body: dict[str, Any]) -> None:
    """A job whose queries are malformed is a 400 and deletes nothing."""
    before = len(crm.rows("contacts"))
    assert fault(crm.http.post(odata.BULK_DELETE, json=body)) == (400, odata.BAD_QUERY)
    assert len(crm.rows("contacts")) == before


def test_standard_tables_have_no_delete_multiple(crm: Crm) -> None:
    """DeleteMultiple is for elastic tables only."""
    response = crm.act("contact", odata.DELETE_MULTIPLE, [{"contactid": str(uuid4())}])
    assert "has not yet been implemented" in response.json()["error"]["message"]
