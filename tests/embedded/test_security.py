"""Security: applications sign in, roles say what they may do, and one user acts for another."""

from __future__ import annotations

import base64
import sqlite3
import time
import uuid
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from tests.embedded.conftest import ADMINISTRATOR_TOKEN, APPLICATION_TOKEN, TOKENS, Crm, fault

from backstamp import embedded, errors, odata
from backstamp.embedded import applications, identity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SCOPE = "https://anything/.default"
DENIED = (403, odata.PRIVILEGE_DENIED)
NEW_COLUMN = {odata.TYPE: odata.type_name("StringAttributeMetadata"), "SchemaName": "new_Word"}
LABEL = {"LocalizedLabels": [{"Label": "Thing", "LanguageCode": 1033}]}
NEW_TABLE = {"SchemaName": "new_Thing", "DisplayName": LABEL, "DisplayCollectionName": LABEL, "Attributes": []}
NAME_COLUMN = {**NEW_COLUMN, "SchemaName": "new_Name", "IsPrimaryName": True}


class Office:
    """One CRM, and the ways into it; clients are closed with the stack."""

    def __init__(self, url: str, settings: embedded.Settings, stack: ExitStack) -> None:
        self.url = url
        self.settings = settings
        self._stack = stack
        self.administrator = self.client(ADMINISTRATOR_TOKEN)

    def client(self, token: str) -> Crm:
        """Return a client with this token."""
        client = Crm(self.url, token)
        self._stack.enter_context(client.http)
        return client

    def hire(self, *privileges: str, roles: Sequence[str] = ()) -> applications.Credential:
        """Make an application user."""
        with applications.administering(self.settings) as session:
            return applications.add(session, f"App {uuid.uuid4()}", roles=roles, privileges=privileges)

    def ask(self, credential: applications.Credential, **form: str) -> httpx2.Response:
        """Ask for a token."""
        wanted = {
            "grant_type": "client_credentials",
            "client_id": credential.client_id,
            "client_secret": credential.client_secret,
            "scope": SCOPE,
        }
        return httpx2.post(f"{self.url}/{identity.TENANT}/oauth2/v2.0/token", data=wanted | form)

    def enter(self, credential: applications.Credential) -> Crm:
        """Sign in."""
        return self.client(self.ask(credential).json()["access_token"])

    def may(self, *privileges: str) -> Crm:
        """Return a client that may do this and nothing else."""
        return self.enter(self.hire(*privileges))


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[Office]:
    """Serve a new CRM."""
    settings = embedded.Settings(database_url=f"sqlite:///{folder / 'crm.sqlite'}", **options)
    with embedded.serving(settings, TOKENS) as url, ExitStack() as stack:
        yield Office(url, settings, stack)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A CRM that the tests of this module share."""
    with opened(tmp_path_factory.mktemp("office")) as office:
        yield office


@pytest.fixture(scope="module")
def crm(office: Office) -> Crm:
    """The administrator."""
    return office.administrator


def test_an_application_signs_in_with_its_secret(office: Office) -> None:
    """The token endpoint gives a short-lived token that stands for the user bound to the client id."""
    credential = office.hire(roles=["InsightsAppsPlatform"])
    answer = office.ask(credential)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    token = answer.json()
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)
    user = office.client(token["access_token"]).get("WhoAmI")["UserId"]
    row = office.administrator.get(f"systemusers({user})?$select=applicationid,fullname")
    assert (row["applicationid"], row["fullname"]) == (credential.client_id, credential.name)


def test_the_secret_may_come_in_the_basic_header(office: Office) -> None:
    """Clients that authenticate by HTTP's basic scheme get a token too."""
    credential = office.hire()
    both = base64.b64encode(f"{credential.client_id}:{credential.client_secret}".encode()).decode()
    answer = httpx2.post(
        f"{office.url}/{identity.TENANT}/oauth2/v2.0/token",
        data={"grant_type": "client_credentials", "scope": SCOPE},
        headers={odata.AUTHORIZATION: f"Basic {both}"},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client")),
        ({"client_secret": ""}, (401, "invalid_client")),
        ({"client_id": "' or 1=1 --"}, (401, "invalid_client")),
        ({"client_id": str(uuid.UUID(int=0))}, (401, "invalid_client")),
        ({"client_id": "\0"}, (401, "invalid_client")),
        ({"client_secret": "\0\ud7ff"}, (401, "invalid_client")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"scope": "everything"}, (400, "invalid_scope")),
    ],
)
def test_whoever_is_nobody_gets_no_token(office: Office, form: dict[str, str], expected: tuple[int, str]) -> None:
    """A wrong secret, an unknown client or another grant is refused as OAuth says."""
    answer = office.ask(office.hire(), **form)
    assert (answer.status_code, answer.json()["error"]) == expected


