"""`crm --tls` and who may sign in: an application gets its secret once, and the commands go on working over HTTPS."""

from __future__ import annotations

import json
import ssl
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from tests.cli import backstamp, start

from backstamp import odata

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project file of one's own."""
    assert backstamp("init", tmp_path).code == 0
    return tmp_path / "backstamp.yaml"


@pytest.fixture
def served(project: Path) -> Iterator[Any]:
    """What `crm --tls` tells when it answers."""
    serving = start("crm", "--tls", "--limits", "--port", "0", "--project", project, "--json")
    try:
        assert serving.stdout
        yield json.loads("".join(iter(serving.stdout.readline, "}\n")) + "}")
    finally:
        serving.terminate()
        serving.communicate(timeout=300)


def _ask(told: Any, client_id: str, secret: str) -> httpx2.Response:
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": secret,
        "scope": f"{told['url']}/.default",
    }
    trust = ssl.create_default_context(cafile=told["authority"])
    return httpx2.post(f"{told['url']}/{told['tenant_id']}/oauth2/v2.0/token", data=form, verify=trust)


def test_the_first_start_shows_the_secret_of_the_service_account(project: Path, served: Any) -> None:
    """Over HTTPS the secret gets a token, which counts; other commands trust the authority by themselves."""
    credential = served["credential"]
    assert served["url"].startswith("https://")
    assert stat.S_IMODE(Path(served["authority"]).with_suffix(".key").stat().st_mode) == 0o600
    answer = _ask(served, credential["client_id"], credential["client_secret"])
    headers = {odata.AUTHORIZATION: f"Bearer {answer.json()['access_token']}"}
    trust = ssl.create_default_context(cafile=served["authority"])
    hello = httpx2.get(f"{served['url']}{odata.API_PATH}WhoAmI", headers=headers, verify=trust)
    assert (hello.status_code, hello.headers[odata.REQUESTS_LEFT]) == (200, "5999")
    check = backstamp("check", "--project", project)
    assert (check.code, "no row" in check.out) == (0, True)


ELSEWHERE = """\
version: 1
environment:
  kind: dataverse
  url: {url}
  credential: {{tenant_id: {tenant_id}, client_id: {client_id}, client_secret: "${{CRM_SECRET}}", authority: {url}}}
sources: {{crm: {{from: environment, tables: [contact]}}}}
unify: {{tables: [{{table: crm.contact, key: contactid, include_all: true}}]}}
"""


def test_a_project_elsewhere_signs_in(tmp_path: Path, served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By client id and secret, over HTTPS, as with an organization; a wrong secret is told without being shown."""
    elsewhere, credential = tmp_path / "elsewhere.yaml", served["credential"]
    addresses = {"url": served["url"], "tenant_id": served["tenant_id"]}
    elsewhere.write_text(ELSEWHERE.format(**addresses, client_id=credential["client_id"]))
    for variable in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(variable, served["authority"])
    monkeypatch.setenv("CRM_SECRET", credential["client_secret"])
    check = backstamp("check", "--project", elsewhere)
    assert (check.code, "contact" in check.out) == (0, True)
    monkeypatch.setenv("CRM_SECRET", "not the secret")
    check = backstamp("check", "--project", elsewhere)
    assert check.code != 0
    assert "check tenant_id, client_id and client_secret" in " ".join(check.out.split())
    assert "not the secret" not in check.err + check.out


def test_application_users_come_and_go(project: Path, served: Any) -> None:
    """One is made, listed, given another secret and shut out, while the CRM is served."""
    arguments = ("--role", "InsightsAppsPlatform", "--privilege", "prvDeleteContact", "--project", project, "--json")
    made = backstamp("crm", "add-user", "Robot", *arguments).document
    assert _ask(served, made["client_id"], made["client_secret"]).status_code == 200
    users = backstamp("crm", "users", "--project", project, "--json").document["users"]
    [robot] = [user for user in users if user["client_id"] == made["client_id"]]
    assert (robot["name"], robot["roles"], robot["signs_in"]) == ("Robot", ["InsightsAppsPlatform", "Robot"], True)
    renewed = backstamp("crm", "renew-secret", made["client_id"], "--project", project, "--json").document
    assert _ask(served, made["client_id"], made["client_secret"]).status_code == 401
    assert _ask(served, made["client_id"], renewed["client_secret"]).status_code == 200
    assert backstamp("crm", "revoke", made["client_id"], "--project", project).code == 0
    assert _ask(served, made["client_id"], renewed["client_secret"]).status_code == 401


def test_a_secret_is_shown_to_people_once(project: Path) -> None:
    """In text it is told with what belongs to it, and the list does not tell it again."""
    made = backstamp("crm", "add-user", "Robot", "--project", project)
    secret = made.out.split("client secret")[1].strip()
    assert len(secret) > 30
    listed = backstamp("crm", "users", "--project", project)
    assert "Robot" in listed.out
    assert secret not in listed.out


@pytest.mark.parametrize(
    "arguments", [("add-user", "Robot", "--role", "King"), ("revoke", "nobody"), ("renew-secret", "nobody")]
)
def test_who_is_not_there_is_a_mistake(project: Path, arguments: tuple[str, ...]) -> None:
    """A role or a client id that nobody has ends with 2 and a sentence."""
    said = backstamp("crm", *arguments, "--project", project)
    assert (said.code, "There is no" in said.err) == (2, True)
