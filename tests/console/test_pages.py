"""Home and Status in a real browser: seen by people, and by those who cannot see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from tests.console import PASSWORD, Served, name_of

from backstamp import pipeline, runs

if TYPE_CHECKING:
    from playwright.sync_api import Browser as Chromium
    from playwright.sync_api import Page

STATUS = "/settings/system/status"
PAGES = (
    "/",
    "/customers",
    "/records",
    "/unify",
    "/links",
    "/measures",
    STATUS,
    STATUS + "/tasks/1/1",
    "/settings/users",
    "/account",
)


def paths(served: Served) -> list[str]:
    """Return the addresses of all pages, among them those of a customer, and of two rows of it compared."""
    [found] = pipeline.find_customers(served.site.project, pipeline.Wanted(least_rows=3), 1).customers
    customer = pipeline.customer_of(served.site.project, found.customer_id)
    assert customer
    one, other = customer.rows[0], customer.rows[-1]
    compared = f"/records/{one.table}/{one.key}?other_table={other.table}&other_key={other.key}"
    return [*PAGES, f"/customers/{found.customer_id}", compared]


def sign_in(page: Page, served: Served, role: runs.Role = runs.Role.ADMINISTRATOR) -> None:
    """Sign in as people do."""
    page.goto(served.url)
    page.get_by_label("Name").fill(name_of(role))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(served.url + "/")


def test_a_login_refused(page: Page, served: Served) -> None:
    """A wrong password leaves one at the login, which says no more than that; then the right one lets in."""
    page.goto(served.url + STATUS)
    page.get_by_label("Name").fill(name_of(runs.Role.VIEWER))
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    assert page.get_by_role("alert").inner_text() == "Name or password are not right."
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(served.url + STATUS)
    page.get_by_role("button", name="Sign out").click()
    page.goto(served.url)
    assert page.get_by_role("heading", level=1).inner_text() == "Sign in"


def test_home(page: Page, served: Served) -> None:
    """Home tells customers, rows and links of each table, and the last run."""
    sign_in(page, served)
    row = page.get_by_role("row", name="crm.contact")
    assert "100 %" in row.inner_text()
    assert page.get_by_role("region", name="Customers").locator(".big").inner_text().isdigit()
    page.get_by_role("link", name="Run 1").click()
    assert "Run 1 was successful" in page.locator("main").inner_text()


def test_status(page: Page, served: Served) -> None:
    """Status tells the tasks by group, the linking task under Dataverse Hydration; a task has a page of its own."""
    sign_in(page, served, runs.Role.VIEWER)
    page.get_by_role("link", name="Status").click()
    assert page.get_by_role("rowheader", name="Dataverse Hydration").is_visible()
    assert page.get_by_role("button", name="Run now").count() == 0
    page.get_by_role("link", name="CustomerId Backstamping Hydration").click()
    assert page.get_by_role("heading", level=1).inner_text() == "CustomerId Backstamping Hydration"
    assert page.get_by_role("table").get_by_role("row").count() == 2
    said = page.get_by_role("region", name="What it said").get_by_role("listitem").all_inner_texts()
    assert (said[0][-5:], said[-1][-10:]) == ("begun", "Successful")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(chromium: Chromium, served: Served, scheme: Literal["light", "dark"]) -> None:
    """A checker finds nothing serious on any page, on a screen or a phone, and no page is wider than the phone."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    with chromium.new_context(color_scheme=scheme, viewport={"width": 390, "height": 800}) as context:
        context.set_default_timeout(300_000)
        page = context.new_page()
        page.goto(served.url + "/login")
        found = [(path, one) for path in ("/login",) for one in axe.run(page).response["violations"]]
        sign_in(page, served)
        for path in paths(served):
            page.goto(served.url + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
            found += [(path, one) for one in axe.run(page).response["violations"]]
    assert [(path, one["id"]) for path, one in found if one["impact"] in {"serious", "critical"}] == []


def test_a_live_run(page: Page, copied: Served) -> None:
    """A run that is started on the page is followed there without loading it again, to its end; then it is Home's."""
    sign_in(page, copied, runs.Role.CONTRIBUTOR)
    page.goto(copied.url + STATUS)
    page.get_by_role("button", name="Run now").click()
    page.wait_for_url("**run=2")
    assert page.get_by_role("status").inner_text() == "Run 2 has begun."
    page.evaluate("window.loaded = 'once'")
    page.get_by_text("Run 2 was successful").wait_for(timeout=300_000)
    assert page.evaluate("window.loaded") == "once"
    page.get_by_role("link", name="Home").click()
    assert page.get_by_role("link", name="Run 2").is_visible()


def test_a_run_canceled(page: Page, copied: Served) -> None:
    """A run over everything is canceled on the page, which tells who did it; so does the trail."""
    sign_in(page, copied)
    page.goto(copied.url + STATUS)
    page.get_by_label("everything, not only what changed").check()
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("button", name="Cancel run 2").click()
    page.get_by_text(f"canceled by {name_of(runs.Role.ADMINISTRATOR)}").first.wait_for(timeout=300_000)
    page.get_by_role("link", name="Users").click()
    trail = page.get_by_role("region", name="What was done last").inner_text()
    assert trail.index("canceled a run") < trail.index("started a run")


def test_without_javascript(chromium: Chromium, copied: Served) -> None:
    """Without JavaScript a run is started, seen after loading the page again, and canceled."""
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, copied)
        page.goto(copied.url + STATUS)
        page.get_by_role("button", name="Run now").click()
        page.get_by_role("heading", name="Run 2").wait_for()
        page.reload()
        assert "Run 2" in page.locator("main").inner_text()


def test_keyboard(page: Page, served: Served) -> None:
    """By the keyboard one skips the navigation at once, and sees where one is."""
    sign_in(page, served)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
