"""One embedded CRM for each module and kind of database, and clients of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from azure.core.credentials import AccessToken
from PowerPlatform.Dataverse.client import DataverseClient
from tests import databases

from backstamp import embedded, odata

if TYPE_CHECKING:
    from collections.abc import Iterator

ADMINISTRATOR_TOKEN = "administrator"
APPLICATION_TOKEN = "application"
TOKENS = {ADMINISTRATOR_TOKEN: embedded.ADMINISTRATOR, APPLICATION_TOKEN: embedded.APPLICATION_USER}


class Crm:
    """A client of one embedded CRM that reads and writes in few words."""

    def __init__(self, url: str, token: str = ADMINISTRATOR_TOKEN) -> None:
        self.url = url
        self.http = httpx2.Client(
            base_url=f"{url}{odata.API_PATH}", headers={odata.AUTHORIZATION: f"Bearer {token}"}, timeout=300
        )

    def get(self, path: str, *, prefer: str = "") -> dict[str, Any]:
        """Read a path that is there."""
        response = self.http.get(path, headers={odata.PREFER: prefer} if prefer else {})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def rows(self, path: str, *, prefer: str = "") -> list[dict[str, Any]]:
        """Read the rows of all pages."""
        found: list[dict[str, Any]] = []
        link: str | None = path
        while link:
            page = self.get(link, prefer=prefer)
            found += page["value"]
            link = page.get(odata.NEXT_LINK)
        return found

    def create(self, entity_set: str, **values: Any) -> str:
        """Create a row and return its id."""
        response = self.http.post(entity_set, json=values)
        assert response.status_code == 204, response.text
        return odata.record_id(response.headers[odata.ENTITY_ID])

    def act(self, table: str, action: str, targets: list[dict[str, Any]]) -> httpx2.Response:
        """Send a bulk action for rows of a table."""
        typed = [{odata.TYPE: odata.type_name(table), **target} for target in targets]
        path = f"{odata.entity_set_name(table)}/{odata.type_name(action)}"
        return self.http.post(path, json={"Targets": typed})


def fault(response: httpx2.Response) -> tuple[int, str]:
    """Return status and code of a refused request."""
    return response.status_code, response.json()["error"]["code"]


@pytest.fixture(scope="module", params=databases.KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty database for each module, on each kind of database."""
    with databases.empty(request.param, tmp_path_factory) as address:
        yield address


@pytest.fixture(scope="module")
def url(database_url: str) -> Iterator[str]:
    """The address of an embedded CRM that the tests of one module share."""
    with embedded.serving(embedded.Settings(database_url=database_url), TOKENS) as address:
        yield address


class Administrator:
    """A credential as Microsoft's client wants it: something that gives tokens."""

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        """Return the administrator's token."""
        assert all(scope.endswith("/.default") for scope in scopes)
        return AccessToken(ADMINISTRATOR_TOKEN, 2**31)


@pytest.fixture(scope="module")
def client(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataverseClient]:
    """Microsoft's client, unmodified, of an embedded CRM over https, whose authority it trusts."""
    tls = embedded.authority.prepare(tmp_path_factory.mktemp("tls"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(tls.authority))
        with (
            embedded.serving(embedded.Settings(database_url=database_url), TOKENS, tls=tls) as address,
            DataverseClient(address, Administrator()) as opened,
        ):
            yield opened


@pytest.fixture(scope="module")
def crm(url: str) -> Iterator[Crm]:
    """A client with the administrator's token."""
    client = Crm(url)
    with client.http:
        yield client
