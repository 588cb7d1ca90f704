"""A folder of its own for each project file, and the secret of the example in the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder is empty, and the variable of the example is set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACKSTAMP_TEST_SECRET", "s3cret")
