"""The engines on which the tests of what all of them promise run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backstamp import engine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=["duckdb"])
def warehouse(request: pytest.FixtureRequest) -> Iterator[engine.Engine]:
    """An empty warehouse on each engine; the tests of one module share it."""
    assert request.param == "duckdb"
    with engine.DuckDB() as opened:
        yield opened