def test_odd_requests_for_tokens_are_refused(office: Office) -> None:
    """Bytes that are no form, a broken header, another method and a huge form are no errors of the server."""
    address = f"{office.url}/{identity.TENANT}/oauth2/v2.0/token"
    grant = {"grant_type": "client_credentials", "scope": SCOPE}
    assert httpx2.post(address, content=b"\xff\x00&&==").status_code == 400
    assert httpx2.post(address, data=grant, headers={odata.AUTHORIZATION: "Basic ###"}).status_code == 401
    assert httpx2.get(address).status_code == 405
    assert httpx2.post(address, content=b"x" * 100_000).status_code == 413


def test_a_token_runs_out(tmp_path: Path) -> None:
    """After its time a token is good for nothing, and a new one is to be had."""
    with opened(tmp_path, token_seconds=3) as office:
        credential = office.hire()
        client = office.enter(credential)
        assert client.http.get("WhoAmI").status_code == 200
        time.sleep(3.1)
        assert client.http.get("WhoAmI").status_code == 401
        assert office.enter(credential).http.get("WhoAmI").status_code == 200


def test_tokens_outlive_the_server_and_secrets_are_not_in_the_database(tmp_path: Path) -> None:
    """A token is good after a restart; neither it nor the secret can be read in the database's files."""
    with opened(tmp_path) as office:
        credential = office.hire()
        token = office.ask(credential).json()["access_token"]
    with opened(tmp_path) as office:
        assert office.client(token).http.get("WhoAmI").status_code == 200
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert token.encode() not in files
    assert credential.client_secret.encode() not in files
    with closing(sqlite3.connect(tmp_path / "crm.sqlite")) as database:
        [[hashed]] = database.execute("select hash from _client_secret").fetchall()
    assert hashed.startswith("$argon2id$")


def test_a_renewed_secret_replaces_the_old_one_and_a_revoked_user_is_out(office: Office) -> None:
    """After a renewal only the new secret gets tokens; after a revocation none does, and tokens given before end."""
    old = office.hire(roles=["System Administrator"])
    client = office.enter(old)
    with applications.administering(office.settings) as session:
        new = applications.renew(session, old.client_id)
    assert office.ask(old).status_code == 401
    assert office.ask(new).status_code == 200
    with applications.administering(office.settings) as session:
        assert not applications.revoke(session, old.client_id).signs_in
    assert office.ask(new).status_code == 401
    assert fault(client.http.get("contacts")) == (403, odata.USER_DISABLED)


def test_the_service_account_has_a_first_secret_once(tmp_path: Path) -> None:
    """The service account is bound to a client id; its first secret is made once, and works."""
    with opened(tmp_path) as office:
        with applications.administering(office.settings) as session:
            credential = applications.first_credential(session, embedded.APPLICATION_USER)
            assert credential is not None
            assert applications.first_credential(session, embedded.APPLICATION_USER) is None
        client = office.enter(credential)
        service = office.client(APPLICATION_TOKEN)
        assert client.get("WhoAmI") == service.get("WhoAmI")


