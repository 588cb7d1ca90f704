"""The engines on which the tests of what all of them promise run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import engines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backstamp import engine


@pytest.fixture(scope="module", params=engines.EVERY)
def warehouse(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine.Engine]:
    """An empty warehouse on each engine; the tests of one module share it."""
    with engines.opened(request.param, tmp_path_factory.mktemp("warehouse")) as opened:
        yield opened
