"""Who comes in: the first administrator, login and logout."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response

from backstamp import errors, runs
from backstamp.console import pages, permissions
from backstamp.console.permissions import SESSION, Visitor, visitor_of
from backstamp.console.site import Site, SiteOf
from backstamp.runs.users import LONGEST_SESSION

router = APIRouter()
_BEFORE = "backstamp_before_login"
"""The cookie that a form before the login is held against."""
_Text = Annotated[str, Form()]


async def from_here(request: Request, sent: Annotated[str, Depends(permissions.sent_csrf)]) -> None:
    """Refuse a form before the login that is not one of ours."""
    before = request.cookies.get(_BEFORE, "")
    permissions.require_csrf(request, permissions.csrf_of(before) if before else "", sent)


def _ask(request: Request, site: Site, template: str, *, status: int = 200, **values: str) -> Response:
    """Return a form for somebody who is not signed in."""
    before = request.cookies.get(_BEFORE) or secrets.token_urlsafe(32)
    csrf = permissions.csrf_of(before)
    shown = pages.page(template, request, site, None, status=status, csrf=csrf, provider=site.provider_name, **values)
    _set_cookie(request, shown, _BEFORE, before)
    return shown


def let_in(request: Request, token: str, target: str) -> Response:
    """Lead on with a new session."""
    answer = pages.go(_own(target))
    _set_cookie(request, answer, SESSION, token, max_age=int(LONGEST_SESSION.total_seconds()))
    answer.delete_cookie(_BEFORE)
    return answer


def _set_cookie(request: Request, answer: Response, name: str, value: str, max_age: int | None = None) -> None:
    is_secure = request.url.scheme == "https"
    answer.set_cookie(name, value, max_age=max_age, httponly=True, samesite="lax", secure=is_secure)


def _own(target: str) -> str:
    """Return where to go on, a path of this server only."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"


@router.get("/login")
def form(request: Request, site: SiteOf, next: str = "/") -> Response:  # noqa: A002 - so the address says it
    """Ask for name and password, or, where there is nobody yet, how to begin."""
    if not site.users.exist():
        return _ask(request, site, "first.html", word="", message="")
    return _ask(request, site, "login.html", target=_own(next), name="", message="")


@router.post("/login", dependencies=[Depends(from_here)])
def sign_in(request: Request, site: SiteOf, name: _Text = "", password: _Text = "", next: _Text = "/") -> Response:  # noqa: A002
    """Begin a session."""
    try:
        token = site.users.sign_in(name.strip(), password)
        message = "Name or password are not right."
    except errors.ConfigurationError as error:
        token, message = None, error.message
    if token is None:
        return _ask(request, site, "login.html", status=401, target=_own(next), name=name, message=message)
    return let_in(request, token, next)


@router.post("/logout")
def sign_out(
    request: Request,
    site: SiteOf,
    visitor: Annotated[Visitor | None, Depends(visitor_of)],
    sent: Annotated[str, Depends(permissions.sent_csrf)],
) -> Response:
    """End the session."""
    if visitor is not None:
        permissions.require_csrf(request, visitor.csrf, sent)
        site.users.sign_out(request.cookies.get(SESSION, ""))
    answer = pages.go("/login", "You are signed out.")
    answer.delete_cookie(SESSION)
    return answer


@router.get("/first")
def first_form(request: Request, site: SiteOf, word: str = "") -> Response:
    """Ask for the first administrator."""
    if site.users.exist():
        return pages.go("/login")
    return _ask(request, site, "first.html", word=word, message="")


@router.post("/first", dependencies=[Depends(from_here)])
def make_first(request: Request, site: SiteOf, word: _Text = "", name: _Text = "", password: _Text = "") -> Response:
    """Make the first administrator, who must know the word that the server printed."""
    if site.users.exist():
        raise HTTPException(403, "There is an administrator already: sign in.")
    if not secrets.compare_digest(word.encode(), site.first_word.encode()):
        message = "Open the link that `backstamp serve` printed when it started."
        return _ask(request, site, "first.html", status=403, word="", message=message)
    try:
        site.users.add(name, runs.Role.ADMINISTRATOR, password, by=name.strip())
    except errors.ConfigurationError as error:
        return _ask(request, site, "first.html", status=422, word=word, message=error.message)
    token = site.users.sign_in(name.strip(), password)
    return let_in(request, token or "", "/")
