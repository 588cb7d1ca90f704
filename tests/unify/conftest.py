"""The engines on which relational tests run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import pytest
from tests import engines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp import engine


ON_SPARK = {
    "test_runs_give_what_the_page_says",
    "test_incremental_runs_give_what_full_ones_give",
    "test_values_of_a_declared_type",
    "test_duplicates_of_two_tables",
    "test_chain",
    "test_origins",
    "test_a_cluster_follows_its_profiles",
}
"""What runs on Spark in any case: one of each kind, since it takes seconds for each. `make spark` runs all."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what runs on Spark only if all is asked for."""
    if os.environ.get("SPARK") != "all":
        left_out = [item for item in items if _is_on_spark(item) and item.originalname not in ON_SPARK]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def _is_on_spark(item: pytest.Item) -> TypeGuard[pytest.Function]:
    folder = Path(__file__).parent
    return isinstance(item, pytest.Function) and folder in item.path.parents and "[spark" in item.name


@pytest.fixture(scope="module", params=engines.EVERY)
def warehouse(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine.Engine]:
    """An empty warehouse on each engine; the tests of one module share it."""
    with engines.opened(request.param, tmp_path_factory.mktemp("warehouse")) as opened:
        yield opened
