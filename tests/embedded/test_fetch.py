"""FetchXML: columns, conditions, links, groups, pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from tests.embedded import people
from tests.embedded.conftest import Crm, fault

from backstamp import odata

PAGED = f'{odata.INCLUDE_ANNOTATIONS}="{odata.PAGING_COOKIE[1:]},{odata.MORE_RECORDS[1:]}"'


@pytest.fixture(scope="module", autouse=True)
def keys(crm: Crm) -> list[str]:
    """The ids of five contacts of one account."""
    return people.create(crm)


def _fetch(crm: Crm, xml: str, table: str = "contacts") -> list[dict[str, Any]]:
    response = crm.http.get(table, params={"fetchXml": xml})
    assert response.status_code == 200, response.text
    rows: list[dict[str, Any]] = response.json()["value"]
    return rows


def _contacts(inner: str) -> str:
    order = '<order attribute="lastname" />'
    return f'<fetch><entity name="contact"><attribute name="lastname" />{order}{inner}</entity></fetch>'


@pytest.mark.parametrize(
    ("condition", "initials"),
    [
        ('attribute="lastname" operator="eq" value="ADAMS"', "A"),
        ('attribute="lastname" operator="ne" value="adams"', "bDEÇ"),
        ('attribute="lastname" operator="like" value="%el%"', "bÇ"),
        ('attribute="lastname" operator="not-like" value="%el%"', "ADE"),
        ('attribute="lastname" operator="begins-with" value="d"', "D"),
        ('attribute="jobtitle" operator="null"', "AbÇ"),
        ('attribute="jobtitle" operator="not-null"', "DE"),
        ('attribute="creditlimit" operator="gt" value="9.99"', "bEÇ"),
        ('attribute="creditlimit" operator="le" value="10"', "AbE"),
        ('attribute="donotemail" operator="eq" value="1"', "b"),
        ('attribute="createdon" operator="today"', "AbDEÇ"),
        ('attribute="createdon" operator="last-x-hours" value="1"', "AbDEÇ"),
        ('attribute="createdon" operator="last-year"', ""),
        ('attribute="birthdate" operator="on-or-before" value="1985-01-01"', "A"),
        ('attribute="ownerid" operator="eq-userid"', "AbDEÇ"),
        ('attribute="modifiedon" operator="eq" valueof="createdon"', "AbDEÇ"),
    ],
)
def test_conditions(crm: Crm, condition: str, initials: str) -> None:
    """Each operator finds the rows that its words say."""
    assert people.initials(_fetch(crm, _contacts(f"<filter><condition {condition} /></filter>"))) == initials


def test_conditions_with_several_values_are_nested(crm: Crm) -> None:
    """Filters are joined by and or or, inside of each other."""
    among = '<condition attribute="gendercode" operator="in"><value>1</value><value>2</value></condition>'
    between = '<condition attribute="creditlimit" operator="between"><value>9</value><value>10</value></condition>'
    poet = '<condition attribute="jobtitle" operator="eq" value="poet" />'
    xml = _contacts(f'<filter type="or">{poet}<filter>{among}{between}</filter></filter>')
    assert people.initials(_fetch(crm, xml)) == "AbDE"


def test_empty_values_are_left_out_and_aliases_name_columns(crm: Crm) -> None:
    """A row has its key, its etag and the columns that hold something, under their aliases."""
    xml = _contacts('<attribute name="jobtitle" alias="trade" />')
    rows = _fetch(crm, xml)
    assert set(rows[0]) == {odata.ROW_ETAG, "contactid", "lastname"}
    assert [row["trade"] for row in rows if "trade" in row] == ["Poet", "Maker of 100% cotton"]


def test_links_bring_columns_of_other_tables(crm: Crm) -> None:
    """An inner link drops rows without a partner, an outer one keeps them; columns come as alias.column."""
    inner = '<link-entity name="account" from="primarycontactid" to="contactid" alias="a">'
    link = inner + '<attribute name="name" /></link-entity>'
    assert [(row["lastname"], row["a.name"]) for row in _fetch(crm, _contacts(link))] == [("Adams", "Contoso")]
    outer = _fetch(crm, _contacts(link.replace('alias="a"', 'alias="a" link-type="outer"')))
    assert people.initials(outer) == "AbDEÇ"
    alone = '<filter><condition entityname="a" attribute="accountid" operator="null" /></filter>'
    none = _contacts(alone + link.replace('alias="a"', 'alias="a" link-type="outer"'))
    assert people.initials(_fetch(crm, none)) == "bDEÇ"


def test_links_can_only_ask(crm: Crm) -> None:
    """A link of the type exists, or any in a filter, asks whether there is a partner."""
    named = '<filter><condition attribute="name" operator="eq" value="contoso" /></filter>'
    parts = f'name="account" from="primarycontactid" to="contactid">{named}</link-entity>'
    exists = f'<link-entity link-type="exists" {parts}'
    missing = f'<filter><link-entity link-type="not any" {parts}</filter>'
    assert people.initials(_fetch(crm, _contacts(exists))) == "A"
    assert people.initials(_fetch(crm, _contacts(missing))) == "bDEÇ"


def test_groups_are_aggregated(crm: Crm) -> None:
    """An aggregate groups rows, also by parts of times, and sorts by its aliases."""
    xml = """<fetch aggregate="true"><entity name="contact">
        <attribute name="gendercode" alias="gender" groupby="true" />
        <attribute name="contactid" alias="n" aggregate="count" />
        <attribute name="jobtitle" alias="jobs" aggregate="countcolumn" />
        <attribute name="creditlimit" alias="total" aggregate="sum" />
        <attribute name="creditlimit" alias="mean" aggregate="avg" />
        <order alias="total" descending="true" />
    </entity></fetch>"""
    assert _fetch(crm, xml) == [
        {"gender": 2, "n": 2, "jobs": 0, "total": 110.5, "mean": 55.25},
        {"gender": 1, "n": 2, "jobs": 1, "total": 19.99, "mean": 9.995},
        {"n": 1, "jobs": 1},
    ]
    by_year = """<fetch aggregate="true"><entity name="contact">
        <attribute name="birthdate" alias="year" groupby="true" dategrouping="year" />
        <attribute name="birthdate" alias="n" aggregate="countcolumn" /><order alias="year" /></entity></fetch>"""
    assert _fetch(crm, by_year) == [{"n": 0}, {"year": 1980, "n": 1}, {"year": 1990, "n": 1}]
    by_quarter = by_year.replace('dategrouping="year"', 'dategrouping="quarter"')
    assert [row.get("year") for row in _fetch(crm, by_quarter)] == [None, 1, 2]


def test_distinct_rows_come_once(crm: Crm) -> None:
    """Distinct leaves one of equal rows."""
    xml = """<fetch distinct="true"><entity name="contact"><attribute name="gendercode" />
        <order attribute="gendercode" descending="true" /></entity></fetch>"""
    assert _fetch(crm, xml) == [{"gendercode": 2}, {"gendercode": 1}, {}]


def test_top_cuts(crm: Crm) -> None:
    """Top gives the first rows and no cookie."""
    page = crm.http.get("contacts", params={"fetchXml": _contacts("").replace("<fetch>", '<fetch top="2">')})
    assert people.initials(page.json()["value"]) == "Ab"


@pytest.mark.parametrize("with_cookie", [True, False])
@pytest.mark.parametrize("order", ["lastname", "gendercode"])
def test_pages_follow_the_cookie_or_the_number(crm: Crm, order: str, *, with_cookie: bool) -> None:
    """The cookie, quoted twice, or the page number alone leads through all rows, each once."""
    fetch = ET.fromstring(_contacts("").replace('order attribute="lastname"', f'order attribute="{order}"'))  # noqa: S314
    fetch.set("count", "2")
    found: list[str] = []
    while True:
        xml = ET.tostring(fetch, encoding="unicode")
        page = crm.http.get("contacts", params={"fetchXml": xml}, headers={odata.PREFER: PAGED}).json()
        found += [row["lastname"] for row in page["value"]]
        if odata.MORE_RECORDS not in page:
            break
        cookie = ET.fromstring(page[odata.PAGING_COOKIE])  # noqa: S314
        fetch.set("page", cookie.attrib["pagenumber"])
        if with_cookie:
            fetch.set("paging-cookie", unquote(unquote(cookie.attrib["pagingcookie"])))
    assert sorted(found) == ["Adams", "Dorn", "Eberle", "bell", "Çelik"]


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "<fetch",
        "<fetch />",
        "<query><entity name='contact' /></query>",
        "<fetch><entity name='nothing' /></fetch>",
        "<fetch><entity name='account' /></fetch>",
        "<!DOCTYPE f [<!ENTITY a 'aaaa'>]><fetch><entity name='contact'><attribute name='&a;' /></entity></fetch>",
        "<fetch top='1' count='1'><entity name='contact' /></fetch>",
        "<fetch count='0'><entity name='contact' /></fetch>",
        "<fetch page='9999' count='5000'><entity name='contact' /></fetch>",
        "<fetch paging-cookie='x'><entity name='contact' /></fetch>",
        "<fetch paging-cookie='&lt;cookie token=&quot;x&quot; /&gt;'><entity name='contact' /></fetch>",
        "<fetch aggregate='true'><entity name='contact'><attribute name='lastname' /></entity></fetch>",
        "<fetch aggregate='true'><entity name='contact' /></fetch>",
        _contacts("<nonsense />"),
        _contacts("<filter />"),
        _contacts("<filter type='xor'><condition attribute='lastname' operator='null' /></filter>"),
        _contacts("<filter><condition attribute='lastname' operator='nonsense' /></filter>"),
        _contacts("<filter><condition attribute='lastname' operator='eq' /></filter>"),
        _contacts("<filter><condition attribute='nothing' operator='null' /></filter>"),
        _contacts("<filter><condition attribute='createdon' operator='on' value='0' /></filter>"),
        _contacts("<filter>" * 60 + "<condition attribute='lastname' operator='null' />" + "</filter>" * 60),
        _contacts("<attribute name='lastname' />"),
        _contacts("<attribute name='jobtitle' alias='@odata.etag' />"),
        _contacts("<link-entity name='account' from='name' to='contactid' />"),
        _contacts("<link-entity name='account' from='accountid' to='parentcustomerid' link-type='cross' />"),
        _contacts("<link-entity name='nothing' from='accountid' to='parentcustomerid' />"),
    ],
)
def test_wrong_fetches_are_refused(crm: Crm, xml: str) -> None:
    """What is malformed, unknown, or dangerous to parse is a 400."""
    assert fault(crm.http.get("contacts", params={"fetchXml": xml})) == (400, odata.BAD_QUERY)
