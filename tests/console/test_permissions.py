"""Who may do what: the table of roles and actions, and that every route keeps to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest
from fastapi.routing import APIRoute
from tests.console import Browser, Served, name_of

from backstamp import console
from backstamp.console.permissions import RIGHTS, Action, action_of
from backstamp.runs import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

VIEWER, CONTRIBUTOR, ADMINISTRATOR = Role
TABLE = {
    Action.SEE_STATUS: {VIEWER, CONTRIBUTOR, ADMINISTRATOR},
    Action.SEE_DEFINITIONS: {VIEWER, CONTRIBUTOR, ADMINISTRATOR},
    Action.SEE_CUSTOMERS: {CONTRIBUTOR, ADMINISTRATOR},
    Action.RUN: {CONTRIBUTOR, ADMINISTRATOR},
    Action.OVERRIDE: {CONTRIBUTOR, ADMINISTRATOR},
    Action.APPROVE: {ADMINISTRATOR},
    Action.UNDO: {ADMINISTRATOR},
    Action.SCHEDULE: {ADMINISTRATOR},
    Action.MANAGE_USERS: {ADMINISTRATOR},
}
PUBLIC = {"/login", "/logout", "/first", "/health", "/login/provider", "/login/callback"}


def _routes(served: Served) -> Iterator[tuple[str, str, Action | None]]:
    """Yield every route of pages and API: method, path with numbers for names, and the action that it asks for."""
    for route in console.application(served.site).routes:
        if isinstance(route, APIRoute):
            actions = {action_of(one) for one in route.dependant.dependencies} - {None}
            assert len(actions) <= 1, route.path
            path = route.path.replace("{number}", "999").replace("{run}", "999").replace("{position}", "1")
            yield next(iter(route.methods or ())), path, next(iter(actions), None)


def test_the_table() -> None:
    """Each action may be done by whom the table of this test says, and by nobody else."""
    found = {action: {role for role in Role if role.includes(right.least)} for action, right in RIGHTS.items()}
    assert found == TABLE


def test_every_route_asks(served: Served) -> None:
    """Every route but those before the login asks for an action."""
    assert {path for _, path, action in _routes(served) if action is None} <= PUBLIC


@pytest.mark.parametrize("role", Role)
def test_sessions(served: Served, role: Role) -> None:
    """With a session each route refuses exactly those whose role may not do its action."""
    with Browser(served, role) as browser:
        for method, path, action in _routes(served):
            if action is None or path == "/":
                continue
            answer = browser.get(path) if method == "GET" else browser.post(path)
            assert (answer.status_code == 403) == (role not in TABLE[action]), (method, path, answer.status_code)


@pytest.mark.parametrize("role", Role)
def test_tokens(served: Served, role: Role) -> None:
    """With a token each route refuses those whose role or scopes do not include its action."""
    with httpx2.Client(base_url=served.url, trust_env=False, timeout=300) as client:
        for scope in Action:
            bearer = {"Authorization": f"Bearer {served.token(role, scope)}"}
            for method, path, action in _routes(served):
                if action is not None:
                    code = client.request(method, path, headers=bearer).status_code
                    is_allowed = action == scope and role in TABLE[action]
                    assert (code == 403) != is_allowed, (method, path, scope, code)


def test_nobody(served: Served) -> None:
    """Who is not signed in is led to the login, or refused by the API; a wrong token is nobody's."""
    with Browser(served) as browser:
        for method, path, action in _routes(served):
            if action is not None and method == "GET":
                answer = browser.get(path)
                wanted = 401 if path.startswith(("/api/", "/metrics")) else 303
                assert answer.status_code == wanted, path
    bearer = {"Authorization": "Bearer wrong"}
    assert httpx2.get(served.url + "/api/v1/status", headers=bearer, trust_env=False, timeout=300).status_code == 401


@pytest.mark.parametrize("role", Role)
def test_forms_of_others(served: Served, role: Role) -> None:
    """No form is taken without what our own pages put into it, from nobody."""
    with Browser(served, role) as browser:
        for method, path, action in _routes(served):
            if method == "POST" and action is not None:
                assert browser.post_without_token(path, csrf="0" * 64).status_code == 403, path
        assert browser.post_without_token("/login", name=name_of(role)).status_code == 403


@pytest.mark.parametrize("role", Role)
def test_navigation(served: Served, role: Role) -> None:
    """The navigation shows the pages that one may see, and no others."""
    with Browser(served, role) as browser:
        text = browser.get("/").text
    assert ('href="/customers"' in text) == (role in TABLE[Action.SEE_CUSTOMERS])
    assert ('href="/settings/users"' in text) == (role is ADMINISTRATOR)
