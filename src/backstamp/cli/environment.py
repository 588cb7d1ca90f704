"""The project's environment, reached: an organization, or the embedded CRM, served where nobody serves it yet."""

from __future__ import annotations

import os
import secrets
import ssl
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from backstamp import embedded, errors, project
from backstamp.cli import notes
from backstamp.connect import dataverse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from backstamp.connect import ports

_TOKENS = {embedded.ADMINISTRATOR: "administrator.token", embedded.APPLICATION_USER: "service-account.token"}
_SERVED = "crm.json"


@contextmanager
def connected(settings: project.Project) -> Iterator[ports.Sink]:
    """Give a connection to the project's environment, as the one account that reads and writes there.

    Raises:
        ConfigurationError: a library that the credential needs is missing.
    """
    organization = settings.environment
    if isinstance(organization, project.DataverseOrganization):
        token = _token_of(settings, organization.url, organization.credential)
        bypass = organization.bypass_custom_logic
        with dataverse.Dataverse(organization.url, token, bypass_custom_logic=bypass) as connection:
            yield connection
        return
    with served(settings) as url, signed_in(settings, url, embedded.APPLICATION_USER) as connection:
        yield connection


@contextmanager
def organizations(settings: project.Project) -> Iterator[dict[str, ports.Sink]]:
    """Give connections to the other organizations that a project reads, by the names of their sources.

    Raises:
        ConfigurationError: a library that a credential needs is missing, or a certificate cannot be used.
    """
    with ExitStack() as opened:
        yield {
            name: opened.enter_context(
                dataverse.Dataverse(
                    source.from_.dataverse, _token_of(settings, source.from_.dataverse, source.from_.credential)
                )
            )
            for name, source in settings.sources.items()
            if isinstance(source, project.OrganizationSource)
        }


@contextmanager
def served(settings: project.Project) -> Iterator[str]:
    """Give the URL of the project's embedded CRM: the one that `backstamp crm` serves, else its own for this time."""
    url = served_elsewhere(settings.state)
    if url:
        yield url
        return
    with embedded.serving(crm_settings(settings), tokens(settings)) as url:
        yield url


@contextmanager
def signed_in(settings: project.Project, url: str, user: str) -> Iterator[ports.Sink]:
    """Give a connection to the embedded CRM as one of its users, by domain name."""
    token = _read_token(token_file(settings, user))
    trust = (
        ssl.create_default_context(cafile=tls_folder(settings) / "authority.pem") if url.startswith("https") else None
    )
    with dataverse.Dataverse(url, lambda: token, trust=trust) as connection:
        yield connection


def crm_settings(settings: project.Project) -> embedded.Settings:
    """Return how the project's embedded CRM is set up.

    Raises:
        ConfigurationError: its environment is not the embedded CRM.
    """
    environment = settings.environment
    if not isinstance(environment, project.Embedded):
        message = f"The environment of this project is `{environment.kind}`: only `kind: embedded` can be served."
        raise errors.ConfigurationError(message, settings.locate(("environment", "kind")))
    settings.state.mkdir(mode=0o700, exist_ok=True)
    own = f"sqlite:///{settings.state.resolve() / 'crm.sqlite'}"
    return embedded.Settings(
        database_url=environment.database.get_secret_value() if environment.database else own,
        delta_days=environment.delta_days,
        expire_on_metadata_change=environment.expire_on_metadata_change,
    )


def tokens(settings: project.Project) -> dict[str, str]:
    """Return the users of the project's embedded CRM by their bearer tokens, which are made once."""
    settings.state.mkdir(mode=0o700, exist_ok=True)
    return {_read_token(token_file(settings, user)): user for user in _TOKENS}


def tls_folder(settings: project.Project) -> Path:
    """Return the folder with the certificates of the project's embedded CRM."""
    return settings.state.resolve() / "tls"


def token_file(settings: project.Project, user: str) -> Path:
    """Return the file with a user's bearer token."""
    return settings.state / _TOKENS[user]


def announced(settings: project.Project, url: str) -> AbstractContextManager[None]:
    """Let other commands know, as long as the block lasts, that this process serves the embedded CRM."""
    return notes.announced(settings.state / _SERVED, notes.Note(url))


def served_elsewhere(state: Path) -> str | None:
    """Return the URL at which a living process serves the embedded CRM kept there, None where none does."""
    note = notes.of_living(state / _SERVED)
    return note.url if note else None


def _read_token(file: Path) -> str:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="utf-8").strip()
    token = secrets.token_urlsafe(32)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(token + "\n")
    return token


def _token_of(settings: project.Project, url: str, credential: project.Credential) -> Callable[[], str]:
    match credential:
        case project.Token(token):
            return token.get_secret_value
        case project.ClientSecret(tenant_id, client_id, client_secret, authority):
            secret = client_secret.get_secret_value()
            return dataverse.client_secret(url, tenant_id, client_id, secret, authority)
        case project.Certificate(tenant_id, client_id, certificate, password):
            said = password.get_secret_value() if password else None
            return dataverse.certificate(url, tenant_id, client_id, settings.folder / certificate, said)
        case project.SignedIn(sign_in, tenant_id, client_id):
            return dataverse.signed_in(url, sign_in, tenant_id, client_id)
