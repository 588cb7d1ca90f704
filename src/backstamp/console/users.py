"""Settings › Users: who may do what, their tokens, and the trail of who did what; and one's own account."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from backstamp import errors, runs
from backstamp.console import pages
from backstamp.console.permissions import RIGHTS, Action, Visitor, may
from backstamp.console.site import Site, SiteOf

router = APIRouter()
USERS, ACCOUNT = "/settings/users", "/account"
_TRAIL = 100
_Managing = Annotated[Visitor, may(Action.MANAGE_USERS)]
_Anybody = Annotated[Visitor, may(Action.SEE_STATUS)]
_Text = Annotated[str, Form()]


@router.get(USERS)
def users(request: Request, site: SiteOf, visitor: _Managing) -> Response:
    """Show all users, all tokens, and what was done last."""
    return pages.page(
        "users.html",
        request,
        site,
        visitor,
        users=site.users.listed(),
        tokens=site.users.tokens(),
        trail=site.users.trail(_TRAIL),
        roles=list(runs.Role),
        rights=RIGHTS,
    )


@router.post(USERS + "/add")
def add(site: SiteOf, visitor: _Managing, name: _Text, role: Annotated[runs.Role, Form()], password: _Text) -> Response:
    """Make a user."""
    made = site.users.add(name, role, password, by=visitor.name)
    return pages.go(USERS, f"{made.name} may sign in now, as {made.role}.")


@router.post(USERS + "/change")
def change(
    site: SiteOf,
    visitor: _Managing,
    *,
    name: _Text,
    role: Annotated[runs.Role, Form()],
    disabled: Annotated[bool, Form()] = False,
    password: _Text = "",
) -> Response:
    """Change a user; an empty password stays as it is."""
    changed = site.users.change(name, by=visitor.name, role=role, password=password or None, disabled=disabled)
    state = "may not sign in any more" if changed.disabled else f"is {changed.role}"
    return pages.go(USERS, f"{changed.name} {state}; all sessions of theirs have ended.")


@router.post(USERS + "/revoke")
def revoke(site: SiteOf, visitor: _Managing, token: Annotated[int, Form()]) -> Response:
    """Revoke anybody's token."""
    site.users.revoke_token(token, by=visitor.name)
    return pages.go(USERS, "The token is good for nothing any more.")


@router.get(ACCOUNT)
def account(request: Request, site: SiteOf, visitor: _Anybody) -> Response:
    """Show one's own tokens, and make another."""
    return _account(request, site, visitor)


@router.post(ACCOUNT + "/token")
def make_token(
    request: Request,
    site: SiteOf,
    visitor: _Anybody,
    label: _Text,
    days: Annotated[int, Form()] = 90,
    scope: Annotated[list[Action] | None, Form()] = None,
) -> Response:
    """Make a token, which is shown this once."""
    if visitor.scopes is not None:
        raise errors.ConfigurationError("A token makes no token: sign in.")
    allowed = [one.value for one in scope or () if visitor.may(one)]
    made = site.users.make_token(visitor.name, label, allowed, days)
    return _account(request, site, visitor, made=made)


@router.post(ACCOUNT + "/revoke")
def revoke_own(site: SiteOf, visitor: _Anybody, token: Annotated[int, Form()]) -> Response:
    """Revoke a token of one's own."""
    if token in {one.id for one in site.users.tokens(visitor.name)}:
        site.users.revoke_token(token, by=visitor.name)
    return pages.go(ACCOUNT, "The token is good for nothing any more.")


@router.post(ACCOUNT + "/password")
def change_password(site: SiteOf, visitor: _Anybody, before: _Text, password: _Text) -> Response:
    """Change one's own password."""
    if visitor.scopes is not None or site.users.sign_in(visitor.name, before) is None:
        raise errors.ConfigurationError("The password of until now is not right.")
    site.users.change(visitor.name, by=visitor.name, password=password)
    return pages.go("/login", "Your password is changed: sign in with it.")


def _account(request: Request, site: Site, visitor: Visitor, *, made: str = "") -> Response:
    scopes = {action: right for action, right in RIGHTS.items() if visitor.may(action)}
    tokens = site.users.tokens(visitor.name)
    return pages.page("account.html", request, site, visitor, tokens=tokens, scopes=scopes, made=made)
