"""The schedule in the server: kept by it, told and turned on the page."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from tests import cli
from tests.console.conftest import serving
from tests.console.test_pages import STATUS, sign_in
from tests.console.test_serve import serve, wait_for

from backstamp import runs

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page


@pytest.fixture
def file(demo_file: Path, tmp_path: Path) -> Path:
    """The project file of a copy of the demo that runs every hour."""
    shutil.copytree(demo_file.parent, tmp_path / "copy")
    found = tmp_path / "copy" / "backstamp.yaml"
    found.write_text(f"{found.read_text()}\nschedule: {{every: 1 hour}}\n")
    return found


def test_on_the_page(page: Page, file: Path) -> None:
    """Status tells when the next run is due; an administrator turns that off and on, and the trail tells who did."""
    with serving(file) as served:
        sign_in(page, served)
        page.goto(served.url + STATUS)
        assert "The next run is due" in page.locator("main").inner_text()
        page.get_by_role("button", name="Turn the schedule off").click()
        page.get_by_text("The schedule was turned off by").wait_for()
        page.get_by_role("button", name="Turn the schedule on").click()
        page.get_by_text("The next run is due").wait_for()
        assert [deed.what for deed in served.site.users.trail(2)] == [
            "turned the schedule on",
            "turned the schedule off",
        ]


def test_kept(file: Path) -> None:
    """The server does a run that is due, and is told to keep the schedule; stopped, it keeps it no more."""
    file.write_text(file.read_text().replace("every: 1 hour", "every: 1 minute"))
    with serve(file) as (serving_process, _):
        run = wait_for(file, 2)
        assert (run.status, run.arguments.requested_by) == (runs.TaskStatus.SUCCESSFUL, "schedule")
        assert run.owner.pid == serving_process.pid
        told = cli.backstamp("schedule", "--project", file, "--json").document
        assert told["switch"]["keeper"]["pid"] == serving_process.pid
    assert cli.backstamp("schedule", "--project", file, "--json").document["switch"]["keeper"] is None
