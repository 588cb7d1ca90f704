"""Who signs in: bearer tokens, and the endpoint that gives them to applications (dataverse-webapi.md 1.1).

A token is random, is good for a short while, and is kept as a digest: who reads the database can use none.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import re
import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote_plus

import sqlalchemy as sa

from backstamp import odata
from backstamp.embedded import applications, database, metadata
from backstamp.embedded.request import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backstamp.embedded.store import Store

_tokens = sa.Table(
    "_token",
    database.internal,
    sa.Column("digest", database.text(64), primary_key=True),
    sa.Column("user_id", database.text(36), nullable=False),
    sa.Column("expires", database.text(20), nullable=False, index=True),
)

TENANT = metadata.well_known_id("tenant")
LARGEST_FORM = 16_384
"""Bytes of a request for a token."""
_TOKEN_PATH = re.compile(r"/([\w.-]+)/oauth2/v2\.0/token")
_CONFIGURATION_PATH = re.compile(r"/([\w.-]+)/v2\.0/\.well-known/openid-configuration")
_MOST_REMEMBERED = 10_000
_NOT_STORED = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))


class Bearers:
    """Who stands behind which bearer token; used by all threads.

    Args:
        crm: keeps the tokens that were given out.
        fixed: by token, the domain name of the user that it stands for, for ever.

    Raises:
        ConfigurationError: a domain name is not known.
    """

    def __init__(self, crm: Store, fixed: Mapping[str, str]) -> None:
        self._crm = crm
        # Only digests are kept: comparing them tells nothing about a token by the time it takes.
        self._fixed = {_digest(token): crm.user_id(domain_name) for token, domain_name in fixed.items()}
        self._remembered: dict[str, tuple[str, str]] = {}

    def remembered(self, token: str) -> str | None:
        """Return the id of the user whose token this is, as far as that is known without asking the database."""
        digest = _digest(token)
        user, expires = self._remembered.get(digest, (None, ""))
        return self._fixed.get(digest) or (user if expires > _now() else None)

    def stored(self, token: str) -> str | None:
        """Return the id of the user whose token this is, of all that were given out; None where nobody's is."""
        digest = _digest(token)
        with self._crm.reading("") as session:
            statement = sa.select(_tokens.c.user_id, _tokens.c.expires).where(_tokens.c.digest == digest)
            row = session.connection.execute(statement).first()
        if row is None or row.expires <= _now():
            return None
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = (row.user_id, row.expires)
        return str(row.user_id)


def token_of(headers: Mapping[str, str]) -> str:
    """Return the bearer token of a request, by its headers; "" where it has none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _now() -> str:
    return odata.format_time(dt.datetime.now(dt.UTC))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def challenge(root: str) -> tuple[str, str]:
    """Return the header that tells who has no token where one is to be had."""
    return odata.WWW_AUTHENTICATE, f"Bearer authorization_uri={root}/{TENANT}/oauth2/authorize, resource_id={root}/"


def is_ours(path: str) -> bool:
    """Tell whether this module answers a path; it needs no token."""
    return bool(_TOKEN_PATH.fullmatch(path) or _CONFIGURATION_PATH.fullmatch(path))


def answer(crm: Store, root: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
    """Answer a request for a token, or for the configuration that tells where to ask for one."""
    configuration = _CONFIGURATION_PATH.fullmatch(path)
    if configuration and method == "GET":
        return Response.json(_configuration(f"{root}/{configuration[1]}"))
    if configuration or method != "POST":
        return _refused(405, "invalid_request", "This address does not take the method.")
    return _token(crm, headers, body)


def _configuration(tenant: str) -> dict[str, object]:
    return {
        "issuer": f"{tenant}/v2.0",
        "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
        "token_endpoint": f"{tenant}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def _token(crm: Store, headers: Mapping[str, str], body: bytes) -> Response:
    form = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    if form.get("grant_type") != "client_credentials":
        return _refused(400, "unsupported_grant_type", "Only the grant type client_credentials is supported.")
    if not form.get("scope", "").endswith("/.default"):
        return _refused(400, "invalid_scope", "The scope has to be the address of the organization with '/.default'.")
    client_id, secret = _client(form, headers)
    with crm.reading("") as session:
        found = applications.user_of(session, client_id)
    if found is None or not applications.fits(secret, found[1]):
        return _refused(401, "invalid_client", "The client id is not known, or its secret is another one.")
    token, seconds = secrets.token_urlsafe(32), crm.settings.token_seconds
    now = dt.datetime.now(dt.UTC)
    expires = odata.format_time(now + dt.timedelta(seconds=seconds))
    with crm.writing(found[0]) as session:
        session.connection.execute(sa.delete(_tokens).where(_tokens.c.expires < odata.format_time(now)))
        session.connection.execute(_tokens.insert().values(digest=_digest(token), user_id=found[0], expires=expires))
    given = {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
    return Response.json(given, headers=dict(_NOT_STORED))


def _client(form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, str]:
    """Return client id and secret, from the form or from the header of HTTP's basic scheme."""
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)


def _refused(status: int, error: str, description: str) -> Response:
    refused = Response.json({"error": error, "error_description": description}, status)
    return Response(status, _NOT_STORED, refused.content)
