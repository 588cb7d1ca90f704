"""Queries: select, filter, order, pages, counts, expansions, annotations."""

from __future__ import annotations

import httpx2
import pytest
from tests.embedded.conftest import Crm, fault

from backstamp import odata

PEOPLE = (
    {"lastname": "Adams", "gendercode": 1, "creditlimit": 9.99, "birthdate": "1980-01-01", "nickname": "O'Ada"},
    {"lastname": "bell", "gendercode": 2, "creditlimit": 10, "birthdate": "1990-06-15", "donotemail": True},
    {"lastname": "Çelik", "gendercode": 2, "creditlimit": 100.5, "lastusedincampaign": "2026-01-01T00:00:00Z"},
    {"lastname": "Dorn", "jobtitle": "Poet", "lastusedincampaign": "2026-01-01T00:00:01Z"},
    {"lastname": "Eberle", "gendercode": 1, "creditlimit": 10, "jobtitle": "Maker of 100% cotton"},
)


@pytest.fixture(scope="module", autouse=True)
def people(crm: Crm) -> list[str]:
    """Five contacts of one account, whose primary contact is the first."""
    account = crm.create("accounts", name="Contoso", telephone1="5")
    link = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
    keys = [crm.create("contacts", **person, **link) for person in PEOPLE]
    crm.http.patch(f"accounts({account})", json={"primarycontactid@odata.bind": f"/contacts({keys[0]})"})
    return keys


def _found(crm: Crm, condition: str, table: str = "contacts") -> str:
    """Return the initials of the contacts that fit a filter."""
    path = str(httpx2.URL(table, params={"$select": "lastname", "$filter": condition, "$orderby": "lastname"}))
    return "".join(row["lastname"][0] for row in crm.rows(path))


@pytest.mark.parametrize(
    ("condition", "initials"),
    [
        ("lastname eq 'ADAMS'", "A"),
        ("lastname eq 'çELIK'", "Ç"),
        ("lastname ne 'adams'", "bDEÇ"),
        ("jobtitle ne 'poet'", "AbEÇ"),
        ("nickname eq 'O''Ada'", "A"),
        ("jobtitle eq null", "AbÇ"),
        ("jobtitle ne null", "DE"),
        ("creditlimit gt 9.99", "bEÇ"),
        ("creditlimit ge 9.99 and creditlimit lt 100", "AbE"),
        ("creditlimit eq 10.0", "bE"),
        ("10 lt creditlimit", "Ç"),
        ("creditlimit lt 1e17", "AbEÇ"),
        ("gendercode eq 1 or gendercode eq null", "ADE"),
        ("not (gendercode eq 1)", "bDÇ"),
        ("donotemail eq true", "b"),
        ("birthdate gt 1980-01-01", "b"),
        ("lastusedincampaign gt 2026-01-01T00:00:00Z", "D"),
        ("lastusedincampaign eq 2026-01-01T01:00:00+01:00", "Ç"),
        ("contains(lastname,'EL')", "bÇ"),
        ("startswith(lastname, 'ç')", "Ç"),
        ("endswith(lastname,'LE')", "E"),
        ("contains(jobtitle,'100% c')", "E"),
        ("lastname gt 'bell' and (jobtitle eq 'Poet' or creditlimit gt 50)", "DÇ"),
        ("""Microsoft.Dynamics.CRM.In(PropertyName='gendercode',PropertyValues=["1","9"])""", "AE"),
        ("""Microsoft.Dynamics.CRM.NotIn(PropertyName='gendercode',PropertyValues=["1"])""", "bDÇ"),
        ("""Microsoft.Dynamics.CRM.In(PropertyName='lastname',PropertyValues=["dorn","ADAMS"])""", "AD"),
        ("modifiedon eq createdon", "AbDEÇ"),
        ("parentcustomerid_account/name eq 'contoso'", "AbDEÇ"),
        ("parentcustomerid_account/primarycontactid/lastname eq 'bell'", ""),
        ("lastname eq '''; drop table contact --'", ""),
    ],
)
def test_filters(crm: Crm, condition: str, initials: str) -> None:
    """A filter finds the rows that Dataverse would find; text compares without regard to case, in all of Unicode."""
    assert _found(crm, condition) == initials


def test_filter_by_id_takes_quotes_and_any_case(crm: Crm, people: list[str]) -> None:
    """A GUID in a filter may be bare or quoted, of a key or a lookup."""
    account = crm.get(f"contacts({people[0]})")["_parentcustomerid_value"]
    assert _found(crm, f"contactid eq {people[0].upper()}") == "A"
    assert _found(crm, f"contactid eq '{people[0]}'") == "A"
    assert _found(crm, f"_parentcustomerid_value eq {account}") == "AbDEÇ"


