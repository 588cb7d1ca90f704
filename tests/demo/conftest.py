"""One made-up company for all tests of the room."""

from __future__ import annotations

import pytest

from backstamp import demo

PEOPLE = 2_000


@pytest.fixture(scope="session")
def company() -> demo.Company:
    """A company of two thousand people; nobody changes it."""
    return demo.make_company(PEOPLE)
