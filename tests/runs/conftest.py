"""A ledger of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backstamp import runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger of this test is."""
    return tmp_path / ".backstamp" / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[runs.Ledger]:
    """An empty ledger."""
    with runs.Ledger(path) as opened:
        yield opened


@pytest.fixture
def run(ledger: runs.Ledger) -> runs.Run:
    """A run that this process has begun."""
    return ledger.begin_run(runs.Arguments(requested_by="tester"))
