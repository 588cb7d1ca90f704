"""One demo project that has run, served for all tests of the console; and copies of it for those that change it."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests import cli
from tests.console import PASSWORD, PEOPLE, Served, name_of

from backstamp import console, demo, embedded, engine, project, runs
from backstamp import serving as servers
from backstamp.cli import environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser as Chromium
    from playwright.sync_api import Page


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project file of a demo that has run once; nobody changes it."""
    return made_demo(tmp_path_factory.mktemp("console") / "demo", PEOPLE)


def made_demo(folder: Path, people: int) -> Path:
    """Make a demo that has run once; return its project file."""
    file = folder / "backstamp.yaml"
    folder.mkdir()
    file.write_text(demo.PROJECT)
    company = demo.make_company(people, seed=1)
    demo.write_files(company, folder)
    settings = project.load(file)
    with environment.served(settings) as url:
        with environment.signed_in(settings, url, embedded.ADMINISTRATOR) as administrator:
            demo.load(administrator, company, lambda *_: None)
        said = cli.backstamp("run", "--project", file, "--json")
    assert said.code == 0, said
    return file


@contextmanager
def serving(file: Path) -> Iterator[Served]:
    """Serve the console of a project, with a user of each role."""
    ledger = project.find_ledger(file)
    connections = console.Connections(environment.connected, environment.organizations)
    with runs.Users(ledger) as users, runs.Status(ledger) as status:
        for role in runs.Role:
            if name_of(role) not in {user.name for user in users.listed()}:
                users.add(name_of(role), role, PASSWORD, by="the tests")
        worker = console.Worker(file, ledger, connections)
        site = console.Site(file, connections, users, status, worker, "tester", "local-token", "first-word")
        address = servers.Address("The console")
        with engine.lingering(), servers.in_thread(console.application(site), address) as url:
            try:
                yield Served(url, file, site)
            finally:
                worker.stop()


@pytest.fixture(scope="session")
def served(demo_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The console of a copy of the demo, with users of its own; tests only look at it."""
    folder = tmp_path_factory.mktemp("served") / "demo"
    shutil.copytree(demo_file.parent, folder)
    with serving(folder / "backstamp.yaml") as found:
        yield found


@pytest.fixture
def copied(demo_file: Path, tmp_path: Path) -> Iterator[Served]:
    """The console of a copy of the demo, for a test that changes it."""
    shutil.copytree(demo_file.parent, tmp_path / "copy")
    with serving(tmp_path / "copy" / "backstamp.yaml") as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """A browser without a window."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Chromium) -> Iterator[Page]:
    """A page of a browser that knows nobody; nothing may go wrong in it, but what a server refuses."""
    with chromium.new_context() as context:
        made = context.new_page()
        wrong: list[str] = []
        made.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        made.on("pageerror", lambda error: wrong.append(str(error)))
        yield made
        assert [text for text in wrong if "Failed to load resource" not in text] == []
