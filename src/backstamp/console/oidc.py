"""Single sign-on by OpenID Connect: its authorization code flow, with PKCE.

The rules are those of OpenID Connect Core 3.1 and RFC 7636. What must not be guessed on the way (state, nonce,
verifier) is kept by the browser in a cookie that scripts cannot read.
"""

import base64
import hashlib
import json
import secrets
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

import jwt
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse

from backstamp import errors, http, project
from backstamp.console import login
from backstamp.console.site import SiteOf

router = APIRouter()
_COOKIE = "backstamp_sign_on"
_MINUTES = 10
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_CLOCKS_DIFFER_BY_SECONDS = 60


@dataclass(frozen=True)
class Provider:
    """What a provider says of itself in its metadata (OpenID Connect Discovery 4)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


def sign_on_of(site: SiteOf) -> project.SingleSignOn:
    """Return the project's provider.

    Raises:
        HTTPException: there is none.
    """
    found = site.project.console.single_sign_on
    if found is None:
        raise HTTPException(404, "This project has no single sign-on.")
    return found


SignOn = Annotated[project.SingleSignOn, Depends(sign_on_of)]


@router.get("/login/provider")
def begin(request: Request, site: SiteOf, sign_on: SignOn, next: str = "/") -> Response:  # noqa: A002
    """Lead to the provider."""
    provider = _provider(sign_on.issuer)
    kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    digest = hashlib.sha256(kept["verifier"].encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": sign_on.client_id,
        "redirect_uri": _callback(request, site.project.console.url),
        "scope": "openid profile email",
        "state": kept["state"],
        "nonce": kept["nonce"],
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    answer = RedirectResponse(f"{provider.authorization_endpoint}?{urlencode(asked)}", 303)
    cookie = base64.urlsafe_b64encode(json.dumps({**kept, "next": next}).encode()).decode()
    is_secure = request.url.scheme == "https"
    answer.set_cookie(_COOKIE, cookie, max_age=60 * _MINUTES, httponly=True, samesite="lax", secure=is_secure)
    return answer


@router.get("/login/callback")
def end(
    request: Request,
    site: SiteOf,
    sign_on: SignOn,
    state: str = "",
    code: str = "",
    error: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Let in whom the provider vouches for."""
    kept = _kept(request.cookies.get(_COOKIE, ""))
    if not kept or not secrets.compare_digest(kept["state"].encode(), state.encode()):
        raise HTTPException(403, "This sign-on was not begun here, or too long ago: begin again.")
    if error or not code:
        raise HTTPException(403, "The provider did not sign you in.")
    claims = _claims(sign_on, code, kept, _callback(request, site.project.console.url))
    name = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
    token = site.users.sign_in_as(f"{claims['iss']} {claims['sub']}", name, sign_on.role)
    if token is None:
        raise HTTPException(403, "You may not sign in here any more: ask an administrator.")
    answer = login.let_in(request, token, kept["next"])
    answer.delete_cookie(_COOKIE)
    return answer


def _callback(request: Request, public: str | None) -> str:
    return (public or str(request.base_url)).rstrip("/") + "/login/callback"


def _kept(cookie: str) -> dict[str, str]:
    try:
        told = json.loads(base64.urlsafe_b64decode(cookie))
        return {name: str(told[name]) for name in ("state", "nonce", "verifier", "next")}
    except (ValueError, KeyError, TypeError):
        return {}


def _claims(sign_on: project.SingleSignOn, code: str, kept: dict[str, str], callback: str) -> dict[str, Any]:
    """Return what the provider says of the person, proven by its signature (OpenID Connect Core 3.1.3.7).

    Raises:
        EnvironmentServiceError: the provider refused, or what it says is not proven.
    """
    provider = _provider(sign_on.issuer)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": callback,
        "client_id": sign_on.client_id,
        "code_verifier": kept["verifier"],
    }
    if sign_on.client_secret is not None:
        form["client_secret"] = sign_on.client_secret.get_secret_value()
    told = _ask("POST", provider.token_endpoint, form)
    try:
        keys = jwt.PyJWKSet.from_dict(_ask("GET", provider.jwks_uri))
        id_token = str(told["id_token"])
        key = keys[str(jwt.get_unverified_header(id_token)["kid"])]
        claims: dict[str, Any] = jwt.decode(
            id_token,
            key,
            algorithms=_ALGORITHMS,
            audience=sign_on.client_id,
            issuer=provider.issuer,
            leeway=_CLOCKS_DIFFER_BY_SECONDS,
            options={"require": ["exp", "iat", "sub", "aud", "iss"]},
        )
    except (jwt.PyJWTError, KeyError) as error:
        raise errors.UnauthorizedError("The provider's word for you is not valid: begin again.") from error
    if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), kept["nonce"].encode()):
        raise errors.UnauthorizedError("The provider's word for you is of another sign-on: begin again.")
    return claims


@lru_cache(maxsize=4)
def _provider(issuer: str) -> Provider:
    """Read what the provider says of itself, once.

    Raises:
        EnvironmentServiceError: it does not answer, or is another than it should be.
    """
    told = _ask("GET", issuer.rstrip("/") + "/.well-known/openid-configuration")
    try:
        found = Provider(**{name: str(told[name]) for name in Provider.__dataclass_fields__})
    except (KeyError, TypeError) as error:
        raise errors.EnvironmentServiceError(f"{issuer} is no provider of OpenID Connect.") from error
    if found.issuer.rstrip("/") != issuer.rstrip("/"):
        raise errors.EnvironmentServiceError(f"{issuer} says that it is {found.issuer}: correct `issuer`.")
    return found


def _ask(method: str, address: str, form: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
    parts = urlsplit(address)
    body = urlencode(form).encode() if form else None
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    with closing(http.Client(f"{parts.scheme}://{parts.netloc}", None, headers={})) as client:
        answer = client.send(method, address, headers=headers, body=body)
    if answer.status != 200:
        message = f"The provider at {parts.netloc} refused a request ({answer.status})."
        raise errors.EnvironmentServiceError(message, status=answer.status)
    return answer.json()
