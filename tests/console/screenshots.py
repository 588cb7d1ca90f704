"""`make screenshots`: a picture of every page of the console, with the demo company's data."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from playwright import sync_api as playwright
from tests.console import PASSWORD, Served, conftest, name_of

from backstamp import console, pipeline, runs

if TYPE_CHECKING:
    from playwright.sync_api import Page

PEOPLE = 400
WIDTH, HEIGHT, SCALE = 1200, 800, 0.75
HIGHEST = 1500
"""What stands further down a page is left out."""
STATUS = "/settings/system/status"


def take(folder: Path) -> None:
    """Write a PNG of each page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        file = conftest.made_demo(Path(scratch) / "company", PEOPLE)
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("\nunify:\n", "\nunify:\n  overrides: {never: never.csv}\n"), encoding="utf-8")
        with conftest.serving(file) as served, playwright.sync_playwright() as started:
            paths = prepared(served)
            browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            with browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE) as context:
                context.set_default_timeout(300_000)
                page = context.new_page()
                page.goto(served.url)
                shoot(page, folder / "login.png")
                page.get_by_label("Name").fill(name_of(runs.Role.ADMINISTRATOR))
                page.get_by_label("Password").fill(PASSWORD)
                page.get_by_role("button", name="Sign in").click()
                page.wait_for_url(served.url + "/")
                for name, path in paths.items():
                    page.goto(served.url + path)
                    shoot(page, folder / f"{name}.png")


def prepared(served: Served) -> dict[str, str]:
    """Let a person keep two rows apart, and a run wait with that in its plan; return the pages by their names."""
    settings = served.site.project
    wanted = pipeline.Wanted(table="crm.contact", least_rows=4)
    found = pipeline.find_customers(settings, wanted, 1).customers[0]
    customer = pipeline.customer_of(settings, found.customer_id)
    assert customer
    of_crm = [row for row in customer.rows if row.table.startswith("crm.")]
    one, other = of_crm[0], of_crm[-1]
    pipeline.override(settings, "never", one, other, "father and son", name_of(runs.Role.CONTRIBUTOR))
    draft = runs.Arguments(draft=True, requested_by=name_of(runs.Role.CONTRIBUTOR))
    number = served.site.worker.begin(console.Order(draft))
    while (run := served.site.status.run(number)) and run.status in runs.UNDER_WAY:
        time.sleep(0.2)
    compared = f"/records/{one.table}/{one.key}?other_table={other.table}&other_key={other.key}"
    return {
        "home": "/",
        "customers": "/customers?text=son",
        "customer": f"/customers/{found.customer_id}",
        "records": "/records?table=crm.lead",
        "record": compared,
        "unify": "/unify",
        "links": "/links",
        "measures": "/measures",
        "status": f"{STATUS}?run=1",
        "task": f"{STATUS}/tasks/1/1",
        "users": "/settings/users",
        "account": "/account",
    }


def shoot(page: Page, file: Path) -> None:
    """Take a picture of a page, down to where it gets long."""
    height = min(page.evaluate("document.documentElement.scrollHeight"), HIGHEST)
    page.screenshot(path=file, full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})


if __name__ == "__main__":
    take(Path(sys.argv[1]))