def test_without_a_token_the_challenge_tells_where_to_get_one(office: Office) -> None:
    """401 comes with a challenge that names the authority and the resource."""
    answer = httpx2.get(f"{office.url}{odata.API_PATH}WhoAmI")
    assert answer.status_code == 401
    challenge = answer.headers[odata.WWW_AUTHENTICATE]
    assert challenge.startswith(f"Bearer authorization_uri={office.url}/{identity.TENANT}/oauth2/authorize")
    configuration = httpx2.get(f"{office.url}/{identity.TENANT}/v2.0/.well-known/openid-configuration").json()
    assert configuration["token_endpoint"] == f"{office.url}/{identity.TENANT}/oauth2/v2.0/token"


@pytest.mark.parametrize(
    ("held", "method", "path", "body", "missing"),
    [
        ((), "GET", "contacts", None, "prvReadContact"),
        ((), "GET", "contacts({contact})", None, "prvReadContact"),
        (("prvReadAccount",), "GET", "accounts?$expand=primarycontactid", None, "prvReadContact"),
        (("prvReadAccount",), "GET", "accounts?$filter=primarycontactid/lastname eq 'a'", None, "prvReadContact"),
        (("prvReadAccount",), "GET", "accounts?$orderby=primarycontactid/lastname", None, "prvReadContact"),
        (("prvReadContact",), "GET", "contacts?$expand=Contact_Tasks", None, "prvReadTask"),
        (("prvReadContact",), "POST", "contacts", {"lastname": "A"}, "prvCreateContact"),
        (("prvReadContact",), "PATCH", "contacts({contact})", {"lastname": "A"}, "prvWriteContact"),
        (("prvWriteContact",), "PATCH", "contacts(00000000-0000-0000-0000-000000000001)", {}, "prvCreateContact"),
        (("prvWriteContact",), "DELETE", "contacts({contact})", None, "prvDeleteContact"),
        (("prvCreateTask",), "POST", "tasks", {"subject": "A", "bound": True}, "prvAppendTask"),
        (("prvCreateTask", "prvAppendTask"), "POST", "tasks", {"subject": "A", "bound": True}, "prvAppendToContact"),
        (("prvCreateContact",), "POST", "contacts", {"overriddencreatedon": "2020-01-01"}, "prvOverrideCreatedOn"),
        ((), "POST", "EntityDefinitions", NEW_TABLE, "prvCreateEntity"),
        ((), "POST", "CreateEntities", {"Entities": [NEW_TABLE]}, "prvCreateEntity"),
        ((), "POST", "EntityDefinitions(LogicalName='contact')/Attributes", NEW_COLUMN, "prvCreateAttribute"),
        ((), "DELETE", "EntityDefinitions(LogicalName='contact')", None, "prvDeleteEntity"),
        ((), "POST", "RelationshipDefinitions", {}, "prvCreateRelationship"),
        (("prvCreateRelationship",), "POST", "RelationshipDefinitions", {}, "prvCreateAttribute"),
    ],
)
def test_every_request_needs_its_privilege(
    office: Office, held: tuple[str, ...], method: str, path: str, body: dict[str, Any] | None, missing: str
) -> None:
    """What a role does not allow is refused with 403, its code, and the name of the privilege that is missing."""
    contact = office.administrator.create("contacts", lastname="Guarded")
    sent = dict(body) if body is not None else None
    if sent and sent.pop("bound", False):
        sent[f"regardingobjectid_contact_task{odata.BIND}"] = f"/contacts({contact})"
    client = office.may(*held)
    answer = client.http.request(method, path.format(contact=contact), json=sent)
    assert fault(answer) == DENIED
    user = client.get("WhoAmI")["UserId"]
    message = answer.json()["error"]["message"]
    assert message.startswith(f"Principal user (Id={user}")
    assert f"is missing {missing}" in message


