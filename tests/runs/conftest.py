"""A ledger of its own for each test, on each kind of database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import databases

from backstamp import runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a ledger that is a file is."""
    return tmp_path / ".backstamp" / "ledger.sqlite"


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database that the tests use one after the other."""
    with databases.empty("postgresql", tmp_path_factory) as url:
        yield url


@pytest.fixture(params=databases.KINDS)
def location(request: pytest.FixtureRequest, file: Path) -> Iterator[str]:
    """Where the ledger of this test is."""
    if request.param == "sqlite":
        yield str(file)
        return
    url: str = request.getfixturevalue("postgresql")
    yield url
    databases.clear(url)


@pytest.fixture
def ledger(location: str) -> Iterator[runs.Ledger]:
    """An empty ledger."""
    with runs.Ledger(location) as opened:
        yield opened


@pytest.fixture
def run(ledger: runs.Ledger) -> runs.Run:
    """A run that this process has begun."""
    return ledger.begin_run(runs.Arguments(requested_by="tester"))
