"""Microsoft's own client, unmodified and over https: records, the query builder, FetchXML and SQL."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from PowerPlatform.Dataverse.core.errors import HttpError
from PowerPlatform.Dataverse.models.filters import col
from PowerPlatform.Dataverse.models.query_builder import ExpandOption

if TYPE_CHECKING:
    from PowerPlatform.Dataverse.client import DataverseClient

PEOPLE = ("Adams", "Bell", "Çelik", "Dorn", "O'Ada", "Poe")


@pytest.fixture(scope="module")
def account(client: DataverseClient) -> str:
    """An account with six contacts, of whom the first is the primary one; its id."""
    account: str = client.records.create("account", {"name": "Contoso: a=b"})
    link = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
    people = [
        {"lastname": name, "creditlimit": 10.5 * number, "gendercode": number % 2 + 1, "donotemail": number > 3, **link}
        for number, name in enumerate(PEOPLE)
    ]
    keys = client.records.create("contact", people)
    client.records.update("account", account, {"primarycontactid@odata.bind": f"/contacts({keys[0]})"})
    return account


def _names(rows: Any) -> list[str]:
    return [row["lastname"] for row in rows]


def test_records_are_created_read_changed_and_deleted(client: DataverseClient) -> None:
    """A row lives from create to delete; one that is gone is None to the client, and an update of it a 404."""
    key = client.records.create("contact", {"firstname": "Ada", "birthdate": dt.date(1980, 2, 29).isoformat()})
    client.records.update("contact", key, {"jobtitle": "Poet", "firstname": None})
    row: Any = client.records.retrieve("contact", key, select=["jobtitle", "firstname", "birthdate"])
    assert (row["jobtitle"], row["firstname"], row["birthdate"]) == ("Poet", None, "1980-02-29")
    client.records.delete("contact", key)
    assert client.records.retrieve("contact", key) is None
    with pytest.raises(HttpError) as caught:
        client.records.update("contact", key, {"jobtitle": "Ghost"})
    assert caught.value.status_code == 404


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (col("lastname") == "adams", ["Adams"]),
        (col("lastname") == "O'Ada", ["O'Ada"]),
        (col("donotemail") == True, ["O'Ada", "Poe"]),  # noqa: E712 - the client's own way
        (col("donotemail") == False, ["Adams", "Bell", "Çelik", "Dorn"]),  # noqa: E712
        ((col("creditlimit") > 10.5) & ~(col("lastname") == "Poe"), ["Çelik", "Dorn", "O'Ada"]),
        (col("gendercode").in_([1]), ["Adams", "Çelik", "O'Ada"]),
        (col("gendercode").not_in([1]), ["Bell", "Dorn", "Poe"]),
        (col("creditlimit").between(10, 25), ["Bell", "Çelik"]),
        (col("creditlimit").not_between(10, 25), ["Adams", "Dorn", "O'Ada", "Poe"]),
        (col("lastname").contains("el"), ["Bell", "Çelik"]),
        (col("lastname").startswith("ç"), ["Çelik"]),
        (col("lastname").endswith("e"), ["Poe"]),
        (col("lastname").like("%el%"), ["Bell", "Çelik"]),
        (col("jobtitle").is_null() & col("lastname").is_not_null(), sorted(PEOPLE)),
        (col("createdon") > dt.datetime(2020, 1, 1, 1, 2, 3, 4, tzinfo=dt.UTC), sorted(PEOPLE)),
    ],
)
def test_the_query_builder_finds_what_it_asks(client: DataverseClient, condition: Any, names: list[str]) -> None:
    """Each condition that the builder can spell finds its rows."""
    rows = client.query.builder("contact").select("lastname").where(condition & col("lastname").is_not_null()).execute()
    assert sorted(_names(rows)) == sorted(names)


def test_the_query_builder_orders_pages_and_counts(client: DataverseClient, account: str) -> None:
    """Order, page size, top, count and formatted values go together."""
    here = col("_parentcustomerid_value") == account
    query = client.query.builder("contact").where(here).order_by("lastname", descending=True).page_size(4).count()
    pages = [_names(page) for page in query.include_formatted_values().execute_pages()]
    assert pages == [["Çelik", "Poe", "O'Ada", "Dorn"], ["Bell", "Adams"]]
    assert _names(client.query.builder("contact").where(here).order_by("lastname").top(2).execute()) == [
        "Adams",
        "Bell",
    ]
    nobody: Any = client.query.builder("contact").select("lastname").where(col("lastname") == "nobody").execute()
    assert len(nobody.to_dataframe()) == 0


def test_the_query_builder_expands(client: DataverseClient, account: str) -> None:
    """Lookups and collections are expanded, with their own columns, order and top."""
    people = ExpandOption("contact_customer_accounts").select("lastname").order_by("lastname").top(2)
    query: Any = client.query.builder("account").where(col("accountid") == account).expand("primarycontactid", people)
    row: Any
    [row] = query.execute()
    assert row["primarycontactid"]["lastname"] == "Adams"
    assert _names(row["contact_customer_accounts"]) == ["Adams", "Bell"]


@pytest.mark.usefixtures("account")
def test_fetchxml_follows_its_cookies(client: DataverseClient) -> None:
    """The client's paging leads through all rows with links, and its aggregates come back."""
    xml = """<fetch count="2"><entity name="contact"><attribute name="lastname" /><order attribute="lastname" />
        <link-entity name="account" from="accountid" to="parentcustomerid" alias="a"><attribute name="name" />
        <filter><condition attribute="name" operator="like" value="Contoso%" /></filter>
        </link-entity></entity></fetch>"""
    pages = list(client.query.fetchxml(xml).execute_pages())
    rows = [row for page in pages for row in page]
    assert (len(pages), _names(rows)) == (3, ["Adams", "Bell", "Dorn", "O'Ada", "Poe", "Çelik"])
    assert {row["a.name"] for row in rows} == {"Contoso: a=b"}
    total = """<fetch aggregate="true"><entity name="contact"><attribute name="donotemail" alias="no" groupby="true" />
        <attribute name="creditlimit" alias="total" aggregate="sum" /><order alias="no" /></entity></fetch>"""
    sums = [(row["no"], row["total"]) for row in client.query.fetchxml(total).execute()]
    assert sums == [(False, 63.0), (True, 94.5)]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT TOP 2 lastname FROM contact ORDER BY lastname", [{"lastname": "Adams"}, {"lastname": "Bell"}]),
        ("SELECT name FROM account WHERE name = 'Contoso: a=b'", [{"name": "Contoso: a=b"}]),
        (
            """SELECT c.lastname AS who, a.name FROM contact c INNER JOIN account a ON c.parentcustomerid = a.accountid
            WHERE c.donotemail = 1 AND c.lastname NOT LIKE 'o%'""",
            [{"who": "Poe", "name": "Contoso: a=b"}],
        ),
        (
            "SELECT gendercode, COUNT(*) AS n FROM contact WHERE creditlimit IN (0, 21) GROUP BY gendercode",
            [{"gendercode": 1, "n": 2}],
        ),
        ("SELECT DISTINCT TOP 1 donotemail FROM contact ORDER BY donotemail DESC", [{"donotemail": True}]),
    ],
)
def test_sql_answers(client: DataverseClient, sql: str, found: list[dict[str, object]]) -> None:
    """SQL with TOP, joins, groups and DISTINCT."""
    assert [dict(row.data) for row in client.query.sql(sql)] == found
