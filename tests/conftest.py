"""What holds for all tests."""

from __future__ import annotations

import pytest

from backstamp.pipeline import attempts


@pytest.fixture(autouse=True)
def one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task whose environment does not answer is not tried again, unless that is what a test is about."""
    monkeypatch.setattr(attempts, "WAITS", ())
