"""HTTP: tokens, headers, errors, start and stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx2
import pytest
from tests.embedded.conftest import APPLICATION_TOKEN, Crm, fault

from backstamp import embedded, errors, odata

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("headers", [{}, {odata.AUTHORIZATION: "Bearer wrong"}])
def test_a_request_without_a_known_token_is_refused(url: str, headers: dict[str, str]) -> None:
    """Without a known bearer token the reply is 401 and says which scheme is wanted."""
    response = httpx2.get(f"{url}{odata.API_PATH}WhoAmI", headers=headers)
    assert response.status_code == 401
    assert response.headers[odata.WWW_AUTHENTICATE].startswith("Bearer")


def test_who_am_i_tells_the_user_of_the_token(url: str, crm: Crm) -> None:
    """Each token stands for one system user, whose id WhoAmI gives."""
    application = Crm(url, APPLICATION_TOKEN)
    with application.http:
        users = {crm.get("WhoAmI")["UserId"]: "System Administrator"}
        users[application.get("WhoAmI")["UserId"]] = "InsightsAppsPlatform"
    found = {row["systemuserid"]: row["fullname"] for row in crm.rows("systemusers")}
    assert found == users


def test_rows_show_who_wrote_them(url: str, crm: Crm) -> None:
    """Modified by is the user of the token that wrote last; created by and owner stay."""
    key = crm.create("contacts", lastname="Author")
    application = Crm(url, APPLICATION_TOKEN)
    with application.http:
        writer = application.get("WhoAmI")["UserId"]
        application.http.patch(f"contacts({key})", json={"jobtitle": "Poet"}, headers={odata.IF_MATCH: "*"})
    row = crm.get(f"contacts({key})")
    assert row["_modifiedby_value"] == writer
    assert row["_createdby_value"] == row["_ownerid_value"] == crm.get("WhoAmI")["UserId"]


def test_headers_keep_their_spelling(crm: Crm) -> None:
    """Clients that look headers up by exact case find them."""
    response = crm.http.post("contacts", json={"lastname": "Header"})
    names = {name.decode() for name, _ in response.headers.raw}
    assert {odata.ENTITY_ID, odata.LOCATION, odata.ODATA_VERSION, odata.DOP_HINT} <= names
    assert response.headers[odata.ODATA_VERSION] == "4.0"
    assert response.headers[odata.DOP_HINT] == "4"


def test_the_service_document_lists_entity_sets(crm: Crm) -> None:
    """The root of the API names every entity set."""
    sets = {item["name"] for item in crm.get("")["value"]}
    assert {"accounts", "contacts", "leads", "tasks", "systemusers", "organizations"} <= sets


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "nothings", (404, odata.UNKNOWN_RESOURCE)),
        ("GET", "contacts(1)", (400, odata.BAD_QUERY)),
        ("GET", "contacts(00000000-0000-0000-0000-000000000000)", (404, odata.NOT_FOUND)),
        ("GET", "contacts(emailaddress1='a')", (400, odata.BAD_QUERY)),
        ("POST", "contacts", (400, odata.BAD_QUERY)),
        ("POST", "contacts/Microsoft.Dynamics.CRM.Nothing", (404, odata.UNKNOWN_RESOURCE)),
        ("PUT", "contacts", (404, odata.UNKNOWN_RESOURCE)),
        ("GET", "contacts(')", (400, odata.BAD_QUERY)),
        ("GET", "EntityDefinitions(LogicalName='nothing')", (404, odata.NOT_FOUND)),
        ("GET", "contacts?$skiptoken=nonsense", (400, odata.BAD_QUERY)),
        ("GET", "contacts?$skiptoken=eyJsYXN0IjpbXX0", (400, odata.BAD_QUERY)),
        ("GET", "contacts?$apply=aggregate(x)", (400, odata.BAD_QUERY)),
    ],
)
def test_wrong_requests_are_refused_with_a_code(crm: Crm, method: str, path: str, expected: tuple[int, str]) -> None:
    """What is malformed or not there gets the error object of the service, never a 500."""
    assert fault(crm.http.request(method, path)) == expected


def test_a_crm_outlives_its_server(tmp_path: Path) -> None:
    """Rows, definitions and users are the same when the CRM is served again."""
    settings = embedded.Settings(database_url=f"sqlite:///{tmp_path / 'crm.sqlite'}", delta_days=3)
    tokens = {"secret": embedded.ADMINISTRATOR}
    with embedded.serving(settings, tokens) as address, Crm(address, "secret").http as http:
        user = http.get("WhoAmI").json()["UserId"]
        http.post("contacts", json={"lastname": "Lasting"})
    with embedded.serving(settings, tokens) as address, Crm(address, "secret").http as http:
        assert http.get("WhoAmI").json()["UserId"] == user
        assert [row["lastname"] for row in http.get("contacts").json()["value"]] == ["Lasting"]
        organization = http.get("organizations?$select=expirechangetrackingindays").json()["value"][0]
        assert organization["expirechangetrackingindays"] == 3


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_served_crm_in_order(tmp_path: Path, ending: signal.Signals) -> None:
    """In the foreground the CRM is served until a signal comes, and then the program goes on and ends well."""
    program = (
        "import sys; from backstamp import embedded;"
        "settings = embedded.Settings(database_url=sys.argv[1]);"
        "say = lambda url: print(url, flush=True);"
        "embedded.serve_forever(settings, {'t': embedded.ADMINISTRATOR}, host='127.0.0.1', port=0, on_ready=say);"
        "print('done')"
    )
    arguments = [sys.executable, "-c", program, f"sqlite:///{tmp_path / 'crm.sqlite'}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with Crm(address, "t").http as http:
            assert http.get("WhoAmI").status_code == 200
        process.send_signal(ending)
        assert process.communicate(timeout=300)[0] == "done\n"
        assert process.returncode == 0


def test_unknown_users_and_taken_ports_are_mistakes_of_the_user(tmp_path: Path, url: str) -> None:
    """Both are told as a sentence before anything is served."""
    settings = embedded.Settings(database_url=f"sqlite:///{tmp_path / 'crm.sqlite'}")
    with pytest.raises(errors.ConfigurationError, match="nobody"), embedded.serving(settings, {"token": "nobody"}):
        pass
    port = int(url.rpartition(":")[2])
    with pytest.raises(errors.ConfigurationError, match="listen"), embedded.serving(settings, {}, port=port):
        pass
