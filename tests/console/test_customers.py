"""Customers and Records in a real browser: from a search to a person's own word on who is who."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.console import Browser, Served, name_of
from tests.console.test_pages import STATUS, sign_in

from backstamp import pipeline, runs

if TYPE_CHECKING:
    from playwright.sync_api import Page

LONG = 240_000
"""Milliseconds that a run may take on a busy machine."""


def large(served: Served) -> pipeline.Customer:
    """Return a customer of several rows, two of them or more of the CRM, the first a contact."""
    settings = served.site.project
    found = pipeline.find_customers(settings, pipeline.Wanted(table="crm.contact", least_rows=3), 20).customers
    known = (pipeline.customer_of(settings, one.customer_id) for one in found)
    return next(one for one in known if one and sum(row.table.startswith("crm.") for row in one.rows) > 1)


def value(customer: pipeline.Customer, name: str) -> str:
    """Return a value of a profile."""
    return next(str(one.value) for one in customer.values if one.name == name)


def search(page: Page, text: str) -> None:
    """Search for customers."""
    page.get_by_role("searchbox").fill(text)
    page.get_by_role("button", name="Search").click()


def test_search(page: Page, served: Served) -> None:
    """A customer is found by name, e-mail, phone, key and CustomerId, and by nothing that no profile holds."""
    customer = large(served)
    sign_in(page, served, runs.Role.CONTRIBUTOR)
    page.get_by_role("link", name="Customers").click()
    names = f"{value(customer, 'LastName')} {value(customer, 'FirstName').upper()}"
    for text in (
        names,
        value(customer, "Email"),
        value(customer, "Phone"),
        customer.rows[-1].key,
        customer.customer_id,
    ):
        search(page, text)
        assert page.get_by_role("link", name=customer.customer_id[:8]).is_visible(), text
    search(page, "nobody is called so")
    assert page.get_by_role("table").count() == 0
    page.goto(f"{served.url}/customers?rows=50")
    assert "No customer is like that" in page.locator("main").inner_text()


def test_filters(served: Served) -> None:
    """Customers are kept by a table that they have a row of, and by how many rows they have."""
    settings = served.site.project
    every = pipeline.find_customers(settings, pipeline.Wanted(), 10_000)
    members = pipeline.find_customers(settings, pipeline.Wanted(table="loyalty.member"), 10_000)
    several = pipeline.find_customers(settings, pipeline.Wanted(least_rows=4), 10_000)
    few = pipeline.find_customers(settings, pipeline.Wanted(), 3)
    assert 0 < len(members.customers) < len(every.customers)
    assert {one.rows >= 4 for one in several.customers} == {True}
    assert len(several.customers) == sum(one.rows >= 4 for one in every.customers)
    assert few.are_more
    assert few.customers == every.customers[:3]
    assert pipeline.find_customers(settings, pipeline.Wanted(is_in_doubt=True), 9).customers == ()


def test_a_profile(page: Page, served: Served) -> None:
    """A profile tells each value with the row that it is from, rows, measures, and what became of its id."""
    customer = large(served)
    sign_in(page, served, runs.Role.CONTRIBUTOR)
    page.goto(f"{served.url}/customers/{customer.customer_id}")
    assert value(customer, "LastName") in page.get_by_role("heading", level=1).inner_text()
    origin = next(one for one in customer.values if one.name == "LastName")
    row = page.get_by_role("region", name="Profile").get_by_role("row", name="LastName")
    assert f"{origin.row.table}.{origin.column}" in row.inner_text()
    assert page.get_by_role("region", name="Rows").get_by_role("link").count() == len(customer.rows)
    assert "LifetimePurchases" in page.get_by_role("region", name="Measures").first.inner_text()
    assert "since run 1: made for rows that were in no profile" in page.locator("main").inner_text()
    page.goto(f"{served.url}/customers/{'0' * 8}-0000-0000-0000-{'0' * 12}")
    assert "No customer has, or ever had, this CustomerId" in page.locator("main").inner_text()


def test_nobody_else_sees_them(served: Served) -> None:
    """Who may not see customers meets no value of any row, on any page."""
    customer = large(served)
    with Browser(served, runs.Role.VIEWER) as browser:
        for path in ("/customers", f"/customers/{customer.customer_id}", "/records", f"/records/crm.contact/{'0' * 8}"):
            assert browser.get(path).status_code == 403, path
        for path in ("/", "/unify?alone=true", "/links", "/measures"):
            answer = browser.get(path)
            assert answer.status_code == 200, path
            assert value(customer, "Email").lower() not in answer.text.lower(), path
            assert customer.customer_id not in answer.text, path
        assert 'class="columns"' not in browser.get("/measures").text


def test_keeping_apart(page: Page, copied: Served) -> None:
    """Search, profile, record, why: two rows that a person keeps apart are apart after the next incremental run."""
    customer = large(copied)
    one, other = next(row for row in customer.rows if row.table == "crm.contact"), customer.rows[-1]
    sign_in(page, copied)
    page.set_default_timeout(LONG)
    page.get_by_role("link", name="Customers").click()
    search(page, customer.customer_id)
    page.get_by_role("link", name=customer.customer_id[:8]).click()
    page.get_by_role("region", name="Rows").get_by_role("link", name=one.key).click()
    assert "Why?" in page.locator("main").inner_text()
    record = page.url
    compare(page, other.table, other.key)
    assert "are one customer" in page.locator("main").inner_text()
    page.get_by_role("button", name="Keep apart").click()
    assert "never: never.csv" in page.locator("main").inner_text()

    text = copied.file.read_text(encoding="utf-8")
    copied.file.write_text(
        text.replace("\nunify:\n", "\nunify:\n  overrides:\n    never: never.csv\n"), encoding="utf-8"
    )
    page.goto(record)
    compare(page, other.table, other.key)
    page.get_by_label("You know better? Say why").fill("father and son")
    page.get_by_role("button", name="Keep apart").click()
    assert "From the next run on these two rows are kept apart" in page.get_by_role("status").first.inner_text()
    heading, line = (copied.file.parent / "never.csv").read_text(encoding="utf-8").splitlines()
    assert heading == "left_table,left_key,right_table,right_key,why,by,at"
    assert line.startswith(f"{one.table},{one.key},{other.table},{other.key},father and son,")
    done = copied.site.users.trail(1)[0]
    assert (done.by, done.what) == (name_of(runs.Role.ADMINISTRATOR), "kept two rows apart")

    page.goto(copied.url + STATUS)
    page.get_by_role("button", name="Run now").click()
    page.get_by_text("Run 2 was successful").wait_for()
    page.goto(record)
    compare(page, other.table, other.key)
    assert "are not one customer" in page.locator("main").inner_text()
    assert "A never pair keeps them apart" in page.locator("main").inner_text()


def compare(page: Page, table: str, key: str) -> None:
    """Ask why a row is not one customer with another one."""
    page.get_by_label("Another row, of").select_option(table)
    page.get_by_label("Its key").fill(key)
    page.get_by_role("button", name="Compare").click()