def test_what_a_role_allows_is_done(office: Office) -> None:
    """With its privileges and no others, an application reads, creates, links, changes and deletes."""
    contact = office.administrator.create("contacts", lastname="Linked")
    rights = [f"prv{right}Task" for right in ("Create", "Read", "Write", "Delete", "Append")]
    client = office.may(*rights, "prvAppendToContact")
    bound = {f"regardingobjectid_contact_task{odata.BIND}": f"/contacts({contact})"}
    task = client.create("tasks", subject="Call", **bound)
    assert client.http.patch(f"tasks({task})", json={"subject": "Call again"}).status_code == 204
    assert client.get(f"tasks({task})")["subject"] == "Call again"
    assert client.http.delete(f"tasks({task})").status_code == 204


def test_a_bulk_request_needs_its_privileges_and_leaves_nothing_behind(office: Office) -> None:
    """UpsertMultiple that may update but not create does neither."""
    known = office.administrator.create("leads", subject="Old")
    client = office.may("prvReadLead", "prvWriteLead")
    targets = [{"leadid": known, "subject": "New"}, {"leadid": str(uuid.uuid4()), "subject": "New"}]
    assert fault(client.act("lead", odata.UPSERT_MULTIPLE, targets)) == DENIED
    assert client.get(f"leads({known})")["subject"] == "Old"
    assert client.act("lead", odata.UPSERT_MULTIPLE, targets[:1]).status_code == 204


def test_change_tracking_needs_the_right_to_read(office: Office) -> None:
    """Neither the first read nor a delta link is answered without it."""
    first = office.administrator.get("contacts?$select=lastname", prefer=odata.TRACK_CHANGES)
    client = office.may("prvReadLead")
    assert fault(client.http.get("contacts", headers={odata.PREFER: odata.TRACK_CHANGES})) == DENIED
    assert fault(client.http.get(first[odata.DELTA_LINK])) == DENIED


def test_the_service_account_stamps_and_keeps_tables_of_its_own(office: Office) -> None:
    """It changes contacts but neither makes nor deletes any; it makes tables and does with them what it likes."""
    contact = office.administrator.create("contacts", lastname="Stamped")
    service = office.client(APPLICATION_TOKEN)
    assert service.http.patch(f"contacts({contact})", json={"jobtitle": "Poet"}).status_code == 204
    assert fault(service.http.post("contacts", json={"lastname": "A"})) == DENIED
    assert fault(service.http.delete(f"contacts({contact})")) == DENIED
    table = {**NEW_TABLE, "SchemaName": "new_Kept", "Attributes": [NAME_COLUMN]}
    assert service.http.post("EntityDefinitions", json=table).status_code == 204
    row = service.create("new_kepts", new_name="Mine")
    assert service.http.delete(f"new_kepts({row})").status_code == 204
    assert "prvReadnew_Kept" in granted(service)
    stranger = office.may("prvReadContact")
    assert fault(stranger.http.get("new_kepts")) == DENIED


def granted(client: Crm, user: str = "") -> set[str]:
    """Return the names of a user's privileges, as the CRM tells them."""
    user = user or client.get("WhoAmI")["UserId"]
    listed = client.get(f"systemusers({user})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges")["RolePrivileges"]
    assert {item["Depth"] for item in listed} <= {"Global"}
    return {item["PrivilegeName"] for item in listed}


def test_privileges_can_be_asked_for(office: Office) -> None:
    """Everybody can ask for his or her own; those of others only who may read users."""
    client = office.may("prvReadContact", "prvAppendLead")
    assert granted(client) == {"prvReadContact", "prvAppendLead"}
    administrator = office.administrator.get("WhoAmI")["UserId"]
    assert granted(office.administrator) >= {"prvDeleteContact", "prvCreateAttribute", "prvBypassCustomBusinessLogic"}
    path = f"systemusers({administrator})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges"
    assert fault(client.http.get(path)) == DENIED
    path = "systemusers(nobody)/Microsoft.Dynamics.CRM.RetrieveUserPrivileges"
    assert fault(client.http.get(path)) == (400, odata.BAD_QUERY)
    path = f"systemusers({uuid.UUID(int=1)})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges"
    assert fault(office.administrator.http.get(path)) == (404, odata.NOT_FOUND)