@pytest.mark.parametrize(
    "query",
    [
        "$filter=nonsense eq 1",
        "$filter=lastname eq",
        "$filter=lastname like 'a'",
        "$filter=(lastname eq 'a'",
        "$filter=lastname eq 'a' lastname eq 'b'",
        "$filter=1 eq 1",
        "$filter=birthdate eq 'never'",
        "$filter=gendercode eq 'x'",
        "$filter=donotemail eq 'perhaps'",
        "$filter=creditlimit eq 1e9999",
        "$filter=contains(gendercode,'1')",
        "$filter=parentcustomerid eq null",
        "$filter=nothing/name eq 'x'",
        "$filter=" + "(" * 200 + "lastname eq 'a'" + ")" * 200,
        "$select=nonsense",
        "$select=parentcustomerid",
        "$orderby=nonsense",
        "$orderby=lastname sideways",
        "$orderby=,",
        "$expand=nonsense",
        "$top=-1",
        "$top=many",
        "$skip=3",
    ],
)
def test_wrong_queries_are_refused(crm: Crm, query: str) -> None:
    """What is malformed, unknown or not supported is a 400 with a code."""
    assert fault(crm.http.get(f"contacts?{query}")) == (400, odata.BAD_QUERY)


def test_too_many_conditions_are_refused(crm: Crm) -> None:
    """501 conditions are one too many."""
    condition = " or ".join(["gendercode eq 1"] * 501)
    assert fault(crm.http.get(f"contacts?$filter={condition}")) == (400, odata.TOO_MANY_CONDITIONS)


def test_select_gives_the_key_and_the_etag_besides(crm: Crm) -> None:
    """A select gives its columns, the primary key and the etag; without one come all columns."""
    row = crm.rows("contacts?$select=lastname,_ownerid_value")[0]
    assert set(row) == {odata.ROW_ETAG, "contactid", "lastname", "_ownerid_value"}
    assert {"modifiedon", "_parentcustomerid_value", "birthdate"} <= set(crm.rows("contacts")[0])


@pytest.mark.parametrize(
    ("orderby", "initials"),
    [
        ("lastname desc", "ÇEDbA"),
        ("creditlimit,lastname", "DAbEÇ"),
        ("creditlimit desc,lastname desc", "ÇEbAD"),
        ("parentcustomerid_account/name,jobtitle desc,lastname asc", "DEAbÇ"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_pages_keep_the_order(crm: Crm, orderby: str, initials: str, size: int) -> None:
    """However small the pages, each row comes once and in order; rows without a value first, going up."""
    prefer = f"{odata.MAX_PAGE_SIZE_PREFERENCE}={size}"
    rows = crm.rows(f"contacts?$select=lastname&$orderby={orderby}", prefer=prefer)
    assert "".join(row["lastname"][0] for row in rows) == initials


def test_top_caps_all_pages(crm: Crm) -> None:
    """With pages of two a top of three gives two rows and then one."""
    prefer = f"{odata.MAX_PAGE_SIZE_PREFERENCE}=2"
    first = crm.get("contacts?$top=3", prefer=prefer)
    second = crm.get(first[odata.NEXT_LINK], prefer=prefer)
    assert (len(first["value"]), len(second["value"]), odata.NEXT_LINK in second) == (2, 1, False)
    assert crm.rows("contacts?$top=0") == []


def test_count_tells_how_many_fit_the_filter(crm: Crm) -> None:
    """The count is of all pages together."""
    page = crm.get("contacts?$count=true&$top=1&$filter=gendercode eq 2")
    assert (page[odata.COUNT], len(page["value"])) == (2, 1)


def test_expand_follows_a_lookup_and_goes_on(crm: Crm, people: list[str]) -> None:
    """A single-valued expansion is nested as deep as asked, and null where there is no link."""
    nested = "parentcustomerid_account($select=name;$expand=primarycontactid($select=lastname),parentaccountid)"
    row = crm.get(f"contacts({people[1]})?$select=lastname&$expand={nested},parentcustomerid_contact")
    account = row["parentcustomerid_account"]
    assert (account["name"], account["primarycontactid"]["lastname"]) == ("Contoso", "Adams")
    assert account["parentaccountid"] is None
    assert row["parentcustomerid_contact"] is None


def test_expand_gives_the_rows_that_point_here(crm: Crm) -> None:
    """A collection is filtered, ordered and cut for each row by itself."""
    inner = "$select=lastname;$filter=gendercode ne null;$orderby=lastname desc;$top=2"
    [account] = crm.rows(f"accounts?$select=name&$expand=contact_customer_accounts({inner})")
    assert [row["lastname"] for row in account["contact_customer_accounts"]] == ["Çelik", "Eberle"]
    [empty] = crm.rows("accounts?$expand=Account_Tasks")
    assert empty["Account_Tasks"] == []


def test_annotations_come_when_asked_for(crm: Crm, people: list[str]) -> None:
    """Choices, yes/no columns and lookups bring the text that users read, and only on request."""
    path = f"contacts({people[1]})?$select=gendercode,donotemail,statecode,_ownerid_value"
    row = crm.get(path, prefer=f'{odata.INCLUDE_ANNOTATIONS}="{odata.FORMATTED_VALUE[1:]}"')
    texts = [row[name + odata.FORMATTED_VALUE] for name in ("gendercode", "donotemail", "statecode", "_ownerid_value")]
    assert texts == ["Female", "Do Not Allow", "Active", "System Administrator"]
    assert not any(name.endswith(odata.LOOKUP_TABLE) for name in row)
    assert not any("@OData" in name for name in crm.get(path))
