"""Who gives bearer tokens: azure-identity, in the ways that it can sign in, or whoever has one already.

No secret, and nothing of a token, is ever part of a message here.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from backstamp import errors

if TYPE_CHECKING:
    from pathlib import Path

_EARLY_SECONDS = 300
"""So long before a token runs out the next one is asked for."""

SignIn = Literal["browser", "cli", "managed_identity"]


class Credential(Protocol):
    """What azure-identity's credentials are."""

    def get_token(self, *scopes: str) -> Any:  # noqa: ANN401 - azure.core.credentials.AccessToken
        """Return an object whose `token` is the bearer token."""
        ...


TokenSource: TypeAlias = Callable[[], str] | Credential
"""What gives bearer tokens when asked; a function has to keep them until they run out."""


def giver(url: str, source: TokenSource) -> Callable[[], str]:
    """Return what gives bearer tokens for the organization at this URL; those of a credential are kept."""
    return source if callable(source) else _Kept(source, f"{url.rstrip('/')}/.default")


class _Kept:
    """A credential's token, asked for again shortly before it runs out: not all credentials keep theirs."""

    def __init__(self, source: Credential, scope: str) -> None:
        self._source = source
        self._scope = scope
        self._token = ""
        self._good_until = 0.0
        self._asking = threading.Lock()

    def __call__(self) -> str:
        with self._asking:
            if time.time() >= self._good_until:
                given = self._source.get_token(self._scope)
                self._token = str(given.token)
                self._good_until = getattr(given, "expires_on", 0) - _EARLY_SECONDS
            return self._token


def client_secret(
    url: str, tenant_id: str, client_id: str, secret: str, authority: str | None = None
) -> Callable[[], str]:
    """Return what gives tokens to an application of the tenant; it raises `UnauthorizedError` where it gets none.

    `authority` is the address of who gives tokens, if not Microsoft's public cloud.

    Raises:
        ConfigurationError: azure-identity is not installed, or takes none of this for what it is.
    """
    hint = "check tenant_id, client_id and client_secret, and the network"
    # An authority that was named is believed: Microsoft would not know that of an embedded CRM.
    named = {"authority": authority, "disable_instance_discovery": True} if authority else {}
    return _azure(url, hint, lambda identity: identity.ClientSecretCredential(tenant_id, client_id, secret, **named))


def certificate(url: str, tenant_id: str, client_id: str, file: Path, password: str | None) -> Callable[[], str]:
    """Return what gives tokens to an application that has a certificate: a PEM or PKCS #12 file with its private key.

    Raises:
        ConfigurationError: azure-identity is not installed, or the file is no such certificate.
    """
    hint = "check tenant_id, client_id and certificate, and the network"
    return _azure(
        url,
        hint,
        lambda identity: identity.CertificateCredential(tenant_id, client_id, str(file), password=password),
    )


def signed_in(url: str, way: SignIn, tenant_id: str | None, client_id: str | None) -> Callable[[], str]:
    """Return what gives tokens to whoever is signed in, or is to sign in now.

    Args:
        url: of the organization.
        way: "browser" opens one for a person to sign in; "cli" takes who is signed in by `az login`;
            "managed_identity" is what this machine is to Azure.
        tenant_id: the tenant, where it is not the person's own.
        client_id: of the application that a browser signs in to, or of a user-assigned managed identity.

    Raises:
        ConfigurationError: azure-identity is not installed, or takes none of this for what it is.
    """
    tenant = {"tenant_id": tenant_id} if tenant_id else {}
    client = {"client_id": client_id} if client_id else {}
    match way:
        case "browser":
            hint = "sign in in the browser that opened"
            return _azure(url, hint, lambda identity: identity.InteractiveBrowserCredential(**tenant, **client))
        case "cli":
            hint = "sign in with `az login`"
            return _azure(url, hint, lambda identity: identity.AzureCliCredential(**tenant))
        case "managed_identity":
            hint = "run where Azure gives this machine an identity"
            return _azure(url, hint, lambda identity: identity.ManagedIdentityCredential(**client))


def _azure(url: str, hint: str, make: Callable[[Any], Credential]) -> Callable[[], str]:
    try:
        identity = importlib.import_module("azure.identity")  # only who signs in to Azure needs it
        core = importlib.import_module("azure.core.exceptions")
    except ModuleNotFoundError as error:
        raise errors.ConfigurationError(
            "Signing in to Azure needs the library azure-identity: install `backstamp[dataverse]`."
        ) from error
    try:
        give = giver(url, make(identity))
    except (ValueError, OSError):
        # What is raised here can quote what it was given, which may be secret.
        raise errors.ConfigurationError(f"Azure cannot sign in with this credential: {hint}.") from None

    def token() -> str:
        try:
            return give()
        except core.AzureError:
            raise errors.UnauthorizedError(f"Azure gives no token for {url}: {hint}.") from None

    return token