def test_roles_are_rows(crm: Crm) -> None:
    """The roles of the CRM can be read as a table."""
    assert {"System Administrator", "InsightsAppsPlatform"} <= {row["name"] for row in crm.rows("roles?$select=name")}


@pytest.mark.parametrize("header", [odata.CALLER_ID, odata.CALLER_OBJECT_ID])
def test_who_acts_for_another_is_on_the_row(office: Office, header: str) -> None:
    """An impersonated user is the author; who acted is told beside, until the next write of one's own."""
    crm = office.administrator
    service = office.client(APPLICATION_TOKEN).get("WhoAmI")["UserId"]
    user = crm.get(f"systemusers({service})")
    caller = user["systemuserid" if header == odata.CALLER_ID else "azureactivedirectoryobjectid"]
    contact = crm.create("contacts", lastname="Delegated")
    answer = crm.http.patch(f"contacts({contact})", json={"jobtitle": "Poet"}, headers={header: caller})
    assert answer.status_code == 204
    row = crm.get(f"contacts({contact})")
    assert (row["_modifiedby_value"], row["_modifiedonbehalfby_value"]) == (service, crm.get("WhoAmI")["UserId"])
    assert row["_createdonbehalfby_value"] is None
    assert crm.http.get("WhoAmI", headers={header: caller}).json()["UserId"] == service
    crm.http.patch(f"contacts({contact})", json={"jobtitle": "Singer"})
    assert crm.get(f"contacts({contact})")["_modifiedonbehalfby_value"] is None


def test_who_acts_for_another_has_only_what_both_have(office: Office) -> None:
    """Rights are the intersection, and acting for others is itself a privilege."""
    crm = office.administrator
    administrator = {odata.CALLER_ID: crm.get("WhoAmI")["UserId"]}
    delegate = office.may("prvActOnBehalfOfAnotherUser", "prvReadLead")
    assert delegate.http.get("leads", headers=administrator).status_code == 200
    assert fault(delegate.http.get("contacts", headers=administrator)) == DENIED
    reader = {odata.CALLER_ID: office.may("prvReadContact").get("WhoAmI")["UserId"]}
    assert crm.http.get("contacts", headers=reader).status_code == 200
    assert fault(crm.http.get("leads", headers=reader)) == DENIED
    assert fault(office.may("prvReadLead").http.get("leads", headers=administrator)) == DENIED


@pytest.mark.parametrize(
    ("caller", "expected"), [("me", (400, odata.BAD_QUERY)), (str(uuid.UUID(int=5)), (404, odata.NOT_FOUND))]
)
def test_nobody_acts_for_a_user_who_is_not_there(crm: Crm, caller: str, expected: tuple[int, str]) -> None:
    """What is no id, or nobody's, is refused."""
    assert fault(crm.http.get("contacts", headers={odata.CALLER_ID: caller})) == expected


def test_a_database_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    """A CRM that an earlier version made, without column security, is not served."""
    with opened(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "crm.sqlite")) as database:
        database.execute("drop table systemuserprofiles")
    with pytest.raises(errors.ConfigurationError, match="earlier version"), opened(tmp_path):
        pass


def test_mistakes_in_applications_are_told(office: Office) -> None:
    """A role, a privilege or a client id that is not there, and a name that is taken, are mistakes of the user."""
    known = office.hire()
    with applications.administering(office.settings) as session:
        with pytest.raises(errors.ConfigurationError, match="no role 'King': there are"):
            applications.add(session, "Another", roles=["King"])
        with pytest.raises(errors.ConfigurationError, match="no privilege 'ReadContact'"):
            applications.add(session, "Another", privileges=["ReadContact"])
        with pytest.raises(errors.ConfigurationError, match="already"):
            applications.add(session, known.name.upper())
        with pytest.raises(errors.ConfigurationError, match="no application"):
            applications.revoke(session, "nobody")
