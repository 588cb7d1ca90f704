"""Who may do what: the table of actions and roles, and the one way in which a route asks for it."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, NoReturn

from fastapi import Depends, HTTPException, Request
from fastapi.params import Depends as Dependency

from backstamp.console.site import Site, SiteOf
from backstamp.runs import Role, User

SESSION = "backstamp_session"
"""The cookie with the token of a session."""
_EVER = datetime.fromtimestamp(0, UTC)
_SAFE_METHODS = frozenset({"GET", "HEAD"})


class Action(StrEnum):
    """What can be done; a token's scopes are these words."""

    SEE_STATUS = "status"
    SEE_DEFINITIONS = "definitions"
    SEE_CUSTOMERS = "customers"
    RUN = "run"
    OVERRIDE = "override"
    APPROVE = "approve"
    UNDO = "undo"
    SCHEDULE = "schedule"
    MANAGE_USERS = "users"


@dataclass(frozen=True)
class Right:
    """Who may do an action: the least role, and what that means to people."""

    least: Role
    means: str


RIGHTS: dict[Action, Right] = {
    Action.SEE_STATUS: Right(Role.VIEWER, "see how it goes: runs, tasks, numbers"),
    Action.SEE_DEFINITIONS: Right(Role.VIEWER, "see how it is set up: tables, rules, measures, links"),
    Action.SEE_CUSTOMERS: Right(Role.CONTRIBUTOR, "see customers and rows, which are personal data"),
    Action.RUN: Right(Role.CONTRIBUTOR, "start and cancel runs, discard plans"),
    Action.OVERRIDE: Right(Role.CONTRIBUTOR, "say that two rows are one customer, or are not"),
    Action.APPROVE: Right(Role.ADMINISTRATOR, "let be sent what waits for approval"),
    Action.UNDO: Right(Role.ADMINISTRATOR, "take a run back"),
    Action.SCHEDULE: Right(Role.ADMINISTRATOR, "turn the schedule on and off"),
    Action.MANAGE_USERS: Right(Role.ADMINISTRATOR, "say who may do what, and see who did"),
}


class NotSignedIn(Exception):  # noqa: N818 - it says what is, not that something broke
    """Nobody knows who asks: a page leads to the login, the API answers 401."""


@dataclass(frozen=True)
class Visitor:
    """Who asks, and how far that goes.

    Attributes:
        user: whose session or token it is.
        scopes: of a token; None for a session, which may do all that its user may.
        csrf: what every form of this session sends back; "" for a token, which no other site can make a browser send.
    """

    user: User
    scopes: frozenset[str] | None = None
    csrf: str = ""

    @property
    def name(self) -> str:
        """What the user is called."""
        return self.user.name

    def may(self, action: Action | str) -> bool:
        """Tell whether this may be done."""
        action = Action(action)
        return self.user.role.includes(RIGHTS[action].least) and (self.scopes is None or action in self.scopes)


def csrf_of(token: str) -> str:
    """Return what the forms of a session carry, which its token cannot be told from."""
    return hashlib.sha256(f"form {token}".encode()).hexdigest()


def require_csrf(request: Request, expected: str, sent: str) -> None:
    """Refuse a form that is not one of ours.

    Raises:
        HTTPException: it is not.
    """
    if request.method not in _SAFE_METHODS and not (expected and secrets.compare_digest(expected, sent)):
        raise HTTPException(403, "This form is not from here, or from another session: go back and try again.")


async def sent_csrf(request: Request) -> str:
    """Return what a form sent as its `csrf`, "" without one."""
    kind = request.headers.get("content-type", "").partition(";")[0]
    if request.method in _SAFE_METHODS or kind not in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        return ""
    return str((await request.form()).get("csrf", ""))


def visitor_of(request: Request, site: SiteOf) -> Visitor | None:
    """Return who asks: whose bearer token, or else whose session it is; None for nobody."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _bearer(site, bearer.strip())
    token = request.cookies.get(SESSION, "")
    user = site.users.of_session(token) if token else None
    return None if user is None else Visitor(user, csrf=csrf_of(token))


def _bearer(site: Site, token: str) -> Visitor | None:
    if secrets.compare_digest(token.encode(), site.local_token.encode()):
        return Visitor(User(site.login, Role.ADMINISTRATOR, "", disabled=False, made=_EVER), frozenset(Action))
    found = site.users.of_token(token)
    return None if found is None else Visitor(*found)


def may(action: Action) -> Any:  # noqa: ANN401 - FastAPI's own word for a dependency has no type
    """Return the dependency by which a route asks for an action; it gives the `Visitor`.

    A route has `visitor: Annotated[Visitor, may(Action.RUN)]`. Whoever comes with a session must send its `csrf` with
    every form.
    """

    async def check(
        request: Request,
        visitor: Annotated[Visitor | None, Depends(visitor_of)],
        sent: Annotated[str, Depends(sent_csrf)],
    ) -> Visitor:
        if visitor is None:
            raise NotSignedIn
        if visitor.scopes is None:
            require_csrf(request, visitor.csrf, sent)
        if not visitor.may(action):
            _refuse(visitor, action)
        return visitor

    check.action = action  # type: ignore[attr-defined] # so that a test can read which route asks for what
    return Depends(check)


def action_of(dependency: Dependency | Any) -> Action | None:  # noqa: ANN401
    """Return the action that a dependency of a route asks for, None where it asks for none."""
    return getattr(getattr(dependency, "call", None), "action", None)


def _refuse(visitor: Visitor, action: Action) -> NoReturn:
    if visitor.user.role.includes(RIGHTS[action].least):
        raise HTTPException(403, f"This token's scopes do not include `{action}`.")
    raise HTTPException(403, f"This needs the role {RIGHTS[action].least}; yours is {visitor.user.role}.")
