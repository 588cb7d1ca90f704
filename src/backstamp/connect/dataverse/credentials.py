"""Who gives bearer tokens."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from backstamp import errors


class Credential(Protocol):
    """What azure-identity's credentials are."""

    def get_token(self, *scopes: str) -> Any:  # noqa: ANN401 - azure.core.credentials.AccessToken
        """Return an object whose `token` is the bearer token."""
        ...


TokenSource: TypeAlias = Callable[[], str] | Credential
"""What gives bearer tokens when asked; keeping them until they run out is its job."""


def giver(url: str, source: TokenSource) -> Callable[[], str]:
    """Return what gives bearer tokens for the organization at this URL."""
    if callable(source):
        return source
    scope = f"{url.rstrip('/')}/.default"
    return lambda: str(source.get_token(scope).token)


def client_secret(url: str, tenant_id: str, client_id: str, secret: str) -> Callable[[], str]:
    """Return what gives tokens to an application of the tenant; it raises `UnauthorizedError` where it gets none.

    Raises:
        ConfigurationError: azure-identity is not installed.
    """
    try:
        identity = importlib.import_module("azure.identity")  # only who signs in to Azure needs it
        core = importlib.import_module("azure.core.exceptions")
    except ModuleNotFoundError as error:
        raise errors.ConfigurationError(
            "Signing in with a client secret needs the library azure-identity: install `backstamp[dataverse]`."
        ) from error
    give = giver(url, identity.ClientSecretCredential(tenant_id, client_id, secret))

    def token() -> str:
        try:
            return give()
        except core.AzureError as error:
            message = f"Azure gives no token for {url}: check tenant_id, client_id and client_secret, and the network."
            raise errors.UnauthorizedError(message) from error

    return token
