"""Links in a real browser: a plan approved, taken back, and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.console.test_customers import LONG, large
from tests.console.test_pages import sign_in

from backstamp import console, pipeline, runs

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from tests.console import Served


def test_how_links_stand(page: Page, served: Served) -> None:
    """Each linked table tells how many rows lead to their customer; who may not undo has no button for it."""
    sign_in(page, served, runs.Role.CONTRIBUTOR)
    page.get_by_role("link", name="Links").click()
    assert "100 %" in page.get_by_role("row", name="crm.lead").inner_text()
    assert page.get_by_role("button", name="Undo run 1").count() == 0
    assert "loyalty.member" not in page.get_by_role("region", name="Linked tables").first.inner_text()


def planned(copied: Served) -> int:
    """Begin a draft; return its run."""
    return copied.site.worker.begin(console.Order(runs.Arguments(draft=True, requested_by="the tests")))


def test_a_plan_approved_and_undone(page: Page, copied: Served) -> None:
    """A plan is discarded; the next is shown with its reasons, approved, and undone; then all links are right."""
    customer = large(copied)
    text = copied.file.read_text(encoding="utf-8")
    copied.file.write_text(text.replace("\nunify:\n", "\nunify:\n  overrides: {never: never.csv}\n"), encoding="utf-8")
    of_crm = [row for row in customer.rows if row.table.startswith("crm.")]
    pipeline.override(copied.site.project, "never", of_crm[0], of_crm[-1], "", "the tests")
    sign_in(page, copied)
    page.set_default_timeout(LONG)

    page.goto(f"{copied.url}/settings/system/status?run={planned(copied)}")
    page.get_by_text("waits for approval").first.wait_for()
    page.goto(copied.url + "/links")
    page.get_by_role("button", name="Discard the plan").click()
    assert "is discarded" in page.get_by_role("status").inner_text()
    assert page.get_by_role("button", name="Approve run").count() == 0

    number = planned(copied)
    page.goto(f"{copied.url}/settings/system/status?run={number}")
    page.get_by_text(f"Run {number} waits for approval").wait_for()
    page.goto(copied.url + "/links")
    assert "profile split" in page.get_by_role("region", name="waits for approval").inner_text()
    page.get_by_role("button", name=f"Approve run {number}").click()
    page.get_by_text(f"Run {number} was successful").wait_for()

    page.goto(copied.url + "/links")
    page.get_by_role("button", name=f"Undo run {number} …").click()
    assert "put back" in page.get_by_role("region", name=f"would undo run {number}").inner_text()
    page.get_by_role("button", name=f"Undo run {number} now").click()
    page.get_by_text(f"Run {number + 1} was successful").wait_for()

    page.goto(copied.url + "/links")
    assert f"Run {number + 1} holds the CRM" in page.locator("main").inner_text()
    assert f"undone by run {number + 1}" in page.locator("main").inner_text()
    page.get_by_role("button", name="Check all links").click()
    while page.get_by_role("link", name="Look again").count():
        page.reload()
    assert "All links are right" in page.locator("main").inner_text()
    whats = [done.what for done in copied.site.users.trail(9)]
    assert [what for what in whats if any(word in what for word in ("link", "undo", "approved", "plan"))] == [
        "checked the links",
        "approved a run",
        "asked to undo a run",
        "approved a run",
        "discarded a plan",
    ]
