"""The API keeps to its own description: schemathesis asks what the OpenAPI document allows, and what it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from backstamp.console.permissions import Action
from backstamp.runs import Role

if TYPE_CHECKING:
    from tests.console import Served

FEW = settings(max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def schema(served: Served) -> Any:
    """The description, as the server gives it."""
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    return schemathesis.openapi.from_url(served.url + "/api/v1/openapi.json")


@pytest.mark.parametrize("role", [Role.VIEWER, None])
def test_the_description(served: Served, schema: Any, role: Role | None) -> None:
    """No request makes the server fail, and each answer is one of the description, to a viewer and to nobody."""
    token = served.token(role, *Action) if role else "nobody's"
    headers = {"Authorization": f"Bearer {token}"}
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 7
    for operation in operations:

        @FEW
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            case.call_and_validate(headers=headers)

        check()
