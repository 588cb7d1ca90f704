"""`crm users`, `crm add-user`, `crm renew-secret`, `crm revoke`: who may sign in to the embedded CRM."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from backstamp import embedded, project
from backstamp.cli import display, environment, options
from backstamp.embedded import applications

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rich.console import Console

    from backstamp.embedded.store import Session


def users(*, file: options.Project = options.FILE, as_json: options.Json = False) -> None:
    """List the application users of the project's embedded CRM: who they are, their roles, and who can sign in."""
    with _opened(file) as session:
        found = applications.listed(session)
    if as_json:
        display.write_json({"users": [asdict(one) for one in found]})
    to = display.console(quiet=as_json)
    for one in found:
        state = "signs in" if one.signs_in else "has no secret, or is shut out"
        to.print(f"{one.name}\n  client id {one.client_id}, {state}", soft_wrap=True)
        to.print(f"  roles: {', '.join(one.roles) or 'none'}", soft_wrap=True)


def add_user(
    name: options.UserName,
    *,
    roles: options.Roles = None,
    privileges: options.Privileges = None,
    file: options.Project = options.FILE,
    as_json: options.Json = False,
) -> None:
    """Make an application user of the embedded CRM; its client id and secret are shown this once.

    It may do what its roles allow, and what single privileges do: prvReadContact, prvWriteLead, prvCreateAttribute.
    """
    with _opened(file) as session:
        made = applications.add(session, name, roles=roles or (), privileges=privileges or ())
    _show(made, as_json=as_json)


def renew_secret(
    client_id: options.ClientId, *, file: options.Project = options.FILE, as_json: options.Json = False
) -> None:
    """Give an application user another secret, shown this once; the one before gets no tokens any more."""
    with _opened(file) as session:
        made = applications.renew(session, client_id)
    _show(made, as_json=as_json)


def revoke(client_id: options.ClientId, *, file: options.Project = options.FILE, as_json: options.Json = False) -> None:
    """Shut an application user out: its secret is removed, and tokens that it has are refused from now on."""
    with _opened(file) as session:
        user = applications.revoke(session, client_id)
    if as_json:
        display.write_json({"user": asdict(user)})
    to = display.console(quiet=as_json)
    to.print(f"{user.name} cannot sign in any more; `backstamp crm renew-secret {client_id}` lets it in again.")


def _opened(file: Path) -> AbstractContextManager[Session]:
    return applications.administering(environment.crm_settings(project.load(file)))


def _show(made: applications.Credential, *, as_json: bool) -> None:
    if as_json:
        display.write_json({"tenant_id": embedded.TENANT, **asdict(made)})
    tell(display.console(quiet=as_json), made)


def tell(to: Console, made: applications.Credential) -> None:
    """Show a secret, this once."""
    to.print(f"{made.name} signs in with this secret, which is not shown again:", soft_wrap=True)
    to.print(f"  tenant id      {embedded.TENANT}", soft_wrap=True)
    to.print(f"  client id      {made.client_id}\n  client secret  {made.client_secret}", soft_wrap=True)
